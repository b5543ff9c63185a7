"""Chunks that are inflated part by part."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dashboard.volumes.codecs import FLETCHER32, GZIP, SHUFFLE, Damaged
from dashboard.volumes.inflate import Inflater, can_stop

VALUES = (np.random.default_rng(0).normal(size=60_000).cumsum() * 50).astype("<i4").tobytes()


class Stored:
    """A chunk's stored bytes, and how many of them were fetched."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fetched = 0
        self.inflater = Inflater(len(data))
        self._buffer = np.zeros(len(data), np.uint8)

    def advance(self, out: NDArray[np.uint8], until: int) -> None:
        """Inflate on."""
        self.inflater.advance(self._fetch, out, until)

    def _fetch(self, at: int, count: int) -> NDArray[np.uint8]:
        assert at == self.fetched, "nothing is fetched twice"
        assert 0 < count <= len(self.data) - at
        self.fetched += count
        # One buffer for all of them, as the reader's is.
        self._buffer[:count] = np.frombuffer(self.data[at : at + count], np.uint8)
        return self._buffer[:count]


@given(
    depths=st.lists(st.integers(0, len(VALUES)), max_size=5), level=st.sampled_from([0, 1, 4, 9])
)
def test_the_parts_make_the_whole(depths: list[int], level: int) -> None:
    stored = Stored(zlib.compress(VALUES, level))
    out = np.zeros(len(VALUES), np.uint8)
    for need in [*sorted(depths), len(VALUES)]:
        stored.advance(out, need)
        assert out[:need].tobytes() == VALUES[:need]
        assert not out[need:].any()
    assert stored.fetched == len(stored.data)


def test_no_more_is_fetched_than_a_plane_takes() -> None:
    stored = Stored(zlib.compress(VALUES))
    stored.advance(np.zeros(len(VALUES), np.uint8), len(VALUES) // 10)
    assert stored.fetched < len(stored.data) / 5


@given(need=st.integers(1, 1000), cut=st.integers(0, 200))
def test_a_stream_that_ends_too_early_is_told(need: int, cut: int) -> None:
    stored = Stored(zlib.compress(VALUES)[:cut])
    out = np.zeros(len(VALUES), np.uint8)

    def all_parts() -> None:
        stored.advance(out, need)
        stored.advance(out, len(VALUES))

    with pytest.raises(Damaged):
        all_parts()


@pytest.mark.parametrize("ending", [-1, -2, -4])
def test_a_checksum_that_is_wrong_is_told_at_the_end(ending: int) -> None:
    data = bytearray(zlib.compress(VALUES))
    data[ending] ^= 1
    out = np.zeros(len(VALUES), np.uint8)
    stored = Stored(bytes(data))
    stored.advance(out, 1000)
    assert out[:1000].tobytes() == VALUES[:1000]
    with pytest.raises(Damaged):
        stored.advance(out, len(VALUES))


def test_a_checksum_that_is_missing_is_told() -> None:
    stored = Stored(zlib.compress(VALUES)[:-2])
    out = np.zeros(len(VALUES), np.uint8)
    stored.advance(out, 1000)
    with pytest.raises(Damaged, match="cut short"):
        stored.advance(out, len(VALUES))


def test_a_stream_that_goes_on_too_long_is_told() -> None:
    stored = Stored(zlib.compress(VALUES + b"more"))
    out = np.zeros(len(VALUES), np.uint8)
    stored.advance(out, 1000)
    with pytest.raises(Damaged, match="more than"):
        stored.advance(out, len(VALUES))


def test_a_stream_that_is_too_short_is_told() -> None:
    stored = Stored(zlib.compress(VALUES[:-4]))
    out = np.zeros(len(VALUES), np.uint8)
    stored.advance(out, 1000)
    with pytest.raises(Damaged, match="instead of"):
        stored.advance(out, len(VALUES))


def test_only_plain_gzip_can_stop() -> None:
    assert can_stop(((GZIP, (4,)),))
    assert not can_stop(((SHUFFLE, (2,)), (GZIP, (4,))))
    assert not can_stop(((GZIP, (4,)), (FLETCHER32, ())))
    assert not can_stop(())
