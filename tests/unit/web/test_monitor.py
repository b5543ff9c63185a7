"""The panels' callback: a failure in one panel leaves the others alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.storage.rows import open_rows
from dashboard.telemetry.statistics import Stats
from dashboard.web.page import panel_callbacks
from dashboard.web.page.ids import Panel, Shell

Tick = Callable[..., dict[str, Any]]


class FakeApp:
    """Hands the callback out that is registered."""

    tick: Tick

    def callback(self, *_: Any) -> Callable[[Tick], None]:
        def take(function: Tick) -> None:
            self.tick = function

        return take


class FakeServices:
    """The figures of an empty ledger, on a full disk."""

    def __init__(self, stats: Stats) -> None:
        self.stats = stats
        self.health = self

    def degraded(self) -> str | None:
        return "The disk is full."


@pytest.fixture
def services(tmp_path: Path) -> Iterator[FakeServices]:
    cache = open_rows(tmp_path / "ledger")
    yield FakeServices(Stats(cache))
    cache.close()


def registered(services: FakeServices) -> Tick:
    app = FakeApp()
    panel_callbacks.register(app, services)  # type: ignore[arg-type]
    return app.tick


ALL = {Panel.PIPELINE, Panel.LATENCY, Panel.HIT_RATE, Panel.PREFETCH, Shell.BANNER}


def test_all_parts_are_brought_up_to_date(services: FakeServices) -> None:
    parts = registered(services)(1, "mine", "abc")
    assert parts.keys() == ALL
    assert parts[Shell.BANNER] == {"texts": {Shell.BANNER: "The disk is full."}}


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        ("charts.latency", {Panel.LATENCY}),
        ("charts.outcomes", {Panel.HIT_RATE}),
        ("fates_of", {Panel.PREFETCH}),
        ("percentiles", {Panel.PIPELINE}),
    ],
)
def test_a_panel_that_fails_leaves_the_others_alone(
    services: FakeServices,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
    missing: set[str],
) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    with monkeypatch.context() as patch:
        patch.setattr(f"dashboard.web.page.panel_updates.{broken}", fail)
        tick = registered(services)
        for number in range(20):
            assert tick(number, "mine", "abc").keys() == ALL - missing
    assert caplog.text.count("Traceback") == 1
    assert tick(20, "everyone", None).keys() == ALL


def test_the_banner_comes_when_there_are_no_figures(services: FakeServices) -> None:
    def fail(*_: Any) -> Any:
        raise OverflowError("cannot convert float infinity to integer")

    services.stats.snapshot = services.stats.series = fail  # type: ignore[method-assign, assignment]
    assert registered(services)(1, "mine", "abc").keys() == {Shell.BANNER}
