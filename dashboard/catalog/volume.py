"""A dataset that can be displayed, and the bricks of its slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress, Fingerprint, VolumeAddress, digest
from dashboard.addressing.chunk_grid import ChunkGrid, ChunkIndex
from dashboard.addressing.selection import Selection
from dashboard.codecs import pipeline as codecs
from dashboard.once import cached_property

# Largest number of bricks of a slice: a file of a kilobyte can declare a plane of any size.
MAX_BRICKS = 16_384
MAX_CHUNKS = 4_194_304


class ReadPath(StrEnum):
    """How the values of a volume are read; `dashboard.decoding.brick_readers` has the reader of each path."""

    # Stored as they are displayed: contiguous, unfiltered, without conversion.
    CONTIGUOUS = "contiguous"
    # Chunks that this process reads and decodes without the HDF5 library.
    CHUNKS = "chunks"
    # All else, which an HDF5 worker reads.
    HDF5 = "hdf5"


@dataclass(frozen=True)
class Volume:
    """One dataset that can be displayed, in one version of its file.

    `dtype` is the type in the file; values are returned in native byte order. `chunks` is the chunk shape of the
    file, `grid` the grid of the bricks. `fill` is the value of voxels that were never written,
    `fill_is_user_defined` whether the file's author chose it. `fingerprint` is the file's when it was described.
    While the file is open for SWMR writing, `swmr_index` is the chunk index of that version; the address stays the
    same then, and bricks are identified by their own chunks.
    """

    address: VolumeAddress
    path: Path
    dependencies: tuple[tuple[Path, Fingerprint], ...]
    path_in_file: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    filters: tuple[str, ...]
    pipeline: tuple[codecs.Filter, ...]
    layout: str
    offset: int | None
    no_conversion: bool
    fill: np.generic
    fill_is_user_defined: bool
    enum: dict[str, int] | None
    stored_bytes: int
    grid: ChunkGrid
    fingerprint: Fingerprint
    swmr_index: ChunkIndex | None = field(default=None, compare=False)

    @property
    def version(self) -> str:
        """`X-Volume-Version`: a digest of the file's fingerprint and those of the sources elsewhere."""
        return self.address.version

    @property
    def memory_dtype(self) -> np.dtype[Any]:
        """The type that values have in memory and in bricks."""
        return self.dtype.newbyteorder("=")

    @cached_property
    def read_path(self) -> ReadPath:
        """How its values are read."""
        if is_contiguous(self.layout, self.offset, no_conversion=self.no_conversion):
            return ReadPath.CONTIGUOUS
        if is_decoded_here(self.layout, self.pipeline, no_conversion=self.no_conversion):
            return ReadPath.CHUNKS
        return ReadPath.HDF5

    def reads_planes_directly(self, selection: Selection) -> bool:
        """Whether the plane is read directly from the file.

        Across the last dimension no two voxels of a plane are contiguous, and one plane costs nearly as much as
        many: bricks are used then.
        """
        return self.read_path is ReadPath.CONTIGUOUS and selection.plane[1] == len(self.shape) - 1

    def bricks(self, selection: Selection) -> list[BrickAddress]:
        """The bricks that a selection touches; `TooLarge` before there are too many to list."""
        rows, cols = selection.plane
        across = selection.row_span.start, selection.row_span.stop
        along = selection.col_span.start, selection.col_span.stop
        bricks, chunks = self.grid.count_touched(rows, cols, across, along)
        if bricks > MAX_BRICKS or (
            chunks > MAX_CHUNKS and self.read_path is not ReadPath.CONTIGUOUS
        ):
            raise errors.TooLarge(
                f"The slice is spread over {chunks:,} chunks in {bricks:,} bricks, and one request may"
                f" read {MAX_CHUNKS:,} in {MAX_BRICKS:,}; ask for a part of it."
            )
        return self.bricks_at(selection.fixed, rows, cols, across, along)

    def bricks_at(
        self,
        position: Mapping[int, int],
        rows: int,
        cols: int,
        across: tuple[int, int] | None = None,
        along: tuple[int, int] | None = None,
    ) -> list[BrickAddress]:
        """The bricks of the plane at `position` (dimension → index), as `ChunkGrid.bricks`."""
        named = self.grid.bricks(self.address, position, rows, cols, across, along)
        if self.swmr_index is None:
            return named
        return [replace(brick, version=self._version(brick, self.swmr_index)) for brick in named]

    def _version(self, brick: BrickAddress, index: ChunkIndex) -> str:
        """Digest of the brick's own chunks: the brick stays the same while the file grows elsewhere."""
        at = index.find(self.grid.chunk_numbers(brick))
        stored = at[at >= 0]
        parts = (at >= 0, index.offsets[stored], index.sizes[stored], index.masks[stored])
        # Chunks without a compressor are rewritten in place, so that only the fingerprint distinguishes their
        # versions.
        state = self.fingerprint.as_list() if codecs.keeps_length(self.pipeline) else []
        return digest(state, *(part.tobytes().hex() for part in parts))


def is_contiguous(layout: str, offset: int | None, *, no_conversion: bool) -> bool:
    """Whether values are read from the file as they are: contiguous, allocated, and without conversion."""
    return layout == "contiguous" and no_conversion and offset is not None


def is_decoded_here(
    layout: str, pipeline: tuple[codecs.Filter, ...], *, no_conversion: bool
) -> bool:
    """Whether this process reads the chunks and decodes them, without the HDF5 library."""
    return layout == "chunked" and no_conversion and codecs.can_decode(pipeline)


def decoded_bytes(volume: Volume) -> int:
    """Bytes of the whole volume, decoded."""
    return prod(volume.shape) * volume.dtype.itemsize
