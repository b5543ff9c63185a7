"""One lock per key, removed when no thread uses it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.disconnects import ClientLeft, client
from dashboard.errors import Busy
from dashboard.storage.keyed_locks import ImpatientLocks, KeyedLocks
from tests.clock import Clock


def test_one_thread_makes_and_the_others_find_it() -> None:
    locks, made, makers = KeyedLocks(), dict[str, int](), list[int]()
    begin = threading.Barrier(8)

    def want(number: int) -> int:
        begin.wait()
        with locks.locked("it"):
            if "it" not in made:
                makers.append(number)
                made["it"] = number
            return made["it"]

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(want, range(8)))
    assert len(makers) == 1
    assert found == set(makers)
    assert len(locks) == 0


def test_keys_do_not_hold_each_other_up() -> None:
    locks = KeyedLocks()
    with locks.locked("a"), locks.locked("b"):
        assert len(locks) == 2
    assert len(locks) == 0


def test_an_exception_frees_the_key() -> None:
    locks = KeyedLocks()
    with pytest.raises(KeyError), locks.locked("a"):
        raise KeyError
    with locks.locked("a"):
        pass
    assert len(locks) == 0


def test_impatient_locks_let_one_in_at_a_time() -> None:
    locks = ImpatientLocks(60.0, "Later.")
    inside: list[int] = []

    def work() -> None:
        with locks.locked("a"):
            inside.append(1)
            assert len(inside) == 1
            inside.pop()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(100)]:
            done.result(60)
    assert len(locks) == 0


def test_whoever_comes_late_to_long_work_does_not_wait() -> None:
    clock = Clock()
    locks = ImpatientLocks(3.0, "Later.", clock)
    with locks.locked("a"):
        clock.now += 3.0
        for _ in range(20):
            with pytest.raises(Busy, match="Later"), locks.locked("a"):
                pytest.fail("entered")
        with locks.locked("b"):
            pass
    with locks.locked("a"):
        pass


def test_who_waits_for_long_work_gives_up_when_it_has_become_long() -> None:
    locks = ImpatientLocks(0.05, "Later.")
    go_on = threading.Event()
    entered = threading.Event()

    def hang() -> None:
        with locks.locked("a"):
            entered.set()
            assert go_on.wait(60)

    def wait() -> None:
        with pytest.raises(Busy, match="Later"), locks.locked("a"):
            pytest.fail("entered")

    with ThreadPoolExecutor(5) as pool:
        work = pool.submit(hang)
        assert entered.wait(60)
        for waiting in [pool.submit(wait) for _ in range(4)]:
            waiting.result(60)
        go_on.set()
        work.result(60)


def test_an_impatient_lock_is_free_after_an_error() -> None:
    locks = ImpatientLocks(0.0, "Later.")
    with pytest.raises(ValueError, match="x"), locks.locked("a"):
        raise ValueError("x")
    with locks.locked("a"):
        pass


def _waiting_for_long_work(locks: ImpatientLocks, end: Callable[[], None]) -> list[str]:
    """What three who wait for work that is old get when it ends with `end`, and a fourth at once."""
    entered, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with locks.locked("a"):
            entered.set()
            assert go_on.wait(60)
            end()

    def wait() -> str:
        try:
            with locks.locked("a"):
                return "entered"
        except Busy as busy:
            return busy.message

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(work)
        assert entered.wait(60)
        others = [pool.submit(wait) for _ in range(3)]
        deadline = time.monotonic() + 60
        while locks.waiting < 3:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        with pytest.raises(Busy, match="Later"), locks.locked("a"):
            pytest.fail("entered")
        go_on.set()
        first.exception(60)
        return [other.result(60) for other in others]


def test_a_few_wait_for_long_work_to_its_end() -> None:
    locks = ImpatientLocks(0.0, "Later.", most=3)
    assert _waiting_for_long_work(locks, lambda: None).count("entered") >= 1
    assert locks.waiting == 0


def test_a_shortage_is_that_of_all_who_waited() -> None:
    def stall() -> None:
        raise Busy("The worker made no progress.")

    locks = ImpatientLocks(0.0, "Later.", most=3)
    assert _waiting_for_long_work(locks, stall) == ["The worker made no progress."] * 3
    with locks.locked("a"):
        pass


def test_patience_is_that_of_the_waiter_and_not_of_each_work_before_it() -> None:
    clock = Clock()
    locks = ImpatientLocks(3.0, "Later.", clock)
    took: list[float] = []

    def want() -> str:
        began = clock()
        try:
            with locks.locked("a"):
                took.append(clock() - began)
                clock.pass_(2.0)
                time.sleep(0.01)
        except Busy as busy:
            return busy.message
        return "entered"

    with ThreadPoolExecutor(12) as pool:
        with locks.locked("a"):
            waiting = [pool.submit(want) for _ in range(12)]
            deadline = time.monotonic() + 60
            while sum(future.running() for future in waiting) < 12:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(0.05)
        found = [future.result(60) for future in waiting]
    assert max(took) < 3.0
    assert found.count("entered") == len(took) < 12
    assert found.count("Later.") == 12 - len(took)


def test_nobody_waits_for_a_client_that_has_left() -> None:
    locks, left, entered = ImpatientLocks(60.0, "Later."), threading.Event(), threading.Event()

    def wait() -> None:
        with client(left.is_set):
            entered.set()
            with pytest.raises(ClientLeft), locks.locked("a"):
                pytest.fail("entered")

    with ThreadPoolExecutor(1) as pool, locks.locked("a"):
        waiting = pool.submit(wait)
        assert entered.wait(60)
        left.set()
        waiting.result(60)


def test_others_go_on_where_a_client_has_left() -> None:
    locks, entered, go_on = ImpatientLocks(60.0, "Later."), threading.Event(), threading.Event()

    def leave() -> None:
        with locks.locked("a"):
            entered.set()
            assert go_on.wait(60)
            raise ClientLeft

    def wait() -> str:
        with locks.locked("a"):
            return "entered"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(leave)
        assert entered.wait(60)
        waiting = pool.submit(wait)
        time.sleep(0.05)
        go_on.set()
        with pytest.raises(ClientLeft):
            first.result(60)
        assert waiting.result(60) == "entered"
