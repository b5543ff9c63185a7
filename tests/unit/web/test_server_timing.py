"""`Server-Timing` and the ledger: stages of slices alone, recorded once the headers are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from dashboard.addressing.outcomes import Outcome, Provenance
from dashboard.http.environment import HAS_LEFT
from dashboard.meter import meter, recording
from dashboard.storage.rows import open_rows
from dashboard.telemetry.groups import By, Demand
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.statistics import Stats
from dashboard.web.server_timing import DEMAND, PROVENANCE, ServerTimingMiddleware, server_timing

PATH = "/api/v1/slice"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterable[Ledger]:
    made = Ledger(open_rows(tmp_path / "ledger"), "test")
    yield made
    made.close()


def view(
    status: str = "200 OK", outcome: str | None = "miss", *stages: str
) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """An application that spends time in stages and leaves its outcome."""

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        for stage in stages:
            with meter(stage):
                pass
        if outcome is not None:
            environ[PROVENANCE] = Provenance(Outcome(outcome))
        start(status, [("X-Mine", "1")])
        return [b"body"]

    return application


def ask(
    ledger: Ledger,
    application: Any,
    path: str = PATH,
    query: str = "",
    method: str = "GET",
    **more: Any,
) -> tuple[str, dict[str, str], list[bytes]]:
    """(status, headers, body) through the middleware."""
    answered: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> None:
        answered.append((status, headers))

    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, **more}
    body = list(ServerTimingMiddleware(application, PATH, ledger)(environ, start))
    ((status, headers),) = answered
    return status, dict(headers), body


def figures(ledger: Ledger) -> dict[str, Any]:
    """What the ledger holds."""
    ledger.flush()
    return Stats(ledger.rows).snapshot(None)


def test_stages_come_in_the_pipeline_s_order_and_total_last(ledger: Ledger) -> None:
    stages = ("encode", "decode", "read", "wait", "scale", "index")
    status, headers, body = ask(ledger, view("200 OK", "miss", *stages))
    assert (status, body) == ("200 OK", [b"body"])
    assert headers["X-Mine"] == "1"
    entries = [entry.split(";dur=") for entry in headers["Server-Timing"].split(", ")]
    order = ["wait", "read", "decode", "index", "scale", "encode", "other", "total"]
    assert [name for name, _ in entries] == order
    times = {name: float(ms) for name, ms in entries}
    total = times.pop("total")
    assert sum(times.values()) == pytest.approx(total, abs=0.001 * len(order))


def test_stages_that_took_no_time_are_left_out() -> None:
    now = [0.0]
    with recording("cache", clock=lambda: now[0]) as record:
        now[0] = 0.25
        with meter("decode"):
            now[0] = 0.2625
        with meter("encode"):
            pass
    assert server_timing(record) == "cache;dur=250.000, decode;dur=12.500, total;dur=262.500"


def test_the_queue_for_a_thread_is_named_and_part_of_wait() -> None:
    now = [0.0]
    with recording("other", clock=lambda: now[0], queued_s=0.5) as record:
        now[0] = 0.25
    assert server_timing(record) == (
        "wait;dur=500.000, other;dur=250.000, queue;dur=500.000, total;dur=750.000"
    )


def test_all_requests_are_counted_by_kind_and_status(ledger: Ledger) -> None:
    for query, status in (
        ("file=a&viewer=me", "200 OK"),
        ("file=a&viewer=me", "503 SERVICE UNAVAILABLE"),
        ("viewer=me&ahead=1", "200 OK"),
        ("file=a", "404 NOT FOUND"),
        ("file=a&previewer=me&lookahead=1", "404 NOT FOUND"),
        ("viewer=me&lookahead=1", "200 OK"),
        ("viewer=me&ahead=12", "400 BAD REQUEST"),
    ):
        ask(ledger, view(status, None), query=query)
    assert figures(ledger)["requests"] == {
        "ahead": {"200": 1},
        "demand": {"200": 2, "400": 1, "503": 1},
        "script": {"404": 2},
    }


def test_a_client_that_has_left_was_refused_nothing(ledger: Ledger) -> None:
    busy = view("503 SERVICE UNAVAILABLE", None)
    for left in (True, False):
        ask(ledger, busy, query="viewer=v", **{HAS_LEFT: lambda left=left: left})
    found = figures(ledger)
    assert found["requests"]["demand"] == {"503": 1}
    assert found["given_up"]["demand"] == 1


def test_a_demand_and_its_stages_go_into_the_ledger(ledger: Ledger) -> None:
    ask(ledger, view("200 OK", "miss", "decode"))
    ask(ledger, view("304 NOT MODIFIED", "hit"))
    found = figures(ledger)
    assert found["demand"]["miss"] == found["demand"]["hit"] == 1
    assert found["stages"]["decode"]["count"] == 1
    assert found["stages"]["other"]["count"] == 2
    assert found["server"]["miss"]["count"] == found["server"]["hit"]["count"] == 1
    assert found["server"]["all"]["count"] == 2


def test_a_demand_is_counted_by_volume_axis_and_viewer(ledger: Ledger) -> None:
    demand = Demand("a.h5/x", "0", "3,:,:", "v-1")

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        environ[PROVENANCE], environ[DEMAND] = Provenance(Outcome.MISS), demand
        start("200 OK", [("Content-Length", "1234")])
        return [b"body"]

    ask(ledger, application)
    ask(ledger, application, method="HEAD")  # whose answer has no body
    ledger.flush()
    for by, name in ((By.VOLUME, "a.h5/x"), (By.AXIS, "0"), (By.VIEWER, "v-1")):
        found = Stats(ledger.rows).snapshot(300, by)
        (group,) = found["groups"].items()
        assert group[0] == name
        assert (group[1]["demand"], group[1]["sent_bytes"]) == ({"miss": 2}, 1234)
        assert group[1]["server_s"] == found["server"]["all"]["total_s"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("200 OK", None), ("404 NOT FOUND", None), ("503 SERVICE UNAVAILABLE", "miss")],
)
def test_what_is_no_demand_does_not(ledger: Ledger, status: str, outcome: str | None) -> None:
    _, headers, _ = ask(ledger, view(status, outcome, "decode"))
    assert "total" in headers["Server-Timing"]
    found = figures(ledger)
    assert set(found["demand"].values()) == {0}
    assert found["stages"] == {}


@pytest.mark.parametrize("path", ["/", "/api/v1/files", "/api/v1/slice/", "/API/V1/SLICE", ""])
def test_other_paths_are_passed_through(ledger: Ledger, path: str) -> None:
    _, headers, body = ask(ledger, view("200 OK", "miss", "decode"), path)
    assert headers == {"X-Mine": "1"}
    assert body == [b"body"]
    assert set(figures(ledger)["demand"].values()) == {0}


def test_an_error_of_the_application_comes_out(ledger: Ledger) -> None:
    def broken(environ: Any, start: Any) -> Any:
        with meter("decode"):
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        ask(ledger, broken)
    with recording("cache") as record:
        pass
    assert set(record.seconds) == {"cache"}, "the recording before was never ended"
