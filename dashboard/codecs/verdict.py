"""What decoders that work on several streams at once say of each."""

from __future__ import annotations

from enum import IntEnum


class Verdict(IntEnum):
    """The result for a stream; the values are those of the decoders in C."""

    CORRUPT = 0
    OK = 1
    NEED_INPUT = 2
