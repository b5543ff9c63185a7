"""The usage record: the bytes after a brick's values that hold its purpose and which planes were accessed."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass

from dashboard.addressing.outcomes import Purpose, Stage
from dashboard.meter import meter

_CODES = {
    Purpose.DEMAND: 0,
    Purpose.PREFETCH_MOVING: 1,
    Purpose.PREFETCH_IDLE: 2,
    Purpose.WARMUP: 3,
}
_PURPOSES = {code: purpose for purpose, code in _CODES.items()}

# Layout: the purpose, whether the brick was accessed, then one byte for each plane.
_HEAD = 2


@dataclass(frozen=True, slots=True)
class AccessResult:
    """State of the usage record before an access."""

    purpose: Purpose
    first_brick_access: bool
    first_plane_access: bool


class BrickUsage:
    """The bytes after a brick's values; test-and-set under a lock, across threads and processes."""

    def __init__(self, fd: int, offset: int) -> None:
        self._fd = fd
        self._offset = offset

    @staticmethod
    def begin(fd: int, offset: int, planes: int, purpose: Purpose) -> None:
        """Write the record of a new brick, none of whose planes was accessed."""
        record = bytearray(_HEAD + planes)
        record[0] = _CODES[purpose]
        os.pwrite(fd, record, offset)

    @property
    def purpose(self) -> Purpose:
        """Why the brick was decoded."""
        return _PURPOSES.get(os.pread(self._fd, 1, self._offset)[0], Purpose.DEMAND)

    @property
    def accessed(self) -> bool:
        """Whether any viewer accessed the brick."""
        return os.pread(self._fd, 1, self._offset + 1) != b"\0"

    @meter(Stage.CACHE)
    def mark_accessed(self, plane: int) -> AccessResult:
        """Mark a plane as accessed; returns the state before."""
        at = self._offset + _HEAD + plane
        head = os.pread(self._fd, _HEAD, self._offset)
        purpose = _PURPOSES.get(head[0], Purpose.DEMAND)
        if os.pread(self._fd, 1, at) != b"\0":
            return AccessResult(purpose, False, False)
        with meter(Stage.WAIT):
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
    """Length of the usage record of a brick with `planes` planes."""
    return _HEAD + planes
