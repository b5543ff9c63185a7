"""A brick in memory, in the layout of its file, whose planes are available before the file is written."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.catalog.volume import Volume
from dashboard.decoding.chunk_reader import DamagedChunk


class MemoryBrick:
    """The planes of a brick; each is available once `mark_ready` was called with it.

    `values` has the shape (planes, rows, columns) and native byte order. It is allocated anew, so that planes that
    were taken stay valid. `positions` are those of the chunks in the index, as a grid over the brick.
    `damaged_chunks` are those found so far.
    """

    def __init__(self, volume: Volume, address: BrickAddress, positions: NDArray[np.int64]) -> None:
        self.volume = volume
        self.address = address
        self.positions = positions
        self.values: NDArray[Any] = np.empty(
            (address.planes, *address.shape[-2:]), volume.memory_dtype
        )
        self.damaged_chunks: list[DamagedChunk] = []
        self._ready = bytearray(address.planes)
        self._waiting = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def is_awaited(self) -> bool:
        """Whether a request waits for a plane."""
        return bool(self._waiting)

    def plane_bytes(self, plane: int) -> NDArray[np.uint8]:
        """The memory of one plane."""
        flat: NDArray[np.uint8] = self.values[plane].reshape(-1).view(np.uint8)
        return flat

    def mark_ready(self, planes: Iterable[int]) -> None:
        """Make planes available, and wake the requests that wait for them."""
        with self._changed:
            for plane in planes:
                self._ready[plane] = 1
            self._changed.notify_all()

    def has_plane(self, plane: int) -> bool:
        """Whether a plane is available."""
        return bool(self._ready[plane])

    def wait(self, plane: int, timeout_s: float) -> NDArray[Any] | None:
        """A plane once it is available; None where it will not be. Raises `TimeoutError`."""
        with self._changed:
            self._waiting += 1
            try:
                if not self._changed.wait_for(
                    lambda: self._closed or self.has_plane(plane), timeout_s
                ):
                    raise TimeoutError
            finally:
                self._waiting -= 1
            return self.values[plane] if self.has_plane(plane) else None

    def add_damaged(self, damaged: Collection[DamagedChunk]) -> None:
        """Add damaged chunks that were not known."""
        with self._changed:
            self.damaged_chunks += [one for one in damaged if one not in self.damaged_chunks]

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
