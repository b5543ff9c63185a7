"""The chunk grid of a volume, and the bricks on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, isqrt, prod
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress, VolumeAddress

# Block size for data that has no chunk grid and is read through the library.
BLOCK_BYTES = 4 * 1024 * 1024

# A brick's chunks are listed before they are read; with chunks of a few bytes that list would be larger than
# the brick.
MAX_BRICK_CHUNKS = 65_536

# From so many chunks on, a list of them is large and takes long to be made.
MANY_CHUNKS = 1_000_000

# Chunks of one plane each are put together into bricks of at most so many bytes and planes: what a brick takes
# besides decoding takes longer than that of one plane. The other planes are decoded behind the response.
GROUP_BYTES = 8 * 1024 * 1024
MAX_GROUP = 32
# A plane that is not one brick is cut into tiles of at most so many bytes, so that a zoomed view decodes little
# besides what it shows: one of chunks of one plane each from so many bytes on, any other if it fits into no brick.
TILE_BYTES = 32 * 1024 * 1024
LARGE_PLANE_BYTES = 32 * 1024 * 1024
# Where each plane needs every chunk along its axis, a brick has neighbouring planes of all of them: a part of the
# largest brick's bytes, of chunks with so many times its bytes at most.
CUT_SHARE, CUT_DECODED = 4, 8


@dataclass(frozen=True, slots=True)
class AxisCost:
    """The cost of one slice across an axis when nothing is cached; sizes in bytes."""

    axis: int
    rows: int
    cols: int
    chunks: int
    decoded_bytes: int
    plane_bytes: int

    @property
    def amplification(self) -> float:
        """Bytes decoded for each byte displayed."""
        return self.decoded_bytes / self.plane_bytes


@dataclass(frozen=True, slots=True)
class ChunkIndex:
    """File offsets of the stored chunks of a volume, ordered by grid number (C order).

    All four arrays have the same length: grid number, file offset (bytes), stored size (bytes),
    filter mask. Chunks that were never written are omitted; their voxels have the fill value.
    """

    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    masks: NDArray[np.uint32]

    @classmethod
    def from_bytes(cls, data: bytes | mmap) -> ChunkIndex:
        """Parse what an HDF5 worker or the cache wrote: int64, int64, int64 and uint32 arrays in sequence."""
        count, rest = divmod(len(data), 28)
        if rest:
            raise ValueError("a chunk index of the wrong length")
        numbers, offsets, sizes = (
            np.frombuffer(data, np.int64, count, count * 8 * k) for k in range(3)
        )
        return cls(numbers, offsets, sizes, np.frombuffer(data, np.uint32, count, count * 24))

    def find(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The position of each grid number in the arrays, -1 for chunks that were never written."""
        if not len(self.numbers):
            return np.full(len(numbers), -1, np.int64)
        at = np.searchsorted(self.numbers, numbers)
        at = np.minimum(at, len(self.numbers) - 1)
        return np.where(self.numbers[at] == numbers, at, -1)

    def includes(self, earlier: ChunkIndex) -> bool:
        """Whether all chunks of an earlier index have the same offsets and sizes."""
        at = self.find(earlier.numbers)
        return bool(
            (at >= 0).all()
            and (self.offsets[at] == earlier.offsets).all()
            and (self.sizes[at] == earlier.sizes).all()
        )


