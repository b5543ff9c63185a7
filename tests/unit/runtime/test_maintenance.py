"""Periodic tasks run when they are due, whatever the others do."""

from __future__ import annotations

from threading import Event, Timer

import pytest

from dashboard.runtime.maintenance import Maintenance
from tests.clock import Clock


def test_a_task_is_done_when_it_is_due() -> None:
    clock = Clock()
    tasks, often, seldom = Maintenance(clock=clock), [], []
    tasks.add("often", lambda: often.append(clock.now))
    tasks.add("seldom", lambda: seldom.append(clock.now), 60.0)
    for _ in range(121):
        tasks.tick()
        clock.now += 1.0
    assert len(often) == 121
    assert len(seldom) == 3


def test_a_task_that_fails_is_retried_with_a_back_off_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    began = clock()
    tasks, tried, done = Maintenance(clock=clock), [], []

    def fail() -> None:
        tried.append(clock.now - began)
        raise RuntimeError("broken")

    tasks.add("broken", fail, 60.0)
    tasks.add("sound", lambda: done.append(1))
    for _ in range(40):
        tasks.tick()
        clock.now += 1.0
    assert len(done) == 40
    assert tried == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0]
    assert caplog.text.count("Traceback") == 1


def test_it_runs_until_it_is_stopped() -> None:
    class Stop:
        rounds = iter([False, False, True])

        def wait(self, timeout: float) -> bool:
            return next(self.rounds)

    done: list[int] = []
    tasks = Maintenance()
    tasks.add("each time", lambda: done.append(1))
    tasks.run(Stop())
    assert len(done) == 2


def test_a_task_in_progress_ends_before_what_it_works_with_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dashboard.runtime.maintenance.TICK_S", 0.0)
    tasks, stop, begun, go_on, ended = Maintenance(), *(Event() for _ in range(4))

    def work() -> None:
        begun.set()
        go_on.wait(30.0)
        ended.set()

    tasks.add("long", work)
    tasks.join()  # not started yet
    tasks.start(stop)
    assert begun.wait(30.0)
    stop.set()
    Timer(0.1, go_on.set).start()
    tasks.join()
    assert ended.is_set()
