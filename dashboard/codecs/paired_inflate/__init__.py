"""Inflates zlib streams two at a time in one thread, in C.

Inflating is limited by a dependency: each code begins where the one before it ends. Two streams are independent of
each other, so the processor works on one while it waits for the other. The C files are compiled at installation,
given a C compiler and an x86-64 processor; otherwise libdeflate (`dashboard.codecs.pipeline`) decodes the same
values, more slowly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from dashboard.codecs.errors import Bytes
from dashboard.codecs.verdict import Verdict

try:
    from dashboard.codecs.paired_inflate import _native
except ImportError:
    _compiled = False
else:
    _compiled = True

if TYPE_CHECKING:
    from dashboard.codecs.paired_inflate._native import Stream


@cache
def available() -> bool:
    """Whether the decoder was compiled and this processor has the instructions (AVX2, BMI1 and BMI2)."""
    return _compiled and _native.supported()


def inflate(streams: Sequence[Bytes], outputs: Sequence[Bytes]) -> list[bool]:
    """Inflate each of `streams` (RFC 1950) into the array of the same index in `outputs`.

    Returns whether each stream inflated to exactly the size of its output, with the right checksum; otherwise the
    output is undefined. Requires `available`. The interpreter lock is released.
    """
    return [bool(verdict) for verdict in _native.inflate(list(streams), list(outputs))]


def stream(size: int) -> Stream:
    """A stream of `size` bytes that is inflated in several calls; its `fed` is the number of bytes consumed."""
    return _native.Stream(size)


def stream_bytes() -> int:
    """Memory of one `stream` (bytes); 0 if the decoder was not compiled."""
    return _native.STREAM_BYTES if _compiled else 0


def inflate_on(
    streams: Sequence[Stream], parts: Sequence[Bytes], outputs: Sequence[Bytes], until: int
) -> list[Verdict]:
    """Resume streams until at least `until` bytes of each are in its output, which is the same in every call.

    `parts` are the bytes after those consumed before, all or some of them; the verdict is `NEED_INPUT` when they
    do not suffice. The checksum is verified with the last byte of the output; bytes before that are unverified.
    Otherwise as `inflate`. Raises `ValueError` when another thread uses one of the streams.
    """
    found = _native.inflate_on(list(streams), list(parts), list(outputs), until)
    return [Verdict(verdict) for verdict in found]
