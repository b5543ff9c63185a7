"""Values of contiguous datasets, read with `pread`.

Not memory-mapped: truncating a mapped file kills the process with SIGBUS, and with it the sessions of all viewers.
The kernel's page cache serves as the cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Stage
from dashboard.addressing.selection import Selection
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.bands import band_buffer, bands
from dashboard.decoding.brick_reader import BandReader, Box, Take
from dashboard.decoding.buffers import ThreadBuffers
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.decoding.decode_pool import DecodePool
from dashboard.decoding.sampling import sample_runs
from dashboard.decoding.sinks import Sink
from dashboard.errors import CannotShow, Changed
from dashboard.files.roots import out_of_reach
from dashboard.meter import count_bytes, meter

# A strided row is read whole in pieces of this size and subsampled.
MAX_READ_BYTES = 8 * 1024 * 1024
# Parts of a box that threads read, in bytes and in what may be single reads.
MAX_PART_BYTES, MAX_PART_RUNS = 4 * 1024 * 1024, 256
# Beyond this distance between two runs, reading the gap costs more than a system call for each run.
GAP_LIMIT_BYTES = 64 * 1024


class ContiguousFile:
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
            count_bytes(Stage.READ, self._read_into(out, base + rows[0] * row_stride))
            return out
        step = col_stride * step_c
        read = sum(
            self._read_runs(out[number, :, np.newaxis], base + row * row_stride, step)
            for number, row in enumerate(range(*rows))
        )
        count_bytes(Stage.READ, read)
        return out

    def band(self, address: BrickAddress, first: int, last: int, band: NDArray[Any]) -> int:
        """Rows first … last of all planes of a brick that is thick along the last dimension alone.

        `band` has the order of the brick: the dataset's last dimension is the last one outside the plane. Returns
        the number of bytes read.
        """
        read = 0
        start = dict(enumerate(address.start))
        flat = band.reshape(-1, *band.shape[-2:])
        line = np.empty((band.shape[-1], len(flat)), self._volume.dtype)
        for row in range(first, last):
            offset = self._offset({**start, address.rows: address.start[address.rows] + row})
            read += self._read_runs(line, offset, self._strides[address.cols])
            flat[:, row - first, :] = line.T
        return read

    def run(self, first: int, count: int) -> NDArray[Any]:
        """So many values in the order of the file, from number `first` on, in its own type; raises as `region`."""
        out = np.empty(count, self._volume.dtype)
        start = (self._volume.offset or 0) + first * out.itemsize
        count_bytes(Stage.READ, self._read_into(out, start))
        return out

    def voxel(self, index: Sequence[int]) -> np.generic:
        """The value at `index`, in native byte order; raises as `region`."""
        out = np.empty(1, self._volume.dtype)
        self._read_into(out, self._offset(dict(enumerate(index))))
        value: np.generic = out.astype(self._volume.memory_dtype)[0]
        return value

    def box(self, start: Sequence[int], stop: Sequence[int]) -> NDArray[Any]:
        """The values of a box in the file's own type; raises as `region`."""
        extent = [b - a for a, b in zip(start, stop, strict=True)]
        out = np.empty(extent, self._volume.dtype)
        dims = [dim for dim, length in enumerate(extent) if length > 1]
        # Values that are adjoining in the file are a run; all others are single.
        is_run = bool(dims) and dims[-1] == len(extent) - 1
        columns = [dims.pop()] if is_run else []
        rows = [dims.pop()] if dims else []
        lengths = [prod(extent[dim] for dim in kept) for kept in (rows, columns)]
        pieces = out.reshape(-1, *lengths)
        stride = self._strides[rows[0]] if rows else lengths[1] * out.itemsize
        base = dict(enumerate(start))
        for number, at in enumerate(np.ndindex(*(extent[dim] for dim in dims))):
            there = {dim: base[dim] + n for dim, n in zip(dims, at, strict=True)}
            self._read_runs(pieces[number], self._offset({**base, **there}), stride)
        return out

    def _offset(self, position: dict[int, int]) -> int:
        start = self._volume.offset or 0
        return start + sum(index * self._strides[dim] for dim, index in position.items())

    def _read_runs(self, out: NDArray[Any], offset: int, stride: int) -> int:
        """Fill `out` (n, m) with n runs of m values that begin `stride` bytes apart; the number of bytes read."""
        run = out.shape[1] * out.itemsize
        if stride == run and out.flags.c_contiguous:
            return self._read_into(out, offset)
        read = 0
        if stride > GAP_LIMIT_BYTES:
            for number in range(len(out)):
                piece = np.empty(out.shape[1], out.dtype)
                read += self._read_into(piece, offset + number * stride)
                out[number] = piece
            return read
        group = max(MAX_READ_BYTES // stride, 1)
        for first in range(0, len(out), group):
            count = min(group, len(out) - first)
            raw = self._buffers.get("runs", (count - 1) * stride + run)
            read += self._read_into(raw, offset + first * stride)
            shape, strides = (count, out.shape[1]), (stride, out.itemsize)
            out[first : first + count] = np.ndarray(shape, out.dtype, raw.data, strides=strides)
        return read

    def _read_into(self, out: NDArray[Any], offset: int) -> int:
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
        return out.nbytes


class ContiguousReader(BandReader):
    """The `BrickReader` for `ReadPath.CONTIGUOUS`.

    It reads bricks whose planes lie across the last dimension, where no two voxels of a plane are contiguous;
    other planes are read without a brick.
    """

    def __init__(self, pool: DecodePool) -> None:
        self._pool = pool

    def decode(
        self,
        file: VolumeFile,
        address: BrickAddress,
        sink: Sink,
        yield_to_demand: Callable[[], None] | None = None,
    ) -> list[DamagedChunk]:
        """As `BandReader.decode`; there are no damaged chunks."""
        volume, buffers = file.volume, self._pool.buffers
        source = ContiguousFile(volume, file.fd, buffers)

        def band(first: int, last: int) -> int:
            values = band_buffer(buffers, volume, address, last - first)
            read = source.band(address, first, last, values)
            sink.put(first, values.reshape(-1, *values.shape[-2:]))
            return read

        with meter(Stage.READ):
            read = self._pool.map_ranges(band, bands(volume, address), yield_to_demand)
            count_bytes(Stage.READ, sum(read))
        file.ensure_unchanged()
        count_bytes(Stage.DECODE, address.nbytes(volume.dtype.itemsize))
        return []

    def read_voxel(self, file: VolumeFile, index: Sequence[int]) -> np.generic:
        """As `BrickReader.read_voxel`."""
        value = ContiguousFile(file.volume, file.fd, self._pool.buffers).voxel(index)
        file.ensure_unchanged()
        return value

    def read_boxes(self, file: VolumeFile, boxes: Sequence[Box], take: Take) -> list[DamagedChunk]:
        """As `BrickReader.read_boxes`; there are no damaged chunks."""
        source = ContiguousFile(file.volume, file.fd, self._pool.buffers)

        def pass_on(piece: Box) -> None:
            take(piece[0], source.box(*piece))

        itemsize = file.volume.dtype.itemsize
        with meter(Stage.READ):
            self._pool.map(pass_on, [part for box in boxes for part in _parts(box, itemsize)])
            extents = ([b - a for a, b in zip(*box, strict=True)] for box in boxes)
            count_bytes(Stage.READ, sum(map(prod, extents)) * itemsize)
        file.ensure_unchanged()
        return []

    def sample(self, file: VolumeFile, seed: int) -> NDArray[Any]:
        """As `BrickReader.sample`: runs of the file, as many as there are values enough."""
        volume = file.volume
        source = ContiguousFile(volume, file.fd, self._pool.buffers)
        boxes = sample_runs(volume.grid, seed)

        def read(first: int, last: int) -> NDArray[Any]:
            runs = [source.box(*box).reshape(-1) for box in boxes[first:last]]
            return np.concatenate(runs, dtype=volume.memory_dtype)

        share = ceil(len(boxes) / self._pool.threads)
        with meter(Stage.READ):
            ranges = [(first, first + share) for first in range(0, len(boxes), share)]
            values = np.concatenate(self._pool.map_ranges(read, ranges))
            count_bytes(Stage.READ, values.nbytes)
        file.ensure_unchanged()
        return values


def _parts(box: Box, itemsize: int) -> Iterator[Box]:
    """A box cut across its first long dimension, into parts that are read by themselves."""
    start, stop = box
    extent = [b - a for a, b in zip(start, stop, strict=True)]
    dim = next((dim for dim, length in enumerate(extent) if length > 1), 0)
    step = max(min(MAX_PART_BYTES // (prod(extent) // extent[dim] * itemsize), MAX_PART_RUNS), 1)
    for at in range(start[dim], stop[dim], step):
        end = min(at + step, stop[dim])
        yield (*start[:dim], at, *start[dim + 1 :]), (*stop[:dim], end, *stop[dim + 1 :])
