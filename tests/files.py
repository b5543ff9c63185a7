"""HDF5 files of many kinds, and the values that NumPy should read from them.

They are opened without locks: a process that another thread starts at that moment would hold them on.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]

DTYPES = "? i1 u1 <i2 >i2 <u2 >u2 i4 >u4 i8 u8 f2 >f2 f4 >f4 f8 >f8 c8 >c8 c16".split()

# How a dataset may be stored: what `create_dataset` gets besides name and values.
CHUNKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "gzip": {"compression": "gzip"},
    "gzip-shuffle": {"compression": "gzip", "shuffle": True},
    "gzip-shuffle-checksum": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "shuffle": {"shuffle": True},
    "checksum": {"fletcher32": True},
    "lzf": {"compression": "lzf"},
    "lzf-shuffle": {"compression": "lzf", "shuffle": True},
    "zstd": dict(hdf5plugin.Zstd()),
    "lz4": dict(hdf5plugin.LZ4()),
    "blosc": dict(hdf5plugin.Blosc()),
    "blosc-zstd": dict(hdf5plugin.Blosc(cname="zstd", shuffle=hdf5plugin.Blosc.SHUFFLE)),
    "blosc-snappy": dict(hdf5plugin.Blosc(cname="snappy")),
    "blosc2": dict(hdf5plugin.Blosc2()),
    "bitshuffle": dict(hdf5plugin.Bitshuffle()),
    "bitshuffle-zstd": dict(hdf5plugin.Bitshuffle(cname="zstd")),
    "bitshuffle-alone": dict(hdf5plugin.Bitshuffle(cname="none")),
    "bzip2": dict(hdf5plugin.BZip2()),
}
# Those that the HDF5 library has to decode, in a child.
BY_CHILD = frozenset({"blosc-snappy", "blosc2"})


def made_up(dtype: str | np.dtype[Any], shape: tuple[int, ...], seed: int = 1) -> Values:
    """Random values over the whole range of an integer type, some ±inf and NaN among floats."""
    kind = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    if kind.kind == "b":
        return rng.random(shape) > 0.5
    if kind.kind in "iu":
        info = np.iinfo(kind)
        native = kind.newbyteorder("=")
        return rng.integers(info.min, info.max, shape, dtype=native, endpoint=True).astype(kind)
    values = rng.normal(scale=100.0, size=shape)
    if kind.kind == "c":
        return (values + 1j * rng.normal(size=shape)).astype(kind)
    odd = rng.random(shape)
    values[odd < 0.02] = np.nan
    values[(odd >= 0.02) & (odd < 0.03)] = np.inf
    values[(odd >= 0.03) & (odd < 0.04)] = -np.inf
    return values.astype(kind)


def shown(values: Values, part: str = "abs") -> Values:
    """What `/slice` gives for stored values: little-endian, bool as uint8, a part of complex ones."""
    native = values.astype(values.dtype.newbyteorder("="))
    if native.dtype.kind == "b":
        native = native.astype(np.uint8)
    if native.dtype.kind == "c":
        parts: dict[str, Callable[[Values], Values]] = {
            "abs": np.abs,
            "real": np.real,
            "imag": np.imag,
            "phase": np.angle,
        }
        native = parts[part](native)
    return native.astype(native.dtype.newbyteorder("<"))


def write(path: Path, **datasets: Any) -> Path:
    """A file with the datasets of these names: values alone, or (values, what `create_dataset` gets)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", locking=False) as file:
        for name, given in datasets.items():
            values, how = given if isinstance(given, tuple) else (given, {})
            file.create_dataset(name.replace("__", "/"), data=values, **how)
    return path


