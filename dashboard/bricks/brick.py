"""Decoded bricks as their readers see them: planes, usage, and how the brick was decoded."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks import plane_checksums
from dashboard.bricks.pending_file import PendingBrickFile, file_bytes
from dashboard.bricks.plane_checksums import checksum_bytes
from dashboard.bricks.usage import AccessResult, BrickUsage
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.storage.checksum import PlaneChecksums

# madvise(2); Python's mmap has no name for it.
MADV_POPULATE_READ: Final = 22


@dataclass(frozen=True, slots=True)
class DecodeRecord:
    """When a brick was added to the cache (Unix time, s), and how long it was decoded (s)."""

    ready_at: float
    took_s: float

    @classmethod
    def parse(cls, header: Mapping[str, Any]) -> Self | None:
        """The record in the header of a stored brick; None in those of former versions."""
        ready, took = header.get("ready_at"), header.get("took_s")
        if not isinstance(ready, (int, float)) or not isinstance(took, (int, float)):
            return None
        if not (math.isfinite(ready) and math.isfinite(took) and took >= 0.0):
            return None
        return cls(float(ready), float(took))


class Brick(Protocol):
    """Decoded planes, and whether each was accessed before.

    `decoded` is known of bricks that were read from the cache.
    `integrity` is None, or says later whether all chunks passed: where only part of a chunk was decoded, its
    checksum is not verified yet.
    """

    damaged_chunks: tuple[DamagedChunk, ...]
    integrity: Future[bool] | None
    decoded: DecodeRecord | None

    def has_plane(self, number: int) -> bool:
        """Whether it has plane `number`, as it was decoded."""

    def plane(self, number: int) -> NDArray[Any]:
        """Plane `number` as an array (rows, columns); not to be written to."""

    def mark_accessed(self, number: int) -> AccessResult:
        """Mark plane `number` as accessed by a viewer; returns what was marked before."""


class FileBrick:
    """A brick in the cache, mapped read-only; the map stays valid when the file is evicted."""

    def __init__(
        self,
        fd: int,
        address: BrickAddress,
        dtype: np.dtype[Any],
        damaged: tuple[DamagedChunk, ...],
        verified: bytearray,
        decoded: DecodeRecord | None = None,
    ) -> None:
        self.address = address
        self.decoded = decoded
        self._verified = verified
        self.damaged_chunks = damaged
        self.integrity: Future[bool] | None = None
        self.dtype = dtype
        size = address.nbytes(dtype.itemsize)
        self._length = file_bytes(address, dtype.itemsize)
        self._map = mmap.mmap(fd, size, prot=mmap.PROT_READ)
        self._planes = np.frombuffer(self._map, dtype).reshape(-1, *address.shape[-2:])
        self.usage = BrickUsage(fd, size)
        # Last, because the descriptor belongs to the caller until here.
        self._fd = fd

    @property
    def planes(self) -> NDArray[Any]:
        """All planes, an array (planes, rows, columns); not to be written to."""
        return self._planes

    def has_plane(self, number: int) -> bool:
        return self.sound(number)

    def plane(self, number: int) -> NDArray[Any]:
        plane: NDArray[Any] = self._planes[number]
        return plane

    def planes_of(self, start: Sequence[int], stop: Sequence[int]) -> list[int]:
        """The numbers of the planes that a box of the dataset inside the brick touches."""
        others = self.address.order[:-2]
        sides = [np.arange(start[dim], stop[dim]) - self.address.start[dim] for dim in others] or [
            np.zeros(1, np.int64)
        ]
        grid = np.ix_(*sides)
        numbers = np.ravel_multi_index(grid, self.address.shape[:-2] or (1,))
        found: list[int] = np.ravel(numbers).tolist()
        return found

    def unverified(self, numbers: Iterable[int]) -> int:
        """How many of these planes this process has not verified yet."""
        return sum(not self._verified[number] for number in numbers)

    def box(self, start: Sequence[int], stop: Sequence[int]) -> NDArray[Any] | None:
        """A view of a box of the dataset inside the brick, in the order of its dimensions.

        None unless all of its planes are as they were written; those that are verified are not read for that.
        """
        for number in self.planes_of(start, stop):
            if not self._verified[number] and not self.sound(number):
                return None
        address = self.address
        whole = self._planes.reshape(address.shape).transpose(np.argsort(address.order))
        inside = zip(start, stop, address.start, strict=True)
        found: NDArray[Any] = whole[tuple(slice(a - at, b - at) for a, b, at in inside)]
        return found

    def mark_accessed(self, number: int) -> AccessResult:
        return self.usage.mark_accessed(number)

    def seal(self, sums: PlaneChecksums) -> None:
        """Write the checksums of a finished brick; raises `OSError`."""
        found = sums.finish()
        # A brick written by a child is read back, out of the page cache.
        if found is None:
            found = plane_checksums.plane_checksums(self._planes)
        offset = self._length - checksum_bytes(self.address.planes)
        plane_checksums.write(self._fd, offset, self.address.key, found)

    def sound(self, number: int) -> bool:
        """Whether plane `number` is as it was written; verified once in each process, and mapped each time."""
        if not 0 <= number < len(self._verified):
            raise IndexError("the brick has no such plane")
        if not self._verified[number]:
            offset = self._length - checksum_bytes(self.address.planes)
            key, plane = self.address.key, self._planes[number]
            self._verified[number] = plane_checksums.matches(self._fd, offset, key, number, plane)
        else:
            self._page_in(number)
        return bool(self._verified[number])

    def _page_in(self, number: int) -> None:
        """Map the pages of plane `number` now, so that a later read does not wait for the disk."""
        nbytes = self._planes[number].nbytes
        start = number * nbytes // mmap.PAGESIZE * mmap.PAGESIZE
        with suppress(OSError):  # Linux before 5.14: they are read when they are touched.
            self._map.madvise(MADV_POPULATE_READ, start, (number + 1) * nbytes - start)

    def is_intact(self) -> bool:
        """Whether the file is still in the cache, and as long as it was."""
        try:
            info = os.fstat(self._fd)
        except OSError:
            return False
        return info.st_nlink > 0 and info.st_size == self._length

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            os.close(self._fd)


class SinglePlaneBrick:
    """One plane of a brick in memory alone, because the disk is full or the brick is still in flight.

    In the second case `pending` is the brick's unfinished file, which has the usage record, or `mark` records.
    """

    def __init__(
        self,
        plane: NDArray[Any],
        number: int,
        damaged: tuple[DamagedChunk, ...],
        integrity: Future[bool] | None = None,
        pending: PendingBrickFile | None = None,
        mark: Callable[[int], AccessResult] | None = None,
    ) -> None:
        self.damaged_chunks = damaged
        self.integrity = integrity
        self.decoded: DecodeRecord | None = None
        self._plane = plane
        self._number = number
        self._mark = mark
        # A duplicate, since the writer may close its descriptor before `mark_accessed` is called.
        self._fd = None if pending is None else os.dup(pending.fd)
        self._offset = 0 if pending is None else pending.data_bytes

    def has_plane(self, number: int) -> bool:
        return number == self._number

    def plane(self, number: int) -> NDArray[Any]:
        if not self.has_plane(number):
            raise IndexError("this plane was not decoded")
        return self._plane

    def mark_accessed(self, number: int) -> AccessResult:
        if self._mark is not None:
            return self._mark(number)
        if self._fd is None:
            return AccessResult(Purpose.DEMAND, True, True)
        return BrickUsage(self._fd, self._offset).mark_accessed(number)

    def __del__(self) -> None:
        if self._fd is not None:
            with suppress(OSError):
                os.close(self._fd)
