"""The mean of a level between two readings."""

from __future__ import annotations

from dashboard.telemetry.mean_level import MeanLevel
from tests.clock import Clock


def test_short_work_counts_for_as_long_as_it_took() -> None:
    clock = Clock()
    level = MeanLevel(clock)
    level.add(1)
    level.add(1)
    clock.now += 0.5
    level.add(-1)
    clock.now += 0.5
    assert level.read() == 1.5
    clock.now += 1
    assert level.read() == 1.0
    level.add(-1)
    clock.now += 10
    assert level.read() == 0.0


def test_at_once_it_is_the_level_itself() -> None:
    level = MeanLevel(Clock())
    level.add(3)
    assert level.read() == 3.0
