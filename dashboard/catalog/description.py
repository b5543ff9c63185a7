"""Conversion of the record in which an HDF5 worker describes a dataset to a volume."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.addressing.addresses import GROWING, Fingerprint, VolumeAddress, digest
from dashboard.addressing.chunk_grid import MAX_BRICK_CHUNKS, ChunkGrid, ChunkIndex, pseudo_chunks
from dashboard.catalog.volume import Volume

# Planes of a brick across the last dimension of contiguous data: a cache line of most types.
CONTIGUOUS_BRICK_VOXELS = 64

# Chunks are numbered in 64 bits.
MAX_NUMBER = 2**62

# What a list says of a dataset, by the contract of `/api/v1/datasets`.
PUBLIC_KEYS = (
    "dataset",
    "shape",
    "dtype",
    "chunks",
    "filters",
    "stored_bytes",
    "browsable",
    "reason",
)

Dependencies = tuple[tuple[Path, Fingerprint], ...]


@dataclass(frozen=True, slots=True)
class DatasetListing:
    """Datasets in the shape of `/api/v1/datasets`, whether that is all of them, and the file's version."""

    datasets: list[dict[str, Any]]
    complete: bool
    version: str


def public_record(record: dict[str, Any]) -> dict[str, Any]:
    """The part of a record that a list shows."""
    return {key: record[key] for key in PUBLIC_KEYS}


def dependencies_of(record: dict[str, Any]) -> Dependencies:
    """The other files that the values come from, each with its fingerprint when it was described."""
    return tuple((Path(p), Fingerprint(*f)) for p, f in record.get("depends", []))


def is_growing(record: dict[str, Any]) -> bool:
    """Whether a writer appends to the dataset (SWMR), so that it is named by what stays."""
    return bool(record["swmr"] and record["chunks"] is not None and not dependencies_of(record))


def volume_from(
    record: dict[str, Any],
    file: str,
    name: str,
    fingerprint: Fingerprint,
    max_brick: int,
    growing: ChunkIndex | None = None,
) -> Volume:
    """The dataset `name` of `file` as a volume; `growing` is its chunk index if it is open for SWMR writing."""
    shape = tuple(record["shape"])
    dtype = np.dtype(record["numpy"])
    chunks = None if record["chunks"] is None else tuple(record["chunks"])
    depends = dependencies_of(record)
    sources = digest(*[f.as_list() for _, f in depends]) if depends else ""
    address = VolumeAddress(file, name, fingerprint, sources)
    if is_growing(record):
        # The address omits what changes while the file grows; bricks are identified by their own chunks.
        address = VolumeAddress(file, name, fingerprint.while_growing(), GROWING)
    return Volume(
        address=address,
        fingerprint=fingerprint,
        swmr_index=growing,
        path=Path(record["source"]),
        dependencies=depends,
        path_in_file=record["inner"],
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        filters=tuple(record["filters"]),
        pipeline=tuple((int(n), tuple(values)) for n, values in record["pipeline"]),
        layout=record["layout"],
        offset=record["offset"],
        no_conversion=bool(record["plain"]),
        fill=np.frombuffer(bytes.fromhex(record["fill"]), dtype)[0].astype(dtype.newbyteorder("=")),
        fill_is_user_defined=bool(record["fill_set"]),
        enum=record["enum"],
        stored_bytes=int(record["stored_bytes"]),
        grid=ChunkGrid(
            shape,
            chunks or _blocks(record, shape, dtype),
            dtype.itemsize,
            max_brick,
            # Datasets without chunks have no index.
            MAX_BRICK_CHUNKS if chunks else MAX_NUMBER,
        ),
    )


def _blocks(
    record: dict[str, Any], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[int, ...]:
    """The grid of datasets without chunks: runs along the last dimension for contiguous data."""
    if record["layout"] == "contiguous" and record["plain"] and record["offset"] is not None:
        return (*(1 for _ in shape[:-1]), min(shape[-1], CONTIGUOUS_BRICK_VOXELS))
    return pseudo_chunks(shape, dtype.itemsize)


def too_large(shape: list[int], chunks: list[int] | None, dtype: str, limit: int) -> str:
    """Reason to refuse chunks of more than `limit` bytes, or ""; 2 MiB of a file may decode to 512."""
    count = prod(ceil(n / c) for n, c in zip(shape, chunks or shape, strict=True))
    if count > MAX_NUMBER:
        return f"It is declared with {count:,} chunks, more than can be numbered."
    size = prod(chunks or (1,)) * np.dtype(dtype).itemsize
    if size <= limit:
        return ""
    return (
        f"Its chunks take {size / 2**20:,.0f} MiB decoded, and the limit is"
        f" {limit / 2**20:,.0f} MiB (LAMELLA_MAX_CHUNK_BYTES)."
    )
