"""Bulk decoding of bricks, each assembled in memory and written with direct I/O, bypassing the page cache.

Writing one brick overlaps with decoding the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.bricks.pending_file import PendingBrickFile
from dashboard.decoding.brick_reader import BrickTarget
from dashboard.decoding.buffers import ReusableBuffer
from dashboard.decoding.sinks import MemorySink, Sink
from dashboard.storage import direct_io

# One buffer is being decoded into while the other is written.
BUFFERS = 2
# Upper bound of both buffers together, as a share of physical memory.
MEMORY_SHARE = 0.125
# Decoding two bricks concurrently makes both start writing at the same moment and leaves the processors idle, so
# decodes are serialised. The wait is bounded because the first one may itself be yielding to demand.
MAX_SERIALIZE_WAIT_S = 1.0


def should_bypass_page_cache(bricks_bytes: int, largest: int) -> bool:
    """Whether `bricks_bytes` bytes of bricks, the largest of `largest` bytes, should bypass the page cache."""
    fits = BUFFERS * largest <= MEMORY_SHARE * direct_io.memory_bytes()
    return fits and not direct_io.fits_dirty_limit(bricks_bytes)


@dataclass(frozen=True)
class DirectTarget:
    """A brick's file that is written with direct I/O once the brick is assembled in memory."""

    writer: DirectBrickWriter
    pending: PendingBrickFile
    dtype: np.dtype[Any]

    @property
    def data_bytes(self) -> int:
        return self.pending.data_bytes

    @property
    def fd(self) -> int:
        return self.pending.fd

    def sink(self) -> AbstractContextManager[Sink]:
        return self.writer.sink(self.pending, self.dtype)


class DirectBrickWriter:
    """Assembles bricks in memory and writes each to its file with direct I/O.

    Bricks larger than `limit` bytes, and a third concurrent one, are written band by band instead.
    """

    def __init__(self, limit: int, max_wait_s: float = MAX_SERIALIZE_WAIT_S) -> None:
        self._buffers = [ReusableBuffer(limit) for _ in range(BUFFERS)]
        self._slot = threading.Lock()
        self._max_serialize_wait_s = max_wait_s

    @property
    def in_use(self) -> bool:
        """Whether a brick is being assembled or waits for another."""
        return self._slot.locked() or any(buffer.in_use for buffer in self._buffers)

    def target(self, pending: PendingBrickFile, dtype: np.dtype[Any]) -> BrickTarget:
        """The target that writes a brick of values of this type to `pending`."""
        return DirectTarget(self, pending, dtype)

    @contextmanager
    def sink(self, pending: PendingBrickFile, dtype: np.dtype[Any]) -> Iterator[Sink]:
        """The sink for a brick, which is written at the end; raises `OSError` then."""
        with self._memory(pending.data_bytes) as memory:
            if memory is None:
                with pending.sink() as direct:
                    yield direct
                return
            sink = MemorySink(memory, pending.address, dtype, pending.checksums)
            with self._serialized():
                yield sink
            began = time.monotonic()
            direct_io.write(pending.fd, sink.values.data)
            pending.writes_s.append(time.monotonic() - began)

    @contextmanager
    def _memory(self, size: int) -> Iterator[NDArray[np.uint8] | None]:
        for buffer in self._buffers:
            memory = buffer.acquire(size)
            if memory is not None:
                try:
                    yield memory
                finally:
                    buffer.release()
                return
        yield None

    @contextmanager
    def _serialized(self) -> Iterator[None]:
        """Enter once the previous brick has been decoded, or after a bounded wait."""
        ours = self._slot.acquire(timeout=self._max_serialize_wait_s)
        try:
            yield
        finally:
            if ours:
                self._slot.release()
