"""The decoders in C that take several chunks in one call, and each as far as it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from dashboard.codecs import fast_lzf, paired_inflate
from dashboard.codecs.errors import Bytes
from dashboard.codecs.filters import GZIP, LZF
from dashboard.codecs.verdict import Verdict


class Stream(Protocol):
    """A stream that is decoded in several calls."""

    @property
    def fed(self) -> int:
        """Number of bytes consumed."""


class BatchDecoder(Protocol):
    """A decoder of one filter; the interpreter lock is released."""

    def available(self) -> bool:
        """Whether it was compiled and this processor has its instructions."""

    def decode(self, streams: Sequence[Bytes], outputs: Sequence[Bytes]) -> list[bool]:
        """Decode each of `streams`; returns whether it gave exactly the size of its output."""

    def stream(self, size: int) -> Any:
        """A `Stream` of `size` bytes."""

    def stream_bytes(self) -> int:
        """Memory of one stream (bytes)."""

    def resume(
        self, streams: Sequence[Any], parts: Sequence[Bytes], outputs: Sequence[Bytes], until: int
    ) -> list[Verdict]:
        """Resume streams until at least `until` bytes of each are in its output."""


class _Gzip:
    @staticmethod
    def available() -> bool:
        return paired_inflate.available()

    decode = staticmethod(paired_inflate.inflate)
    stream = staticmethod(paired_inflate.stream)
    stream_bytes = staticmethod(paired_inflate.stream_bytes)
    resume = staticmethod(paired_inflate.inflate_on)


_DECODERS: dict[int, BatchDecoder] = {GZIP: _Gzip(), LZF: fast_lzf}


def batch_decoder(pipeline: Sequence[tuple[int, tuple[int, ...]]]) -> BatchDecoder | None:
    """The decoder of the filter that is decoded first; None where that is decoded chunk by chunk."""
    found = _DECODERS.get(pipeline[-1][0]) if pipeline else None
    return found if found is not None and found.available() else None
