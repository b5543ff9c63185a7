"""The threads that decode bricks, shared by all requests of a process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from dashboard.decoding.buffers import ThreadBuffers
from dashboard.decoding.slow_storage import ParallelReads
from dashboard.time_slice import compute_in_long_slices

T = TypeVar("T")
A = TypeVar("A")


class DecodePool:
    """A thread pool with the buffers of its threads.

    `stopping` is set when the process ends; decodes end at their next chunk then.
    """

    def __init__(self, threads: int) -> None:
        self.buffers = ThreadBuffers()
        self.stopping = threading.Event()
        self.threads = threads
        self.reads = ParallelReads()
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="decode", initializer=compute_in_long_slices
        )

    def stop(self) -> None:
        """Abort running decodes at their next chunk with `Busy`, and start no more."""
        self.stopping.set()

    def close(self) -> None:
        """Stop, and end the threads."""
        self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.reads.close()

    def map(
        self,
        work: Callable[[A], T],
        items: Iterable[A],
        meanwhile: Callable[[], object] | None = None,
    ) -> list[T]:
        """Results of `work` for all items; raises its first exception, after all work has ended.

        `meanwhile` is called by the caller's thread once the work is submitted.
        """
        futures = [self._pool.submit(work, item) for item in items]
        if meanwhile is not None:
            try:
                meanwhile()
            except BaseException:
                _end(futures)
                raise
        return _results(futures)

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
                    if len(futures) >= self.threads:
                        futures[-self.threads].result()
                    yield_to_demand()
                futures.append(self._pool.submit(work, first, last))
        except BaseException:
            _end(futures)
            raise
        return _results(futures)


def _results(futures: list[Future[T]]) -> list[T]:
    try:
        return [future.result() for future in futures]
    except BaseException:
        _end(futures)
        raise


def _end(futures: list[Future[T]]) -> None:
    """Cancel what has not begun, and wait for the rest: descriptor and sink have to stay valid that long."""
    for future in futures:
        future.cancel()
    for future in futures:
        if not future.cancelled():
            future.exception()
