"""The traces: which slice is requested when."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from dashboard.benchmarking.traces import SCROLLS, Trace, scroll, traces

SHAPE = (2160, 1360, 1300)


def by_name(seconds: float = 6.0, shape: tuple[int, ...] = SHAPE) -> dict[str, Trace]:
    return {trace.name: trace for trace in traces(shape, seconds)}


@pytest.mark.parametrize("shape", [SHAPE, (5, 4, 3), (1, 1, 1), (9, 8, 7, 6)])
@pytest.mark.parametrize("seconds", [0.5, 1.0, 7.5])
def test_every_step_is_in_the_volume_and_in_time(shape: tuple[int, ...], seconds: float) -> None:
    for trace in traces(shape, seconds):
        for viewer in trace.viewers:
            assert 0 <= viewer.volume < trace.volumes
            times = [step.at_s for step in viewer.steps]
            assert times == sorted(times)
            assert times[0] == 0
            assert times[-1] <= seconds
            assert all(0 <= step.index < shape[step.axis] for step in viewer.steps)


def test_they_are_the_same_each_time() -> None:
    assert traces(SHAPE, 6.0, seed=3) == traces(SHAPE, 6.0, seed=3)
    assert traces(SHAPE, 6.0, seed=3) != traces(SHAPE, 6.0, seed=4)


@pytest.mark.parametrize("rate", SCROLLS)
def test_scrolling_takes_one_slice_after_the_other(rate: int) -> None:
    (viewer,) = by_name()[f"scroll-{rate}"].viewers
    assert len(viewer.steps) == rate * 6
    moves = {after.index - before.index for before, after in pairwise(viewer.steps)}
    assert moves in ({1}, {-1})


def test_scrolling_goes_either_way() -> None:
    first = [scroll(100, 10, 1.0, random.Random(seed))[:2] for seed in range(20)]
    assert {after.index - before.index for before, after in first} == {1, -1}


def test_there_and_back_sees_each_slice_twice() -> None:
    (viewer,) = by_name()["there-and-back"].viewers
    indices = [step.index for step in viewer.steps]
    assert indices == indices[::-1]
    assert len(set(indices)) == len(indices) // 2


def test_the_others_do_what_they_are_called() -> None:
    found = by_name()
    pages = found["pages"].viewers[0].steps
    assert {b.index - a.index for a, b in pairwise(pages)} == {10}
    assert len({step.index for step in found["jumps"].viewers[0].steps}) > 3
    assert [step.axis for step in found["axes"].viewers[0].steps[::30]] == [0, 1]
    assert [step.axis for step in by_name(12)["axes"].viewers[0].steps[::30]] == [0, 1, 2, 0]
    assert len(found["three-viewers"].viewers) == 3
    assert found["three-viewers"].volumes == 1
    assert found["ten-volumes"].volumes == 10
    assert [trace.name for trace in found.values() if trace.paced] == ["play"]


def test_a_short_volume_is_turned_round_in() -> None:
    (viewer,) = by_name(1.0, (4, 9, 9))["scroll-10"].viewers
    moves = {abs(after.index - before.index) for before, after in pairwise(viewer.steps)}
    assert moves == {1}
