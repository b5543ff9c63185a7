"""Values of contiguous datasets, read with `pread`.

Not memory-mapped: truncating a mapped file kills the process with SIGBUS, and with it the sessions of all viewers.
The kernel's page cache serves as the cache.
"""

from __future__ import annotations

import os
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.selection import Selection
from dashboard.catalog.volume import Volume
from dashboard.decoding.chunk_reader import ThreadBuffers
from dashboard.errors import CannotShow, Changed
from dashboard.files.roots import out_of_reach

# A strided row is read whole in pieces of this size and subsampled.
MAX_READ_BYTES = 8 * 1024 * 1024
# Beyond this distance between two runs, reading the gap costs more than a system call for each run.
GAP_LIMIT_BYTES = 64 * 1024


class ContiguousReader:
    """Reads one contiguous dataset through one descriptor; thread-safe."""

    def __init__(self, volume: Volume, fd: int, buffers: ThreadBuffers) -> None:
        self._volume = volume
        self._fd = fd
        self._buffers = buffers
        size = volume.dtype.itemsize
        self._strides = [prod(volume.shape[d + 1 :]) * size for d in range(len(volume.shape))]

    def region(self, selection: Selection, rows: tuple[int, int, int], step_c: int) -> NDArray[Any]:
        """Rows start:stop:step and the selection's columns at a step, in the file's own type.

        Raises `Changed` when the file is shorter than its dataset.
        """
        row_dim, col_dim = selection.plane
        span = selection.col_span
        columns = span.stop - span.start
        base = self._offset({**selection.fixed, col_dim: span.start})
        shape = (len(range(*rows)), len(range(0, columns, step_c)))
        out = np.empty(shape, self._volume.dtype)
        row_stride, col_stride = self._strides[row_dim], self._strides[col_dim]
        if row_stride == columns * out.itemsize and rows[2] == 1 and step_c == 1:
            self._read_into(out, base + rows[0] * row_stride)
            return out
        for number, row in enumerate(range(*rows)):
            self._read_runs(
                out[number, :, np.newaxis], base + row * row_stride, col_stride * step_c
            )
        return out

    def band(self, address: BrickAddress, first: int, last: int, band: NDArray[Any]) -> None:
        """Rows first … last of all planes of a brick that is thick along the last dimension alone.

        `band` has the order of the brick: the dataset's last dimension is the last one outside the plane.
        """
        start = dict(enumerate(address.start))
        flat = band.reshape(-1, *band.shape[-2:])
        line = np.empty((band.shape[-1], len(flat)), self._volume.dtype)
        for row in range(first, last):
            offset = self._offset({**start, address.rows: address.start[address.rows] + row})
            self._read_runs(line, offset, self._strides[address.cols])
            flat[:, row - first, :] = line.T

    def _offset(self, position: dict[int, int]) -> int:
        start = self._volume.offset or 0
        return start + sum(index * self._strides[dim] for dim, index in position.items())

    def _read_runs(self, out: NDArray[Any], offset: int, stride: int) -> None:
        """Fill `out` (n, m) with n runs of m values that begin `stride` bytes apart."""
        run = out.shape[1] * out.itemsize
        if stride == run and out.flags.c_contiguous:
            self._read_into(out, offset)
            return
        if stride > GAP_LIMIT_BYTES:
            for number in range(len(out)):
                piece = np.empty(out.shape[1], out.dtype)
                self._read_into(piece, offset + number * stride)
                out[number] = piece
            return
        group = max(MAX_READ_BYTES // stride, 1)
        for first in range(0, len(out), group):
            count = min(group, len(out) - first)
            raw = self._buffers.get("runs", (count - 1) * stride + run)
            self._read_into(raw, offset + first * stride)
            shape, strides = (count, out.shape[1]), (stride, out.itemsize)
            out[first : first + count] = np.ndarray(shape, out.dtype, raw.data, strides=strides)

    def _read_into(self, out: NDArray[Any], offset: int) -> None:
        data = out.data.cast("B")
        while len(data):
            try:
                count = os.preadv(self._fd, [data], offset)
            except OSError as error:
                # Converted, because callers take an OSError for a full disk of the cache.
                unreadable = CannotShow(f"{self._volume.address.file!r} cannot be read there.")
                raise out_of_reach(error) or unreadable from error
            if count == 0:
                name = self._volume.address.file
                raise Changed(f"{name!r} is shorter than it was; open it again.")
            data, offset = data[count:], offset + count
