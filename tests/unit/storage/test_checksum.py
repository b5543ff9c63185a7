"""Checksums combined from bands, and checksums after values."""

from __future__ import annotations

import random
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.storage.checksum import SMALL_BYTES, PlaneChecksums, crc32, seal, unseal


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES - 1, SMALL_BYTES, 3 * SMALL_BYTES + 7])
def test_it_is_zlib_s_crc_32(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert crc32(data) == crc32(memoryview(data)) == zlib.crc32(data)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 5), st.randoms())
def test_bands_in_any_order_give_the_planes_checksums(
    heights: list[int], planes: int, order: random.Random
) -> None:
    rows = sum(heights)
    values = np.random.default_rng(rows).integers(0, 2**16, (planes, rows, 7), "u2")
    starts = np.cumsum([0, *heights[:-1]]).tolist()
    bands = list(zip(starts, heights, strict=True))
    order.shuffle(bands)
    sums = PlaneChecksums(rows)
    for number, (row, height) in enumerate(bands):
        assert number == 0 or sums.finish() is None
        sums.add(row, np.ascontiguousarray(values[:, row : row + height]))
    found = sums.finish()
    assert found is not None
    assert found.tolist() == [zlib.crc32(plane.tobytes()) for plane in values]


def test_a_seal_fits_its_value_alone() -> None:
    for value in (b"", b"value", bytes(10_000)):
        assert unseal(value + seal(value)) == value
        assert unseal(value + seal(value + b"!")) is None
        assert unseal(value[1:]) is None
    # A file of zeros, as a crash of the machine may leave it, has no valid seal.
    assert unseal(bytes(5)) is None
