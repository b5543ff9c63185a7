"""Inflating a gzip chunk only as far as a plane lies, and the rest of it later.

The deflate stream of a chunk can be read from its beginning alone, but one may stop and go on: isal keeps the
state, so that nothing is inflated twice. The checksum stands at the stream's end, so what comes out of the
first part is not yet proven: whoever uses it must go on to the end before anything of it is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from isal import igzip_lib
from numpy.typing import NDArray

from dashboard.volumes.codecs import GZIP, Damaged, Filter

# A plane that lies deeper than this share of its chunk is had sooner by inflating the whole at once:
# libdeflate is the faster of the two by about a fifth.
DEEPEST_SHARE = 0.75
# Compressed bytes handed over at first, beyond the share that the plane's depth would suggest.
SLACK = 1.05
SLACK_BYTES = 4096


def can_stop(pipeline: tuple[Filter, ...]) -> bool:
    """Whether chunks of this pipeline can be had in part: a shuffle spreads each plane over all of it."""
    return [number for number, _ in pipeline] == [GZIP]


class Inflater:
    """One chunk that is inflated in two parts."""

    def __init__(self) -> None:
        self._state = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
        self._fed = 0
        self._done = 0

    def begin(self, raw: NDArray[np.uint8], out: NDArray[np.uint8], need: int) -> None:
        """Inflate the first `need` bytes into `out` (the whole chunk's place); raises `Damaged`."""
        step = min(len(raw), int(len(raw) * need / len(out) * SLACK) + SLACK_BYTES)
        self._on(raw, out, need, step)
        if self._done < need:
            raise Damaged("its stream is cut short")

    def finish(self, raw: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        """Inflate the rest; raises `Damaged` when length or checksum are wrong."""
        self._on(raw, out, len(out), len(raw))
        if self._done < len(out):
            raise Damaged(f"it decodes to {self._done} bytes instead of {len(out)}")
        if self._state.eof:
            return
        # The checksum is still to come; a byte in its place tells that the stream goes on.
        fresh = raw[self._fed :].data
        self._fed = len(raw)
        if self._inflated(fresh, 1):
            raise Damaged(f"it decodes to more than {len(out)} bytes")
        if not self._state.eof:
            raise Damaged("its stream is cut short")

    def _on(self, raw: NDArray[np.uint8], out: NDArray[np.uint8], until: int, step: int) -> None:
        while self._done < until and not self._state.eof:
            fresh: Any = b""
            if self._state.needs_input:
                if self._fed >= len(raw):
                    return
                fresh = raw[self._fed : self._fed + step].data
                self._fed += len(fresh)
            part = self._inflated(fresh, until - self._done)
            out[self._done : self._done + len(part)] = np.frombuffer(part, np.uint8)
            self._done += len(part)

    def _inflated(self, fresh: Any, most: int) -> bytes:
        try:
            return self._state.decompress(fresh, most)
        except igzip_lib.error as error:  # type: ignore[misc]  # its stub does not say what it is
            raise Damaged(f"its bytes cannot be decoded ({error})") from error
