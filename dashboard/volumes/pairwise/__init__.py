"""zlib streams inflated two at a time in one thread, by a decoder of our own.

What holds up inflating is that each code begins where the one before it ends. Two streams do not wait
for each other, so a processor gets on with one meanwhile. `lanes.c` and what it includes are compiled at
installation where there is a C compiler and an x86-64 processor; who has neither gets the same values
from libdeflate (`dashboard.volumes.codecs`), later.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from dashboard.volumes.damaged import Bytes

try:
    from dashboard.volumes.pairwise import _lanes
except ImportError:
    _compiled = False
else:
    _compiled = True


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
    return _lanes.inflate(list(streams), list(places))
