"""Client data that HDF5 writes is accepted; client data that it cannot have written is refused by name."""

from __future__ import annotations

import itertools
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.codecs import client_data
from dashboard.codecs import pipeline as codecs
from dashboard.codecs.client_data import StoredType, check_client_data
from dashboard.codecs.filters import (
    BITSHUFFLE,
    BLOSC,
    BLOSC2,
    GZIP,
    LZF,
    NBIT,
    SCALEOFFSET,
    SHUFFLE,
    SZIP,
)
from dashboard.hdf5.worker.filters import client_data_fault
from tests import files

HOWS: dict[str, dict[str, Any]] = {
    **{
        f"szip-{how}-{n}": {"compression": "szip", "compression_opts": (how, n)}
        for how in ("nn", "ec")
        for n in (2, 8, 32)
    },
    **{f"gzip-{level}": {"compression": "gzip", "compression_opts": level} for level in (0, 9)},
    **{
        f"blosc-{name}-{shuffle}": dict(hdf5plugin.Blosc(cname=name, shuffle=shuffle))
        for name in ("blosclz", "lz4hc", "zlib")
        for shuffle in (0, 1, 2)
    },
    **{f"bitshuffle-{n}": dict(hdf5plugin.Bitshuffle(nelems=n)) for n in (8, 1024, 2**20)},
    "bitshuffle-zstd-level": dict(hdf5plugin.Bitshuffle(cname="zstd", clevel=7)),
    "scaleoffset": {"scaleoffset": 0},
    "scaleoffset-some": {"scaleoffset": 3},
    "lz4-blocks": dict(hdf5plugin.LZ4(nbytes=512)),
    "zfp": dict(hdf5plugin.Zfp(reversible=True)),
    **files.CHUNKED,
}
KINDS = [*files.DTYPES, "i4,f8", "(3,)i4", "V5", "S7"]
SHAPES = [
    ((9, 20), (4, 7)),
    ((3, 40, 130), (1, 40, 130)),
    ((50, 2), (50, 2)),
    ((4, 5000), (2, 5000)),
]


@pytest.mark.parametrize("how", HOWS)
def test_what_the_library_writes_is_not_refused(how: str) -> None:
    refused, written = {}, set()
    with h5py.File.in_memory() as file:
        for kind, (shape, chunks) in itertools.product(KINDS, SHAPES):
            name = f"{kind} {chunks}"
            try:
                made = file.create_dataset(name, shape, kind, chunks=chunks, **HOWS[how])
            except (ValueError, TypeError):
                continue  # HDF5 does not have this filter for the type, or for so small a chunk
            written.add(kind)
            if reason := client_data_fault(made.id, made.id.get_create_plist()):
                refused[name] = reason
    assert not refused
    assert "f4" in written


