"""Where the values of a column are read: chunk by chunk past the brick cache, or from cached bricks.

A column touches few of the chunks that the slices along it consist of: its chunks are decoded by themselves, and
no brick is made of them. A cached brick is used where that costs less time:

    open + planes not verified × bytes of a plane / `VERIFIED_BYTES_PER_S` + rows of voxels × `ROW_S`
        < decoded bytes of the chunks / throughput of the volume

A process verifies the checksum of a plane once, for which it reads the whole plane: of a column through one voxel,
that costs more than the one chunk with all of these planes, unless chunks are large or slow to decode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, prod
from typing import Final

from dashboard.addressing.addresses import BrickAddress
from dashboard.bricks.brick import FileBrick
from dashboard.bricks.loader import BrickLoader
from dashboard.bricks.store import BrickStore
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.decoding.brick_reader import Box

# Looking up, opening and mapping a brick; reading one row of voxels of a mapped plane; checksums.
OPEN_S: Final = 3e-4
ROW_S: Final = 3e-7
VERIFIED_BYTES_PER_S: Final = 4e9
# Voxels of contiguous data that are read together.
STEP_BYTES: Final = 2**20
MAX_STEP: Final = 1024


@dataclass(frozen=True, slots=True)
class ColumnCost:
    """What a column across `axis` through one voxel reads past the cache: its chunks, and their decoded bytes.

    `slices_bytes` would be decoded if all slices across the axis were.
    """

    axis: int
    chunks: int
    decoded_bytes: int
    slices_bytes: int


def column_cost(volume: Volume, axis: int) -> ColumnCost:
    """The cost of a column through one voxel; contiguous values have no chunks, and are read alone."""
    grid, length = volume.grid, volume.shape[axis]
    if volume.read_path is ReadPath.CONTIGUOUS:
        nbytes = length * volume.dtype.itemsize
        return ColumnCost(axis, 0, nbytes, prod(volume.shape) * volume.dtype.itemsize)
    chunks = grid.counts[axis]
    return ColumnCost(axis, chunks, chunks * grid.chunk_bytes, prod(grid.counts) * grid.chunk_bytes)


def thickness(volume: Volume, axis: int, box: Box) -> int:
    """Indices that are read together: those of a chunk, or of contiguous data some."""
    if volume.read_path is not ReadPath.CONTIGUOUS:
        return volume.grid.chunks[axis]
    across = [b - a for dim, (a, b) in enumerate(zip(*box, strict=True)) if dim != axis]
    return max(min(STEP_BYTES // (prod(across) * volume.dtype.itemsize), MAX_STEP), 1)


def decoded_bytes(volume: Volume, box: Box) -> int:
    """Decoded bytes of all chunks that a box touches; of contiguous data, those of the box."""
    if volume.read_path is ReadPath.CONTIGUOUS:
        return prod(b - a for a, b in zip(*box, strict=True)) * volume.dtype.itemsize
    sides = zip(*box, volume.grid.chunks, strict=True)
    return prod(ceil(b / side) - a // side for a, b, side in sides) * volume.grid.chunk_bytes


def layer_box(box: Box, axis: int, first: int, last: int) -> Box:
    """The part of a box from index `first` to `last` along an axis."""
    start, stop = box
    return (*start[:axis], first, *start[axis + 1 :]), (*stop[:axis], last, *stop[axis + 1 :])


class CachedBricks:
    """Finds cached bricks that have parts of a column, where they cost less than its chunks."""

    def __init__(self, bricks: BrickStore, loader: BrickLoader) -> None:
        self._bricks = bricks
        self._loader = loader

    def of(
        self, volume: Volume, axis: int, box: Box, layers: Sequence[range], *, always: bool = False
    ) -> dict[range, FileBrick]:
        """The brick of each layer that is read from one; others are decoded.

        With `always` each layer that a brick has is read from it, though decoding may cost less.
        """
        if volume.read_path is ReadPath.CONTIGUOUS:
            return {}
        holding: dict[BrickAddress, list[range]] = {}
        first = layer_box(box, axis, layers[0].start, layers[0].stop) if layers else box
        # What a brick costs at least that has no more than one layer, against the chunks of that.
        least = OPEN_S + _fewest_rows(axis, first) * ROW_S
        thin = always or least < self._loader.estimate_decode_s(
            volume, decoded_bytes(volume, first)
        )
        for brick, layer in _candidates(volume, axis, box, layers, thin=thin):
            holding.setdefault(brick, []).append(layer)
        present = self._bricks.existing([brick.key for brick in holding])
        chosen: dict[range, FileBrick] = {}
        for address, candidates in holding.items():
            if address.key not in present:
                continue
            left = [layer for layer in candidates if layer not in chosen]
            found = self._bricks.get(address, volume.memory_dtype) if left else None
            if found is None or found.damaged_chunks:
                continue
            parts = [layer_box(box, axis, layer.start, layer.stop) for layer in left]
            decoded = sum(decoded_bytes(volume, part) for part in parts)
            if always or _seconds(found, parts) < self._loader.estimate_decode_s(volume, decoded):
                chosen |= dict.fromkeys(left, found)
        return chosen


def _candidates(
    volume: Volume, axis: int, box: Box, layers: Sequence[range], *, thin: bool
) -> Iterator[tuple[BrickAddress, range]]:
    """The bricks of every orientation that would have all of a layer; those of one layer each if `thin`."""
    for rows, cols in combinations(range(len(volume.shape)), 2):
        if not thin and axis not in (rows, cols):
            continue
        holds: BrickAddress | None = None
        for layer in layers:
            if holds is None or not holds.start[axis] <= layer.start < holds.stop[axis]:
                start, stop = layer_box(box, axis, layer.start, layer.stop)
                across, along = (start[rows], stop[rows]), (start[cols], stop[cols])
                (holds, *more) = volume.bricks_at(dict(enumerate(start)), rows, cols, across, along)
                if more or any(b > end for b, end in zip(stop, holds.stop, strict=True)):
                    holds = None
            if holds is not None and layer.stop <= holds.stop[axis]:
                yield holds, layer


def _fewest_rows(axis: int, box: Box) -> int:
    """The rows of voxels of a box in planes across an axis, if they lie along its longest other dimension."""
    extent = [b - a for a, b in zip(*box, strict=True)]
    return prod(extent) // max(n for dim, n in enumerate(extent) if dim != axis)


def _seconds(brick: FileBrick, parts: Sequence[Box]) -> float:
    """The time to read boxes from a brick (s)."""
    address = brick.address
    planes: set[int] = set()
    rows = 0
    for start, stop in parts:
        touched = brick.planes_of(start, stop)
        planes.update(touched)
        rows += len(touched) * (stop[address.rows] - start[address.rows])
    plane_bytes = prod(address.shape[-2:]) * brick.dtype.itemsize
    unverified = brick.unverified(planes) * plane_bytes
    return OPEN_S + unverified / VERIFIED_BYTES_PER_S + rows * ROW_S
