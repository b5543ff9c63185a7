"""Memory that is reused from chunk to chunk and from brick to brick.

New memory costs a page fault for each 4 KiB, which takes longer than decoding into it
(docs/measurements/reference-volume.md).
"""

from __future__ import annotations

import ctypes
import mmap
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

# A thread's buffer is reallocated when it is this many times larger than needed.
SHRINK_FACTOR = 8
SMALL_BYTES = 16 * 1024 * 1024
# A kept block that was not used for so long is freed. To touch 250 MB again takes 50 to 400 ms.
IDLE_S = 60.0


class ThreadBuffers:
    """Buffers of each thread, reused from chunk to chunk.

    Reused memory causes no page faults; a new buffer for each chunk would.
    """

    def __init__(self) -> None:
        self._kept = threading.local()

    def get(self, name: str, size: int) -> Bytes:
        """This thread's buffer of that name with `size` bytes; reallocated only when it does not fit."""
        buffer: Bytes | None = getattr(self._kept, name, None)
        if (
            buffer is None
            or len(buffer) < size
            or len(buffer) > SHRINK_FACTOR * max(size, SMALL_BYTES)
        ):
            buffer = np.empty(size, np.uint8)
            setattr(self._kept, name, buffer)
        return buffer[:size]


class ReusableBuffer:
    """One block of memory that a process keeps for progressive bricks; one user at a time.

    Without `is_kept` it is freed when it is released; `clock` gives seconds.
    """

    def __init__(
        self,
        limit: int,
        *,
        is_kept: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._is_kept = is_kept
        self._clock = clock
        self._lock = threading.Lock()
        self._memory: Bytes | None = None
        self._released_at = 0.0

    def acquire(self, size: int) -> Bytes | None:
        """At least `size` bytes, the caller's until `release`; None when in use or too much."""
        if size > self._limit or not self._lock.acquire(blocking=False):
            return None
        if self._memory is None or len(self._memory) < size:
            block = mmap.mmap(-1, size)
            with suppress(OSError, AttributeError):
                # Huge pages: the first use of 250 MB causes 60,000 page faults otherwise.
                block.madvise(mmap.MADV_HUGEPAGE)
            self._memory = np.frombuffer(block, np.uint8)
        return self._memory

    @property
    def in_use(self) -> bool:
        """Whether the memory is some caller's at this moment."""
        return self._lock.locked()

    def release(self) -> None:
        """Release the memory for the next user."""
        if not self._is_kept:
            self._memory = None
        self._released_at = self._clock()
        self._lock.release()

    def free_idle(self) -> bool:
        """Free the memory if nobody has used it for a while; returns whether it was freed."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            is_idle = self._clock() - self._released_at >= IDLE_S
            freed = self._memory is not None and is_idle
            if freed:
                self._memory = None
            return freed
        finally:
            self._lock.release()


def trim_heap() -> None:
    """Give the free memory of the heap back to the system, which glibc alone can do."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
