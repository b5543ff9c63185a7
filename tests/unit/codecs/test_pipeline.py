"""Decoded filters equal HDF5's result, and damaged chunks are reported."""

from __future__ import annotations

import itertools
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.codecs import pipeline as codecs
from dashboard.codecs.filters import (
    BITSHUFFLE,
    BLOSC,
    BZIP2,
    FLETCHER32,
    GZIP,
    LZ4,
    LZF,
    SHUFFLE,
    SZIP,
    ZSTD,
)
from dashboard.codecs.pipeline import CorruptChunk, Filter

Pipeline = tuple[Filter, ...]

FILTERS = {
    GZIP: (4,),
    SHUFFLE: (),
    FLETCHER32: (),
    LZF: (),
    LZ4: (0,),
    ZSTD: (3,),
    BITSHUFFLE: (0, 2),
    BLOSC: (0, 0, 0, 0, 5, 1, 1),
    BZIP2: (9,),
}
assert hdf5plugin.Zstd.filter_id == ZSTD
assert hdf5plugin.LZ4.filter_id == LZ4
assert hdf5plugin.Bitshuffle.filter_id == BITSHUFFLE
assert hdf5plugin.Blosc.filter_id == BLOSC
assert hdf5plugin.BZip2.filter_id == BZIP2


