"""The properties of a volume that a measurement needs, from `/api/v1/datasets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np

from dashboard.addressing.chunk_grid import ChunkGrid
from dashboard.errors import SetupError
from dashboard.settings import Settings

# Upper bound of a chunk cache that a script would reasonably set.
MOST_CACHE_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A dataset of at least three dimensions; a slice has the last two dimensions other than its axis."""

    dataset: str
    shape: tuple[int, ...]
    itemsize: int
    chunks: tuple[int, ...] | None

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of the traces."""
        return tuple(range(len(self.shape)))[:3]

    def plane(self, axis: int) -> tuple[int, int]:
        """The two dimensions of a slice across `axis`."""
        rows, cols = [dim for dim in range(len(self.shape)) if dim != axis][-2:]
        return rows, cols

    def box(self, axis: int, index: int) -> list[int | list[int]]:
        """An index or [start, stop] for each dimension; all others than plane and axis are fixed at the middle."""
        shown = self.plane(axis)
        return [
            [0, length] if dim in shown else index if dim == axis else length // 2
            for dim, length in enumerate(self.shape)
        ]

    def selection(self, axis: int, index: int) -> str:
        """The selection of the slice."""
        return ",".join(
            ":" if isinstance(item, list) else str(item) for item in self.box(axis, index)
        )

    def thickness(self, axis: int) -> int:
        """Number of slices of a brick across `axis`, where this process decodes the chunks."""
        if self.chunks is None:
            return 1
        most = int(Settings.model_fields["max_brick_bytes"].default)
        grid = ChunkGrid(self.shape, self.chunks, self.itemsize, most, flexible=True)
        return grid.brick_shape(*self.plane(axis))[axis]

    def good_cache(self, axes: Sequence[int]) -> tuple[int, int]:
        """(bytes, slots) of a chunk cache that holds all chunks of a slice, for each of `axes` in turn.

        Slots as https://docs.h5py.org/en/stable/high/file.html#chunk-cache says: a prime, about a hundred for
        each chunk.
        """
        if self.chunks is None:
            return 2**20, 521
        counts = []
        for axis in axes:
            shown = self.plane(axis)
            counts.append(prod(ceil(self.shape[dim] / self.chunks[dim]) for dim in shown))
        chunk = prod(self.chunks) * self.itemsize
        # One more, so that the last chunk does not evict the first.
        needed = (max(counts) + 1) * chunk
        return min(needed, MOST_CACHE_BYTES), _prime_from(min(100 * max(counts), 2_000_000))


def choose(records: Sequence[Mapping[str, Any]], dataset: str | None) -> DatasetInfo:
    """The dataset of that name, or the only one that has slices to browse; raises `SetupError`."""
    if dataset is not None:
        name = "/" + dataset.strip("/")
        found = [record for record in records if record["dataset"] == name]
        if not found:
            raise SetupError(f"There is no dataset {name!r}.")
        if not found[0]["browsable"]:
            raise SetupError(f"{name!r} cannot be shown. {found[0]['reason']}")
        if len(found[0]["shape"]) < 3:
            raise SetupError(f"{name!r} is a single plane: it has no slices to browse.")
    else:
        found = [r for r in records if r["browsable"] and len(r["shape"]) > 2]
        if not found:
            raise SetupError("There is no dataset with slices to browse.")
        if len(found) > 1:
            names = ", ".join(str(record["dataset"]) for record in found[:20])
            raise SetupError(f"There are several datasets; choose one with --dataset: {names}.")
    record = found[0]
    chunks = record["chunks"]
    return DatasetInfo(
        str(record["dataset"]),
        tuple(record["shape"]),
        np.dtype(record["dtype"]).itemsize,
        None if chunks is None else tuple(chunks),
    )


def _prime_from(number: int) -> int:
    """The smallest prime ≥ `number`."""
    candidate = max(number, 521) | 1
    while any(candidate % d == 0 for d in range(3, int(candidate**0.5) + 1, 2)):
        candidate += 2
    return candidate