def write_storages(path: Path, dtype: str = "<u2", shape: tuple[int, ...] = (9, 20, 31)) -> Values:
    """One array stored in every way that can be shown, as datasets named after it; returns the array."""
    values = made_up(dtype, shape)
    chunks = (4, *(7, 8, 9, 5)[: len(shape) - 1])
    big = values.astype(values.dtype.newbyteorder(">"))
    with h5py.File(path, "w", locking=False) as file:
        for name, how in CHUNKED.items():
            file.create_dataset(name, data=values, chunks=chunks, **how)
        file.create_dataset("contiguous", data=values)
        file.create_dataset("contiguous-big-endian", data=big)
        file.create_dataset("gzip-big-endian", data=big, chunks=chunks, compression="gzip")
        planes = (1, *shape[1:])
        file.create_dataset("one-plane-chunks", data=values, chunks=planes, compression="gzip")
        file.create_dataset("one-chunk", data=values, chunks=shape, compression="gzip")
        unlimited = (None,) * len(shape)
        file.create_dataset("unlimited", data=values, maxshape=unlimited, chunks=chunks)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        write_low(file, "compact", h5py.h5t.py_create(values.dtype), values, plist)
        source = h5py.VirtualSource(".", "gzip", shape)
        layout = h5py.VirtualLayout(shape, values.dtype)
        layout[...] = source
        file.create_virtual_dataset("virtual", layout)
        file["soft"] = h5py.SoftLink("/gzip")
    return values


def write_low(
    file: h5py.File, name: str, kind: Any, values: Values, plist: Any = None, memory: Any = None
) -> None:
    """A dataset of a type that h5py's own interface does not make."""
    space = h5py.h5s.create_simple(values.shape)
    dataset = h5py.h5d.create(file.id, name.encode(), kind, space, plist)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values, memory)


def write_types(path: Path) -> dict[str, Values]:
    """Datasets of unusual types that can be shown; returns what NumPy reads of them."""
    small = np.random.default_rng(3).integers(0, 4096, (10, 21)).astype("u2")
    with h5py.File(path, "w", locking=False) as file:
        twelve = h5py.h5t.STD_U16LE.copy()
        twelve.set_precision(12)
        write_low(file, "12-bit", twelve, small)
        shifted = h5py.h5t.STD_U16LE.copy()
        shifted.set_precision(12)
        shifted.set_offset(3)
        packed = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        packed.set_chunk((4, 8))
        packed.set_filter(5, 0, ())
        write_low(file, "12-bit-packed", shifted, small, packed)
        bits = (small % 2).astype("u1")
        write_low(file, "bitfield", h5py.h5t.STD_B8LE, bits, memory=h5py.h5t.STD_B8LE)
        file.create_dataset("scaled", data=small.astype("i4"), chunks=(4, 8), scaleoffset=0)
        names = {"dark": 0, "rock": 1, "pore": 2}
        kinds = (small % 3).astype(">i4")
        file.create_dataset("enum", data=kinds, dtype=h5py.enum_dtype(names, ">i4"), chunks=(4, 8))
        file.create_dataset("enum-contiguous", data=kinds, dtype=h5py.enum_dtype(names, ">i4"))
        file.create_dataset("bool", data=small % 2 == 0, chunks=(4, 8), compression="gzip")
        file.create_dataset("never", (10, 21), "f4", chunks=(4, 8), fillvalue=-7)
        file.create_dataset("never-contiguous", (10, 21), "f4", fillvalue=-7)
        partly = file.create_dataset("partly", (10, 21), "i2", chunks=(4, 8), fillvalue=-9)
        partly[2:6, 3:11] = small[2:6, 3:11].astype("i2")
        file.create_dataset("deep", data=small.reshape((2, 1, 5, 1, 1, 7, 1, 3)))
    with h5py.File(path, locking=False) as file:
        return {name: file[name][()] for name in file}


# Filters that only the HDF5 library undoes and that notice damaged bytes: (number, client data).
KEPT_BY_CHILD: dict[str, list[tuple[int, tuple[int, ...]]]] = {
    "nbit-checksum": [(5, ()), (3, ())],
    "blosc2": [(32026, (0, 0, 0, 0, 5, 1, 0))],
}


