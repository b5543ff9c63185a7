"""Decoded blosc chunks equal HDF5's result."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import hdf5plugin
import numpy as np
import pytest

from dashboard.codecs import pipeline as codecs
from dashboard.codecs.pipeline import CorruptChunk
from tests import files
from tests.unit.decoding.chunk import as_stored, decoded

COMPRESSORS = ["blosclz", "lz4", "lz4hc", "zlib", "zstd"]
DTYPES = ["?", "u1", "<u2", ">u2", "<i2", "<u4", ">u4", "<f2", "<f4", ">f4", "<f8", ">f8", "<c16"]


def smooth(dtype: str, shape: tuple[int, ...]) -> Any:
    """Values that can be compressed."""
    return (np.arange(np.prod(shape)).reshape(shape) // 7 % 120).astype(dtype)


@pytest.mark.parametrize("cname", COMPRESSORS)
@pytest.mark.parametrize("shuffle", [0, 1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type(tmp_path: Path, cname: Any, shuffle: int, dtype: str) -> None:
    for shape in [(3, 67), (16, 128), (61, 211)]:
        values = smooth(dtype, shape)
        how = hdf5plugin.Blosc(cname=cname, shuffle=shuffle)
        pipeline, mask, data = as_stored(tmp_path, values, **how)
        assert codecs.can_decode(pipeline)
        assert decoded(data, pipeline, mask, values.nbytes) == values.tobytes()


@pytest.mark.parametrize("cname", COMPRESSORS)
@pytest.mark.parametrize("clevel", [0, 1, 9])
@pytest.mark.parametrize("shuffle", [0, 1, 2])
def test_every_level(tmp_path: Path, cname: Any, clevel: int, shuffle: int) -> None:
    # At the first level a chunk of this length has several blocks, the last one shorter.
    values = files.made_up("<u2", (250, 513)) // 64
    how = hdf5plugin.Blosc(cname=cname, clevel=clevel, shuffle=shuffle)
    pipeline, mask, data = as_stored(tmp_path, values, **how)
    assert decoded(data, pipeline, mask, values.nbytes) == values.tobytes()


@pytest.mark.parametrize("cname", COMPRESSORS)
@pytest.mark.parametrize("more", [{"shuffle": True}, {"fletcher32": True}])
def test_beside_other_filters(tmp_path: Path, cname: Any, more: dict[str, bool]) -> None:
    values = smooth("<u4", (45, 613))
    how = {**hdf5plugin.Blosc(cname=cname), **more}
    pipeline, mask, data = as_stored(tmp_path, values, **how)
    assert len(pipeline) == 2
    assert decoded(data, pipeline, mask, values.nbytes) == values.tobytes()


def test_snappy_is_left_to_the_library(tmp_path: Path) -> None:
    values = smooth("<u2", (16, 128))
    pipeline, _, data = as_stored(tmp_path, values, **hdf5plugin.Blosc(cname="snappy"))
    assert not codecs.can_decode(pipeline)
    ((number, client),) = pipeline
    # A chunk may have it though the client data says otherwise.
    with pytest.raises(CorruptChunk, match="compressor 2"):
        decoded(data, ((number, (*client[:6], 1)),), 0, values.nbytes)


VALUES = smooth("<u2", (64, 128))
STORED = 0b10


@pytest.fixture
def sound(tmp_path: Path) -> tuple[Any, bytes]:
    how = hdf5plugin.Blosc(cname="lz4", shuffle=1)
    pipeline, _, data = as_stored(tmp_path, VALUES, **how)
    return pipeline, data


@pytest.mark.parametrize(
    ("at", "put", "reason"),
    [
        (0, b"\5", "none that blosc writes"),
        (2, bytes([1 << 5 | 5]), "none that blosc writes"),  # c-blosc2's longer header
        (2, bytes([1 << 5 | 8]), "none that blosc writes"),
        (3, b"\0", "none that blosc writes"),
        (3, b"\x0c", "none that blosc writes"),
        (2, bytes([2 << 5 | 1]), "compressor 2"),
        (2, bytes([6 << 5 | 1]), "compressor 6"),  # c-blosc2's plug-ins
        (4, struct.pack("<I", VALUES.nbytes - 2), "its header says 16382 bytes"),
        (4, struct.pack("<I", 2**32 - 1), "its header says"),
        (8, struct.pack("<I", 0), "blocks of 0 bytes"),
        (8, struct.pack("<I", 2**31), "blocks of 2147483648 bytes"),
        (8, struct.pack("<I", 1), "its blocks"),
        (12, struct.pack("<I", 15), "a stored length of 15 bytes"),
        (12, struct.pack("<I", 2**31), "a stored length of 2147483648 bytes"),
        (12, struct.pack("<I", 16), "its blocks are cut short"),
        (16, struct.pack("<i", -4), "its blocks lie outside"),
        (16, struct.pack("<i", 4), "its blocks lie outside"),
        (16, struct.pack("<i", 2**24), "its blocks lie outside"),
        (2, bytes([STORED]), "it decodes to"),
    ],
)
def test_what_is_wrong_is_said(sound: Any, at: int, put: bytes, reason: str) -> None:
    pipeline, data = sound
    broken = data[:at] + put + data[at + len(put) :]
    with pytest.raises(CorruptChunk, match=reason):
        decoded(broken, pipeline, 0, VALUES.nbytes)


@pytest.mark.parametrize("length", [0, 15, 16, 100, -1])
def test_what_is_cut_short_is_noticed(sound: Any, length: int) -> None:
    pipeline, data = sound
    with pytest.raises(CorruptChunk):
        decoded(data[:length], pipeline, 0, VALUES.nbytes)


def test_bytes_behind_a_chunk_are_not_read(sound: Any) -> None:
    pipeline, data = sound
    assert decoded(data + b"behind", pipeline, 0, VALUES.nbytes) == VALUES.tobytes()


def test_a_chunk_may_be_stored_as_it_is(sound: Any) -> None:
    pipeline, _ = sound
    size = VALUES.nbytes
    data = struct.pack("<4B3I", 2, 1, STORED, 2, size, size, size + 16) + VALUES.tobytes()
    assert decoded(data, pipeline, 0, size) == VALUES.tobytes()
