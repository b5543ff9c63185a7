"""Bulk decoding of bricks, each assembled in memory and written with direct I/O, bypassing the page cache.

Writing one brick overlaps with decoding the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.catalog.volume import Volume
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.decoding.decoder import Decoder
from dashboard.decoding.progressive import ReusableBuffer
from dashboard.decoding.sinks import FileSink, MemorySink
from dashboard.storage import direct_io
from dashboard.storage.checksum import PlaneChecksums

# One buffer is being decoded into while the other is written.
BUFFERS = 2
# Upper bound of both buffers together, as a share of physical memory.
MEMORY_SHARE = 0.125
# Decoding two bricks concurrently makes both start writing at the same moment and leaves the processors idle, so
# decodes are serialised. The wait is bounded because the first one may itself be yielding to demand.
MAX_SERIALIZE_WAIT_S = 1.0


def should_bypass_page_cache(bricks_bytes: int, largest: int) -> bool:
    """Whether `total` bytes of bricks, the largest of `largest` bytes, should bypass the page cache."""
    fits = BUFFERS * largest <= MEMORY_SHARE * direct_io.memory_bytes()
    return fits and not direct_io.fits_dirty_limit(bricks_bytes)


class DirectBrickWriter:
    """Decodes bricks into files with direct I/O.

    Bricks larger than `limit` bytes, and a third concurrent one, are written band by band instead.
    """

    def __init__(
        self, decoder: Decoder, limit: int, max_wait_s: float = MAX_SERIALIZE_WAIT_S
    ) -> None:
        self._decoder = decoder
        self._buffers = [ReusableBuffer(limit) for _ in range(BUFFERS)]
        self._slot = threading.Lock()
        self._max_serialize_wait_s = max_wait_s

    def decode(
        self,
        volume: Volume,
        address: BrickAddress,
        fd: int,
        step_aside: Callable[[], None] | None = None,
        sums: PlaneChecksums | None = None,
    ) -> list[DamagedChunk]:
        """Decode a brick into the file `fd`; returns and raises what `Decoder.decode` does, and `OSError`.

        `sums` gets the checksums of its planes.
        """
        with self._memory(address.nbytes(volume.dtype.itemsize)) as memory:
            if memory is None:
                return self._decoder.decode(
                    volume, address, FileSink(fd, address, sums), step_aside
                )
            sink = MemorySink(memory, address, volume.memory_dtype, sums)
            with self._serialized():
                bad = self._decoder.decode(volume, address, sink, step_aside)
            direct_io.write(fd, sink.values.data)
            return bad

    @contextmanager
    def _memory(self, size: int) -> Iterator[NDArray[np.uint8] | None]:
        for arena in self._buffers:
            memory = arena.acquire(size)
            if memory is not None:
                try:
                    yield memory
                finally:
                    arena.release()
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
