"""Volumes larger than the example, cheap to make: few different chunks, written many times, or hardly any."""

from __future__ import annotations

import shutil
import zlib
from math import ceil
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from bench.volumes import kept
from dashboard.samples.generator import DATASET

SEED = 11
DIFFERENT = 8


def _chunk(shape: tuple[int, ...], number: int, noise: float) -> NDArray[np.uint16]:
    rng = np.random.default_rng(SEED + number)
    z, y, x = np.ogrid[tuple(slice(0, 6, n * 1j) for n in shape)]
    values = 3000 + 900 * np.sin(z + y + number) * np.cos(x - y) + rng.normal(0, noise, shape)
    stored: NDArray[np.uint16] = values.astype("<u2")
    return stored


def planes(
    folder: Path,
    shape: tuple[int, int, int],
    chunks: tuple[int, int, int],
    noise: float,
    layers: int | None = None,
) -> Path:
    """A uint16 volume of large planes, gzip; `noise` decides how many bytes it is.

    Of its layers of chunks, the first `layers` are stored, by default all.
    """

    def write(file: h5py.File) -> None:
        dataset = file.create_dataset(DATASET, shape, "<u2", chunks=chunks, compression="gzip")
        stored = [
            zlib.compress(_chunk(chunks, number, noise).tobytes(), 4) for number in range(DIFFERENT)
        ]
        # Written directly: the filters would take minutes.
        counts = [ceil(n / c) for n, c in zip(shape, chunks, strict=True)]
        for number, at in enumerate(np.ndindex(layers or counts[0], *counts[1:])):
            first = tuple(n * c for n, c in zip(at, chunks, strict=True))
            dataset.id.write_direct_chunk(first, stored[number % DIFFERENT])

    sizes = "-".join("x".join(map(str, sides)) for sides in (shape, chunks))
    return kept(folder / f"planes-{sizes}.h5", write)


def sparse(folder: Path, shape: tuple[int, int, int]) -> Path:
    """A contiguous uint16 volume of which two planes are stored: the file has its size and takes little space."""

    def write(file: h5py.File) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple(shape)
        name = DATASET.strip("/").encode()
        dataset = h5py.Dataset(h5py.h5d.create(file.id, name, h5py.h5t.STD_U16LE, space, plist))
        for index in (0, shape[0] // 2):
            dataset[index] = _chunk((1, *shape[1:]), index % DIFFERENT, 25.0)[0]

    return kept(folder / f"sparse-{'x'.join(map(str, shape))}.h5", write)


def many_files(folder: Path, count: int) -> Path:
    """A folder of small files of one volume each, a hundred to a folder below it."""
    top = folder / f"files-{count}"
    if not top.exists():
        part = top.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        first = part / "first.h5"
        with h5py.File(first, "w") as file:
            file.create_dataset(DATASET, data=_chunk((8, 32, 32), 0, 25.0), chunks=(4, 16, 16))
        content = first.read_bytes()
        first.unlink()
        for number in range(count):
            path = part / f"run_{number // 100}" / f"scan_{number}.h5"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        part.rename(top)
    return top


def volumes(folder: Path, count: int, shape: tuple[int, int, int]) -> Path:
    """A folder of equal gzip volumes with chunks of 32×64×64."""
    top = folder / f"volumes-{count}"
    if not top.exists():
        part = top.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        source = planes(part, shape, (32, 64, 64), 25.0)
        for number in range(count - 1):
            shutil.copyfile(source, part / f"scan_{number}.h5")
        source.rename(part / f"scan_{count - 1}.h5")
        part.rename(top)
    return top
