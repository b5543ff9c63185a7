"""Statistics over HTTP: windows, breakdowns, series as JSON and CSV, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dashboard import __version__
from tests import files
from tests.web import App, assert_error, running

VALUES = np.random.default_rng(8).integers(0, 4000, (20, 48, 48)).astype("u2")
FILE = "scan.h5"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder: Path = tmp_path_factory.mktemp("statistics")
    path = files.write(
        folder / FILE, volume=(VALUES, {"chunks": (10, 16, 16), "compression": "gzip"})
    )
    with running(folder, path) as made:
        for selection in ("3,:,:", "4,:,:", ":,5,:"):
            made.slice(FILE, "volume", selection, format="u8", viewer="ann")
        made.slice(FILE, "volume", "12,:,:", format="u8", viewer="bob")
        made.slice(FILE, "volume", "7,:,:", format="u8")  # a script
        made.stats()
        yield made


def test_a_window_says_what_it_covers(app: App) -> None:
    found = app.get("/api/v1/stats", window="300").get_json()
    assert found["to"] - 301 <= found["from"] <= found["to"] - 300
    assert found["resolution_s"] == 1
    long = app.get("/api/v1/stats", window=str(30 * 86_400)).get_json()
    assert (long["resolution_s"], long["demand"]) == (3600, found["demand"])
    assert long["from"] % 3600 == 0


def test_sums_between_two_times(app: App) -> None:
    window = app.get("/api/v1/stats", window="300").get_json()
    found = app.get("/api/v1/stats", **{"from": "-299", "to": "0"}).get_json()
    assert found["demand"] == window["demand"]
    assert found["server"] == window["server"]
    assert found["from"] >= window["from"]
    by_axis = app.get("/api/v1/stats", by="axis", **{"from": "-299"}).get_json()
    assert by_axis["groups"]["0"]["count"] == 3
    before = app.get("/api/v1/stats", **{"from": "-200", "to": "-150"}).get_json()
    assert sum(before["demand"].values()) == 0
    assert before["to"] - before["from"] == pytest.approx(51, abs=1.01)


@pytest.mark.parametrize(
    "query",
    [{"from": "x"}, {"from": "-10", "to": "-20"}, {"from": "-1e9"}, {"from": "-9", "window": "9"}],
    ids=str,
)
def test_impossible_times_of_sums_are_refused(app: App, query: dict[str, str]) -> None:
    assert_error(app.get("/api/v1/stats", **query), 400)


def test_a_window_that_is_not_kept_is_refused(app: App) -> None:
    message = assert_error(app.get("/api/v1/stats", window=str(91 * 86_400)), 400)
    assert message == "Statistics are kept for 90 days."


@pytest.mark.parametrize(
    ("by", "counts"),
    [
        ("volume", {"scan.h5/volume": 4}),
        ("axis", {"0": 3, "1": 1}),
        ("format", {"u8": 4}),
        ("viewer", {"ann": 3, "bob": 1}),
        ("outcome", {"miss": 3, "hit": 1}),
    ],
)
def test_breakdowns(app: App, by: str, counts: dict[str, int]) -> None:
    found = app.get("/api/v1/stats", window="300", by=by).get_json()
    assert found["by"] == by
    assert {name: group["count"] for name, group in found["groups"].items()} == counts
    over_time = app.get("/api/v1/stats/series", by=by).get_json()
    summed = {name: sum(group["count"]) for name, group in over_time["groups"].items()}
    assert summed == counts


def test_a_series(app: App) -> None:
    found = app.get("/api/v1/stats/series").get_json()
    assert found["step_s"] == 5
    assert len(found["times"]) == 61
    assert found["from"] == found["times"][0]
    assert found["to"] == found["times"][-1] + 5
    assert sum(found["demand"]["miss"]) == 3
    assert sum(found["server"]["count"]) == 4
    assert sum(found["stages"]["encode"]["count"]) == 4
    assert set(found["stages"]["encode"]) == {"count", "total_s", "p50_ms", "p95_ms"}
    assert set(found["perceived"]) == {"count", "total_s", "p50_ms", "p95_ms", "p99_ms"}
    assert found["counters"]["requests.script_200"][-1] <= 1
    assert found["gauges"]["bricks.entries"][-1] >= 2
    assert [(one["version"], one["changed"]) for one in found["starts"]] == [(__version__, {})]


def test_a_series_has_bytes_and_queue_and_what_was_seen_at_once(app: App) -> None:
    found = app.get("/api/v1/stats/series").get_json()
    assert sum(found["counters"]["sent_bytes.miss"]) + sum(found["counters"]["sent_bytes.hit"]) == (
        3 * 48 * 48 + 20 * 48
    )
    assert sum(found["queue"]["count"]) == 5
    assert found["seen_within_100_ms"] == [0] * len(found["times"])


def test_distributions_over_time(app: App) -> None:
    found = app.get("/api/v1/stats/series", histogram="1").get_json()
    bounds = found["histogram"]["bounds"]
    assert (bounds[0], bounds[-1]) == ("1e-05", "+Inf")
    server = found["histogram"]["server"]
    assert set(server) == {"hit", "miss"}
    for outcome, buckets in server.items():
        assert set(buckets) <= set(bounds)
        counts = [sum(step) for step in zip(*buckets.values(), strict=True)]
        assert counts == found["demand"][outcome]
    assert found["histogram"]["perceived"] == {}
    assert "stages" not in found
    table = app.get("/api/v1/stats/series", histogram="1", format="csv").get_data(as_text=True)
    columns = table.partition("\r\n")[0].split(",")
    assert [name for name in columns if name.startswith("histogram.server.hit.")] == [
        f"histogram.server.hit.{bound}" for bound in server["hit"]
    ]


def test_a_series_as_csv(app: App) -> None:
    response = app.get("/api/v1/stats/series", format="csv", step="10", **{"from": "-100"})
    assert response.content_type == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(response.get_data(as_text=True))))
    assert len(table) == 11
    assert sum(int(line["demand.miss"]) for line in table) == 3
    assert [int(line["time"]) % 10 for line in table] == [0] * 11


@pytest.mark.parametrize(
    "query",
    [
        {"from": "x"},
        {"from": "-1e9"},
        {"from": "-10", "to": "-20"},
        {"to": "nan"},
        {"step": "0"},
        {"step": "1"},
        {"from": "-3600", "step": "90"},
        {"by": "file"},
        {"by": "viewer", "from": "-7200"},
        {"format": "xml"},
        {"histogram": "yes"},
    ],
    ids=str,
)
def test_impossible_series_are_refused(app: App, query: dict[str, str]) -> None:
    assert_error(app.get("/api/v1/stats/series", **query), 400)


def test_the_slowest_slices(app: App) -> None:
    found = app.get("/api/v1/slow").get_json()
    assert 86_399 < found["to"] - found["from"] < 86_401
    assert len(found["slices"]) == 4
    totals = [slow["total_ms"] for slow in found["slices"]]
    assert totals == sorted(totals, reverse=True)
    slow = next(one for one in found["slices"] if one["viewer"] == "bob")
    assert (slow["volume"], slow["selection"]) == ("scan.h5/volume", "12,0:48:1,0:48:1")
    assert (slow["outcome"], slow["reason"], slow["bytes"]) == ("miss", "first", 48 * 48)
    assert sum(slow["stages"].values()) == pytest.approx(slow["total_ms"], rel=0.05, abs=0.1)
    assert {one["reason"] for one in found["slices"] if one["outcome"] == "hit"} == {None}
    most = app.get("/api/v1/slow", n="2", **{"from": "-60"}).get_json()
    assert most["slices"] == found["slices"][:2]


@pytest.mark.parametrize(
    "query",
    [
        {"order": "oldest"},
        {"n": "0"},
        {"n": "201"},
        {"from": "x"},
        {"from": "-1e7"},
        {"to": "-90000"},
    ],
    ids=str,
)
def test_impossible_lists_of_slow_slices_are_refused(app: App, query: dict[str, str]) -> None:
    assert_error(app.get("/api/v1/slow", **query), 400)


def test_a_worker_that_was_never_there(app: App) -> None:
    found = app.get("/api/v1/stats").get_json()
    assert found["worker"] == {"state": "none", "since_s": None}
