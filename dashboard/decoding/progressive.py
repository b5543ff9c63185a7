"""A brick in memory that is decoded in passes; its planes are available before the brick is written.

Transposing a brick's planes and writing them takes about a third of the total time
(docs/decisions/0015-work-after-the-response.md). A request for a plane is served once the chunks are decoded to
its depth; the rest is done afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.catalog.volume import Volume
from dashboard.codecs.batches import Stream
from dashboard.decoding.chunk_reader import ChunkReader, DamagedChunk, partial_decoder

# Each piece of work takes this share of the remaining chunks: few long pieces first, two pairs at the end, so that
# no thread idles (guided self-scheduling).
WORK_SHARE, MIN_WORK = 1 / 8, 4
# Target of a chunk in a band, its part inside the volume, its first voxel.
Box = tuple[NDArray[Any], tuple[slice, ...], tuple[int, ...]]
# Limit of the memory for partially inflated streams; beyond it, chunks are inflated whole.
MAX_STREAM_STATE_BYTES = 128 * 1024 * 1024
# Share of each chunk that is inflated in the first pass after the requested plane. Short, so that its planes are
# available soon; not shorter, since each pass reads and resumes every chunk.
FIRST_PASS_SHARE = 1 / 8
# A plane that needs so much of each chunk has them inflated whole, and all planes are there with it: as for planes
# across the chunks' later dimensions.
WHOLE_SHARE = 0.9


def required_bytes(volume: Volume, address: BrickAddress) -> int:
    """Memory of a progressive brick: all of its chunks, whole ones also at the volume's edge."""
    return len(volume.grid.chunk_numbers(address)) * volume.grid.chunk_bytes


def is_one_chunk_thick(volume: Volume, address: BrickAddress) -> bool:
    """Whether a brick has all planes of one layer of chunks, so that `ProgressiveBrick` can hold it."""
    layers = (
        ceil(address.stop[dim] / volume.grid.chunks[dim])
        - address.start[dim] // volume.grid.chunks[dim]
        for dim in address.order[:-2]
    )
    return all(n == 1 for n in layers) and volume.grid.has_whole_chunks(address)


def in_dataset_order(band: NDArray[Any], address: BrickAddress) -> NDArray[Any]:
    """View of a band (planes first) in the order of the dataset's dimensions."""
    return band.transpose(np.argsort(address.order))


def plane_within(address: BrickAddress, plane: int) -> dict[int, int]:
    """Position of plane `plane` of a brick within its chunks, along each fixed dimension."""
    offsets = np.unravel_index(plane, address.shape[:-2] or (1,))
    return dict(zip(address.order[:-2], map(int, offsets), strict=False))


