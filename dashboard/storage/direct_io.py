"""Long files written past the page cache.

What goes through the page cache takes memory there, page by page, and puts out what others have in
it. More than the kernel lets stand unwritten waits for the disk all the same.
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
# What a file system answers that writes through the page cache alone, or asks for larger blocks.
UNSUPPORTED_ERRNOS = {errno.EINVAL, errno.EOPNOTSUPP}

# The kernel lets so much of what memory is to be had stand unwritten before it makes who writes wait:
# the default of vm.dirty_ratio (https://docs.kernel.org/admin-guide/sysctl/vm.html).
UNWRITTEN_SHARE = 0.2
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes(limit: Path = MEMORY_LIMIT) -> int:
    """Bytes of memory that this process may use: the machine's, or its container's if that is less."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(installed, int(limit.read_text()))
    except (OSError, ValueError):
        return installed  # in no container, or in one without a limit ("max")


def fits_dirty_limit(nbytes: int) -> bool:
    """Whether so many bytes may be written without waiting for the disk."""
    return nbytes <= UNWRITTEN_SHARE * memory_bytes()


def write(fd: int, data: memoryview) -> None:
    """Write `data` (bytes, at a page's beginning in memory) to the beginning of a file.

    Past the page cache as far as its blocks are whole and the file system can do that; through it
    for the rest. Raises `OSError`.
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
    """Whether the descriptor writes past the page cache inside; as it was afterwards."""
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
