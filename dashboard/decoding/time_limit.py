"""Time limits of decoding one brick in a serving process, checked between chunks.

Two limits distinguish the file's fault from the machine's: the processor time of the decoding threads, to which
neither other processes nor a slow disk contribute, and the wall time. Both grow with the bytes decoded so far, so
that a decoder without progress is stopped soon, and a large brick never
(docs/decisions/0036-decoding-time-limits.md).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dashboard import errors

# A seventh of the throughput of the slowest decoder on its slowest chunks.
BYTES_PER_S = 1e6
PROCESSOR_S, WALL_S = 5.0, 30.0
# The thread clock is a system call (0.85 µs, the wall clock 0.11), so it is read at most this often.
CHECK_S = 0.01

Check = Callable[[int], None]


class TooSlow(errors.CannotShow):
    """Decoding took more processor time than any valid data needs."""


class TimeLimit:
    """The two limits of one brick, shared by the threads that decode it.

    `stopping` ends the work at the next check. `wall` and `processor` are clocks in seconds, the latter that of
    the calling thread.
    """

    def __init__(
        self,
        stopping: threading.Event | None = None,
        wall: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] = time.thread_time,
    ) -> None:
        self._stopping = stopping or threading.Event()
        self._wall = wall
        self._processor = processor
        self._began = wall()
        self._spent = 0.0
        self._decoded = 0
        self._lock = threading.Lock()

    @contextmanager
    def checked(self) -> Iterator[Check]:
        """Charge the block to this thread; the yielded function takes the bytes decoded since its last call.

        Entering and that call raise `TooSlow` (the file's fault) or `Busy` (the machine's, or a shutdown).
        """
        self._check()
        last, since, undone = self._processor(), self._wall(), 0

        def charge() -> None:
            nonlocal last, undone
            now = self._processor()
            with self._lock:
                self._spent += now - last
                self._decoded += undone
            last, undone = now, 0

        def check(decoded: int) -> None:
            nonlocal since, undone
            undone += decoded
            now = self._wall()
            if now - since >= CHECK_S:
                since = now
                charge()
                self._check()

        try:
            yield check
        finally:
            charge()

    def unlimited(self, wait: Callable[[], None]) -> Callable[[], None]:
        """Call `wait` without counting its time."""

        def waiting() -> None:
            began = self._wall()
            try:
                wait()
            finally:
                self._began += self._wall() - began

        return waiting

    def _check(self) -> None:
        if self._stopping.is_set():
            raise errors.Busy("The server is stopping; try again in a moment.")
        earned = self._decoded / BYTES_PER_S
        if self._spent > PROCESSOR_S + earned:
            raise TooSlow(
                f"Decoding it was stopped after {self._spent:.0f} s of processor time and"
                f" {self._decoded / 1e6:,.1f} MB, slower than any sound data; it is damaged or hostile."
            )
        if self._wall() - self._began > WALL_S + earned:
            raise errors.Busy("Reading this part takes too long just now; try again in a moment.")
