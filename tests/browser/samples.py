"""The files that the browser tests share; the same on every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tests import files

FILES = ("scan.h5", "other.h5", "values.h5", "meaning.h5", "sizes.h5")


def write_counting(path: Path) -> Path:
    """A file with one dataset, `volume`, for servers of a test's own."""
    values = np.arange(20 * 30 * 40, dtype="u2").reshape(20, 30, 40)
    return files.write(path, volume=(values, {"chunks": (4, 30, 40)}))


def _write_values(path: Path, arrays: dict[tuple[str, str], NDArray[Any]]) -> None:
    """Narrow tables, values of many digits, and slices of nothing."""
    grid = np.arange(48).reshape(6, 8)
    values: dict[str, NDArray[Any]] = {
        "column": np.sin(np.arange(500) / 20).reshape(500, 1),
        "constant": np.full((3, 20, 20), 3.25, np.float32),
        "counts": (grid + 16777245).astype(np.uint32),
        "extreme": np.linspace(-1.7, 1.7, 1600).reshape(40, 40) * 1e308,
        "fine": 1.0 + grid * 1e-12,
        "labels": np.arange(3_000_000, dtype=np.uint64).reshape(3, 1000, 1000) + np.uint64(2**60),
        "long": np.arange(3_000_000, dtype=np.float32).reshape(-1, 3),
        "one": np.array([[7.5]]),
        "row": np.sin(np.arange(500) / 20).reshape(1, 500),
        "table": np.sin(np.arange(2 * 8398) / 50).reshape(8398, 2),
        "unsigned": np.uint64(2**64 - 2) + (grid % 2).astype(np.uint64),
        "void": np.full((3, 20, 20), np.nan, np.float32),
        "wide": (grid + 2**53).astype(np.int64),
    }
    with h5py.File(path, "w") as handle:
        for name, array in values.items():
            handle[name] = arrays["values.h5", f"/{name}"] = array
        names = h5py.enum_dtype({"AIR": 0, "WATER": 1, "BONE": 2}, basetype="u1")
        handle.create_dataset("names", data=((grid + 1) % 3).astype("u1"), dtype=names)


def _write_meaning(path: Path, arrays: dict[tuple[str, str], NDArray[Any]]) -> None:
    """Packed values on a grid of the Earth, flags, labels and colour pictures."""
    row, col = np.meshgrid(np.arange(60), np.arange(80), indexing="ij")
    packed = (row * 4 + col)[None] + np.arange(3)[:, None, None]
    packed[:, 20:25, 30:40] = -1
    blocks = 1 + row[:30, :40] // 10 + 3 * (col[:30, :40] // 10)
    values: dict[str, NDArray[Any]] = {
        "packed": packed.astype(np.int16),
        "quality": ((row + col) % 3).astype(np.int8),
        "labels": np.stack([blocks] * 3).astype(np.uint32),
        "grey": np.full((3, 30, 40), 100, np.uint8) + np.uint8(50) * (blocks % 2 == 0),
        "photos": np.random.default_rng(21).integers(0, 256, (5, 20, 25, 3), dtype=np.uint8),
        "seen": 6 * np.arange(2 * 30 * 40, dtype=np.int32).reshape(2, 30, 40),
    }
    with h5py.File(path, "w") as handle:
        for name, array in values.items():
            handle[name] = arrays["meaning.h5", f"/{name}"] = array
        handle["packed"].attrs.update(
            scale_factor=0.5, add_offset=10.0, units="K", _FillValue=np.int16(-1)
        )
        handle["seen"].attrs["units"] = "hours since 2001-01-01"
        handle["quality"].attrs["flag_values"] = np.arange(3, dtype=np.int8)
        handle["quality"].attrs["flag_meanings"] = "good doubtful bad"
        axes = {"time": "days since 2020-01-01", "lat": "degrees_north", "lon": "degrees_east"}
        for dimension, (name, units) in enumerate(axes.items()):
            scale = handle.create_dataset(
                name, data=np.arange(packed.shape[dimension], dtype=float)
            )
            scale.attrs["units"] = units
            scale.make_scale(name)
            handle["packed"].dims[dimension].attach_scale(scale)


def _write_sizes(path: Path, arrays: dict[tuple[str, str], NDArray[Any]]) -> None:
    """The same place in voxels of two sizes."""
    with h5py.File(path, "w") as handle:
        for name, size in {"fine": 0.5, "coarse": 2.0}.items():
            shape = (3, int(30 / size), int(40 / size))
            values = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
            handle[name] = arrays["sizes.h5", f"/{name}"] = values
            handle[name].attrs["element_size_um"] = [1.0, size, size]


def write_files(folder: Path) -> dict[tuple[str, str], NDArray[Any]]:
    """Write `FILES` into a folder; returns their datasets by file and path."""
    random = np.random.default_rng(20)
    row, col = np.meshgrid(np.arange(120), np.arange(100), indexing="ij")
    scan = (row * 7 + col * 3)[None] + 40 * np.arange(130)[:, None, None]
    stack = random.normal(100, 20, (4, 9, 30, 40)).astype(np.float32)
    stack[:, :, 5:10, 8:12] = np.nan
    half = random.normal(0, 3, (5, 20, 30)).astype(np.float16)
    ids = random.integers(0, 2**52, (5, 20, 30))
    arrays: dict[tuple[str, str], NDArray[Any]] = {
        ("scan.h5", "/entry/data"): scan.astype(np.uint16),
        ("scan.h5", "/large"): random.integers(0, 4000, (6, 1001, 902)).astype(np.uint16),
        ("scan.h5", "/plane"): random.normal(0, 1, (50, 60)),
        ("other.h5", "/field"): (half[:3] + 1j * half[1:4]).astype(np.complex64),
        ("other.h5", "/half"): half,
        ("other.h5", "/ids"): ids,
        ("other.h5", "/stack"): stack,
    }
    for (file, dataset), values in arrays.items():
        with h5py.File(folder / file, "a") as handle:
            stored = handle.create_dataset(dataset, data=values, compression="gzip", chunks=True)
            stored.attrs["units"] = "counts"
    filled = random.integers(0, 4000, (5, 40, 50)).astype(np.int16)
    filled[:, 10:20, 15:30] = -7
    arrays["other.h5", "/zfilled"] = filled
    with h5py.File(folder / "other.h5", "a") as handle:
        handle.create_dataset("zfilled", data=filled, chunks=(1, 40, 50), fillvalue=-7)
    with h5py.File(folder / "other.h5", "a") as handle:
        handle["title"] = "not a volume"
        handle["gone"] = h5py.SoftLink("/nowhere")
    _write_values(folder / "values.h5", arrays)
    _write_meaning(folder / "meaning.h5", arrays)
    _write_sizes(folder / "sizes.h5", arrays)
    return arrays
