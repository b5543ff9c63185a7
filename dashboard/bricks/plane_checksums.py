"""Checksums in a brick's file, one for each plane, and which of them this process has verified.

They lie behind the usage record: a CRC-32 of the plane's bytes for each plane, little-endian, combined with a
CRC-32 of the brick's key and the plane's number, so that the file of another brick does not pass either.
"""

from __future__ import annotations

import os
import threading
import zlib
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from dashboard.storage.checksum import CHECKSUM_DTYPE, crc32

# Bricks whose verified planes are remembered; one that is forgotten is verified again.
MAX_REMEMBERED = 4096


def checksum_bytes(planes: int) -> int:
    """Length of the checksums of a brick of so many planes."""
    return CHECKSUM_DTYPE.itemsize * planes


def write(fd: int, offset: int, key: str, sums: NDArray[np.uint32]) -> None:
    """Write the planes' checksums to a brick's file at `offset`; raises `OSError`."""
    named = sums ^ np.array([_mask(key, plane) for plane in range(len(sums))], np.uint32)
    os.pwrite(fd, named.astype(CHECKSUM_DTYPE).tobytes(), offset)


def plane_checksums(planes: NDArray[Any]) -> NDArray[np.uint32]:
    """The checksums of finished planes, an array (planes, rows, columns)."""
    return np.array([crc32(plane.data.cast("B")) for plane in planes], np.uint32)


def matches(fd: int, offset: int, key: str, number: int, plane: NDArray[Any]) -> bool:
    """Whether a plane has the checksum that the brick's file, whose checksums lie at `offset`, has for it."""
    try:
        stored = os.pread(fd, CHECKSUM_DTYPE.itemsize, offset + CHECKSUM_DTYPE.itemsize * number)
    except OSError:
        return False
    return int.from_bytes(stored, "little") == crc32(plane.data.cast("B")) ^ _mask(key, number)


def _mask(key: str, plane: int) -> int:
    return zlib.crc32(f"{key}:{plane}".encode())


class VerifiedPlanes:
    """For each brick file of the cache one byte a plane: whether this process has verified it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: LRUCache[str, bytearray] = LRUCache(MAX_REMEMBERED)

    def flags(self, file: str, planes: int) -> bytearray:
        """The bytes of a brick's file, by its name in the cache, which no other file gets."""
        with self._lock:
            return self._known.setdefault(file, bytearray(planes))
