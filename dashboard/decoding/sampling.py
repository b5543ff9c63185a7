"""The parts of a volume from which its contrast window is estimated; the same in all processes."""

from __future__ import annotations

import random
from dataclasses import replace
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.chunk_grid import MANY_CHUNKS, ChunkGrid

# Enough chunks for stable percentiles, few enough to be decoded within about 100 ms.
SAMPLE_CHUNKS = 48
SAMPLE_BYTES = 16 * 1024 * 1024
# As many values as the percentiles are computed from.
SAMPLE_VALUES = 500_000
# With fewer chunks than this, their first planes alone would not stand for the volume.
MIN_PARTIAL_CHUNKS = 32
# The parts of a volume without chunks have about as many values, which are adjoining in the file.
RUN_VALUES = 2048

Box = tuple[tuple[int, ...], tuple[int, ...]]


def sample_size(grid: ChunkGrid) -> int:
    """The number of chunks in a sample."""
    return max(1, min(SAMPLE_CHUNKS, SAMPLE_BYTES // max(grid.chunk_bytes, 1)))


def sample_numbers(grid: ChunkGrid, seed: int) -> NDArray[np.int64] | None:
    """The chunks of a sample of a volume with many of them, in order, whether stored or not; None for other ones.

    So they are chosen without a list of the stored ones.
    """
    total = prod(grid.counts)
    if total < MANY_CHUNKS:
        return None
    return chosen_numbers(total, sample_size(grid), seed)


def sample_runs(grid: ChunkGrid, seed: int) -> list[Box]:
    """The boxes (start, stop) of a sample of a contiguous volume, each of values that are adjoining in the file.

    They have about `SAMPLE_VALUES` together, and are chosen by `seed`.
    """
    chunks = [1] * len(grid.shape)
    left = RUN_VALUES
    for dim in reversed(range(len(chunks))):
        chunks[dim] = min(grid.shape[dim], left)
        left = max(left // grid.shape[dim], 1)
    return sample_boxes(
        replace(grid, chunks=tuple(chunks)), seed, count=ceil(SAMPLE_VALUES / prod(chunks))
    )


def sample_planes(grid: ChunkGrid, count: int) -> int:
    """The number of leading planes of each of `count` chunks, which have enough values together."""
    depth = grid.chunks[0]
    if count < MIN_PARTIAL_CHUNKS:
        return depth
    share = SAMPLE_VALUES / (count * prod(grid.chunks))
    return min(max(ceil(depth * share), 1), depth)


def sample_step(grid: ChunkGrid, count: int) -> int:
    """Every how many values of `count` whole chunks are in a sample: some may not be valid."""
    return max(count * prod(grid.chunks) // (4 * SAMPLE_VALUES), 1)


def sample_boxes(
    grid: ChunkGrid,
    seed: int,
    stored: NDArray[np.int64] | None = None,
    *,
    count: int | None = None,
) -> list[Box]:
    """The boxes (start, stop) of chunks of a grid that are chosen by `seed`, among the `stored` ones if given.

    `count` replaces `sample_size`.
    """
    total = prod(grid.counts) if stored is None else len(stored)
    numbers = chosen_numbers(total, count or sample_size(grid), seed)
    starts = [grid.chunk_origin(int(n)) for n in (numbers if stored is None else stored[numbers])]
    return [
        (
            start,
            tuple(min(a + c, n) for a, c, n in zip(start, grid.chunks, grid.shape, strict=True)),
        )
        for start in starts
    ]


def chosen_numbers(total: int, count: int, seed: int) -> NDArray[np.int64]:
    """At most `count` different numbers below `total`, in order, chosen by `seed`.

    By the standard library: importing `numpy.random` takes longer than a sample, and 7 MB of each process.
    """
    picked = random.Random(seed).sample(range(total), min(count, total))  # noqa: S311
    return np.array(sorted(picked), np.int64)
