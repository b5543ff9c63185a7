"""Many bricks in a row, each put together in memory and written to the disk past the page cache.

While one is written, the next one is decoded.
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

# One is decoded, one is written.
BUFFERS = 2
# Of the memory there is, both together take no more.
MEMORY_SHARE = 0.125
# Two that are decoded side by side are ready, and written, at the same time, and nothing is decoded
# meanwhile. But nobody who waits for the later one may have to wait for whom the earlier one lets pass.
MAX_SERIALIZE_WAIT_S = 1.0


def should_bypass_page_cache(bricks_bytes: int, largest: int) -> bool:
    """Whether bricks of so many bytes in all, the largest of so many, had best be written this way."""
    fits = BUFFERS * largest <= MEMORY_SHARE * direct_io.memory_bytes()
    return fits and not direct_io.fits_dirty_limit(bricks_bytes)


class DirectBrickWriter:
    """Decodes bricks into files; bricks of more than `limit` bytes, and a third at a time, piece by piece."""

    def __init__(self, decoder: Decoder, limit: int, turn_s: float = MAX_SERIALIZE_WAIT_S) -> None:
        self._decoder = decoder
        self._buffers = [ReusableBuffer(limit) for _ in range(BUFFERS)]
        self._slot = threading.Lock()
        self._max_serialize_wait_s = turn_s

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
        """After the brick before is decoded, unless that takes too long."""
        ours = self._slot.acquire(timeout=self._max_serialize_wait_s)
        try:
            yield
        finally:
            if ours:
                self._slot.release()
