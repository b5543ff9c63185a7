"""Chunks that are inflated in two parts."""

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


def array(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


@given(need=st.integers(0, len(VALUES)), level=st.sampled_from([0, 1, 4, 9]))
def test_two_parts_make_the_whole(need: int, level: int) -> None:
    raw = array(zlib.compress(VALUES, level))
    out = np.zeros(len(VALUES), np.uint8)
    inflater = Inflater()
    inflater.begin(raw, out, need)
    assert out[:need].tobytes() == VALUES[:need]
    assert not out[need:].any()
    inflater.finish(raw, out)
    assert out.tobytes() == VALUES


@given(need=st.integers(1, 1000), cut=st.integers(0, 200))
def test_a_stream_that_ends_too_early_is_told(need: int, cut: int) -> None:
    raw = array(zlib.compress(VALUES)[:cut])
    inflater, out = Inflater(), np.zeros(len(VALUES), np.uint8)

    def both() -> None:
        inflater.begin(raw, out, need)
        inflater.finish(raw, out)

    with pytest.raises(Damaged):
        both()


@pytest.mark.parametrize("ending", [-1, -2, -4])
def test_a_checksum_that_is_wrong_is_told_at_the_end(ending: int) -> None:
    data = bytearray(zlib.compress(VALUES))
    data[ending] ^= 1
    inflater, out = Inflater(), np.zeros(len(VALUES), np.uint8)
    inflater.begin(array(bytes(data)), out, 1000)
    assert out[:1000].tobytes() == VALUES[:1000]
    with pytest.raises(Damaged):
        inflater.finish(array(bytes(data)), out)


def test_a_checksum_that_is_missing_is_told() -> None:
    raw = array(zlib.compress(VALUES)[:-2])
    inflater, out = Inflater(), np.zeros(len(VALUES), np.uint8)
    inflater.begin(raw, out, 1000)
    with pytest.raises(Damaged, match="cut short"):
        inflater.finish(raw, out)


def test_a_stream_that_goes_on_too_long_is_told() -> None:
    raw = array(zlib.compress(VALUES + b"more"))
    inflater, out = Inflater(), np.zeros(len(VALUES), np.uint8)
    inflater.begin(raw, out, 1000)
    with pytest.raises(Damaged, match="more than"):
        inflater.finish(raw, out)


def test_a_stream_that_is_too_short_is_told() -> None:
    raw = array(zlib.compress(VALUES[:-4]))
    inflater, out = Inflater(), np.zeros(len(VALUES), np.uint8)
    inflater.begin(raw, out, 1000)
    with pytest.raises(Damaged, match="instead of"):
        inflater.finish(raw, out)


def test_only_plain_gzip_can_stop() -> None:
    assert can_stop(((GZIP, (4,)),))
    assert not can_stop(((SHUFFLE, (2,)), (GZIP, (4,))))
    assert not can_stop(((GZIP, (4,)), (FLETCHER32, ())))
    assert not can_stop(())
