"""Conversion of the record in which an HDF5 worker describes a dataset to a volume."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import TypedDict

from dashboard.addressing.addresses import GROWING, Fingerprint, VolumeAddress, digest
from dashboard.addressing.chunk_grid import (
    GROUP_BYTES,
    MANY_CHUNKS,
    MAX_BRICK_CHUNKS,
    ChunkGrid,
    ChunkIndex,
    pseudo_chunks,
)
from dashboard.addressing.slabs import thickness
from dashboard.catalog.volume import Volume, is_contiguous, is_decoded_here
from dashboard.errors import CannotShow
from dashboard.hdf5.messages import DatasetRecord, DatasetSummary, Storage, View, unpack

# Planes of a brick across the last dimension of contiguous data: a cache line of most types.
CONTIGUOUS_BRICK_VOXELS = 64

# Chunks are numbered in 64 bits.
MAX_NUMBER = 2**62

Dependencies = tuple[tuple[Path, Fingerprint], ...]


class PublicDataset(TypedDict):
    """A dataset as `/api/v1/datasets` lists it."""

    dataset: str
    shape: list[int] | None
    dtype: str | None
    element: str | None
    chunks: list[int] | None
    slab: list[int] | None
    filters: list[str]
    stored_bytes: int
    browsable: bool
    reason: str
    view: View | None
    growable: bool


@dataclass(frozen=True, slots=True)
class DatasetListing:
    """Datasets in the shape of `/api/v1/datasets`, whether that is all, the file's version, and the main one."""

    datasets: list[PublicDataset]
    complete: bool
    version: str
    default: str | None = None

    def public(self) -> dict[str, object]:
        """What `/api/v1/datasets` returns."""
        return {"datasets": self.datasets, "complete": self.complete, "default": self.default}


@dataclass(frozen=True, slots=True)
class Described:
    """A record, with the other files that it depends on, each with its fingerprint when it was made.

    The paths are packed (`dashboard.hdf5.messages`); absent files have the fingerprint `ABSENT`.
    """

    record: DatasetRecord
    states: tuple[tuple[str, Fingerprint], ...] = ()

    @property
    def dependencies(self) -> Dependencies:
        """The other files, each with its fingerprint."""
        return tuple((Path(unpack(path)), state) for path, state in self.states)

    @property
    def is_growing(self) -> bool:
        """Whether a writer appends to the dataset (SWMR), so that it is named by what stays."""
        summary, storage = self.record.summary, self.record.storage
        return bool(storage and storage.swmr and summary.chunks is not None and not self.states)


def public_dataset(summary: DatasetSummary, max_chunk: int) -> PublicDataset:
    """The part of a summary that a list shows; chunks of more than `max_chunk` bytes are refused."""
    reason = summary.reason
    too_large = summary.browsable and chunk_fault(summary, summary.dtype, max_chunk)
    return {
        "dataset": summary.dataset,
        "shape": None if summary.shape is None else list(summary.shape),
        "dtype": summary.dtype,
        "element": summary.element,
        "chunks": None if summary.chunks is None else list(summary.chunks),
        "slab": _slab(summary) if summary.browsable and not too_large else None,
        "filters": list(summary.filters),
        "stored_bytes": summary.stored_bytes,
        "browsable": summary.browsable and not too_large,
        "reason": too_large or reason,
        "view": summary.view,
        "growable": summary.growable,
    }


def _slab(summary: DatasetSummary) -> list[int] | None:
    if summary.shape is None:
        return None
    itemsize = 0 if summary.dtype is None else np.dtype(summary.dtype).itemsize
    return slab_thickness(summary.shape, summary.chunks, itemsize)


def slab_thickness(
    shape: tuple[int, ...], chunks: tuple[int, ...] | None, itemsize: int
) -> list[int]:
    """Slices of a slab across each dimension; `itemsize` is 0 where it is unknown."""
    found = thickness(shape, chunks)
    if chunks is None or not itemsize or len(found) < 3:
        return found
    # Bricks of one-plane chunks are thicker than these.
    grid = ChunkGrid(shape, chunks, itemsize, GROUP_BYTES, flexible=True)
    for axis, thick in enumerate(found):
        rows, cols = [dim for dim in range(len(found)) if dim != axis][-2:]
        found[axis] = max(thick, grid.brick_shape(rows, cols)[axis])
    return found


