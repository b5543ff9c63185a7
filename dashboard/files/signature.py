"""Which files are HDF5, by their signature; the result is kept by inode, size and times."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from cachetools import LRUCache

SIGNATURE = b"\x89HDF\r\n\x1a\n"

# Listed without a look inside, as also one that is still empty or damaged is meant by its name.
SUFFIXES = frozenset(".h5 .hdf5 .hdf .he5 .h5p .h5ad .nxs .nexus .cxi".split())
ANY_NAME = ("*",)

# Where the signature of a listed file may stand; a file with a longer user block opens by its name.
_OFFSETS = (0, 512, 1024, 2048)
_HEAD_BYTES = _OFFSETS[-1] + len(SIGNATURE)
MAX_KNOWN = 100_000
# Files of other names that are opened for one listing are at most as many as this time allows (s).
PROBE_S = 5.0

# O_NONBLOCK: opening a FIFO would otherwise wait for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def has_signature(path: Path) -> bool:
    """Whether the HDF5 signature is at 0, 512, 1024, 2048 … (format specification, section II.A)."""
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        offset = 0
        while offset + len(SIGNATURE) <= size:
            if os.pread(stream.fileno(), len(SIGNATURE), offset) == SIGNATURE:
                return True
            offset = 512 if offset == 0 else offset * 2
    return False


class FileKinds:
    """Tells HDF5 files from others in listings: by a suffix that is HDF5's own, else by the signature.

    Only names that match one of `patterns` (as in the shell, without their case) are considered. What was opened
    once is known by inode, size and times, so that a second listing opens nothing.
    """

    def __init__(self, patterns: Iterable[str] = ANY_NAME) -> None:
        joined = "|".join(fnmatch.translate(pattern.lower()) for pattern in patterns)
        self._named = re.compile(joined).match
        self._known: LRUCache[tuple[int, int, int, int], bool] = LRUCache(MAX_KNOWN)
        self._lock = threading.Lock()

    def may_be(self, name: str) -> bool:
        """Whether a file of this name is considered at all."""
        return self._named(name.lower()) is not None

    def known_by_name(self, name: str) -> bool:
        """Whether a file of this name is listed without a look inside."""
        return os.path.splitext(name)[1].lower() in SUFFIXES

    def is_hdf5(self, folder: int, name: str, info: os.stat_result, until: float) -> bool | None:
        """Whether the file `name` of an open directory has the signature; None if it is not known by `until`.

        `until` is a time of `time.monotonic`; a file that cannot be opened is none.
        """
        if not stat.S_ISREG(info.st_mode) or info.st_size < len(SIGNATURE):
            return False
        key = info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return known
        if time.monotonic() > until:
            return None
        found = _signed(folder, name)
        with self._lock:
            self._known[key] = found
        return found


def _signed(folder: int, name: str) -> bool:
    try:
        fd = os.open(name, _READ, dir_fd=folder)
    except OSError:
        return False
    try:
        head = os.pread(fd, _HEAD_BYTES, 0)
    except OSError:
        return False
    finally:
        os.close(fd)
    return any(head.startswith(SIGNATURE, offset) for offset in _OFFSETS)
