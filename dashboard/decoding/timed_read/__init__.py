"""Reads from a file whose time is that of the disk, not of other threads.

The time around `os.preadv` includes how long its thread waits for the interpreter lock afterwards: with other
threads at work, up to 5 ms for a read of 20 µs. In C, both are measured separately, and the lock is taken once for
a batch of reads. The C file is compiled at installation, given a C compiler; otherwise both times are one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from dashboard.decoding.buffers import Bytes

try:
    from dashboard.decoding.timed_read import _native
except ImportError:
    _compiled = False
else:
    _compiled = True


def available() -> bool:
    """Whether both times are measured."""
    return _compiled


def read_into(
    fd: int, offsets: Sequence[int], outs: Sequence[Bytes]
) -> tuple[list[int], float, float]:
    """Fill each of `outs` with the bytes from the offset of the same index on.

    Returns (results, seconds of reading, seconds of waiting for the interpreter lock). A result is the number of
    bytes, less than the length at the end of the file, or minus the number of the error.
    """
    if _compiled:
        return _native.read_into(fd, list(offsets), list(outs))
    began = time.perf_counter()
    results = [_fill(fd, at, out) for at, out in zip(offsets, outs, strict=True)]
    return results, time.perf_counter() - began, 0.0


def _fill(fd: int, offset: int, out: Bytes) -> int:
    filled = 0
    try:
        while filled < len(out):
            count = os.preadv(fd, [out[filled:].data], offset + filled)
            if count == 0:
                break
            filled += count
    except OSError as error:
        return -(error.errno or 0)
    return filled
