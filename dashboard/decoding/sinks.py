"""Destinations of decoded bricks: a file, memory, or a single plane in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.storage.checksum import PlaneChecksums


class Sink(Protocol):
    """Receives decoded bands; called concurrently for bands that do not overlap."""

    def put(self, row: int, band: NDArray[Any]) -> None:
        """Receive rows row … row + n of all planes: `band` has the shape (planes, n, columns)."""


class FileSink:
    """Writes a brick to a file, plane after plane, and computes its checksums in `sums`.

    `on_written` is called with the time of each write (s), by the thread that wrote.
    """

    def __init__(
        self,
        fd: int,
        address: BrickAddress,
        sums: PlaneChecksums | None = None,
        on_written: Callable[[float], None] | None = None,
    ) -> None:
        self._fd = fd
        self._sums = sums
        self._on_written = on_written
        self._rows, self._cols = address.shape[-2:]

    def put(self, row: int, band: NDArray[Any]) -> None:
        # Here, while the band is in the processor's cache.
        if self._sums is not None:
            self._sums.add(row, band)
        line = self._cols * band.itemsize
        began = time.perf_counter()
        for plane in range(len(band)):
            _write_all(self._fd, band[plane], (plane * self._rows + row) * line)
        if self._on_written is not None:
            self._on_written(time.perf_counter() - began)


class MemorySink:
    """Assembles a brick in memory, plane after plane as in its file, and computes its checksums in `sums`.

    `memory` has at least the brick's size.
    """

    def __init__(
        self,
        memory: NDArray[np.uint8],
        address: BrickAddress,
        dtype: np.dtype[Any],
        sums: PlaneChecksums | None = None,
    ) -> None:
        self._sums = sums
        self.values = memory[: address.nbytes(dtype.itemsize)]
        self._planes = self.values.view(dtype).reshape(-1, *address.shape[-2:])

    def put(self, row: int, band: NDArray[Any]) -> None:
        if self._sums is not None:
            self._sums.add(row, band)
        self._planes[:, row : row + band.shape[1]] = band


class PlaneSink:
    """Keeps one plane of the brick in memory, for use when the disk is full."""

    def __init__(self, address: BrickAddress, dtype: np.dtype[Any], plane: int) -> None:
        self.values = np.empty(address.shape[-2:], dtype)
        self._plane = plane

    def put(self, row: int, band: NDArray[Any]) -> None:
        self.values[row : row + band.shape[1]] = band[self._plane]


def _write_all(fd: int, values: NDArray[Any], offset: int) -> None:
    data = values.data.cast("B")
    while len(data):
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written
