"""A brick's story: the few bytes after its values that tell why it was decoded and what was wanted of it."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """Why a brick is decoded."""

    DEMAND = "demand"
    PREFETCH_MOVING = "ahead"
    PREFETCH_IDLE = "resting"
    WARMUP = "warm"


_CODES = {
    Purpose.DEMAND: 0,
    Purpose.PREFETCH_MOVING: 1,
    Purpose.PREFETCH_IDLE: 2,
    Purpose.WARMUP: 3,
}
_PURPOSES = {code: purpose for purpose, code in _CODES.items()}

# In the bytes after the values: the purpose, then whether the brick was wanted, then one byte a
# plane.
_HEAD = 2


@dataclass(frozen=True, slots=True)
class AccessResult:
    """What a brick's story says when a plane of it is wanted."""

    purpose: Purpose
    first_brick_access: bool
    first_plane_access: bool


class BrickUsage:
    """The bytes after a brick's values; test-and-set under a lock, right over threads and processes."""

    def __init__(self, fd: int, offset: int) -> None:
        self._fd = fd
        self._offset = offset

    @staticmethod
    def begin(fd: int, offset: int, planes: int, purpose: Purpose) -> None:
        """Write the story of a new brick, of which nothing was wanted yet."""
        story = bytearray(_HEAD + planes)
        story[0] = _CODES[purpose]
        os.pwrite(fd, story, offset)

    @property
    def purpose(self) -> Purpose:
        """Why the brick was decoded."""
        return _PURPOSES.get(os.pread(self._fd, 1, self._offset)[0], Purpose.DEMAND)

    @property
    def accessed(self) -> bool:
        """Whether any viewer wanted the brick."""
        return os.pread(self._fd, 1, self._offset + 1) != b"\0"

    def mark_accessed(self, plane: int) -> AccessResult:
        """Mark a plane as wanted and tell what was marked before."""
        at = self._offset + _HEAD + plane
        head = os.pread(self._fd, _HEAD, self._offset)
        purpose = _PURPOSES.get(head[0], Purpose.DEMAND)
        if os.pread(self._fd, 1, at) != b"\0":
            return AccessResult(purpose, False, False)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            first_plane = os.pread(self._fd, 1, at) == b"\0"
            first_brick = os.pread(self._fd, 1, self._offset + 1) == b"\0"
            if first_plane:
                os.pwrite(self._fd, b"\1", at)
            if first_brick:
                os.pwrite(self._fd, b"\1", self._offset + 1)
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        return AccessResult(purpose, first_brick, first_plane)


def usage_record_size(planes: int) -> int:
    """Length of the story of a brick of so many planes."""
    return _HEAD + planes
