"""Many bricks in a row, each put together in memory and written to the disk past the page cache.

While one is written, the next one is decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from dashboard.storage import direct
from dashboard.storage.checksum import PlaneSums
from dashboard.volumes.address import BrickAddress
from dashboard.volumes.chunkread import BadChunk
from dashboard.volumes.decode import Decoder
from dashboard.volumes.held import Arena
from dashboard.volumes.sinks import FileSink, GatheringSink
from dashboard.volumes.volume import Volume

# One is decoded, one is written.
ARENAS = 2
# Of the memory there is, both together take no more.
MEMORY_SHARE = 0.125
# Two that are decoded side by side are ready, and written, at the same time, and nothing is decoded
# meanwhile. But nobody who waits for the later one may have to wait for whom the earlier one lets pass.
TURN_S = 1.0


def worthwhile(bricks_bytes: int, largest: int) -> bool:
    """Whether bricks of so many bytes in all, the largest of so many, had best be written this way."""
    fits = ARENAS * largest <= MEMORY_SHARE * direct.memory_bytes()
    return fits and not direct.stands_unwritten(bricks_bytes)


class Gathering:
    """Decodes bricks into files; bricks of more than `limit` bytes, and a third at a time, piece by piece."""

    def __init__(self, decoder: Decoder, limit: int, turn_s: float = TURN_S) -> None:
        self._decoder = decoder
        self._arenas = [Arena(limit) for _ in range(ARENAS)]
        self._turn = threading.Lock()
        self._turn_s = turn_s

    def decode(
        self,
        volume: Volume,
        address: BrickAddress,
        fd: int,
        step_aside: Callable[[], None] | None = None,
        sums: PlaneSums | None = None,
    ) -> list[BadChunk]:
        """Decode a brick into the file `fd`; returns and raises what `Decoder.decode` does, and `OSError`.

        `sums` gets the checksums of its planes.
        """
        with self._memory(address.nbytes(volume.dtype.itemsize)) as memory:
            if memory is None:
                return self._decoder.decode(
                    volume, address, FileSink(fd, address, sums), step_aside
                )
            sink = GatheringSink(memory, address, volume.native, sums)
            with self._in_turn():
                bad = self._decoder.decode(volume, address, sink, step_aside)
            direct.write(fd, sink.values.data)
            return bad

    @contextmanager
    def _memory(self, size: int) -> Iterator[NDArray[np.uint8] | None]:
        for arena in self._arenas:
            memory = arena.acquire(size)
            if memory is not None:
                try:
                    yield memory
                finally:
                    arena.release()
                return
        yield None

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """After the brick before is decoded, unless that takes too long."""
        ours = self._turn.acquire(timeout=self._turn_s)
        try:
            yield
        finally:
            if ours:
                self._turn.release()
