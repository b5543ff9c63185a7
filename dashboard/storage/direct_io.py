"""Writing of large files with direct I/O (O_DIRECT).

Buffered writes occupy the page cache and evict other processes' pages from it. Beyond the kernel's limit of dirty
pages they wait for the disk all the same.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Addresses, offsets and lengths are multiples of the device's logical block (open(2), O_DIRECT), which
# is 512 or 4,096 bytes.
ALIGNED = 4096
PIECE_BYTES = 8 * 1024 * 1024
# Errors of file systems without direct I/O, or with larger blocks, and without preallocation (fallocate(2)).
UNSUPPORTED_ERRNOS = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}

# Share of available memory that may be dirty before the kernel blocks writers: the default of vm.dirty_ratio
# (https://docs.kernel.org/admin-guide/sysctl/vm.html).
UNWRITTEN_SHARE = 0.2
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes(limit: Path = MEMORY_LIMIT) -> int:
    """Memory available to this process (bytes): the machine's, or its container's if that is less."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(installed, int(limit.read_text()))
    except (OSError, ValueError):
        return installed  # Not in a container, or in one without a limit ("max").


def fits_dirty_limit(nbytes: int) -> bool:
    """Whether `nbytes` fit the limit of dirty pages, so that writing does not wait for the disk."""
    return nbytes <= UNWRITTEN_SHARE * memory_bytes()


def write(fd: int, data: memoryview) -> None:
    """Write `data` (bytes, page-aligned in memory) to the beginning of a file.

    Whole blocks bypass the page cache where the file system supports it; the rest is written through it. Raises
    `OSError`.
    """
    at = 0
    whole = len(data) // ALIGNED * ALIGNED
    with _past_page_cache(fd) as direct:
        while direct and at < whole:
            try:
                at += os.pwrite(fd, data[at : min(at + PIECE_BYTES, whole)], at)
            except OSError as error:
                if error.errno not in UNSUPPORTED_ERRNOS:
                    raise
                break
    while at < len(data):
        at += os.pwrite(fd, data[at:], at)


@contextmanager
def _past_page_cache(fd: int) -> Iterator[bool]:
    """Set O_DIRECT on the descriptor within the block; yields whether that is supported."""
    before = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, before | os.O_DIRECT)
    except (AttributeError, OSError):
        yield False
        return
    try:
        yield True
    finally:
        fcntl.fcntl(fd, fcntl.F_SETFL, before)
