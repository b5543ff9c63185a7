"""Log lines of one kind are limited per second, followed by the number suppressed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from dashboard.log_limit import (
    LINES_PER_SECOND,
    LOG_EVERY_S,
    REMEMBERED,
    LogRateFilter,
    NameLogLimit,
)
from tests.clock import Clock

log = logging.getLogger("flood")


class Scene:
    """A log behind the limit, a clock, and what waits to be called."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[Callable[[], None]] = []
        self.lines: list[str] = []
        self.handler = logging.Handler()
        self.handler.emit = lambda record: self.lines.append(record.getMessage())  # type: ignore[method-assign]
        self.handler.addFilter(
            LogRateFilter(lambda: self.now, lambda _, call: self.waiting.append(call))
        )

    def pass_a_second(self) -> None:
        self.now += 1.0
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    log.addHandler(made.handler)
    log.propagate = False
    yield made
    log.removeHandler(made.handler)


def warn(count: int) -> None:
    for number in range(count):
        log.warning("refused %d", number)


def test_a_flood_is_cut_and_counted(scene: Scene) -> None:
    warn(1000)
    assert scene.lines == [f"refused {n}" for n in range(LINES_PER_SECOND)]
    scene.pass_a_second()
    assert scene.lines[LINES_PER_SECOND:] == [
        f"{1000 - LINES_PER_SECOND} more lines like the last were left out within a second"
    ]
    warn(1000)
    scene.pass_a_second()
    assert len(scene.lines) == 2 * (LINES_PER_SECOND + 1)


def test_few_lines_pass_as_they_are(scene: Scene) -> None:
    for _ in range(20):
        warn(LINES_PER_SECOND)
        scene.pass_a_second()
    assert scene.lines == [f"refused {n}" for n in range(LINES_PER_SECOND)] * 20
    assert not scene.waiting


def test_other_kinds_are_not_cut_by_a_flood(scene: Scene) -> None:
    warn(1000)
    log.warning("something else")
    assert scene.lines[-1] == "something else"
    for error in (ValueError, KeyError):
        for _ in range(1000):
            log.error("failed", exc_info=error("x"))
    assert scene.lines.count("failed") == 2 * LINES_PER_SECOND


def test_the_limit_of_lines_remembers_a_bounded_number_of_names() -> None:
    clock = Clock()
    limit = NameLogLimit(clock)
    for number in range(2 * REMEMBERED):
        clock.now += LOG_EVERY_S
        assert limit.admits(f"{number}") == 0
    assert len(limit) == REMEMBERED


def test_the_limit_says_how_many_lines_were_left_out() -> None:
    clock = Clock()
    limit = NameLogLimit(clock)
    assert [limit.admits("a") for _ in range(4)] == [0, None, None, None]
    assert limit.admits("b") == 3
    clock.now += LOG_EVERY_S
    assert limit.admits("a") == 0
