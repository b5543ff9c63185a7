"""Decoded bitshuffle chunks equal HDF5's result."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import hdf5plugin
import imagecodecs
import numpy as np
import pytest

from dashboard.codecs import pipeline as codecs
from dashboard.codecs.filters import BITSHUFFLE
from dashboard.codecs.pipeline import CorruptChunk
from tests import files
from tests.unit.decoding.chunk import as_stored, decoded

DTYPES = ["?", "u1", "<u2", ">u2", "<i2", "<u4", ">u4", "<f2", "<f4", ">f4", "<f8", ">f8", "<c16"]


@pytest.mark.parametrize("cname", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (1, 8), (3, 5), (16, 128), (37, 211), (64, 512)])
def test_every_type_and_length(
    tmp_path: Path, cname: Any, dtype: str, shape: tuple[int, ...]
) -> None:
    values = files.made_up(dtype, shape)
    pipeline, mask, data = as_stored(tmp_path, values, **hdf5plugin.Bitshuffle(cname=cname))
    assert codecs.can_decode(pipeline)
    assert decoded(data, pipeline, mask, values.nbytes) == values.tobytes()


@pytest.mark.parametrize("cname", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("nelems", [64, 4096, 65536])
def test_every_length_of_a_block(tmp_path: Path, cname: Any, nelems: int) -> None:
    values = (np.arange(45 * 613) // 3).astype("<u2").reshape(45, 613)
    how = hdf5plugin.Bitshuffle(nelems=nelems, cname=cname)
    pipeline, mask, data = as_stored(tmp_path, values, **how)
    assert codecs.can_decode(pipeline)
    assert decoded(data, pipeline, mask, values.nbytes) == values.tobytes()


@pytest.mark.parametrize("cname", ["lz4", "zstd"])
def test_very_short_blocks_are_left_to_the_library(tmp_path: Path, cname: Any) -> None:
    values = (np.arange(45 * 613) // 3).astype("<u2").reshape(45, 613)
    how = hdf5plugin.Bitshuffle(nelems=8, cname=cname)
    pipeline, mask, data = as_stored(tmp_path, values, **how)
    assert not codecs.can_decode(pipeline)
    # Nor do chunks get there whose own header says so.
    claimed = ((BITSHUFFLE, (*pipeline[0][1][:3], 0, pipeline[0][1][4])),)
    assert codecs.can_decode(claimed)
    with pytest.raises(CorruptChunk, match="blocks of 16 bytes"):
        decoded(data, claimed, mask, values.nbytes)


@pytest.mark.parametrize("cname", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("more", [{"shuffle": True}, {"fletcher32": True}])
def test_beside_other_filters(tmp_path: Path, cname: Any, more: dict[str, bool]) -> None:
    values = (np.arange(45 * 613) // 3).astype("<u4").reshape(45, 613)
    how = {**hdf5plugin.Bitshuffle(cname=cname), **more}
    pipeline, mask, data = as_stored(tmp_path, values, **how)
    assert len(pipeline) == 2
    assert decoded(data, pipeline, mask, values.nbytes) == values.tobytes()


def test_blocks_that_are_as_long_as_what_they_decode_to(tmp_path: Path) -> None:
    # The LZ4 filter takes these for stored as they are, and its decoder does most of the work.
    block = 1024
    plain = np.random.default_rng(3).integers(0, 256, 3 * block + 40, np.uint8)
    for at in (0, 2 * block, 3 * block):
        end = min(at + block, len(plain))
        plain[at:end] = exact(end - at)
    parts = [plain[at : at + block] for at in range(0, len(plain), block)]
    streams = [bytes(imagecodecs.lz4_encode(part.tobytes())) for part in parts]
    assert [len(stream) for stream in streams][::2] == [block, block]
    assert len(streams[3]) == 40
    data = struct.pack(">QI", len(plain), block)
    data += b"".join(struct.pack(">I", len(stream)) + stream for stream in streams)
    found = decoded(data, ((BITSHUFFLE, (0, 4, 1, 0, 2)),), 0, len(plain))
    shuffled = imagecodecs.bitshuffle_encode(
        np.frombuffer(found, np.uint8).copy(), blocksize=block, out=np.empty(len(found), np.uint8)
    )
    assert shuffled.tobytes() == plain.tobytes()


def exact(length: int) -> Any:
    """Bytes that LZ4 compresses to exactly as many."""
    rng = np.random.default_rng(1)
    for zeros in range(length):
        made = rng.integers(0, 256, length, np.uint8)
        made[8 : 8 + zeros] = 0
        if len(imagecodecs.lz4_encode(made.tobytes())) == length:
            return made
    raise AssertionError("no such bytes")


VALUES = (np.arange(4 * 4096) // 5).astype("<u2")


@pytest.fixture(params=["lz4", "zstd"])
def sound(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, bytes]:
    how = hdf5plugin.Bitshuffle(cname=request.param)
    pipeline, _, data = as_stored(tmp_path, VALUES, **how)
    return pipeline, data


@pytest.mark.parametrize(
    ("at", "put", "reason"),
    [
        (0, struct.pack(">Q", 2**63), "its header says"),
        (0, struct.pack(">Q", VALUES.nbytes - 2), "its header says"),
        (8, struct.pack(">I", 0), "blocks of 0 bytes"),
        (8, struct.pack(">I", 8200), "blocks of 8200 bytes"),
        (8, struct.pack(">I", 2**32 - 16), "its blocks add up to"),
        (12, struct.pack(">I", 2**32 - 1), "cut short"),
        (12, struct.pack(">I", 0), "its blocks"),
        (16, b"\xff" * 8, "decode"),
    ],
)
def test_what_is_wrong_is_said(sound: Any, at: int, put: bytes, reason: str) -> None:
    pipeline, data = sound
    broken = data[:at] + put + data[at + len(put) :]
    with pytest.raises(CorruptChunk, match=reason):
        decoded(broken, pipeline, 0, VALUES.nbytes)


@pytest.mark.parametrize("length", [0, 3, 11, 12, 15, 16, 100, -1])
def test_what_is_cut_short_is_noticed(sound: Any, length: int) -> None:
    pipeline, data = sound
    with pytest.raises(CorruptChunk, match="cut short"):
        decoded(data[:length], pipeline, 0, VALUES.nbytes)


def test_what_is_too_long_is_noticed(sound: Any) -> None:
    pipeline, data = sound
    with pytest.raises(CorruptChunk, match="its blocks add up to"):
        decoded(data + b"\0", pipeline, 0, VALUES.nbytes)


def test_alone_it_has_the_length_of_the_chunk(tmp_path: Path) -> None:
    pipeline, _, data = as_stored(tmp_path, VALUES, **hdf5plugin.Bitshuffle(cname="none"))
    assert len(data) == VALUES.nbytes
    assert codecs.keeps_length(pipeline)
    with pytest.raises(CorruptChunk, match="instead of"):
        decoded(data[:-2], pipeline, 0, VALUES.nbytes)
    with pytest.raises(CorruptChunk, match="elements of 2 bytes"):
        decoded(data[:-1], pipeline, 0, VALUES.nbytes - 1)


def test_compressed_it_has_a_length_of_its_own(sound: Any) -> None:
    assert not codecs.keeps_length(sound[0])
