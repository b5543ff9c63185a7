"""The threads that decode bricks, shared by all requests of a process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from dashboard.decoding.buffers import ThreadBuffers

T = TypeVar("T")
A = TypeVar("A")


class DecodePool:
    """A thread pool with the buffers of its threads.

    `stopping` is set when the process ends; decodes end at their next chunk then.
    """

    def __init__(self, threads: int) -> None:
        self.buffers = ThreadBuffers()
        self.stopping = threading.Event()
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def stop(self) -> None:
        """Abort running decodes at their next chunk with `Busy`, and start no more."""
        self.stopping.set()

    def close(self) -> None:
        """Stop, and end the threads."""
        self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def map(self, work: Callable[[A], T], items: Iterable[A]) -> list[T]:
        """Results of `work` for all items."""
        return list(self._pool.map(work, items))

    def map_ranges(
        self,
        work: Callable[[int, int], T],
        ranges: list[tuple[int, int]],
        yield_to_demand: Callable[[], None] | None = None,
    ) -> list[T]:
        """Results of `work` for all ranges (first, last).

        `yield_to_demand` is called before each range and may block.
        """
        futures: list[Future[T]] = []
        try:
            for first, last in ranges:
                if yield_to_demand is not None:
                    # Yield here, not inside a pool thread: the demand we yield to needs those threads. No more
                    # ranges are submitted at a time than the pool works on.
                    if len(futures) >= self._threads:
                        futures[-self._threads].result()
                    yield_to_demand()
                futures.append(self._pool.submit(work, first, last))
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            # The descriptor and the sink have to stay valid until the last range has ended.
            for future in futures:
                if not future.cancelled():
                    future.exception()
            raise
