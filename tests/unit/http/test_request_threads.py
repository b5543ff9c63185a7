"""The threads of the application: waits for other processes hold up no other request."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import pytest

from dashboard.blocking import about_to_block, about_to_queue
from dashboard.errors import Busy
from dashboard.http.request_threads import (
    MAX_THREADS_FACTOR,
    READY,
    STANDSTILL_S,
    RequestThreads,
)
from dashboard.settings import Settings
from tests.waits import WITHIN_S


class Work:
    """Items named "block" announce a wait and wait until `release`; the others are done at once."""

    def __init__(self) -> None:
        self.done: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self.release = threading.Event()
        self._blocked = threading.Semaphore(0)

    def __call__(self, item: str) -> None:
        if item.startswith("block"):
            about_to_block()
            about_to_block()  # once is enough for a request
            self._blocked.release()
            assert self.release.wait(WITHIN_S)
        self.done.put((item, threading.current_thread().name))

    def wait_for_blocked(self, count: int) -> None:
        for _ in range(count):
            assert self._blocked.acquire(timeout=WITHIN_S)

    def next(self) -> tuple[str, str]:
        return self.done.get(timeout=WITHIN_S)


@contextmanager
def running(work: Work, count: int) -> Iterator[RequestThreads[str]]:
    threads = RequestThreads(count, work)
    threads.start()
    try:
        yield threads
    finally:
        work.release.set()
        threads.stop()


def test_requests_that_wait_hold_up_no_other() -> None:
    work = Work()
    with running(work, 2) as threads:
        for number in range(2 * (MAX_THREADS_FACTOR - 1)):
            threads.put(f"block {number}")
        threads.put("other")
        assert work.next()[0] == "other"
        work.wait_for_blocked(2 * (MAX_THREADS_FACTOR - 1))
        assert threads.total == 2 * MAX_THREADS_FACTOR


def test_beyond_the_maximum_requests_wait_for_a_thread() -> None:
    work = Work()
    with running(work, 1) as threads:
        for number in range(MAX_THREADS_FACTOR):
            threads.put(f"block {number}")
        work.wait_for_blocked(MAX_THREADS_FACTOR)
        threads.put("other")
        assert work.done.empty()
        work.release.set()
        items = {work.next()[0] for _ in range(MAX_THREADS_FACTOR + 1)}
        assert "other" in items
        assert threads.total == MAX_THREADS_FACTOR


def test_a_parked_thread_is_used_again_before_a_new_one_is_started() -> None:
    work = Work()
    work.release.set()
    with running(work, 1) as threads:
        names = set()
        for number in range(10):
            threads.put(f"block {number}")
            names.add(work.next()[1])
            threads.put(f"other {number}")
            names.add(work.next()[1])
        assert threads.total == 2
        assert names == {"http-0", "http-1"}


def test_without_waits_there_are_two_threads() -> None:
    work = Work()
    with running(work, 8) as threads:
        for number in range(50):
            threads.put(f"other {number}")
        assert {work.next()[0] for _ in range(50)} == {f"other {number}" for number in range(50)}
        assert threads.total == READY


class Computing:
    """Items named "long" compute until `release`, and say nothing; `done` are the others."""

    def __init__(self) -> None:
        self.done: SimpleQueue[str] = SimpleQueue()
        self.release = threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, item: str) -> None:
        if item == "long":
            self.begun.release()
            assert self.release.wait(WITHIN_S)
        self.done.put(item)


def test_threads_that_compute_for_long_are_replaced_up_to_the_count() -> None:
    work = Computing()
    threads = RequestThreads(5, work)
    threads.start()
    try:
        for computing in range(1, 6):
            threads.put("long")
            while not work.begun.acquire(timeout=STANDSTILL_S):
                threads.relieve()
            # Those that are ready are used before a further one is started.
            assert threads.total <= max(computing, READY)
        threads.put("short")
        time.sleep(2 * STANDSTILL_S)
        assert threads.relieve()
        assert threads.total == 5
        assert work.done.empty()
        work.release.set()
        assert sorted(work.done.get(timeout=WITHIN_S) for _ in range(6)) == ["long"] * 5 + ["short"]
        # They are parked: a second time none is started, and as many compute at once as before.
        work.release.clear()
        for _ in range(5):
            threads.put("long")
            while not work.begun.acquire(timeout=STANDSTILL_S):
                threads.relieve()
        assert threads.total == 5
    finally:
        work.release.set()
        threads.stop()


def test_a_queue_of_which_is_taken_starts_no_thread() -> None:
    """However many wait: more threads would take from each other."""
    done: SimpleQueue[int] = SimpleQueue()

    def work(item: int) -> None:
        time.sleep(STANDSTILL_S / 10)
        done.put(item)

    threads = RequestThreads(8, work)
    threads.start()
    for number in range(60):
        threads.put(number)
    while threads.relieve():
        time.sleep(STANDSTILL_S / 20)
    assert len([done.get(timeout=WITHIN_S) for _ in range(60)]) == 60
    assert threads.total == READY
    threads.stop()


def test_a_thread_that_cannot_be_started_is_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work()
    with running(work, 1) as threads:
        with monkeypatch.context() as patch:

            def fail(_thread: threading.Thread) -> None:
                raise RuntimeError("can't start new thread")

            patch.setattr(threading.Thread, "start", fail)
            threads.put("block")
            threads.put("other")
            work.release.set()
            assert [work.next()[0], work.next()[0]] == ["block", "other"]
        assert threads.total == 1


def test_threads_that_serve_no_requests_may_announce_waits() -> None:
    assert about_to_block()
    about_to_queue()


def test_fifty_who_wait_for_one_decode_all_wait() -> None:
    """As many as the default of threads has them all; the first of them would do it."""
    release, results = threading.Event(), SimpleQueue[str]()

    def work(item: str) -> None:
        try:
            about_to_queue()
        except Busy as error:
            results.put(error.message)
            return
        assert release.wait(WITHIN_S)
        results.put(item)

    threads = RequestThreads(Settings.model_fields["web_threads"].default, work)
    threads.start()
    try:
        for number in range(50):
            threads.put(f"{number}")
        with pytest.raises(Empty):
            results.get(timeout=0.3)
    finally:
        release.set()
    assert {results.get(timeout=WITHIN_S) for _ in range(50)} == {f"{n}" for n in range(50)}
    threads.stop()


def test_who_would_queue_behind_others_is_refused_when_all_threads_wait() -> None:
    blocked, refused, done = threading.Semaphore(0), SimpleQueue[str](), SimpleQueue[str]()
    release = threading.Event()

    def work(item: str) -> None:
        if item == "queue":
            try:
                about_to_queue()
            except Busy as error:
                refused.put(error.message)
                return
            blocked.release()
            assert release.wait(WITHIN_S)
        done.put(item)

    threads = RequestThreads(2, work)
    threads.start()
    capacity = 2 * (MAX_THREADS_FACTOR - 1)
    try:
        for _ in range(capacity):
            threads.put("queue")
        for _ in range(capacity):
            assert blocked.acquire(timeout=WITHIN_S)
        for _ in range(10):
            threads.put("queue")
            threads.put("other")
        assert [done.get(timeout=WITHIN_S) for _ in range(10)] == ["other"] * 10
        assert all("try again" in refused.get(timeout=WITHIN_S) for _ in range(10))
    finally:
        release.set()
        threads.stop()
    assert threads.total == 2 * MAX_THREADS_FACTOR
