"""The usage record: the bytes after a brick's values with its purpose, its fate and which planes were accessed."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass

from dashboard.addressing.outcomes import Purpose, Stage, Waste
from dashboard.meter import meter

_CODES = {
    Purpose.DEMAND: 0,
    Purpose.PREFETCH_MOVING: 1,
    Purpose.PREFETCH_IDLE: 2,
    Purpose.WARMUP: 3,
}
_PURPOSES = {code: purpose for purpose, code in _CODES.items()}

# Layout: the purpose, the fate, then one byte for each plane.
_HEAD = 2
# Values of the fate: undecided, accessed, or wasted by one of the causes.
_UNDECIDED, _ACCESSED = 0, 1
_WASTE_CODES = {
    Waste.TURNED: 2,
    Waste.JUMPED: 3,
    Waste.LEFT: 4,
    Waste.TOO_DEEP: 5,
    Waste.EVICTED: 6,
    Waste.DROPPED: 7,
}
_WASTES = {code: waste for waste, code in _WASTE_CODES.items()}


@dataclass(frozen=True, slots=True)
class AccessResult:
    """State of the usage record before an access; `waste` if the brick was said to be wasted until then."""

    purpose: Purpose
    first_brick_access: bool
    first_plane_access: bool
    waste: Waste | None = None


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
        return _is_accessed(self._fate())

    def waste(self, cause: Waste) -> bool:
        """Record that the brick is wasted; returns whether it was neither accessed nor recorded before."""
        self._lock()
        try:
            undecided = self._fate() == _UNDECIDED
            if undecided:
                os.pwrite(self._fd, bytes([_WASTE_CODES[cause]]), self._offset + 1)
        finally:
            self._unlock()
        return undecided

    def _fate(self) -> int:
        return os.pread(self._fd, 1, self._offset + 1)[0]

    def _lock(self) -> None:
        with meter(Stage.WAIT):
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def _unlock(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    @meter(Stage.CACHE)
    def mark_accessed(self, plane: int) -> AccessResult:
        """Mark a plane as accessed; returns the state before."""
        at = self._offset + _HEAD + plane
        head = os.pread(self._fd, _HEAD, self._offset)
        purpose = _PURPOSES.get(head[0], Purpose.DEMAND)
        if os.pread(self._fd, 1, at) != b"\0":
            return AccessResult(purpose, False, False)
        self._lock()
        try:
            first_plane = os.pread(self._fd, 1, at) == b"\0"
            fate = self._fate()
            first_brick = not _is_accessed(fate)
            if first_plane:
                os.pwrite(self._fd, b"\1", at)
            if first_brick:
                os.pwrite(self._fd, bytes([_ACCESSED]), self._offset + 1)
        finally:
            self._unlock()
        return AccessResult(purpose, first_brick, first_plane, _WASTES.get(fate))


def _is_accessed(fate: int) -> bool:
    return fate != _UNDECIDED and fate not in _WASTES


def usage_record_size(planes: int) -> int:
    """Length of the usage record of a brick with `planes` planes."""
    return _HEAD + planes