def volume_from(
    described: Described,
    file: str,
    name: str,
    fingerprint: Fingerprint,
    max_brick: int,
    growing: ChunkIndex | None = None,
) -> Volume:
    """The dataset `name` of `file` as a volume; `growing` is its chunk index if it is open for SWMR writing.

    Raises `CannotShow` for a dataset that cannot be displayed.
    """
    summary, storage = described.record.summary, described.record.storage
    if storage is None or summary.shape is None:
        raise CannotShow(f"{name!r} cannot be shown. {summary.reason}")
    dtype = np.dtype(storage.numpy)
    depends = described.dependencies
    sources = digest(*[f.as_list() for _, f in depends]) if depends else ""
    address = VolumeAddress(file, name, fingerprint, sources)
    if described.is_growing:
        # The address omits what changes while the file grows; bricks are identified by their own chunks.
        address = VolumeAddress(file, name, fingerprint.while_growing(), GROWING)
    return Volume(
        address=address,
        fingerprint=fingerprint,
        swmr_index=growing,
        path=Path(unpack(storage.source)),
        dependencies=depends,
        path_in_file=unpack(storage.inner),
        shape=summary.shape,
        dtype=dtype,
        chunks=summary.chunks,
        filters=summary.filters,
        pipeline=storage.pipeline,
        layout=storage.layout,
        offset=storage.offset,
        no_conversion=storage.plain,
        fill=np.frombuffer(bytes.fromhex(storage.fill), dtype)[0].astype(dtype.newbyteorder("=")),
        fill_is_user_defined=storage.fill_set,
        enum=storage.enum,
        stored_bytes=summary.stored_bytes,
        grid=ChunkGrid(
            summary.shape,
            summary.chunks or _blocks(storage, summary.shape, dtype),
            dtype.itemsize,
            max_brick,
            # Datasets without chunks have no index.
            MAX_BRICK_CHUNKS if summary.chunks else MAX_NUMBER,
            # With each chunk that is appended, the newest brick of a growing file is another one.
            flexible=not described.is_growing
            and is_decoded_here(storage.layout, storage.pipeline, no_conversion=storage.plain),
        ),
    )


def _blocks(storage: Storage, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """The grid of datasets without chunks: runs along the last dimension for contiguous data."""
    if is_contiguous(storage.layout, storage.offset, no_conversion=storage.plain):
        return (*(1 for _ in shape[:-1]), min(shape[-1], CONTIGUOUS_BRICK_VOXELS))
    return pseudo_chunks(shape, dtype.itemsize)


def has_many_chunks(summary: DatasetSummary) -> bool:
    """Whether it takes long to add up the stored bytes of a dataset's chunks."""
    shape, chunks = summary.shape or (), summary.chunks
    if not chunks:
        return False
    return prod(ceil(n / c) for n, c in zip(shape, chunks, strict=True)) >= MANY_CHUNKS


def chunk_fault(summary: DatasetSummary, dtype: str | None, limit: int) -> str:
    """Reason to refuse chunks of more than `limit` bytes, or ""; 2 MiB of a file may decode to 512."""
    if summary.shape is None or dtype is None:
        return ""
    chunks = summary.chunks
    count = prod(ceil(n / c) for n, c in zip(summary.shape, chunks or summary.shape, strict=True))
    if count > MAX_NUMBER:
        return f"It is declared with {count:,} chunks, more than can be numbered."
    size = prod(chunks or (1,)) * np.dtype(dtype).itemsize
    if size <= limit:
        return ""
    return (
        f"Its chunks take {size / 2**20:,.0f} MiB decoded, and the limit is"
        f" {limit / 2**20:,.0f} MiB (LAMELLA_MAX_CHUNK_BYTES)."
    )
