"""The volumes besides the reference volume; generated once and kept."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from dashboard.samples.generator import DATASET

SEED = 7
SLAB = 32

FULL, QUICK = (512, 704, 704), (256, 512, 512)
FRAMES, QUICK_FRAMES = (16, 4096, 4096), (4, 4096, 4096)
MANY, VERY_MANY = (1000, 1000, 1000), (2000, 2000, 2500)
MANY_CHUNK = 10


def slab(shape: tuple[int, ...], at: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Smooth shapes and detector noise; compresses about as well as a real scan."""
    rng = np.random.default_rng(SEED + at)
    z, y, x = (
        np.linspace(0, 9, length, dtype="f4").reshape([-1 if d == dim else 1 for d in range(3)])
        for dim, length in enumerate(shape)
    )
    z = z[at : at + SLAB]
    values = 3000 + 900 * (np.sin(z + x) * np.cos(y - z) + np.sin(x * y * 0.7))
    values += rng.normal(0, 25, values.shape).astype("f4")
    if dtype.kind == "f":
        values /= np.float32(65535)
    stored: NDArray[Any] = values.astype(dtype)
    return stored


def frame(shape: tuple[int, ...], at: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """One frame of counted photons: scattering that falls off from the centre, and 300 peaks."""
    rng = np.random.default_rng(SEED + at)
    y, x = (np.linspace(-1, 1, length, dtype="f4") for length in shape[1:])
    rate = 0.2 + 12 * np.exp(-6 * np.hypot(y[:, None], x))
    for row, column in rng.integers(4, np.array(shape[1:]) - 4, (300, 2)):
        rate[row - 3 : row + 4, column - 3 : column + 4] += 400
    stored: NDArray[Any] = rng.poisson(rate).astype(dtype)[None]
    return stored


@dataclass(frozen=True)
class Kind:
    """One storage layout; `options` are arguments of `create_dataset`, `shapes` the full and the quick one.

    `values` gives `step` planes at a time.
    """

    name: str
    what: str
    dtype: str
    options: Callable[[tuple[int, ...]], dict[str, Any]]
    shapes: tuple[tuple[int, ...], tuple[int, ...]] = (FULL, QUICK)
    values: Callable[[tuple[int, ...], int, np.dtype[Any]], NDArray[Any]] = slab
    step: int = SLAB
    # Floor and aim of how many times as fast as another side a cold slice is.
    targets: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def frames(self) -> bool:
        """Whether slices across other axes would need the whole volume, which nobody asks of frames."""
        return self.values is frame


KINDS = (
    Kind(
        "float32-shuffle",
        "float32, gzip with shuffle, h5py's own chunks",
        "<f4",
        lambda _: {"chunks": True, "compression": "gzip", "shuffle": True},
        targets={"h5py": (4, 6), "hidefix": (1, 1.3)},
    ),
    Kind(
        "lzf",
        "uint16, lzf, chunks of 32×64×64",
        "<u2",
        lambda _: {"chunks": (32, 64, 64), "compression": "lzf"},
        targets={"h5py": (3, 5)},
    ),
    Kind(
        "planes",
        "uint16, gzip, a chunk for each plane",
        "<u2",
        lambda shape: {"chunks": (1, *shape[1:]), "compression": "gzip"},
    ),
    Kind("contiguous", "uint16, big-endian, contiguous", ">u2", lambda _: {}),
    Kind(
        "frames",
        "uint16, bitshuffle with LZ4, a chunk for each frame of 4,096×4,096, as detectors write it",
        "<u2",
        lambda shape: {"chunks": (1, *shape[1:]), **hdf5plugin.Bitshuffle()},
        (FRAMES, QUICK_FRAMES),
        frame,
        1,
        {"h5py": (1.5, 2.5)},
    ),
)


def made(folder: Path, kind: Kind, quick: bool) -> Path:
    """The volume of that kind in `folder`, generated if it does not exist."""
    shape = kind.shapes[quick]
    path = folder / f"{kind.name}{'-quick' if quick else ''}.h5"
    if kind.dtype == "<f4":
        shape = (shape[0] // 2, *shape[1:])  # as many bytes

    def write(file: h5py.File) -> None:
        dataset = file.create_dataset(DATASET, shape, kind.dtype, **kind.options(shape))
        for at in range(0, shape[0], kind.step):
            dataset[at : at + kind.step] = kind.values(shape, at, np.dtype(kind.dtype))

    return kept(path, write)


def many_chunks(folder: Path, shape: tuple[int, ...] = MANY) -> Path:
    """A volume with chunks of 1,000 bytes, a million or more, each of which is a few bytes in the file."""

    def write(file: h5py.File) -> None:
        side = MANY_CHUNK
        dataset = file.create_dataset(DATASET, shape, "u1", chunks=(side,) * 3, compression="gzip")
        # Written directly: the filters would take minutes.
        stored = [zlib.compress(bytes([value]) * side**3, 4) for value in range(7)]
        put = dataset.id.write_direct_chunk
        starts = (range(0, length, side) for length in shape)
        first, second, third = map(list, starts)
        number = 0
        for z in first:
            for y in second:
                for x in third:
                    put((z, y, x), stored[number % len(stored)])
                    number += 1

    name = "many-chunks.h5" if shape == MANY else "very-many-chunks.h5"
    return kept(folder / name, write)


def kept(path: Path, write: Callable[[h5py.File], None]) -> Path:
    """`path`, written under a temporary name first, so that an aborted run leaves no incomplete file."""
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            with h5py.File(part, "w") as file:
                write(file)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    return path
