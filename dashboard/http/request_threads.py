"""The threads that run the application: a fixed number of them is ready, however many wait for other processes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial as bind
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from dashboard.blocking import on_blocking
from dashboard.time_slice import respond_in_short_slices

T = TypeVar("T")

# Threads in all, as a multiple of those that are ready. Each may have connections to the caches' databases open.
MAX_THREADS_FACTOR = 10


class _RequestThread:
    """State of one thread: whether another one replaces it, and the signal that it is needed again."""

    def __init__(self) -> None:
        self.replaced = False
        self.resumed = threading.Event()


class RequestThreads(Generic[T]):
    """Calls `work` for each item of a queue, in `count` threads.

    A thread that waits for a child process or for another request's decoding is replaced by a parked or a new
    thread (`dashboard.blocking`), as long as there are fewer than `MAX_THREADS_FACTOR * count`; it is parked when
    its item is finished. Otherwise, `count` requests for files that are slow to open would hold up all others.
    Beyond that, who would queue behind other requests is refused (`about_to_queue`), so `count` threads go on.
    """

    def __init__(self, count: int, work: Callable[[T], None]) -> None:
        self._count = count
        self._work = work
        # One ticket for each item: a `SimpleQueue` wakes threads cheaply, a `deque` can be looked into.
        self._items: deque[T | None] = deque()
        self._tickets: SimpleQueue[None] = SimpleQueue()
        self._lock = threading.Lock()
        self._parked: list[_RequestThread] = []
        self.total = 0

    def start(self) -> None:
        """Start `count` threads."""
        with self._lock:
            for _ in range(self._count):
                self._start_one()

    def put(self, item: T) -> None:
        """Queue an item."""
        self._put(item)

    def withdraw(self, unwanted: Callable[[T], bool]) -> T | None:
        """Take the item that has waited for longest out of the queue, if it is `unwanted`; else None."""
        try:
            self._tickets.get_nowait()
        except Empty:
            return None
        item = self._items.popleft()
        if item is not None and unwanted(item):
            return item
        self._items.appendleft(item)
        self._tickets.put(None)
        return None

    @property
    def waiting(self) -> int:
        """How many items wait for a thread."""
        return len(self._items)

    def stop(self) -> None:
        """End the threads after the items that are queued; those that are parked end with the process."""
        for _ in range(self._count):
            self._put(None)

    def _put(self, item: T | None) -> None:
        self._items.append(item)
        self._tickets.put(None)

    def _take(self) -> T | None:
        self._tickets.get()
        return self._items.popleft()

    def _start_one(self) -> None:
        threading.Thread(target=self._run, name=f"http-{self.total}", daemon=True).start()
        self.total += 1

    def _run(self) -> None:
        respond_in_short_slices()
        state = _RequestThread()
        on_blocking(bind(self._replace, state))
        while (item := self._take()) is not None:
            self._work(item)
            if state.replaced:
                self._park(state)

    def _replace(self, blocked: _RequestThread) -> bool:
        """Resume or start a thread in place of one that is about to wait; whether it is replaced."""
        with self._lock:
            if blocked.replaced:
                return True
            if self._parked:
                # The one that was parked last: the fewest threads are then in use.
                self._parked.pop().resumed.set()
            elif self.total < MAX_THREADS_FACTOR * self._count:
                try:
                    self._start_one()
                except RuntimeError:  # no memory, or the limit of the system
                    return False
            else:
                return False
            blocked.replaced = True
            return True

    def _park(self, state: _RequestThread) -> None:
        with self._lock:
            self._parked.append(state)
        state.resumed.wait()
        state.resumed.clear()
        state.replaced = False
