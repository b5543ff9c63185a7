"""File locks, released by the kernel: between threads, between processes, and after a kill -9."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.storage.file_lock import (
    MAX_POLL_S,
    MIN_POLL_S,
    LockTimeout,
    file_lock,
    signal_demand_waiting,
)
from tests.files import open_below
from tests.unit.storage.lock_holder import end, hold


class Time:
    """A clock whose sleeper moves it, and calls `then` each time (s)."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self._then = then

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self._then()


def test_a_free_lock_is_had_at_once(tmp_path: Path) -> None:
    time = Time()
    with file_lock(tmp_path / "lock", 1.0, clock=time, sleep=time.sleep) as lock:
        assert not lock.waited
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()
    assert not time.pauses


def test_it_is_freed_by_an_exception(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="inside"), file_lock(tmp_path / "lock", 1.0):
        raise RuntimeError("inside")
    with file_lock(tmp_path / "lock", 0.0) as lock:
        assert not lock.waited


def test_waiting_is_bounded(tmp_path: Path) -> None:
    time = Time()
    with (
        file_lock(tmp_path / "lock", 1.0),
        pytest.raises(LockTimeout),
        file_lock(tmp_path / "lock", 1.0, clock=time, sleep=time.sleep),
    ):
        pytest.fail("two hold it")
    assert 1.0 <= time.now <= 1.0 + MAX_POLL_S
    assert time.pauses[0] == MIN_POLL_S
    assert max(time.pauses) == MAX_POLL_S


def test_a_caller_that_waited_can_see_it(tmp_path: Path) -> None:
    """The holder lets go while the other waits; the file that it removes does not confuse the waiter."""
    first = file_lock(tmp_path / "lock", 1.0)
    first.__enter__()
    time = Time(then=lambda: first.__exit__(None, None, None) if len(time.pauses) == 2 else None)
    calls: list[int] = []
    with file_lock(
        tmp_path / "lock", 1.0, on_wait=calls.append, clock=time, sleep=time.sleep
    ) as lock:
        assert lock.waited
        assert (tmp_path / "lock").exists()
        with pytest.raises(LockTimeout), file_lock(tmp_path / "lock", 0.0):
            pytest.fail("two hold it")
    assert len(calls) == 1


def test_the_holder_hears_that_somebody_waits(tmp_path: Path) -> None:
    with file_lock(tmp_path / "lock", 1.0) as lock:
        assert not lock.demand_waiting
        with pytest.raises(LockTimeout), file_lock(tmp_path / "lock", 0.0):
            pytest.fail("two hold it")
        assert not lock.demand_waiting
        with (
            pytest.raises(LockTimeout),
            file_lock(tmp_path / "lock", 0.0, on_wait=signal_demand_waiting),
        ):
            pytest.fail("two hold it")
        assert lock.demand_waiting
    with file_lock(tmp_path / "lock", 1.0) as lock:
        assert not lock.demand_waiting


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    inside = 0
    worst = 0
    entries = 0

    def work() -> None:
        nonlocal inside, worst, entries
        for _ in range(20):
            with file_lock(tmp_path / "lock", 30.0):
                inside += 1
                worst = max(worst, inside)
                entries += 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (worst, entries) == (1, 80)


def test_another_process_holds_it(tmp_path: Path) -> None:
    process = hold("file_lock(path, 5.0)", tmp_path / "lock")
    try:
        with pytest.raises(LockTimeout), file_lock(tmp_path / "lock", 0.0):
            pytest.fail("two hold it")
    finally:
        end(process)


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    end(hold("file_lock(path, 5.0)", tmp_path / "lock"))
    assert (tmp_path / "lock").exists()
    with file_lock(tmp_path / "lock", 0.0) as lock:
        assert not lock.waited


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    before = len(open_below(tmp_path))
    with file_lock(tmp_path / "lock", 1.0):
        for _ in range(5):
            with pytest.raises(LockTimeout), file_lock(tmp_path / "lock", 0.0):
                pytest.fail("two hold it")
    assert len(open_below(tmp_path)) <= before
