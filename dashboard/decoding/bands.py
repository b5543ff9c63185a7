"""Bands: the pieces of a brick, some rows of all its planes, that one thread assembles and passes to a sink."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.catalog.volume import Volume
from dashboard.decoding.buffers import ThreadBuffers

# Shorter pieces cost more in system calls than they save.
PIECE_BYTES = 64 * 1024
BAND_BYTES = 16 * 1024 * 1024


def bands(volume: Volume, address: BrickAddress) -> list[tuple[int, int]]:
    """Row ranges (relative to the brick) of about `PIECE_BYTES` a plane, on chunk borders."""
    rows, cols = address.shape[-2:]
    step = volume.grid.chunks[address.rows]
    line = cols * volume.dtype.itemsize
    fits = max(BAND_BYTES // max(address.planes * step * line, 1), 1)
    target = ceil(PIECE_BYTES / (step * line))
    height = step * max(min(target, fits), 1)
    return [(at, min(at + height, rows)) for at in range(0, rows, height)]


def band_buffer(
    buffers: ThreadBuffers, volume: Volume, address: BrickAddress, rows: int
) -> NDArray[Any]:
    """This thread's buffer for `rows` rows of all planes, in the order of the brick."""
    shape = (*address.shape[:-2], rows, address.shape[-1])
    size = prod(shape) * volume.memory_dtype.itemsize
    return buffers.get("band", size).view(volume.memory_dtype).reshape(shape)
