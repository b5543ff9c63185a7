"""Chunks that are read and decoded in C: several in one call, and each as far as it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from dashboard.codecs import compiled
from dashboard.codecs.errors import Bytes
from dashboard.codecs.filters import FLETCHER32, GZIP, LZF, SHUFFLE
from dashboard.codecs.verdict import Verdict

# The decoders in C, by the number of their filter; STORED without one.
STORED = 0
CODECS = {GZIP: 1, LZF: 2}


class Stream(Protocol):
    """A chunk that is decoded in several calls."""

    @property
    def fed(self) -> int:
        """Number of bytes consumed."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The verdict on each chunk, the bytes read, and how long reading and then waiting for the lock took (s)."""

    verdicts: list[Verdict]
    read_bytes: int
    read_s: float
    waited_s: float


@dataclass(frozen=True, slots=True)
class BatchDecoder:
    """The decoder of chunks that were shuffled, compressed by `codec`, and given a checksum, in this order.

    `width` is that of a shuffled element in bytes; 1 without a shuffle.
    """

    codec: int
    width: int
    checksum: bool

    @property
    def resumes(self) -> bool:
        """Whether chunks are decoded in part; a shuffle spreads each plane over the whole chunk."""
        return self.codec != STORED and self.width == 1 and not self.checksum

    def stream(self, size: int) -> Stream:
        """A chunk of `size` stored bytes that is decoded in several calls."""
        return compiled.stream(self.codec, size)

    def stream_bytes(self) -> int:
        """Memory of one stream (bytes), without the interpreter's own."""
        return compiled.stream_bytes() if self.codec == CODECS[GZIP] else 0

    def scratch_bytes(self, largest: int, size: int, share: float = 1.0) -> int:
        """Scratch memory for chunks of up to `largest` stored bytes that decode to `size` bytes."""
        shuffled = size if self.width > 1 else 0
        return 2 * (compiled.span_bytes(largest, share) + shuffled)

    def decode(
        self,
        source: int | list[Bytes],
        spans: tuple[NDArray[Any], NDArray[Any]] | None,
        outs: list[Bytes],
        scratch: Bytes,
        streams: Sequence[Stream] | None = None,
        until: int = 0,
        share: float = 1.0,
    ) -> Decoded:
        """Decode chunks into `outs`, each whole, or its stream until at least `until` bytes are there.

        The chunks are in a file whose descriptor is `source`, at `spans` (offsets and sizes, int64), or they are
        a list of buffers: of a stream what follows the bytes consumed before, or some of it. A stream in a file
        is given `share` of its stored bytes, and all of them when it needs more. `outs` have the decoded size,
        and are the same in each call of a stream. Where the verdict is not OK, the bytes are undefined;
        `NEED_INPUT` is said of streams in memory alone. A checksum is verified with the last byte. The
        interpreter lock is released. Raises `ValueError` when another thread uses one of the streams.
        """
        given = None if streams is None else list(streams)
        verdicts, count, read_s, waited_s = compiled.decode(
            self.codec, self.width, self.checksum, source, spans, outs, given, until, share, scratch
        )
        return Decoded([Verdict(one) for one in verdicts], count, read_s, waited_s)


def batch_decoder(pipeline: Sequence[tuple[int, tuple[int, ...]]]) -> BatchDecoder | None:
    """The decoder of all filters of a pipeline; None where chunks are decoded one by one."""
    rest = list(pipeline)
    checksum = bool(rest) and rest[-1][0] == FLETCHER32
    if checksum:
        rest.pop()
    codec, width = STORED, 1
    if rest and rest[-1][0] in CODECS:
        codec = CODECS[rest.pop()[0]]
    if rest and rest[-1][0] == SHUFFLE:
        width = rest.pop()[1][0]
    compiled_here = compiled.inflates() if codec == CODECS[GZIP] else compiled.available()
    return BatchDecoder(codec, width, checksum) if compiled_here and not rest else None
