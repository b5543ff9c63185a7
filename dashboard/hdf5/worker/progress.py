"""Which object of which file is being worked on, where the parent finds it when this process has died.

A verdict on an object then holds for all of its names: a cycle of hard links gives it as many as one likes.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Collection

from dashboard.hdf5.worker.refused import ObjectRefused

# Inode of the file and address of the object's header in it; 0, 0 for none.
POSITION_BYTES = struct.Struct("QQ")


class _Progress:
    """One for the process: it works on one request at a time."""

    def __init__(self) -> None:
        self.shared: mmap.mmap | None = None
        self.skipped: frozenset[tuple[int, int]] = frozenset()

    def note(self, inode: int, address: int) -> None:
        if self.shared is not None:
            POSITION_BYTES.pack_into(self.shared, 0, inode % 2**64, address % 2**64)


_progress = _Progress()


def share(fd: int) -> None:
    """From now on note objects in this memory, which the parent has as well."""
    _progress.shared = mmap.mmap(fd, POSITION_BYTES.size)
    os.close(fd)


def begin(skipped: Collection[list[int]]) -> None:
    """Begin a request: of no object yet; `skipped` are (inode, address) that are not to be opened."""
    _progress.skipped = frozenset((inode, address) for inode, address in skipped)
    _progress.note(0, 0)


def reach(inode: int, address: int) -> None:
    """Note that an object is about to be opened; `Refused` if the library failed on it before."""
    if (inode, address) in _progress.skipped:
        message = "The HDF5 library failed on this object a while ago; it may be damaged."
        raise ObjectRefused(message, "failed")
    _progress.note(inode, address)
