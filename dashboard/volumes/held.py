"""A brick that is decoded but not yet laid down: chunk by chunk in memory, one plane taken out.

Ordering a brick's planes and writing them costs about a third of the whole (docs/decisions.md). Who
waits for one plane of it gets that as soon as the last chunk is decoded; the rest is done behind
it.
"""

from __future__ import annotations

import mmap
import threading
from contextlib import suppress
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.volumes.address import BrickAddress
from dashboard.volumes.chunkread import BadChunk, ChunkReader
from dashboard.volumes.inflate import DEEPEST_SHARE, Inflater, can_stop
from dashboard.volumes.volume import Volume

# Pieces of work that a brick's chunks are dealt out in: enough that no thread idles at the end.
GROUPS = 64


def held_bytes(volume: Volume, address: BrickAddress) -> int:
    """Memory that holding a brick takes: its chunks, whole ones also at the volume's edge."""
    return len(volume.grid.numbers(address)) * volume.grid.chunk_bytes


def in_dataset_order(band: NDArray[Any], address: BrickAddress) -> NDArray[Any]:
    """A band (planes first) seen in the order of the dataset's dimensions."""
    return band.transpose(np.argsort(address.order))


def chunk_box(
    volume: Volume, address: BrickAddress, view: NDArray[Any], at: tuple[int, ...], first: int
) -> tuple[NDArray[Any], tuple[slice, ...], tuple[int, ...]]:
    """(where a chunk goes in a band, what of it lies inside the volume, its first voxel).

    `view` is a band with all planes of the brick from row `first` on, in the order of the dataset's
    dimensions (`in_dataset_order`); `at` is the chunk's place on the grid of the band.
    """
    chunks = volume.grid.chunks
    offset = [n * c for n, c in zip(at, chunks, strict=True)]
    extent = [min(c, n - o) for c, n, o in zip(chunks, view.shape, offset, strict=True)]
    corner = [a + o for a, o in zip(address.start, offset, strict=True)]
    corner[address.rows] += first
    target = view[tuple(slice(o, o + e) for o, e in zip(offset, extent, strict=True))]
    return target, tuple(slice(e) for e in extent), tuple(corner)