def write_kept_by_child(
    path: Path, how: str, values: Values, chunks: tuple[int, ...], fill: int | None = None
) -> None:
    """A dataset `x` with filters of `KEPT_BY_CHILD`; `fill` is its fill value where it is given."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(chunks)
    if fill is not None:
        plist.set_fill_value(np.array(fill, values.dtype))
    for number, given in KEPT_BY_CHILD[how]:
        plist.set_filter(number, 0, given)
    with h5py.File(path, "w", locking=False) as file:
        write_low(file, "x", h5py.h5t.py_create(values.dtype), values, plist)


# Datasets that cannot be shown, and a word of the reason.
UNSHOWABLE = {
    "scalar": "single value",
    "null": "empty",
    "no-rows": "empty",
    "line": "one dimension",
    "nine": "9 dimensions",
    "strings": "string",
    "fixed-strings": "string",
    "compound": "compound",
    "lists": "variable length",
    "references": "reference",
    "opaque": "opaque",
    "arrays": "array",
    "times": "datetime64",
    "filter-missing": "32099",
}


def write_unshowable(path: Path) -> None:
    """One dataset for each entry of `UNSHOWABLE`, and `good`, which can be shown."""
    with h5py.File(path, "w", locking=False) as file:
        file["good"] = np.arange(12).reshape(3, 4)
        file["scalar"] = 3.0
        file["null"] = h5py.Empty("f4")
        file.create_dataset("no-rows", (0, 5), "f4", maxshape=(None, 5))
        file["line"] = np.zeros(9)
        file["nine"] = np.zeros((1,) * 9)
        file.create_dataset("strings", (3, 3), h5py.string_dtype())
        file["fixed-strings"] = np.array([[b"a", b"b"], [b"c", b"d"]])
        file["compound"] = np.zeros((3, 3), "i4,f4")
        file.create_dataset("lists", (3, 3), h5py.vlen_dtype("i4"))
        file.create_dataset("references", (3, 3), h5py.ref_dtype)
        file["opaque"] = np.zeros((2, 2), "V5")
        file.create_dataset("arrays", (2, 2), "(3,)S4")
        file.create_dataset("times", (2, 2), h5py.opaque_dtype("M8[s]"))
        _unknown_filter(file, "filter-missing")


def _unknown_filter(file: h5py.File, name: str) -> None:
    """A dataset with an unknown filter; marked optional, so that the library lets it pass.

    Its first chunk says that the filter was applied to it.
    """
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 2))
    plist.set_filter(32099, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
    space = h5py.h5s.create_simple((4, 4))
    made = h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_INT16, space, plist)
    made.write_direct_chunk((0, 0), bytes(8), 0)


def chunks_of(path: Path, dataset: str) -> dict[tuple[int, ...], tuple[int, int]]:
    """First voxel of each stored chunk → (offset in the file, stored bytes)."""
    with h5py.File(path, locking=False) as file:
        number = file[dataset].id
        return {
            (info := number.get_chunk_info(n)).chunk_offset: (info.byte_offset, info.size)
            for n in range(number.get_num_chunks())
        }


def damage(path: Path, dataset: str, corner: tuple[int, ...]) -> None:
    """Overwrite the stored bytes of the chunk at `corner`."""
    offset, size = chunks_of(path, dataset)[corner]
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes((n * 37 + 11) % 256 for n in range(size)))


def change_client_data(path: Path, dataset: str, number: int, change: Mapping[int, int]) -> None:
    """Overwrite parameters (index → value) of a filter that one dataset of the file has.

    The library would not write them, so its message is looked for in the file (H5Opline.c, version 1).
    """
    with h5py.File(path, locking=False) as file:
        plist = file[dataset].id.get_create_plist()
        filters = [plist.get_filter(n) for n in range(plist.get_nfilters())]
    ((flags, values, name),) = [entry[1:] for entry in filters if entry[0] == number]
    padded = name + bytes(8 - len(name) % 8)
    header = struct.pack("<4H", number, len(padded), flags, len(values)) + padded
    content = bytearray(path.read_bytes())
    message = header + struct.pack(f"<{len(values)}I", *values)
    assert content.count(message) == 1
    first = content.find(message) + len(header)
    for index, value in change.items():
        struct.pack_into("<I", content, first + 4 * index, value)
    path.write_bytes(content)


def declare(path: Path, datasets: Mapping[str, tuple[tuple[int, ...], str, Any]]) -> Path:
    """Datasets as (shape, dtype, chunks) of which nothing is stored, so that the file stays small."""
    with h5py.File(path, "w", locking=False) as file:
        for name, (shape, dtype, chunks) in datasets.items():
            file.create_dataset(name, shape, dtype, chunks=chunks)
    return path


def open_below(folder: Path) -> list[str]:
    """What this process has open there; threads of earlier tests may open files elsewhere at any moment."""
    targets = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            targets.append(os.readlink(f"/proc/self/fd/{name}"))
    return [target for target in targets if target.startswith(f"{folder}/")]