def chunk_box(
    volume: Volume, address: BrickAddress, view: NDArray[Any], at: tuple[int, ...], first: int
) -> Box:
    """(target of a chunk in a band, its part inside the volume, its first voxel).

    `view` is a band with all planes of the brick from row `first` on, in the order of the dataset's
    dimensions (`in_dataset_order`); `at` is the chunk's position on the grid of the band.
    """
    target, inside, corner = [], [], []
    start = list(address.start)
    start[address.rows] += first
    for low, length, side, number in zip(start, view.shape, volume.grid.chunks, at, strict=True):
        # Of a chunk that begins before the brick, the brick has the rest.
        origin = (low // side + number) * side
        begin, end = max(origin, low), min(origin + side, low + length)
        target.append(slice(begin - low, end - low))
        inside.append(slice(begin - origin, end - origin))
        corner.append(origin)
    return view[tuple(target)], tuple(inside), tuple(corner)


class PlaneAssembler:
    """A plane as blocks, one for each chunk of the brick."""

    def __init__(
        self, volume: Volume, address: BrickAddress, grid: tuple[int, ...], plane: int
    ) -> None:
        rows, cols = address.rows, address.cols
        within = plane_within(address, plane)
        # Within a chunk: the part in the plane.
        self._inside = tuple(within.get(d, slice(None)) for d in range(len(grid)))
        # Within the grid: a brick is one chunk thick, so it has rows and columns only.
        self._ours = tuple(slice(None) if d in (rows, cols) else 0 for d in range(len(grid)))
        self._across = grid[max(rows, cols)]
        self._shape = address.shape[-2:]
        tall, wide = volume.grid.chunks[rows], volume.grid.chunks[cols]
        self._values = np.empty((grid[rows] * tall, grid[cols] * wide), volume.memory_dtype)
        # The grid's dimensions in the order of the dataset, then those of the plane's part of a chunk.
        blocks = self._values.reshape(grid[rows], tall, grid[cols], wide).transpose(0, 2, 1, 3)
        self._blocks = blocks.transpose(1, 0, 3, 2) if rows > cols else blocks

    @property
    def values(self) -> NDArray[Any]:
        """The plane (rows, columns), cropped to the volume."""
        height, width = self._shape
        return self._values[:height, :width]

    def put(self, first: int, chunks: NDArray[Any]) -> None:
        """Copy the plane's parts from chunks of the brick, the number `first` and those after it."""
        parts = chunks[(slice(None), *self._inside)]
        while len(parts):
            row, col = divmod(first, self._across)
            taken = min(self._across - col, len(parts))
            self._blocks[row, col : col + taken] = parts[:taken]
            first, parts = first + taken, parts[taken:]

    def put_all(self, chunks: NDArray[Any]) -> None:
        """Copy all parts at once: `chunks` has the grid's dimensions, then a chunk's."""
        np.copyto(self._blocks, chunks[self._ours + self._inside])


class ProgressiveBrick:
    """The decoded chunks of a brick in a buffer, whose planes are available while it is being written.

    A brick is one chunk thick, so a plane is at the same depth of all chunks and available once all of them are
    decoded to it. `plane` is the requested one: it is assembled as the chunks are decoded, while they are in the
    processor's cache. `damaged_chunks` are those found so far.
    """

    def __init__(
        self,
        volume: Volume,
        address: BrickAddress,
        positions: NDArray[np.int64],
        buffer: NDArray[np.uint8],
        plane: int,
    ) -> None:
        self.volume = volume
        self.address = address
        self.damaged_chunks: list[DamagedChunk] = []
        self._index_positions = positions
        used = buffer[: positions.size * volume.grid.chunk_bytes]
        self._slots = used.reshape(positions.size, volume.grid.chunk_bytes)
        self._chunks = used.view(volume.dtype).reshape(positions.size, *volume.grid.chunks)
        self._requested = plane
        self._first: PlaneAssembler | None = PlaneAssembler(volume, address, positions.shape, plane)
        self._begun: dict[int, Stream] = {}
        self._depth = 0
        self._users = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def fully_verified(self) -> bool:
        """Whether every chunk was decoded to its end, where its checksum is."""
        return self._depth == self.volume.grid.chunk_bytes

    def first_pass_bytes(self, plane: int) -> int:
        """Bytes of each chunk that the first pass decodes for the requested plane."""
        decoder = partial_decoder(self.volume)
        if decoder is not None:
            kept = self._index_positions.size * decoder.stream_bytes()
            if kept <= MAX_STREAM_STATE_BYTES:
                needed = self._bytes_needed(plane)
                if needed < WHOLE_SHARE * self.volume.grid.chunk_bytes:
                    return needed
        return self.volume.grid.chunk_bytes

    def remaining_passes(self) -> list[int]:
        """Depths of the remaining passes (bytes).

        The first one is short, because a scrolling viewer needs the next planes at once.
        """
        size = self.volume.grid.chunk_bytes
        soon = self._depth + int(FIRST_PASS_SHARE * size)
        return [depth for depth in (soon, size) if self._depth < depth <= size]

    def stored_bytes(self, sizes: NDArray[np.int64]) -> int:
        """Bytes of its chunks in the file; `sizes` are those of the index."""
        return int(sizes[self._index_positions[self._index_positions >= 0]].sum())

    def mark_decoded_to(self, depth: int) -> None:
        """Record that all chunks are decoded to this depth, and wake the waiting requests."""
        with self._changed:
            self._depth = depth
            self._changed.notify_all()

    def has_plane(self, plane: int) -> bool:
        """Whether a plane is available."""
        return self._depth >= self._bytes_needed(plane)

    @contextmanager
    def borrow_plane(self, plane: int, timeout_s: float) -> Iterator[NDArray[Any] | None]:
        """Plane `plane` (rows, columns) in native byte order, copied once it is available.

        The brick stays open until the block is left; None when it was already closed. Raises `TimeoutError`.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self.has_plane(plane), timeout_s):
                raise TimeoutError
            closed = self._closed
            self._users += not closed
            first = None
            if plane == self._requested:
                # The plane belongs to the caller now: damage found later is not written into it.
                first, self._first = self._first, None
        if closed:
            yield None
            return
        try:
            yield self._copy_plane(plane) if first is None else first.values
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Stop lending planes; returns when no caller is inside `borrow_plane`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._users)

    def work_ranges(self) -> list[tuple[int, int]]:
        """Ranges of the chunks' numbers within the brick, long ones first."""
        count, at, dealt = self._index_positions.size, 0, []
        while at < count:
            end = min(at + max(ceil((count - at) * WORK_SHARE), MIN_WORK), count)
            dealt.append((at, end))
            at = end
        return dealt

    def decode(self, reader: ChunkReader, depth: int, first: int, last: int) -> None:
        """Resume decoding chunks first … last into the buffer up to `depth` bytes."""
        positions = self._index_positions.reshape(-1)
        fresh = not self._depth
        plane = self._first if fresh else None
        if fresh:
            reader.readahead(positions[first:last])
        step = reader.batch_size(depth - self._depth)
        with reader.limit.checked() as check:
            for low in range(first, last, step):
                numbers = range(low, min(low + step, last))
                stored = [n for n in numbers if positions[n] >= 0]
                reasons = self._decoded(reader, depth, stored, fresh)
                self._take(numbers, reasons, fresh, plane)
                check(step * (depth - self._depth))

    def _take(
        self,
        numbers: range,
        reasons: dict[int, str],
        fresh: bool,
        plane: PlaneAssembler | None,
    ) -> None:
        """Fill damaged chunks and, if `fresh`, those that are not stored, and copy chunks into a plane."""
        for number in numbers:
            reason = reasons.get(number)
            if reason:
                at = tuple(int(n) for n in np.unravel_index(number, self._index_positions.shape))
                # Before its memory is overwritten: a reader checks `damaged_chunks` after copying.
                self.damaged_chunks.append(DamagedChunk(self._chunk_origin(at), reason))
            # One that is not stored has no reason at all.
            if reason or (fresh and reason is None):
                self._chunks[number][...] = self.volume.fill
        if plane is not None:
            plane.put(numbers[0], self._chunks[numbers[0] : numbers[-1] + 1])

    def _decoded(
        self, reader: ChunkReader, depth: int, numbers: list[int], fresh: bool
    ) -> dict[int, str]:
        """Resume decoding of chunks; the reason of each failure by number, or an empty string."""
        positions = self._index_positions.reshape(-1)
        if fresh and depth == self.volume.grid.chunk_bytes:
            slots = [self._slots[n] for n in numbers]
            found = reader.decode_into(positions[numbers].tolist(), slots)
            return dict(zip(numbers, found, strict=True))
        skipped = [n for n in numbers if fresh and int(reader.index.masks[positions[n]])]
        reasons = {n: reader.decode(int(positions[n]), self._slots[n])[1] for n in skipped}
        if fresh:
            streams = {n: reader.stream(int(positions[n])) for n in numbers if n not in reasons}
        else:
            # Removed, so that its memory is freed when it is done.
            streams = {n: self._begun.pop(n) for n in numbers if n in self._begun}
        at, slots = [int(positions[n]) for n in streams], [self._slots[n] for n in streams]
        found = reader.decode_to(at, list(streams.values()), slots, depth)
        reasons |= zip(streams, found, strict=True)
        if depth < self.volume.grid.chunk_bytes:
            self._begun.update((n, stream) for n, stream in streams.items() if not reasons[n])
        return reasons

    def _chunk_origin(self, at: tuple[int, ...]) -> tuple[int, ...]:
        """The first voxel of the chunk at this position of the brick's grid."""
        chunks = self.volume.grid.chunks
        return tuple(a + n * c for a, n, c in zip(self.address.start, at, chunks, strict=True))

    def copy_rows(self, first: int, last: int, band: NDArray[Any]) -> None:
        """Copy the chunks of rows first … last into `band`, in the order of the brick."""
        rows = self.address.rows
        step = self.volume.grid.chunks[rows]
        numbers = np.arange(self._index_positions.size).reshape(self._index_positions.shape)
        numbers = np.take(numbers, range(first // step, ceil(last / step)), axis=rows)
        view = in_dataset_order(band, self.address)
        for at in np.ndindex(numbers.shape):
            target, inside, _ = chunk_box(self.volume, self.address, view, at, first)
            target[...] = self._chunks[numbers[at]][inside]

    def _bytes_needed(self, plane: int) -> int:
        """Bytes of each chunk that have to be decoded for a plane."""
        chunks, within = self.volume.grid.chunks, plane_within(self.address, plane)
        last = [within.get(d, size - 1) for d, size in enumerate(chunks)]
        return (int(np.ravel_multi_index(last, chunks)) + 1) * self.volume.dtype.itemsize

    def _copy_plane(self, plane: int) -> NDArray[Any]:
        """Copy a plane from all chunks at once."""
        grid, chunks = self._index_positions.shape, self.volume.grid.chunks
        blocks = PlaneAssembler(self.volume, self.address, grid, plane)
        blocks.put_all(self._chunks.reshape(*grid, *chunks))
        return blocks.values
