"""Figures of the measured viewers."""

from __future__ import annotations

import math

import pytest

from dashboard.benchmarking.baseline import slices_of
from dashboard.benchmarking.figures import figures, quantile, speedup, spread
from dashboard.benchmarking.player import TraceSample
from dashboard.benchmarking.traces import Step, Trace, Viewer
from dashboard.benchmarking.volume import DatasetInfo, choose
from dashboard.errors import SetupError

VOLUME = DatasetInfo("/v", (40, 100, 90), 2, (8, 16, 16))


def seen(number: int, index: int, outcome: str, late_ms: float, viewer: int = 0) -> TraceSample:
    return TraceSample(viewer, number, Step(0.0, 0, index), 200, outcome, late_ms, late_ms / 2)


def test_the_figures_of_a_trace() -> None:
    steps = tuple(Step(n / 10, 0, n) for n in range(6, 11))
    trace = Trace("t", "what", (Viewer(0, steps), Viewer(0, steps)))
    found = figures(
        trace,
        VOLUME,
        [
            seen(0, 6, "miss", 900.0),
            seen(1, 7, "coalesced", 800.0),
            seen(2, 8, "prefetched", 5.0),
            seen(3, 9, "miss", 300.0),
            TraceSample(0, 4, Step(0.4, 0, 10)),
            seen(0, 6, "hit", 1000.0, viewer=1),
            TraceSample(1, 1, Step(0.1, 0, 7), 503, "hit", 7000.0),
        ],
    )
    assert (found["slices"], found["answered"], found["failed"]) == (7, 5, 1)
    assert found["not_asked_for"] == 1
    assert found["viewers"] == 2
    assert found["outcomes"] == {"hit": 0.2, "prefetched": 0.2, "coalesced": 0.2, "miss": 0.4}
    assert found["beyond_first_brick"] == {"slices": 2, "not_missed": 0.5}
    assert found["client_ms"]["max"] == 1000.0
    assert found["server_ms"]["p50"] == 400.0
    assert found["latest_after_first_ms"] == 7000.0, "a refusal is no early answer"


def test_nothing_answered() -> None:
    trace = Trace("t", "what", (Viewer(0, (Step(0.0, 0, 0),)),))
    found = figures(trace, VOLUME, [TraceSample(0, 0, Step(0.0, 0, 0))])
    assert found["client_ms"] is None
    assert found["outcomes"]["miss"] is None
    assert found["beyond_first_brick"]["not_missed"] is None
    assert found["latest_after_first_ms"] is None
    assert speedup(spread([1.0]), found["client_ms"]) is None


def test_spread() -> None:
    assert spread([]) is None
    found = spread([4.0, 1.0, 2.0, 3.0])
    assert found == {"count": 4, "p50": 2.5, "p95": pytest.approx(3.85), "max": 4.0, "mean": 2.5}
    assert speedup(spread([9.0, 11.0]), found) == 4.0
    assert quantile([7.0], 0.95) == 7.0


def test_the_slices_come_in_the_order_of_the_plan() -> None:
    viewers = (
        Viewer(0, (Step(0.0, 0, 1), Step(0.2, 0, 2))),
        Viewer(1, (Step(0.1, 1, 7),)),
    )
    assert slices_of(Trace("t", "", viewers)) == [(0, 1), (1, 7), (0, 2)]


class TestShown:
    """What is known of the volume."""

    def test_slices(self) -> None:
        assert VOLUME.selection(0, 3) == "3,:,:"
        assert VOLUME.selection(2, 3) == ":,:,3"
        four = DatasetInfo("/v", (6, 40, 100, 90), 2, None)
        assert four.selection(1, 3) == "3,3,:,:"
        assert four.selection(3, 0) == "3,:,:,0"
        assert four.box(0, 2) == [2, 20, [0, 100], [0, 90]]
        assert four.axes == (0, 1, 2)
        assert (VOLUME.thickness(0), four.thickness(0)) == (8, 1)

    def test_a_good_cache_holds_the_chunks_of_a_slice(self) -> None:
        size, slots = VOLUME.good_cache([0])
        assert size == (7 * 6 + 1) * 8 * 16 * 16 * 2
        assert slots >= 4200
        assert all(slots % d for d in range(2, math.isqrt(slots) + 1))
        assert VOLUME.good_cache([0, 1]) == (size, slots)
        assert VOLUME.good_cache([1])[0] == (5 * 6 + 1) * 4096
        assert DatasetInfo("/v", VOLUME.shape, 2, None).good_cache([0]) == (2**20, 521)

    def test_it_is_chosen(self) -> None:
        cube = {
            "dataset": "/a/cube",
            "shape": [4, 5, 6],
            "dtype": ">u2",
            "chunks": [1, 5, 6],
            "browsable": True,
            "reason": None,
        }
        flat = cube | {"dataset": "/flat", "shape": [4, 5], "chunks": None}
        words = cube | {"dataset": "/words", "browsable": False, "reason": "It is text."}
        assert choose([flat, cube, words], None) == DatasetInfo("/a/cube", (4, 5, 6), 2, (1, 5, 6))
        assert choose([cube | {"dataset": "/b"}, cube], "a/cube").dataset == "/a/cube"
        for records, name, reason in (
            ([flat], None, "no dataset with slices"),
            ([cube, cube | {"dataset": "/b"}], None, "/a/cube, /b"),
            ([cube], "/b", "no dataset"),
            ([words], "/words", "It is text"),
            ([flat], "/flat", "single plane"),
        ):
            with pytest.raises(SetupError, match=reason):
                choose(records, name)
