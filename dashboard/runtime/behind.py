"""Work that is done behind the responses, by one thread and some at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from dashboard.time_slice import compute_in_long_slices

# To wake a thread hands the interpreter's lock over in the middle of a response: it costs the next request more
# than the work itself. A thread that sleeps is not woken by what is put meanwhile.
DELAY_S: Final = 0.004
# Most of one core that the work may take: with a hundred viewers, planning for each slice would take half of what
# the slices themselves do. What is put meanwhile for one viewer is done at once.
MAX_SHARE: Final = 0.15


class BehindResponses:
    """Runs work in the order in which it is put, some milliseconds later; it must not raise.

    After each piece the thread rests, so that it takes no more than `MAX_SHARE` of a core.
    """

    def __init__(self, name: str, delay_s: float = DELAY_S) -> None:
        self._waiting: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._delay_s = delay_s
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False

    def put(self, work: Callable[[], object]) -> None:
        """Queue `work`."""
        if not self._started:
            with self._lock:
                if not self._started:
                    self._thread.start()
                    self._started = True
        self._waiting.put(work)

    def drain(self) -> None:
        """Wait for the work that is queued by now."""
        done = threading.Event()
        self.put(done.set)
        done.wait()

    def close(self) -> None:
        """Finish what is queued, and end the thread."""
        self._closing.set()
        if self._started:
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        compute_in_long_slices()
        while (work := self._waiting.get()) is not None:
            time.sleep(self._delay_s)
            with suppress(Empty):
                while work is not None:
                    began = time.thread_time()
                    work()
                    took = time.thread_time() - began
                    work = self._waiting.get_nowait()
                    self._closing.wait(took * (1.0 / MAX_SHARE - 1.0))
                return
