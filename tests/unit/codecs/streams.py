"""Streams in memory, decoded as the chunks of a file are."""

from __future__ import annotations

import numpy as np

from dashboard.codecs.batches import BatchDecoder, Stream, batch_decoder
from dashboard.codecs.errors import Bytes
from dashboard.codecs.verdict import Verdict


def decoder_of(number: int) -> BatchDecoder:
    """The decoder of the filter of this number alone."""
    decoder = batch_decoder(((number, ()),))
    assert decoder is not None
    return decoder


def decode_on(
    decoder: BatchDecoder, streams: list[Stream], parts: list[Bytes], outs: list[Bytes], until: int
) -> list[Verdict]:
    """The verdicts on streams that are decoded until at least `until` bytes of each are there."""
    scratch = np.empty(decoder.scratch_bytes(0, max(map(len, outs))), np.uint8)
    return decoder.decode(parts, None, outs, scratch, streams, until).verdicts


def decoded(decoder: BatchDecoder, streams: list[bytes], sizes: list[int]) -> list[bytes | None]:
    """What streams decode to, in one call; None where that is not sound."""
    outs = [np.full(size, 0xAA, np.uint8) for size in sizes]
    given = [np.frombuffer(stream, np.uint8) for stream in streams]
    scratch = np.empty(decoder.scratch_bytes(0, max(sizes, default=0)), np.uint8)
    found = decoder.decode(given, None, outs, scratch).verdicts
    return [
        out.tobytes() if verdict is Verdict.OK else None
        for out, verdict in zip(outs, found, strict=True)
    ]
