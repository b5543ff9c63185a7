"""Decodes LZF, several chunks in one call and each as far as it is needed, in C.

LZF refers to at most 8 KiB of its own output, so decoding can end anywhere and be resumed; liblzf, from
imagecodecs, decodes whole chunks alone. Where `compiled/` could not be compiled, liblzf
(`dashboard.codecs.pipeline`) decodes the same values, more slowly.
"""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.codecs import compiled
from dashboard.codecs.errors import Bytes
from dashboard.codecs.verdict import Verdict


class Stream:
    """A stream of `size` bytes that is decoded in several calls; its `fed` is the number of bytes consumed."""

    __slots__ = ("fed", "produced", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.fed = 0
        self.produced = 0


def available() -> bool:
    """Whether the decoder was compiled."""
    return compiled.available()


def decode(streams: Sequence[Bytes], outputs: Sequence[Bytes]) -> list[bool]:
    """Decode each of `streams` into the array of the same index in `outputs`.

    Returns whether each stream decoded to exactly the size of its output; otherwise the output is undefined.
    Requires `available`. The interpreter lock is released.
    """
    jobs = [(data, out, 0, len(out), True) for data, out in zip(streams, outputs, strict=True)]
    return [verdict == Verdict.OK for verdict, _, _ in compiled.lzf(jobs)]


def stream(size: int) -> Stream:
    """A stream of `size` bytes that is decoded in several calls."""
    return Stream(size)


def stream_bytes() -> int:
    """Memory of one `stream` (bytes), without the interpreter's own."""
    return 0


def resume(
    streams: Sequence[Stream], parts: Sequence[Bytes], outputs: Sequence[Bytes], until: int
) -> list[Verdict]:
    """Resume streams until at least `until` bytes of each are in its output, which is the same in every call.

    `parts` are the bytes after those consumed before, all or some of them; the verdict is `NEED_INPUT` when they
    do not suffice. Otherwise as `decode`. A stream may be in use by one call at a time.
    """
    jobs = [
        (part, out, one.produced, until, one.fed + len(part) >= one.size)
        for one, part, out in zip(streams, parts, outputs, strict=True)
    ]
    found = compiled.lzf(jobs)
    for one, (_, consumed, produced) in zip(streams, found, strict=True):
        one.fed += consumed
        one.produced = produced
    return [Verdict(verdict) for verdict, _, _ in found]
