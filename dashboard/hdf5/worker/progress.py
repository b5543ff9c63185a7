"""The object that is being worked on, in shared memory, where the parent finds it after a crash.

Failures are recorded by object, so that they apply to all of its names: a cycle of hard links gives it any number.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Collection

from dashboard.hdf5.worker.refused import ObjectRefused

# Inode of the file and address of the object's header in it; 0, 0 for none.
POSITION = struct.Struct("QQ")


class _Progress:
    """One for each process, which works on one request at a time."""

    def __init__(self) -> None:
        self.shared: mmap.mmap | None = None
        self.skipped: dict[tuple[int, int], str] = {}

    def note(self, inode: int, address: int) -> None:
        if self.shared is not None:
            POSITION.pack_into(self.shared, 0, inode % 2**64, address % 2**64)


_progress = _Progress()


def share(fd: int) -> None:
    """Record objects in this memory from now on, which is shared with the parent."""
    _progress.shared = mmap.mmap(fd, POSITION.size)
    os.close(fd)


def begin(skipped: Collection[tuple[int, int, str]]) -> None:
    """Begin a request, with no object yet; `skipped` has (inode, address, reason) of objects not to be opened."""
    _progress.skipped = {(inode, address): reason for inode, address, reason in skipped}
    _progress.note(0, 0)


def reach(inode: int, address: int) -> None:
    """Record that an object is about to be opened; `ObjectRefused` if the library failed on it before."""
    reason = _progress.skipped.get((inode, address))
    if reason is not None:
        raise ObjectRefused(reason, "failed")
    _progress.note(inode, address)
