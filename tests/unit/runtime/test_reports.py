"""Reports of painted slices: demands, movement, stages, and rows that are implausible."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing import selection
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.selection import parse
from dashboard.frames.renderer import SliceAddress
from dashboard.runtime.activity import MAX_VOLUMES_PER_REPORT, Activity
from dashboard.runtime.container import Services
from dashboard.telemetry.groups import By
from dashboard.telemetry.row_limit import ROWS_PER_SECOND, RowLimit
from tests import files
from tests.clock import Clock
from tests.parts import requester
from tests.services import SHAPE, figures, later, load


def row(text: str = "3,:,:", **changes: Any) -> dict[str, Any]:
    """A row of a report, some fields of it changed."""
    fields = {"file": "data/a.h5", "dataset": "/x", "selection": text, "source": "ring"}
    return {**fields, "draw_ms": 2.0, **changes}


def body(*rows: Any, viewer: str = "v") -> bytes:
    """What a page posts."""
    return flask.json.dumps({"viewer": viewer, "slices": rows}).encode()


def report(*selections: str, **changes: Any) -> bytes:
    """What a page posts of slices that it painted."""
    return body(*(row(text, **changes) for text in selections))


def opened(services: Services, dataset: str = "x") -> Any:
    """The volume, known from now on."""
    return services.metadata.volume("data/a.h5", dataset)


@pytest.fixture
def services(make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch) -> Services:
    """Services that know the volume, and may ask no child and decode nothing from now on."""
    made = make()
    opened(made)
    forbid(made, monkeypatch)
    return made


def forbid(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise AssertionError("a report asked for work")

    monkeypatch.setattr(services.hdf5, "call", fail)
    monkeypatch.setattr(services.readers.decoder, "decode", fail)
    monkeypatch.setattr(services.loader, "get_or_decode", fail)
    monkeypatch.setattr(services.metadata, "volume", fail)
    monkeypatch.setattr(services.metadata.catalog, "fingerprint", fail)


def refused(services: Services, **reasons: int) -> None:
    """Assert what was refused, and that nothing else was."""
    later(services)
    found = dict(figures(services)["reports"])
    found.pop("accepted")
    total = found.pop("refused")
    assert {name: count for name, count in found.items() if count} == reasons
    assert total == sum(reasons.values())


def test_slices_out_of_the_ring_are_demands_and_movement(services: Services) -> None:
    services.activity.report(report("3,:,:", "4,:,:", "5,:,:"))
    refused(services)
    found = figures(services)
    assert found["demand"]["ring"] == 3
    assert found["stages"]["draw"]["count"] == 3
    assert found["viewers"] == 1
    assert found["reports"]["accepted"] == 3
    for by, name in ((By.VOLUME, "data/a.h5/x"), (By.AXIS, "0"), (By.VIEWER, "v")):
        groups = services.stats.snapshot(300, by)["groups"]
        assert {key: group["demand"] for key, group in groups.items()} == {name: {"ring": 3}}
    (plan,) = services.plans.plans()
    assert plan.position == (5,)


def test_other_painted_slices_are_stages_alone(services: Services) -> None:
    services.activity.report(report("3,:,:", source="bricks"))
    refused(services)
    found = figures(services)
    assert sum(found["demand"].values()) == 0
    assert found["stages"]["draw"]["count"] == 1
    assert services.plans.plans() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "data/gone.h5"},
        {"file": "../x"},
        {"file": "data/b.h5"},
        {"dataset": "/y"},
        {"dataset": "flat"},
        {"dataset": "\0"},
        {"dataset": ""},
        {"version": "0123456789abcdef"},
        {"version": ""},
    ],
    ids=str,
)
def test_a_volume_that_was_not_opened_before_is_refused_and_no_child_is_asked(
    services: Services, data: Path, changes: dict[str, Any]
) -> None:
    shutil.copy(data / "a.h5", data / "b.h5")
    services.activity.report(report("3,:,:", **changes))
    refused(services, unknown=1)
    found = figures(services)
    assert found["demand"]["ring"] == found["viewers"] == 0
    assert found["stages"] == {}
    assert services.plans.plans() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"selection": "24,:,:", "index": 24, "axis": 0},
        {"selection": "99,:,:"},
        {"selection": "nonsense"},
        {"selection": "3,:"},
        {"selection": "3,3,:"},
        {"selection": "3,0:41,:"},
        {"index": 4, "axis": 0},
        {"index": 3, "axis": 1},
        {"axis": 2},
        {"axis": 7},
        {"index": 4},
    ],
    ids=str,
)
def test_a_row_that_contradicts_the_volume_or_itself_is_refused(
    services: Services, changes: dict[str, Any]
) -> None:
    services.activity.report(body(row(**changes), row("5,:,:", index=5, axis=0)))
    refused(services, contradictory=1)
    assert figures(services)["demand"]["ring"] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"draw_ms": 60_001},
        {"draw_ms": 1e308},
        {"draw_ms": -1},
        {"transfer_ms": float("nan")},
        {"display_ms": float("inf")},
        {"source": "moon"},
        {"index": -1},
        {"file": 3},
    ],
    ids=str,
)
def test_a_malformed_row_costs_no_other_row(services: Services, changes: dict[str, Any]) -> None:
    services.activity.report(body(row(**changes), row("5,:,:"), 3, None, [[]]))
    refused(services, malformed=4)
    assert figures(services)["demand"]["ring"] == 1


def test_a_report_of_malformed_rows_alone_is_refused_and_counted(services: Services) -> None:
    with pytest.raises(errors.BadRequest, match=r"slices\.0\.draw_ms"):
        services.activity.report(body(row(draw_ms=-1), row(draw_ms=1e9)))
    with pytest.raises(errors.BadRequest):
        services.activity.report(b"{")
    refused(services, malformed=3)


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 3, "axis": 0},
        {"index": None, "axis": None},
        {"index": 3},
        {"axis": 0},
        {"selection": "-21,:,:", "index": 3, "axis": 0},
        {"selection": "3,0:40:2,::2", "index": 3, "axis": 0},
        {"draw_ms": 60_000},
        {"dataset": "x"},
        {"dataset": "/./x"},
    ],
    ids=str,
)
def test_what_may_be_true_counts(services: Services, changes: dict[str, Any]) -> None:
    services.activity.report(body(row(**changes)))
    refused(services)
    assert figures(services)["demand"]["ring"] == 1
    assert services.plans.plans()[0].position == (3,)


def test_a_volume_of_two_dimensions_has_one_slice(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    opened(services, "plane")
    forbid(services, monkeypatch)
    rows = [row(":,:", dataset="plane", **given) for given in ({}, {"index": 0, "axis": None})]
    services.activity.report(body(*rows, row(":,:", dataset="plane", index=1)))
    refused(services, contradictory=1)
    assert figures(services)["demand"]["ring"] == 2


def test_a_viewer_has_so_many_rows_a_second_and_others_have_theirs(services: Services) -> None:
    clock = Clock()
    services.activity.row_limit = RowLimit(clock)
    services.activity.report(report(*["3,:,:"] * (ROWS_PER_SECOND + 30)))
    refused(services, too_frequent=30)
    with pytest.raises(errors.TooManyRequests) as caught:
        services.activity.report(report("3,:,:"))
    assert caught.value.status == 429
    assert caught.value.retry_after_s == 1
    services.activity.report(body(row(), viewer="w"))
    clock.now += 1.0
    services.activity.report(report("3,:,:"))
    refused(services, too_frequent=31)
    assert figures(services)["demand"]["ring"] == ROWS_PER_SECOND + 2


def test_an_empty_report_is_no_offence(services: Services) -> None:
    services.activity.report(body())
    refused(services)
    assert figures(services)["viewers"] == 0


def test_a_report_of_many_names_looks_a_few_of_them_up_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    known = services.metadata.known

    def noted(file: str, dataset: str) -> Any:
        asked.append((file, dataset))
        return known(file, dataset)

    monkeypatch.setattr(services.metadata, "known", noted)
    names = [f"/c{'/c' * n}/v" for n in range(10)]
    rows = [row(dataset=names[n % 10], file="data/busy.h5") for n in range(1000)]
    services.activity.report(body(*rows))
    assert len(asked) == len(set(asked)) == MAX_VOLUMES_PER_REPORT < len(names)
    refused(services, unknown=ROWS_PER_SECOND, too_frequent=1000 - ROWS_PER_SECOND)


def test_a_slice_of_very_many_bricks_is_neither_marked_nor_planned(
    make: Callable[..., Services], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = np.zeros((4, 400, 400), "u1")
    files.write(data / "wide.h5", x=(wide, {"chunks": (1, 4, 4), "compression": "gzip"}))
    services = make(max_brick_bytes=2**20)
    volume = services.metadata.volume("data/wide.h5", "x")
    object.__setattr__(volume.grid, "max_brick_bytes", 16)
    marked: list[Any] = []
    services.activity.close()
    services.activity = Activity(
        services.metadata,
        services.plans,
        services.ledger,
        services.loader,
        lambda *given: marked.append(given),
    )
    forbid(services, monkeypatch)
    texts = ["1,:,:", "1,0:4,0:4"]
    services.activity.report(body(*(row(text, file="data/wide.h5") for text in texts)))
    later(services)
    assert marked == []
    assert len(services.plans.plans()) == 1
    services.activity.viewed("w", volume, selection.parse("1,:,:", volume.shape))
    later(services)
    assert [plan.viewer for plan in services.plans.plans()] == ["v"]
    services.activity.report(body(row(texts[1], file="data/wide.h5")))
    later(services)
    assert len(marked) == 1
    refused(services)


def test_what_the_ring_shows_was_not_decoded_ahead_in_vain(make: Callable[..., Services]) -> None:
    services = make()
    volume = services.metadata.volume("data/a.h5", "x")
    chosen = parse("5,:,:", SHAPE)
    (address,) = volume.bricks(chosen)
    load(services, address, Purpose.PREFETCH_MOVING)
    services.renderer.render(
        SliceAddress(volume, chosen), requester(Purpose.PREFETCH_MOVING, counted=False)
    )
    assert services.bricks.is_unused_prefetch(address)
    services.activity.report(report("5,:,:"))
    later(services)
    assert not services.bricks.is_unused_prefetch(address)
    found = figures(services)["prefetch"]
    assert found["used"] == found["decoded"] == 1
    assert found["coverage"] == found["timeliness"] == 1.0
    # One brick decides nothing.
    assert (found["accuracy"], found["used_bytes"]) == (None, found["decoded_bytes"])


def test_a_ring_slice_whose_brick_is_gone_decodes_nothing(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    volume = opened(services)
    for plane in ("5,:,:", "9,:,:"):
        load(services, *volume.bricks(parse(plane, SHAPE)))
    for brick in volume.bricks(parse("5,:,:", SHAPE)):
        services.caches.bricks.delete(brick.key)
    has = services.bricks.has
    # Evicted between the question and the answer, too.
    monkeypatch.setattr(services.bricks, "has", lambda address: True)
    monkeypatch.setattr(services.readers.decoder, "decode", lambda *_: pytest.fail("decoded"))
    services.activity.report(report("5,:,:"))
    later(services)
    assert services.caches.frames.totals() == (0, 0)
    assert not any(has(brick) for brick in volume.bricks(parse("5,:,:", SHAPE)))
    refused(services)


def test_pictures_beside_each_other_are_followed_each(services: Services) -> None:
    services.activity.report(
        body(row("3,:,:"), row(":,4,:", beside=True), row("4,:,:"), row(":,5,:", beside=True))
    )
    later(services)
    plans = {plan.plane: plan.position for plan in services.plans.plans()}
    assert plans == {(1, 2): (4,), (0, 2): (5,)}
