"""Decoded szip chunks equal HDF5's result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dashboard.codecs import pipeline as codecs
from dashboard.codecs.filters import SZIP
from dashboard.codecs.pipeline import CorruptChunk
from tests import files
from tests.unit.decoding.chunk import as_stored, decoded

DTYPES = ["i1", "u1", "<u2", ">u2", "<i2", "<u4", ">u4", "<f4", ">f4", "<f8", ">f8"]


@pytest.mark.parametrize("options", [("nn", 8), ("ec", 16), ("nn", 32)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 64), (2, 5, 96), (64, 512)])
def test_every_type(
    tmp_path: Path, options: tuple[str, int], dtype: str, shape: tuple[int, ...]
) -> None:
    values = files.made_up(dtype, shape)
    values[..., 3:] = 0
    how = {"compression": "szip", "compression_opts": options}
    pipeline, mask, data = as_stored(tmp_path, values, **how)
    assert mask == 0
    assert codecs.can_decode(pipeline)
    assert decoded(data, pipeline, mask, values.nbytes) == values.tobytes()


def test_lines_that_are_no_whole_blocks_are_left_to_the_library(tmp_path: Path) -> None:
    how = {"compression": "szip", "compression_opts": ("nn", 8)}
    pipeline, _, _ = as_stored(tmp_path, files.made_up("<u2", (6, 61)) // 99, **how)
    assert not codecs.can_decode(pipeline)


VALUES = files.made_up("<u2", (64, 128)) // 512


@pytest.fixture
def sound(tmp_path: Path) -> tuple[Any, bytes]:
    pipeline, _, data = as_stored(tmp_path, VALUES, compression="szip")
    return pipeline, data


@pytest.mark.parametrize("length", [0, 3, 4])
def test_a_missing_header_is_noticed(sound: Any, length: int) -> None:
    pipeline, data = sound
    with pytest.raises(CorruptChunk, match="header is cut short"):
        decoded(data[:length], pipeline, 0, VALUES.nbytes)


def test_a_wrong_length_is_noticed(sound: Any) -> None:
    pipeline, data = sound
    with pytest.raises(CorruptChunk, match=f"says {VALUES.nbytes} bytes instead of 100"):
        decoded(data, pipeline, 0, 100)


@pytest.mark.parametrize("length", [5, 100, -20])
def test_what_is_cut_short_is_noticed(sound: Any, length: int) -> None:
    pipeline, data = sound
    with pytest.raises(CorruptChunk):
        decoded(data[:length], pipeline, 0, VALUES.nbytes)


def test_pixels_have_to_make_up_the_chunk() -> None:
    data = (33).to_bytes(4, "little") + bytes(20)
    with pytest.raises(CorruptChunk, match="pixels of 32 bits"):
        decoded(data, ((SZIP, (169, 8, 32, 8)),), 0, 33)