class HeldBrick:
    """The decoded chunks of a brick in an arena, and the plane that somebody waits for.

    `values` is that plane (rows, columns) in native byte order, `bad` are the damaged chunks.
    """

    def __init__(
        self,
        volume: Volume,
        address: BrickAddress,
        places: NDArray[np.int64],
        arena: NDArray[np.uint8],
        plane: int,
    ) -> None:
        self.volume = volume
        self.address = address
        self.plane = plane
        self.values = np.empty(address.shape[-2:], volume.native)
        self.bad: tuple[BadChunk, ...] = ()
        self._places = places
        self._arena = arena
        offsets = np.unravel_index(plane, address.shape[:-2] or (1,))
        self._within = dict(zip(address.order[:-2], map(int, offsets), strict=False))
        self._need = self._prefix()
        self._begun: dict[int, Inflater] = {}

    def _prefix(self) -> int:
        """How many bytes of each chunk the plane needs, or 0 where all of it is decoded at once."""
        chunks = self.volume.grid.chunks
        last = [self._within.get(d, size - 1) for d, size in enumerate(chunks)]
        need = (int(np.ravel_multi_index(last, chunks)) + 1) * self.volume.dtype.itemsize
        part = need <= DEEPEST_SHARE * self.volume.grid.chunk_bytes
        return need if part and can_stop(self.volume.pipeline) else 0

    @property
    def proven(self) -> bool:
        """Whether every chunk was decoded to its end, where its checksum stands."""
        return not self._begun

    def groups(self) -> list[tuple[int, int]]:
        """The chunks' numbers within the brick, dealt out in ranges."""
        count = self._places.size
        step = ceil(count / GROUPS)
        return [(at, min(at + step, count)) for at in range(0, count, step)]

    def take(self, reader: ChunkReader, first: int, last: int) -> list[BadChunk]:
        """Decode chunks first … last into the arena and their part of the plane into `values`."""
        bad: list[BadChunk] = []
        places = self._places.reshape(-1)
        reader.announce(places[first:last])
        for number in range(first, last):
            slot, place = self._slot(number), int(places[number])
            values, reason = (None, "") if place < 0 else self._decoded(reader, number, place)
            at = tuple(int(n) for n in np.unravel_index(number, self._places.shape))
            if values is None:
                values = self._shaped(slot)
                values[...] = self.volume.fill
            if reason:
                bad.append(BadChunk(self._corner(at), reason))
            self._show(values, at)
        return bad

    def finish(self, reader: ChunkReader, first: int, last: int) -> list[BadChunk]:
        """Inflate the rest of those chunks first … last that were begun; returns the damaged ones."""
        bad: list[BadChunk] = []
        places = self._places.reshape(-1)
        for number in range(first, last):
            # Taken out, so that its memory is free as soon as it is done.
            inflater = self._begun.pop(number, None)
            if inflater is None:
                continue
            slot = self._slot(number)
            reason = reader.finished(int(places[number]), inflater, slot)
            if reason:
                self._shaped(slot)[...] = self.volume.fill
                at = tuple(int(n) for n in np.unravel_index(number, self._places.shape))
                bad.append(BadChunk(self._corner(at), reason))
        return bad

    def _decoded(
        self, reader: ChunkReader, number: int, place: int
    ) -> tuple[NDArray[Any] | None, str]:
        """A chunk in the arena as far as the plane needs it, or the reason why not."""
        slot = self._slot(number)
        if not self._need or int(reader.index.masks[place]):
            return reader.decoded(place, slot)
        inflater, reason = reader.begun(place, slot, self._need)
        if inflater is None:
            return None, reason
        self._begun[number] = inflater
        return self._shaped(slot), ""

    def _corner(self, at: tuple[int, ...]) -> tuple[int, ...]:
        """The first voxel of the chunk at this place on the brick's grid."""
        chunks = self.volume.grid.chunks
        return tuple(a + n * c for a, n, c in zip(self.address.start, at, chunks, strict=True))

    def arrange(self, first: int, last: int, band: NDArray[Any]) -> None:
        """Put the held chunks of rows first … last into `band`, in the order of the brick."""
        rows = self.address.rows
        step = self.volume.grid.chunks[rows]
        numbers = np.arange(self._places.size).reshape(self._places.shape)
        numbers = np.take(numbers, range(first // step, ceil(last / step)), axis=rows)
        view = in_dataset_order(band, self.address)
        for at in np.ndindex(numbers.shape):
            target, inside, _ = chunk_box(self.volume, self.address, view, at, first)
            target[...] = self._shaped(self._slot(int(numbers[at])))[inside]

    def _slot(self, number: int) -> NDArray[np.uint8]:
        size = self.volume.grid.chunk_bytes
        return self._arena[number * size : (number + 1) * size]

    def _shaped(self, slot: NDArray[np.uint8]) -> NDArray[Any]:
        return slot.view(self.volume.dtype).reshape(self.volume.grid.chunks)

    def _show(self, values: NDArray[Any], at: tuple[int, ...]) -> None:
        """Copy a chunk's part of the plane into `values`; along the others a brick is one chunk thick."""
        rows, cols = self.address.rows, self.address.cols
        chunks = self.volume.grid.chunks
        height, width = self.values.shape
        top, left = at[rows] * chunks[rows], at[cols] * chunks[cols]
        tall, wide = min(chunks[rows], height - top), min(chunks[cols], width - left)
        index = tuple(
            slice(tall) if d == rows else slice(wide) if d == cols else self._within[d]
            for d in range(len(chunks))
        )
        self.values[top : top + tall, left : left + wide] = values[index]


class Arena:
    """One block of memory that a process keeps for holding a brick; one holder at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._memory: NDArray[np.uint8] | None = None

    def acquire(self, size: int) -> NDArray[np.uint8] | None:
        """At least `size` bytes, the caller's until `release`; None when taken or too much."""
        if size > self._limit or not self._lock.acquire(blocking=False):
            return None
        if self._memory is None or len(self._memory) < size:
            block = mmap.mmap(-1, size)
            with suppress(OSError, AttributeError):
                # Large pages: the first use of 250 MB costs 60,000 page faults otherwise.
                block.madvise(mmap.MADV_HUGEPAGE)
            self._memory = np.frombuffer(block, np.uint8)
        return self._memory

    def release(self) -> None:
        """Give the memory back for the next holder; it stays allocated."""
        self._lock.release()