@dataclass(frozen=True, slots=True)
class ChunkGrid:
    """The shape of a volume and its division into chunks.

    A brick is one chunk thick, unless the grid is `flexible`, as for volumes whose chunks this process decodes by
    itself (`brick_shape`).
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    itemsize: int
    max_brick_bytes: int
    max_brick_chunks: int = MAX_BRICK_CHUNKS
    flexible: bool = False

    @property
    def counts(self) -> tuple[int, ...]:
        """Chunks along each dimension."""
        return tuple(ceil(n / c) for n, c in zip(self.shape, self.chunks, strict=True))

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one decoded chunk."""
        return prod(self.chunks) * self.itemsize

    def tile(self, rows: int, cols: int) -> tuple[int, int]:
        """Rows and columns of a brick's plane: the whole plane, or as many whole chunks as the limit holds."""
        shape = self.brick_shape(rows, cols)
        return shape[rows], shape[cols]

    def brick_shape(self, rows: int, cols: int) -> tuple[int, ...]:
        """Voxels along each dimension of a brick that is not at the volume's edge.

        Outside the plane, a brick is one chunk thick. In a `flexible` grid with one dimension outside, small
        chunks of one plane each are put together; and where chunks are as thick as the volume, span the plane, and
        are too much for a brick all together, it has some planes of each.
        """
        sides = list(self.chunks)
        sides[rows], sides[cols] = self._tile(rows, cols, self._most_bytes(rows, cols))
        others = [dim for dim, n in enumerate(self.shape) if dim not in (rows, cols) and n > 1]
        if self.flexible and len(others) == 1:
            self._choose_thickness(sides, rows, cols, others[0])
        return tuple(sides)

    def _most_bytes(self, rows: int, cols: int) -> int:
        """Bytes of a brick that is one chunk thick, at most."""
        thick = prod(side for at, side in enumerate(self.chunks) if at not in (rows, cols))
        plane = self.shape[rows] * self.shape[cols] * self.itemsize
        if thick == 1 and plane > LARGE_PLANE_BYTES:
            return min(GROUP_BYTES, self.max_brick_bytes)
        if thick * plane > self.max_brick_bytes:
            return min(TILE_BYTES, self.max_brick_bytes)
        return self.max_brick_bytes

    def _choose_thickness(self, sides: list[int], rows: int, cols: int, dim: int) -> None:
        """Make a brick with these sides thicker or thinner along `dim`."""
        length = self.shape[dim]
        is_whole = (sides[rows], sides[cols]) == (self.shape[rows], self.shape[cols])
        thick = prod(side for at, side in enumerate(self.chunks) if at not in (rows, cols))
        if thick == 1 and is_whole:
            plane = sides[rows] * sides[cols] * self.itemsize
            chunks = self.counts[rows] * self.counts[cols]
            most = min(GROUP_BYTES, self.max_brick_bytes)
            fits = min(most // plane, MAX_GROUP, self.max_brick_chunks // chunks)
            sides[dim] = max(min(fits, length), 1)
        elif not is_whole and self.chunks[dim] >= length and self._spans(rows, cols):
            tall, wide = self._tile(rows, cols, CUT_DECODED * self.max_brick_bytes)
            fits = self.max_brick_bytes // CUT_SHARE // (tall * wide * self.itemsize)
            if fits:
                # Of about equal thickness.
                sides[dim] = ceil(length / ceil(length / fits))
                sides[rows], sides[cols] = tall, wide

    def _spans(self, rows: int, cols: int) -> bool:
        """Whether a chunk is as tall or as wide as a plane, so that a zoomed view decodes little less than all."""
        return any(self.chunks[dim] >= self.shape[dim] for dim in (rows, cols))

    def _tile(self, rows: int, cols: int, most_bytes: int) -> tuple[int, int]:
        """As `tile`, of a brick that is one chunk thick and has so many bytes at most."""
        thick = prod(c for d, c in enumerate(self.chunks) if d not in (rows, cols)) * self.itemsize
        most = self.max_brick_chunks * self.chunks[rows] * self.chunks[cols]
        limit = max(min(most_bytes // thick, most), 1)
        height, width = self.shape[rows], self.shape[cols]
        if height * width <= limit:
            return height, width
        # Square tiles waste least for a zoomed view at an arbitrary position.
        side = isqrt(limit)
        tall = max(side // self.chunks[rows], 1) * self.chunks[rows]
        width = min(width, max(limit // tall // self.chunks[cols], 1) * self.chunks[cols])
        height = min(height, max(limit // width // self.chunks[rows], 1) * self.chunks[rows])
        return height, width

    def bricks(
        self,
        volume: VolumeAddress,
        position: Mapping[int, int],
        rows: int,
        cols: int,
        row_range: tuple[int, int] | None = None,
        col_range: tuple[int, int] | None = None,
    ) -> list[BrickAddress]:
        """The bricks that hold the plane at `position` (dimension → index), row by row of tiles.

        With ranges (start, stop), only the tiles that intersect them.
        """
        shape = self.brick_shape(rows, cols)
        spans = {
            rows: row_range or (0, self.shape[rows]),
            cols: col_range or (0, self.shape[cols]),
        }
        sides: list[list[tuple[int, int]]] = []
        for dim, (length, step) in enumerate(zip(self.shape, shape, strict=True)):
            low, high = spans[dim] if dim in spans else (position[dim], position[dim] + 1)
            first = low // step * step
            sides.append([(at, min(at + step, length)) for at in range(first, high, step)])
        return [
            BrickAddress(volume, rows, cols, tuple(a for a, _ in box), tuple(b for _, b in box))
            for box in product(*sides)
        ]

    def count_touched(
        self, rows: int, cols: int, row_range: tuple[int, int], col_range: tuple[int, int]
    ) -> tuple[int, int]:
        """Number of bricks that a part of a plane intersects, and of their chunks, without listing them."""
        bricks = chunks = 1
        spans = {rows: row_range, cols: col_range}
        for dim, step in enumerate(self.brick_shape(rows, cols)):
            low, high = spans.get(dim, (0, 1))
            tiles = ceil(high / step) - low // step
            bricks *= tiles
            chunks *= tiles * ceil(step / self.chunks[dim])
        return bricks, chunks

    def has_whole_chunks(self, address: BrickAddress) -> bool:
        """Whether a brick consists of whole chunks, as far as they lie in the volume."""
        return self.decoded_bytes(address) == address.nbytes(self.itemsize)

    def decoded_bytes(self, address: BrickAddress) -> int:
        """Bytes that are decoded for a brick: those of its chunks, as far as they lie in the volume."""
        sides = zip(address.start, address.stop, self.chunks, self.shape, strict=True)
        return self.itemsize * prod(
            min(ceil(stop / side) * side, length) - start // side * side
            for start, stop, side, length in sides
        )

    def chunk_numbers(self, address: BrickAddress) -> NDArray[np.int64]:
        """Grid numbers of the chunks in a brick, in C order of the dataset's dimensions."""
        return self.numbers_in(address.start, address.stop)

    def numbers_in(self, start: Sequence[int], stop: Sequence[int]) -> NDArray[np.int64]:
        """Grid numbers of the chunks that a box touches, in C order of the dataset's dimensions."""
        counts = self.counts
        total = np.zeros((1,) * len(counts), np.int64)
        for dim, (a, b) in enumerate(zip(start, stop, strict=True)):
            stride = prod(counts[dim + 1 :])
            along = (
                np.arange(a // self.chunks[dim], ceil(b / self.chunks[dim]), dtype=np.int64)
                * stride
            )
            total = total + along.reshape([-1 if d == dim else 1 for d in range(len(counts))])
        return total.ravel()

    def chunk_origin(self, number: int) -> tuple[int, ...]:
        """The first voxel of the chunk with this grid number."""
        corner: list[int] = []
        for count, side in zip(reversed(self.counts), reversed(self.chunks), strict=True):
            number, at = divmod(number, count)
            corner.append(at * side)
        return tuple(reversed(corner))

    def axis_cost(self, axis: int) -> AxisCost:
        """The cost of a slice across `axis`, shown along the last two of the other dimensions."""
        if len(self.shape) == 2:
            rows, cols = 0, 1
        else:
            rows, cols = [d for d in range(len(self.shape)) if d != axis][-2:]
        chunks = self.counts[rows] * self.counts[cols]
        plane = self.shape[rows] * self.shape[cols] * self.itemsize
        return AxisCost(axis, rows, cols, chunks, chunks * self.chunk_bytes, plane)


def pseudo_chunks(shape: Sequence[int], itemsize: int, limit: int = BLOCK_BYTES) -> tuple[int, ...]:
    """A grid for data without chunks: nearly cubic blocks of at most about `limit` bytes.

    For layouts that only the library can read (virtual, external, compact).
    """
    blocks = list(shape)
    while prod(blocks) * itemsize > limit and max(blocks) > 1:
        longest = blocks.index(max(blocks))
        blocks[longest] = ceil(blocks[longest] / 2)
    return tuple(blocks)
