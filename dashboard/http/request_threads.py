"""The threads that run the application: two of them are ready, however many wait or compute for long."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial as bind
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from dashboard.blocking import on_blocking
from dashboard.time_slice import respond_in_short_slices

T = TypeVar("T")

# Threads in all, as a multiple of those that compute. Each may have connections to the caches' databases open.
MAX_THREADS_FACTOR = 10

# More threads than these, with a response of a millisecond each, wait for the interpreter lock and for each other.
READY = 2
# A queue of which nothing is taken for this long stands behind items that take long.
STANDSTILL_S = 0.05


class _RequestThread:
    """State of one thread: since when it has its item, whether another one replaces it while it waits or
    computes, and the signal that it is needed again."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.replaced = False
        self.computes = False
        self.resumed = threading.Event()


class RequestThreads(Generic[T]):
    """Calls `work` for each item of a queue, in `READY` threads, and in up to `count` where items take long.

    A thread that waits for a child process or for another request's decoding says so and is replaced by a parked
    or a new thread (`dashboard.blocking`), as long as there are fewer than `MAX_THREADS_FACTOR * count`; it is
    parked when its item is finished. Otherwise, `READY` requests for files that are slow to open would hold up all
    others. Beyond that, who would queue behind other requests is refused (`about_to_queue`). A thread that
    computes for long says nothing: `relieve` replaces it once nothing is taken from the queue any more.
    """

    def __init__(self, count: int, work: Callable[[T], None]) -> None:
        self._count = count
        self._ready = min(READY, count)
        self._work = work
        # One ticket for each item: a `SimpleQueue` wakes threads cheaply, a `deque` can be looked into.
        self._items: deque[T | None] = deque()
        self._tickets: SimpleQueue[None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[_RequestThread] = []
        self._parked: list[_RequestThread] = []
        self._computing = 0
        self._taken_at = time.monotonic()

    @property
    def total(self) -> int:
        """How many threads there are."""
        return len(self._threads)

    def start(self) -> None:
        """Start the threads that are ready."""
        with self._lock:
            for _ in range(self._ready):
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

    def relieve(self) -> bool:
        """Replace the thread that has had its item for longest, if the queue stands still and fewer than `count`
        compute.

        Returns whether items wait, so that it is to be called again after `STANDSTILL_S`.
        """
        if not self._items:
            return False
        if time.monotonic() - self._taken_at >= STANDSTILL_S:
            with self._lock:
                busy = [one for one in self._threads if one.since is not None and not one.replaced]
                if busy and self._computing < self._count - self._ready:
                    longest = min(busy, key=lambda one: one.since or 0.0)
                    longest.computes = self._replaced(longest)
                    self._computing += longest.computes
        return True

    def stop(self) -> None:
        """End the threads after the items that are queued; those that are parked end with the process."""
        for _ in range(self._ready):
            self._put(None)

    def _put(self, item: T | None) -> None:
        self._items.append(item)
        self._tickets.put(None)

    def _take(self) -> T | None:
        self._tickets.get()
        return self._items.popleft()

    def _start_one(self) -> None:
        state = _RequestThread()
        name = f"http-{self.total}"
        threading.Thread(target=self._run, args=(state,), name=name, daemon=True).start()
        self._threads.append(state)

    def _run(self, state: _RequestThread) -> None:
        respond_in_short_slices()
        on_blocking(bind(self._replace, state))
        while (item := self._take()) is not None:
            state.since = self._taken_at = time.monotonic()
            self._work(item)
            state.since = None
            if state.replaced:
                self._park(state)

    def _replace(self, blocked: _RequestThread) -> bool:
        """Replace a thread that is about to wait; whether it is replaced."""
        with self._lock:
            return blocked.replaced or self._replaced(blocked)

    def _replaced(self, busy: _RequestThread) -> bool:
        """Resume or start a thread in place of one, under the lock; whether that was possible."""
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
        busy.replaced = True
        return True

    def _park(self, state: _RequestThread) -> None:
        with self._lock:
            self._computing -= state.computes
            state.computes = False
            self._parked.append(state)
        state.resumed.wait()
        state.resumed.clear()
        state.replaced = False
