"""The values of a volume in slabs: each is read past the brick cache, and counted by itself.

A slab has some blocks of neighbouring chunks, or runs of values of a contiguous file; a demand is let through
between two blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.interpretation import Interpretation
from dashboard.analysis.volume_tally import CodeTally, EdgeTally, Tally
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_reader import Box
from dashboard.decoding.brick_readers import BrickReaders
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.quantize import Window

# Values of a contiguous file that are counted at a time: about 3 ms, in which other threads may wait for the
# interpreter.
PIECE_VOXELS: Final = 2**20
# Decoded bytes of a block, unless one chunk has more: some 20 ms in two threads, beside which a demand begins.
BLOCK_BYTES: Final = 8 * 2**20
# Blocks of a slab. Sending one elsewhere takes some 10 ms.
BLOCKS: Final = 4


def tally_of(source: Interpretation, pieces: int, window: Window | None) -> Tally:
    """An empty tally for so many pieces; `window` gives the edges of types of more than 16 bits."""
    if source.has_codes:
        return CodeTally(source, pieces)
    assert window is not None
    return EdgeTally(source, pieces, window)


class Slabs:
    """The pieces of a volume in slabs, which are numbered from 0 on."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._is_contiguous = volume.read_path is ReadPath.CONTIGUOUS
        self._runs = ceil(prod(volume.shape) / PIECE_VOXELS)
        self._extents = _extents(volume)
        counts = zip(volume.grid.counts, self._extents, strict=True)
        self._blocks = tuple(ceil(count / extent) for count, extent in counts)

    def __len__(self) -> int:
        return ceil((self._runs if self._is_contiguous else prod(self._blocks)) / BLOCKS)

    def pieces(self, number: int) -> NDArray[np.int64]:
        """The numbers of the pieces of a slab."""
        if self._is_contiguous:
            return np.arange(number * BLOCKS, min((number + 1) * BLOCKS, self._runs))
        numbers_in = self._volume.grid.numbers_in
        return np.concatenate([numbers_in(*box) for box in self.boxes(number)])

    def boxes(self, number: int) -> list[Box]:
        """The blocks of a slab, as boxes of whole chunks."""
        last = min((number + 1) * BLOCKS, prod(self._blocks))
        return [self._box(block) for block in range(number * BLOCKS, last)]

    def _box(self, block: int) -> Box:
        sides = [e * c for e, c in zip(self._extents, self._volume.grid.chunks, strict=True)]
        index = np.unravel_index(block, self._blocks)
        at = [int(n) * side for n, side in zip(index, sides, strict=True)]
        ends = [
            min(first + side, length)
            for first, side, length in zip(at, sides, self._volume.shape, strict=True)
        ]
        return tuple(at), tuple(ends)


def _extents(volume: Volume) -> list[int]:
    """Chunks of a block along each dimension, the last ones whole where that is not too much."""
    grid = volume.grid
    most = max(BLOCK_BYTES // max(grid.chunk_bytes, 1), 1)
    extents = [1] * len(grid.counts)
    for dim in reversed(range(len(extents))):
        extents[dim] = min(grid.counts[dim], most)
        most //= extents[dim]
        if extents[dim] < grid.counts[dim]:
            break
    return extents


class SlabCounter:
    """Counts slabs of a volume; `mask` says which pixels of its last two dimensions are left out.

    `let_through` is called between blocks, and returns when no demand is pending.
    """

    def __init__(
        self,
        source: Interpretation,
        mask: NDArray[np.bool_] | None,
        readers: BrickReaders,
        contiguous: ContiguousPlanes,
        let_through: Callable[[], None],
    ) -> None:
        self._source = source
        self._mask = mask
        self._readers = readers
        self._contiguous = contiguous
        self._let_through = let_through
        self.slabs = Slabs(source.volume)

    def count(self, file: VolumeFile, number: int, todo: NDArray[np.bool_], tally: Tally) -> int:
        """Count those pieces of a slab that `todo` has, in an empty tally; returns how many are damaged.

        Damaged ones are left out. Raises the errors of reading, and `Changed` where the file has changed.
        """
        if file.volume.read_path is ReadPath.CONTIGUOUS:
            self._count_runs(file, self.slabs.pieces(number), todo, tally)
            return 0
        at = bad = 0
        for box in self.slabs.boxes(number):
            pieces = len(file.volume.grid.numbers_in(*box))
            part = slice(at, at + pieces)
            if todo[part].any():
                self._let_through()
                bad += self._count_box(file, box, todo[part], tally, part)
            at += pieces
        return bad

    def _count_runs(
        self, file: VolumeFile, pieces: NDArray[np.int64], todo: NDArray[np.bool_], tally: Tally
    ) -> None:
        total = prod(file.volume.shape)
        for at in np.flatnonzero(todo).tolist():
            self._let_through()
            add_run(self._source, file, self._contiguous, int(pieces[at]), total, self._mask, tally)
            tally.seen[at] = True
        file.ensure_unchanged()

    def _count_box(
        self, file: VolumeFile, box: Box, todo: NDArray[np.bool_], tally: Tally, part: slice
    ) -> int:
        """Count the chunks of a box, which are `part` of those of the tally; returns how many are damaged."""
        volume = file.volume
        start, stop = box
        values = np.empty([b - a for a, b in zip(start, stop, strict=True)], volume.memory_dtype)

        def take(first: tuple[int, ...], piece: NDArray[Any]) -> None:
            where = (
                slice(a - b, a - b + n) for a, b, n in zip(first, start, piece.shape, strict=True)
            )
            values[tuple(where)] = piece

        damaged = self._readers.of(volume).read_boxes(file, [box], take)
        bad = self._damaged(volume, box, damaged)
        good = todo & ~bad
        left_out = None
        if self._mask is not None:
            rows, cols = (slice(a, b) for a, b in zip(start[-2:], stop[-2:], strict=True))
            left_out = np.broadcast_to(self._mask[rows, cols], values.shape)
        if good.all():
            tally.add(self._source, values, left_out)
        else:
            chunks = volume.grid.chunks
            counts = [ceil(n / c) for n, c in zip(values.shape, chunks, strict=True)]
            for at in np.flatnonzero(good).tolist():
                index = np.unravel_index(at, counts)
                where = tuple(
                    slice(int(n) * c, (int(n) + 1) * c) for n, c in zip(index, chunks, strict=True)
                )
                tally.add(
                    self._source, values[where], None if left_out is None else left_out[where]
                )
        tally.seen[part] = good
        return int(np.count_nonzero(todo & bad))

    def _damaged(self, volume: Volume, box: Box, found: list[DamagedChunk]) -> NDArray[np.bool_]:
        grid = volume.grid
        numbers = [
            np.ravel_multi_index(
                tuple(at // c for at, c in zip(chunk.origin, grid.chunks, strict=True)), grid.counts
            )
            for chunk in found
        ]
        return np.isin(grid.numbers_in(*box), numbers)


def add_run(
    source: Interpretation,
    file: VolumeFile,
    contiguous: ContiguousPlanes,
    number: int,
    total: int,
    mask: NDArray[np.bool_] | None,
    tally: Tally,
) -> None:
    """Count a run of the `total` values of a contiguous file."""
    first = number * PIECE_VOXELS
    count = min(PIECE_VOXELS, total - first)
    left_out = None
    if mask is not None:
        left_out = np.take(mask, np.arange(first, first + count), mode="wrap")
    tally.add(source, contiguous.run(file, first, count), left_out)
