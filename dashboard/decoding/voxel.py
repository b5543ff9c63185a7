"""Reading of single voxels, decoding no more than their chunk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod

import numpy as np

from dashboard import errors
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.decoding.chunk_reader import (
    BusyTime,
    ChunkReader,
    DamagedChunk,
    ThreadBuffers,
    damage_error,
    open_source,
)
from dashboard.decoding.decoder import box_by_child
from dashboard.decoding.time_limit import TimeLimit


def read_voxel(metadata: MetadataService, volume: Volume, index: Sequence[int]) -> np.generic:
    """The value at `index` (one non-negative integer for each dimension) in native byte order.

    Raises `CannotShow` for a damaged chunk, and `Changed` when the file's fingerprint is no longer the volume's.
    """
    if volume.contiguous_raw:
        return _from_file(metadata, volume, index)
    if volume.decodes_in_process:
        return _from_chunk(metadata, volume, index)
    start, stop = list(index), [at + 1 for at in index]
    values, bad = box_by_child(metadata, volume, start, stop)
    if bad:
        raise damage_error(volume, bad[0])
    value: np.generic = values.reshape(-1)[0]
    return value


def _from_file(metadata: MetadataService, volume: Volume, index: Sequence[int]) -> np.generic:
    """A value of contiguous, unfiltered data."""
    at = 0
    for position, length in zip(index, volume.shape, strict=True):
        at = at * length + position
    fd, _ = open_source(metadata, volume)
    try:
        raw = os.pread(fd, volume.dtype.itemsize, (volume.offset or 0) + at * volume.dtype.itemsize)
    finally:
        os.close(fd)
    metadata.ensure_unchanged(volume)
    if len(raw) < volume.dtype.itemsize:
        raise errors.Changed(f"{volume.address.file!r} is shorter than it was; open it again.")
    value: np.generic = np.frombuffer(raw, volume.dtype).astype(volume.memory_dtype)[0]
    return value


def _from_chunk(metadata: MetadataService, volume: Volume, index: Sequence[int]) -> np.generic:
    """A value from its chunk, which is decoded in this thread."""
    grid = volume.grid
    cell = tuple(at // side for at, side in zip(index, grid.chunks, strict=True))
    number = sum(at * prod(grid.counts[dim + 1 :]) for dim, at in enumerate(cell))
    chunk_index = metadata.index(volume)
    entry = int(chunk_index.find(np.array([number], np.int64))[0])
    if entry < 0:
        metadata.ensure_unchanged(volume)
        return volume.fill
    fd, _ = open_source(metadata, volume)
    try:
        # New buffers: those of the request's thread would otherwise stay as large as the largest chunk.
        reader = ChunkReader(volume, chunk_index, fd, ThreadBuffers(), BusyTime(), TimeLimit())
        values, reason = reader.decode(entry)
    finally:
        os.close(fd)
    metadata.ensure_unchanged(volume)
    if values is None:
        raise damage_error(volume, DamagedChunk(grid.chunk_origin(number), reason))
    inside = tuple(at % side for at, side in zip(index, grid.chunks, strict=True))
    value: np.generic = values[inside].astype(volume.memory_dtype)
    return value