def low(kind: Any, number: int, given: tuple[int, ...] = ()) -> str:
    """What is wrong with a filter of a type that h5py's own interface does not make."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4, 8))
    plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, given)
    with h5py.File.in_memory() as file:
        space = h5py.h5s.create_simple((8, 8))
        made = h5py.h5d.create(file.id, b"x", kind, space, plist)
        return client_data_fault(made, made.get_create_plist())


def narrow(bits: int, offset: int = 0) -> Any:
    """A type of 16 bits of which only some are used."""
    kind = h5py.h5t.STD_U16LE.copy()
    kind.set_precision(bits)
    kind.set_offset(offset)
    return kind


TYPES = {
    "12 bits": narrow(12),
    "12 of 16 bits, shifted": narrow(12, 3),
    "bit field": h5py.h5t.STD_B16LE,
    "bool": h5py.h5t.py_create(np.dtype(bool), logical=True),
    "enum": h5py.h5t.py_create(h5py.enum_dtype({"a": 1, "b": 2}, ">i4"), logical=True),
    "complex": h5py.h5t.COMPLEX_IEEE_F64LE,
    "complex as a compound": h5py.h5t.py_create(np.dtype("c16")),
    "compound": h5py.h5t.py_create(np.dtype("u1,f8,(2,3)i2")),
    "array": h5py.h5t.py_create(np.dtype("(3,)i4")),
}


# HDF5 makes no dataset of these.
NEVER = {("compound", SZIP), ("complex as a compound", SZIP)}
NEVER |= {(kind, SCALEOFFSET) for kind in TYPES if "12" not in kind}


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (kind, number)
        for kind in TYPES
        for number in (GZIP, SHUFFLE, SZIP, NBIT, SCALEOFFSET, LZF, BLOSC, BITSHUFFLE)
        if (kind, number) not in NEVER
    ],
)
def test_no_type_of_the_library_is_refused(kind: str, number: int) -> None:
    client_values = {GZIP: (4,), SZIP: (32, 8), SCALEOFFSET: (2, 0)}.get(number, ())
    assert low(TYPES[kind], number, client_values) == ""


FLOATS = StoredType(8, frozenset(), 4096)
SHORTS = StoredType(2, frozenset(), 4096)
NBIT_SHORTS = (8, 0, 4096, 1, 2, 0, 12, 0)
SCALED_SHORTS = (2, 0, 4096, 0, 2, 0, 0, 1, *[0] * 12)


@pytest.mark.parametrize(
    ("number", "values", "stored"),
    [
        (SHUFFLE, (8,), StoredType(16, frozenset({8}), 64)),  # each half of complex numbers
        (SZIP, (169, 8, 16, 64), SHORTS),
        (SZIP, (32, 8), SHORTS),  # an optional filter that could not be applied
        (LZF, (), SHORTS),
        (LZF, (4, 261, 0), SHORTS),
        (BLOSC, (2, 2, 2, 8192), SHORTS),
        (BLOSC, (2, 2, 1, 8192, 5, 1, 1), StoredType(2, frozenset(), 4096)),
        (BITSHUFFLE, (0, 3, 2), SHORTS),
        (NBIT, NBIT_SHORTS, SHORTS),
        (SCALEOFFSET, SCALED_SHORTS, SHORTS),
        (32015, (2**32 - 1, 7), SHORTS),  # a level, which no decoder reads
    ],
)
def test_what_is_not_refused(number: int, values: tuple[int, ...], stored: StoredType) -> None:
    assert check_client_data([(number, values)], stored) is None


def other(values: tuple[int, ...], at: int, value: int) -> tuple[int, ...]:
    return (*values[:at], value, *values[at + 1 :])


@pytest.mark.parametrize(
    ("number", "values", "named"),
    [
        (GZIP, (10,), "gzip has the level 10"),
        (GZIP, (), "gzip has 0 parameters"),
        (SHUFFLE, (), "shuffle has 0 parameters"),
        (SHUFFLE, (0,), "shuffle says elements of 0 bytes, and its type has 2"),
        (SHUFFLE, (1,), "elements of 1 bytes"),
        (SHUFFLE, (100_000,), "elements of 100000 bytes"),
        (SHUFFLE, (2**32 - 1,), "elements of 4294967295 bytes"),
        (SZIP, (2**31 | 169, 8, 16, 64), "szip has the options 2147483817"),
        (SZIP, (169, 7, 16, 64), "szip says blocks of 7 pixels"),
        (SZIP, (169, 0, 16, 64), "blocks of 0 pixels"),
        (SZIP, (169, 8, 0, 64), "pixels of 0 bits"),
        (SZIP, (169, 8, 32, 64), "pixels of 32 bits"),
        (SZIP, (169, 8, 16, 0), "lines of 0 pixels"),
        (SZIP, (169, 8, 16, 1032), "lines of 1032 pixels"),
        (NBIT, other(NBIT_SHORTS, 2, 2**31), "nbit says chunks of 2147483648 elements"),
        (NBIT, other(NBIT_SHORTS, 0, 9), "nbit has parameters"),
        (NBIT, other(NBIT_SHORTS, 4, 4), "nbit has parameters"),
        (NBIT, other(NBIT_SHORTS, 6, 17), "nbit has parameters"),
        (NBIT, other(NBIT_SHORTS, 7, 2**32 - 1), "nbit has parameters"),
        (NBIT, (11, 0, 4096, 3, 2, 10**9, 0, 1, 1, 0, 8), "nbit has parameters"),
        (SCALEOFFSET, SCALED_SHORTS[:-1], "scaleoffset has 19 parameters"),
        (SCALEOFFSET, other(SCALED_SHORTS, 1, 17), "scaleoffset has parameters"),
        (SCALEOFFSET, other(SCALED_SHORTS, 2, 1), "scaleoffset says chunks of 1 elements"),
        (SCALEOFFSET, other(SCALED_SHORTS, 4, 8), "scaleoffset says elements of 8 bytes"),
        (LZF, (4, 261, 2**32 - 1), "lzf says chunks of 4294967295 bytes, and they have 8192"),
        (BLOSC, (2, 2, 0, 8192), "blosc says elements of 0 bytes"),
        (BLOSC2, (1, 0, 2**20, 8192), "elements of 1048576 bytes"),
        (BLOSC, (2, 2, 2, 8193), "blosc says chunks of 8193 bytes"),
        (BITSHUFFLE, (0, 2), "bitshuffle has 2 parameters"),
        (BITSHUFFLE, (0, 4, 0, 0, 2), "bitshuffle says elements of 0 bytes"),
        (BITSHUFFLE, (0, 4, 4, 0, 2), "elements of 4 bytes"),
        (BITSHUFFLE, (0, 4, 2, 12, 2), "blocks of 12 elements"),
        (BITSHUFFLE, (0, 4, 2, 0, 1), "compressor 1"),
    ],
)
def test_what_is_refused(number: int, values: tuple[int, ...], named: str) -> None:
    # Wherever it stands in the pipeline.
    for filters in ([(number, values)], [(SHUFFLE, (2,)), (number, values), (3, ())]):
        reason = check_client_data(filters, SHORTS)
        assert reason is not None
        assert named in reason
        assert reason.endswith(".")


NUMBERS = st.one_of(
    st.integers(0, 70), st.integers(0, 2**32 - 1), st.sampled_from([4096, 8192, 100_000, 2**31])
)


@given(number=st.sampled_from(list(client_data.CHECKS)), values=st.lists(NUMBERS, max_size=24))
def test_any_numbers_are_judged(number: int, values: list[int]) -> None:
    given_ = tuple(values)
    reason = check_client_data([(number, given_)], SHORTS)
    if number == SHUFFLE:
        assert (reason is None) == (given_ == (2,))
    if reason is None and number in (SHUFFLE, BITSHUFFLE, SZIP):
        # None of what gets past it is a loop for a decoder: elements are no wider than the type.
        assert number == SZIP or max(given_[:1] if number == SHUFFLE else given_[2:3]) <= 2
    assert isinstance(codecs.can_decode([(number, given_)]), bool)
