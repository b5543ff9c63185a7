"""Resumable inflating."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.codecs import compiled
from dashboard.codecs.filters import GZIP, LZF
from dashboard.codecs.verdict import Verdict
from tests.unit.codecs.streams import decode_on, decoder_of

pytestmark = pytest.mark.skipif(not compiled.inflates(), reason="not compiled on this machine")

VALUES = (np.random.default_rng(0).normal(size=60_000).cumsum() * 50).astype("<i4").tobytes()
SIZE = len(VALUES)


class Stored:
    """A stream, its place, and what was handed over of it."""

    def __init__(self, data: bytes, size: int = SIZE) -> None:
        self.data = np.frombuffer(data, np.uint8)
        self.stream = decoder_of(GZIP).stream(len(data))
        self.out = np.full(size, 0xAA, np.uint8)

    def on(self, until: int, handed: int | None = None) -> Verdict:
        """Continue with `count` more bytes, or all."""
        # A copy, so that nothing behind it is there to be read.
        part = self.data[self.stream.fed :][:handed].copy()
        (verdict,) = decode_on(decoder_of(GZIP), [self.stream], [part], [self.out], until)
        return verdict


@given(
    depths=st.lists(st.integers(0, SIZE), max_size=5),
    handed=st.lists(st.integers(0, 60_000), min_size=1, max_size=30),
    level=st.sampled_from([0, 1, 4, 9]),
    strategy=st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED]),
)
@settings(deadline=None)
def test_the_parts_make_the_whole(
    depths: list[int], handed: list[int], level: int, strategy: int
) -> None:
    made = zlib.compressobj(level, zlib.DEFLATED, 15, 8, strategy)
    stored = Stored(made.compress(VALUES) + made.flush())
    parts = iter(handed)
    for until in [*sorted(depths), SIZE]:
        verdict = Verdict.NEED_INPUT
        while verdict is Verdict.NEED_INPUT:
            before = stored.stream.fed
            verdict = stored.on(until, next(parts, None))
            assert stored.stream.fed >= before
        assert verdict is Verdict.OK
        assert stored.out[:until].tobytes() == VALUES[:until]
    assert stored.stream.fed == len(stored.data) - 4


@given(counts=st.lists(st.integers(1, 3), min_size=2, max_size=5), until=st.integers(0, SIZE))
@settings(deadline=None)
def test_several_at_once_do_not_mix(counts: list[int], until: int) -> None:
    plain = [np.roll(np.frombuffer(VALUES, np.uint8), 777 * n).tobytes() for n in counts]
    stored = [Stored(zlib.compress(data, 4)) for data in plain]
    for depth in (until // 2, until, SIZE):
        found = decode_on(
            decoder_of(GZIP),
            [one.stream for one in stored],
            [one.data[one.stream.fed :] for one in stored],
            [one.out for one in stored],
            depth,
        )
        assert set(found) == {Verdict.OK}
        for one, data in zip(stored, plain, strict=True):
            assert one.out[:depth].tobytes() == data[:depth]


def test_reading_stops_soon_after_the_plane() -> None:
    stored = Stored(zlib.compress(VALUES))
    assert stored.on(SIZE // 10) is Verdict.OK
    assert stored.stream.fed < len(stored.data) / 5
    assert (stored.out[SIZE // 10 + 1000 :] == 0xAA).all()


@given(need=st.integers(1, SIZE), cut=st.integers(0, 400))
@settings(deadline=None)
def test_a_stream_that_ends_too_early_is_found(need: int, cut: int) -> None:
    stored = Stored(zlib.compress(VALUES)[:cut])
    assert Verdict.CORRUPT in (stored.on(need), stored.on(SIZE))


@pytest.mark.parametrize("ending", [-1, -2, -4])
def test_a_wrong_checksum_is_found_at_the_end(ending: int) -> None:
    data = bytearray(zlib.compress(VALUES))
    data[ending] ^= 1
    stored = Stored(bytes(data))
    assert stored.on(1000) is Verdict.OK
    assert stored.out[:1000].tobytes() == VALUES[:1000]
    assert stored.on(SIZE) is Verdict.CORRUPT
    assert stored.on(SIZE) is Verdict.CORRUPT


@pytest.mark.parametrize("data", [VALUES + b"more", VALUES[:-4]])
def test_a_stream_of_another_length_is_found_at_the_end(data: bytes) -> None:
    stored = Stored(zlib.compress(data))
    assert stored.on(1000) is Verdict.OK
    assert stored.on(SIZE) is Verdict.CORRUPT


def test_a_shorter_place_than_before_is_refused() -> None:
    stored = Stored(zlib.compress(VALUES))
    assert stored.on(5000) is Verdict.OK
    stored.out = np.zeros(1000, np.uint8)
    assert stored.on(1000) is Verdict.CORRUPT


def test_one_stream_is_worked_on_once_at_a_time() -> None:
    stored = Stored(zlib.compress(VALUES))
    two = [stored.stream] * 2, [stored.data] * 2, [stored.out] * 2
    with pytest.raises(ValueError, match="in use by another call"):
        decode_on(decoder_of(GZIP), *two, SIZE)
    assert stored.on(SIZE) is Verdict.OK


def test_what_is_no_stream_is_refused() -> None:
    part, place, gzip = np.zeros(9, np.uint8), np.zeros(9, np.uint8), decoder_of(GZIP)
    for wrong in (object(), decoder_of(LZF).stream(9)):
        with pytest.raises(ValueError, match="has to be a Stream"):
            decode_on(gzip, [wrong], [part], [place], 9)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="needs a compressor and a size"):
        gzip.stream(-1)
    scratch, checked = np.zeros(gzip.scratch_bytes(9, 9), np.uint8), replace(gzip, checksum=True)
    with pytest.raises(ValueError, match="without further filters"):
        checked.decode([part], None, [place], scratch, [gzip.stream(9)])