def stored(
    tmp_path: Path, order: tuple[int, ...], values: np.ndarray[Any, Any], mask: int = 0
) -> tuple[Pipeline, bytes]:
    """(pipeline as the file has it, the bytes of its only chunk), written by the HDF5 library."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(values.shape)
    for number in order:
        plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, FILTERS[number])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple(values.shape)
        kind = h5py.h5t.py_create(values.dtype)
        dataset = h5py.h5d.create(file.id, b"x", kind, space, plist)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        file.flush()
        made = dataset.get_create_plist()
        pipeline = tuple(
            (made.get_filter(n)[0], tuple(made.get_filter(n)[2]))
            for n in range(made.get_nfilters())
        )
        found, data = dataset.read_direct_chunk((0,) * values.ndim)
    assert found == mask
    return pipeline, data


def decode(data: bytes, pipeline: Pipeline, size: int, mask: int = 0) -> bytes:
    buffers = [
        np.full(codecs.scratch_bytes(size), 0xAA, np.uint8)
        for _ in range(codecs.scratch_count(pipeline))
    ]
    given_ = np.frombuffer(data, np.uint8)
    return bytes(codecs.decode(given_, pipeline, mask, size, buffers))


VALUES = (np.arange(24 * 17) % 251).astype("<u4").reshape(24, 17)
ORDERS = [
    order
    for length in (0, 1, 2, 3)
    for order in itertools.permutations(FILTERS, length)
    if len([n for n in order if n not in (SHUFFLE, FLETCHER32)]) <= 1
]


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_every_order_of_filters_is_undone(tmp_path: Path, order: tuple[int, ...]) -> None:
    pipeline, data = stored(tmp_path, order, VALUES)
    assert codecs.can_decode(pipeline)
    assert decode(data, pipeline, VALUES.nbytes) == VALUES.tobytes()


@pytest.mark.parametrize("order", [o for o in ORDERS if o], ids=str)
def test_the_last_buffer_is_where_the_values_end_up(tmp_path: Path, order: tuple[int, ...]) -> None:
    pipeline, data = stored(tmp_path, order, VALUES)
    last = codecs.last_buffer(pipeline, 0)
    buffers = [
        np.zeros(VALUES.nbytes if n == last else codecs.scratch_bytes(VALUES.nbytes), np.uint8)
        for n in range(codecs.scratch_count(pipeline))
    ]
    raw = np.frombuffer(data, np.uint8)
    found = codecs.decode(raw, pipeline, 0, VALUES.nbytes, buffers)
    assert found.tobytes() == VALUES.tobytes()
    if last is not None:
        assert np.shares_memory(found, buffers[last])


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">i4", "f8", "c16"])
@pytest.mark.parametrize("length", [1, 2, 3, 1000, 1001])
def test_shuffle_of_any_element(tmp_path: Path, dtype: str, length: int) -> None:
    values = np.arange(length).astype(dtype)
    pipeline, data = stored(tmp_path, (SHUFFLE, GZIP, FLETCHER32), values)
    assert decode(data, pipeline, values.nbytes) == values.tobytes()


@given(data=st.binary(min_size=1, max_size=300), width=st.integers(1, 9))
def test_shuffle_leaves_a_short_tail_alone(data: bytes, width: int) -> None:
    # HDF5 (H5Zshuffle.c) deals out whole elements and copies what is left over.
    whole = len(data) // width * width
    dealt = np.frombuffer(data[:whole], np.uint8).reshape(-1, width).T.tobytes() + data[whole:]
    assert decode(dealt, ((SHUFFLE, (width,)),), len(data)) == data


def test_what_could_not_be_compressed_was_stored_as_it_is(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 40), np.uint8)
    pipeline, data = stored(tmp_path, (LZF,), noise, mask=1)
    assert decode(data, pipeline, noise.nbytes, mask=1) == noise.tobytes()


def test_the_mask_says_which_filters_were_skipped() -> None:
    pipeline: Pipeline = ((SHUFFLE, (4,)), (GZIP, (4,)))
    plain = VALUES.tobytes()
    shuffled = VALUES.view(np.uint8).reshape(-1, 4).T.tobytes()
    assert decode(zlib.compress(shuffled), pipeline, len(plain), 0b00) == plain
    assert decode(zlib.compress(plain), pipeline, len(plain), 0b01) == plain
    assert decode(shuffled, pipeline, len(plain), 0b10) == plain
    assert decode(plain, pipeline, len(plain), 0b11) == plain


def test_an_old_checksum_has_its_bytes_swapped(tmp_path: Path) -> None:
    pipeline, data = stored(tmp_path, (FLETCHER32,), VALUES)
    body, check = data[:-4], data[-4:]
    swapped = body + bytes([check[1], check[0], check[3], check[2]])
    assert decode(swapped, pipeline, VALUES.nbytes) == VALUES.tobytes()


@pytest.mark.parametrize("at", [0, 100, -5, -4, -1])
def test_a_wrong_checksum_is_noticed(tmp_path: Path, at: int) -> None:
    pipeline, data = stored(tmp_path, (GZIP, FLETCHER32), VALUES)
    broken = bytearray(data)
    broken[at] ^= 0x10
    with pytest.raises(CorruptChunk, match="checksum does not fit"):
        decode(bytes(broken), pipeline, VALUES.nbytes)


@pytest.mark.parametrize("length", range(4))
def test_a_missing_checksum_is_noticed(length: int) -> None:
    with pytest.raises(CorruptChunk, match="checksum is missing"):
        decode(bytes(length), ((FLETCHER32, ()),), 4)


@pytest.mark.parametrize("number", [GZIP, LZF, LZ4, ZSTD, BITSHUFFLE, BLOSC, BZIP2])
@pytest.mark.parametrize("change", ["cut", "nothing", "noise", "longer", "shorter"])
def test_damaged_bytes_are_noticed(tmp_path: Path, number: int, change: str) -> None:
    pipeline, data = stored(tmp_path, (number,), VALUES)
    size = VALUES.nbytes
    broken = {
        "cut": data[: len(data) // 2],
        "nothing": b"",
        "noise": np.random.default_rng(7).bytes(len(data)),
        "longer": data,
        "shorter": data,
    }[change]
    claimed = {"longer": size - 100, "shorter": size + 100}.get(change, size)
    with pytest.raises(CorruptChunk):
        decode(broken, pipeline, claimed)


VALUES_OF = {BITSHUFFLE: (0, 4, 2, 0, 2), BLOSC: (2, 2, 2, 64, 5, 1, 1), SZIP: (169, 8, 16, 8)}


@given(
    data=st.data(),
    number=st.sampled_from([GZIP, LZF, LZ4, ZSTD, BITSHUFFLE, BLOSC, BZIP2, SZIP]),
)
def test_any_bytes_are_decoded_to_size_or_damaged(data: st.DataObject, number: int) -> None:
    raw = data.draw(st.binary(max_size=200))
    with suppress(CorruptChunk):
        pipeline = ((SHUFFLE, (2,)), (number, VALUES_OF.get(number, (1, 2))))
        assert len(decode(raw, pipeline, 64)) == 64


def test_a_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    with pytest.raises(CorruptChunk):
        decode(bomb, ((GZIP, (9,)),), 1000)


@pytest.mark.parametrize(
    "numbers",
    [
        (32001,),
        (32008,),
        (32013,),
        (4,),
        (5,),
        (6,),
        (SHUFFLE, 99),
        (GZIP, GZIP),
        (GZIP, ZSTD),
        (SHUFFLE, SHUFFLE),
        (SHUFFLE, GZIP, SHUFFLE),
        (FLETCHER32, GZIP, FLETCHER32),
    ],
    ids=str,
)
def test_what_is_left_to_the_library(numbers: tuple[int, ...]) -> None:
    assert not codecs.can_decode([(number, ()) for number in numbers])


@pytest.mark.parametrize(
    ("number", "values"),
    [
        (BLOSC, (2, 2, 2, 4096, 5, 1, 3)),  # Snappy, which c-blosc2 does not have
        (BLOSC, (2, 2, 12, 4096, 5, 1, 1)),  # elements that c-blosc2 writes too far with
        (BITSHUFFLE, (0, 4, 0, 0, 2)),
        (BITSHUFFLE, (0, 4, 17, 0, 2)),
        (BITSHUFFLE, (0, 4, 2, 12, 2)),
        (BITSHUFFLE, (0, 4, 2, 0, 1)),
        (SZIP, (169, 8, 16, 20)),  # lines that are no whole blocks
        (SZIP, (169, 7, 16, 21)),
        (SZIP, (169, 8, 24, 16)),
        (SZIP, (169, 8, 16, 1032)),
        (SZIP, (169, 0, 16, 0)),
        (SZIP, (169, 8, 16)),
    ],
)
def test_what_is_left_to_the_library_by_its_client_data(
    number: int, values: tuple[int, ...]
) -> None:
    assert not codecs.can_decode([(number, values)])
