"""zlib streams inflated two at a time in one thread, by a decoder of our own.

What holds up inflating is that each code begins where the one before it ends. Two streams do not wait
for each other, so a processor gets on with one meanwhile. `lanes.c` and what it includes are compiled at
installation where there is a C compiler and an x86-64 processor; who has neither gets the same values
from libdeflate (`dashboard.codecs.pipeline`), later.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

from dashboard.codecs.errors import Bytes

try:
    from dashboard.codecs.paired_inflate import _lanes
except ImportError:
    _compiled = False
else:
    _compiled = True

if TYPE_CHECKING:
    from dashboard.codecs.paired_inflate._lanes import Stream


class Verdict(IntEnum):
    """What became of a stream, as `lanes.h` has it."""

    CORRUPT = 0
    OK = 1
    NEED_INPUT = 2


@cache
def available() -> bool:
    """Whether it was compiled, and this processor has the instructions (AVX2, BMI1 and BMI2)."""
    return _compiled and _lanes.supported()


def inflate(streams: Sequence[Bytes], places: Sequence[Bytes]) -> list[bool]:
    """Inflate each of `streams` (RFC 1950) into the array of the same number in `places`.

    Returns whether each came to exactly as many bytes as its place has, and they fit its checksum;
    where that is False the place may hold anything. Only if `available`. The interpreter's lock is
    free meanwhile.
    """
    return [bool(verdict) for verdict in _lanes.inflate(list(streams), list(places))]


def stream(size: int) -> Stream:
    """A stream of `size` bytes that is inflated part by part; its `fed` says how many are done with."""
    return _lanes.Stream(size)


def stream_bytes() -> int:
    """Memory that one of them takes; 0 where there are none."""
    return _lanes.STREAM_BYTES if _compiled else 0


def inflate_on(
    streams: Sequence[Stream], parts: Sequence[Bytes], places: Sequence[Bytes], until: int
) -> list[Verdict]:
    """Inflate streams on, until at least `until` bytes of each are in its place, the same every time.

    `parts` are what follows the bytes that each was fed, all of it or some; the stream is `HUNGRY`
    when that does not suffice. With all bytes of the place the checksum is met; before, what is there
    is not yet proven to be sound. Else as `inflate`. Raises `ValueError` when another thread has one
    of the streams in work.
    """
    found = _lanes.inflate_on(list(streams), list(parts), list(places), until)
    return [Verdict(verdict) for verdict in found]
