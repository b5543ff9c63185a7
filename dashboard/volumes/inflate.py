"""Inflating a gzip chunk only as far as a plane lies, and the rest of it later.

The deflate stream of a chunk can be read from its beginning alone, but one may stop and go on: isal keeps the
state, so that nothing is inflated twice. The checksum stands at the stream's end, so what comes out of the
first parts is not yet proven: whoever uses it must go on to the end before anything of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from isal import igzip_lib
from numpy.typing import NDArray

from dashboard.volumes.codecs import GZIP, Damaged, Filter

# A plane that lies deeper than this share of its chunk is had sooner by inflating the whole at once.
DEEPEST_SHARE = 0.75
# Compressed bytes handed over at first, beyond the share that the depth would suggest.
SLACK = 1.05
SLACK_BYTES = 4096

# (offset within the chunk's stored bytes, how many) -> those bytes; raises `Damaged`
Fetch = Callable[[int, int], NDArray[np.uint8]]


def can_stop(pipeline: tuple[Filter, ...]) -> bool:
    """Whether chunks of this pipeline can be had in part: a shuffle spreads each plane over all of it."""
    return [number for number, _ in pipeline] == [GZIP]


class Inflater:
    """One chunk, `stored` bytes long in the file, that is inflated part by part."""

    def __init__(self, stored: int) -> None:
        self._state = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
        self._stored = stored
        self._fed = 0
        self._done = 0

    def advance(self, fetch: Fetch, out: NDArray[np.uint8], until: int) -> None:
        """Inflate on until the first `until` bytes of the chunk are in `out`, which is its whole place.

        Fetches no more of the stored bytes than that probably takes. With the last byte the checksum
        is met. Raises `Damaged`.
        """
        while self._done < until and not self._state.eof:
            fresh: Any = b""
            if self._state.needs_input:
                fresh = self._next(fetch, len(out), until)
                if not len(fresh):
                    break
            part = self._inflated(fresh, until - self._done)
            out[self._done : self._done + len(part)] = np.frombuffer(part, np.uint8)
            self._done += len(part)
        if self._done < until:
            if self._state.eof:
                raise Damaged(f"it decodes to {self._done} bytes instead of {len(out)}")
            raise Damaged("its stream is cut short")
        if until == len(out) and not self._state.eof:
            # The checksum is still to come; a byte in its place tells that the stream goes on.
            if self._inflated(self._next(fetch, len(out), until), 1):
                raise Damaged(f"it decodes to more than {len(out)} bytes")
            if not self._state.eof:
                raise Damaged("its stream is cut short")

    def _next(self, fetch: Fetch, size: int, until: int) -> Any:
        """The stored bytes that are inflated next; none when there are no more."""
        left = self._stored - self._fed
        want = int(self._stored * (until - self._done) / size * SLACK) + SLACK_BYTES
        count = left if until == size else min(left, want)
        if not count:
            return b""
        fresh = fetch(self._fed, count)
        self._fed += count
        return fresh.data

    def _inflated(self, fresh: Any, most: int) -> bytes:
        try:
            return self._state.decompress(fresh, most)
        except igzip_lib.error as error:  # type: ignore[misc]  # its stub does not say what it is
            raise Damaged(f"its bytes cannot be decoded ({error})") from error
