"""Planes straight out of the file: contiguous, unfiltered values need no brick.

The kernel's page cache is the cache here. Values are copied by `pread`, not through a map: a file
that is truncated while it is mapped ends the whole process with SIGBUS, and every viewer with it.
"""

from __future__ import annotations

import logging
import os
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.cache.bricks import Story, story_bytes
from dashboard.errors import Changed
from dashboard.telemetry.meter import meter
from dashboard.volumes.address import digest
from dashboard.volumes.chunkread import open_source
from dashboard.volumes.library import Library, Volume
from dashboard.volumes.selection import Selection

log = logging.getLogger(__name__)

# Which planes were wanted is noted for volumes of at most so many; more planes take a file too
# long.
MAX_NOTED_PLANES = 16_777_216
# A strided row is read whole up to this size, and then picked from.
RUN_BYTES = 8 * 1024 * 1024
# Beyond this distance between two cells, reading what lies between costs more than one call a cell.
FAR_BYTES = 64 * 1024


class MappedPlanes:
    """Reads planes of contiguous datasets, and notes in a small file which ones were wanted."""

    def __init__(self, library: Library, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._library = library
        self._folder = folder

    def region(
        self,
        volume: Volume,
        selection: Selection,
        rows: tuple[int, int, int],
        step_c: int,
    ) -> NDArray[Any]:
        """Rows start:stop:step and the selection's columns at a step, in native byte order.

        Raises `Changed` when the file is shorter than its dataset, or changes meanwhile.
        """
        with meter("read"):
            fd, _ = open_source(self._library, volume)
            try:
                values = _read(fd, volume, selection, rows, step_c)
            finally:
                os.close(fd)
            self._library.verify(volume)
        if values is None:
            raise Changed(f"{volume.address.file!r} is shorter than it was; open it again.")
        with meter("decode"):
            return values.astype(volume.native, copy=False)

    def want(self, volume: Volume, selection: Selection) -> bool:
        """Note that a viewer wants the plane; True when it is the first time."""
        lengths = {d: volume.shape[d] for d in selection.fixed}
        planes = prod(lengths.values())
        if planes > MAX_NOTED_PLANES:
            return False
        number = 0
        for dim, index in selection.fixed.items():
            number = number * lengths[dim] + index
        name = digest("mapped", volume.address.key, *selection.plane)
        try:
            fd = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(fd).st_size < story_bytes(planes):
                    os.truncate(fd, story_bytes(planes))
                return Story(fd, 0).want(number).first_of_plane
            finally:
                os.close(fd)
        except OSError as error:
            # A full disk costs the note, not the slice.
            log.warning("not noted that a plane was wanted: %s", error)
            return False


def _read(
    fd: int, volume: Volume, selection: Selection, rows: tuple[int, int, int], step_c: int
) -> NDArray[Any] | None:
    """The region in the file's own type, or None when the file ends too early."""
    row_dim, col_dim = selection.plane
    span = selection.col_span
    size = volume.dtype.itemsize
    strides = [prod(volume.shape[d + 1 :]) * size for d in range(len(volume.shape))]
    base = (volume.offset or 0) + sum(index * strides[d] for d, index in selection.fixed.items())
    base += span.start * strides[col_dim]
    columns = span.stop - span.start
    out = np.empty((len(range(*rows)), len(range(0, columns, step_c))), volume.dtype)
    whole_lines = strides[col_dim] == size and strides[row_dim] == columns * size
    if whole_lines and rows[2] == 1 and step_c == 1:
        return out if _fill(fd, out, base + rows[0] * strides[row_dim]) else None
    for number, row in enumerate(range(*rows)):
        if not _row(fd, out[number], base + row * strides[row_dim], strides[col_dim] * step_c):
            return None
    return out


def _row(fd: int, out: NDArray[Any], offset: int, stride: int) -> bool:
    """Read cells that lie `stride` bytes apart, the first at `offset`."""
    size = out.itemsize
    if stride == size:
        return _fill(fd, out, offset)
    if stride > FAR_BYTES:
        cell = np.empty(1, out.dtype)
        for number in range(len(out)):
            if not _fill(fd, cell, offset + number * stride):
                return False
            out[number] = cell[0]
        return True
    group = max(RUN_BYTES // stride, 1)
    for first in range(0, len(out), group):
        count = min(group, len(out) - first)
        raw = np.empty((count - 1) * stride + size, np.uint8)
        if not _fill(fd, raw, offset + first * stride):
            return False
        out[first : first + count] = np.ndarray((count,), out.dtype, raw.data, strides=(stride,))
    return True


def _fill(fd: int, out: NDArray[Any], offset: int) -> bool:
    """Fill a contiguous array from the file; False when the file ends before."""
    data = out.data.cast("B")
    while len(data):
        count = os.preadv(fd, [data], offset)
        if count == 0:
            return False
        data, offset = data[count:], offset + count
    return True
