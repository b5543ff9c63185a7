"""Made-up scans that look like something, for a first look, for tests and for measurements.

A body with a rind, shells and folded lamellae, a bundle of fibres at its heart, pores whose sizes
follow a power law, bright specks, texture and detector noise. Everything follows from the seed. The
voxels are computed and compressed box by box in threads (NumPy and zlib release the interpreter
lock), and the finished chunks are written past HDF5's filters, which would compress them one after
the other.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dashboard.errors import SetupError
from dashboard.samples.phantom import Phantom

DATASET = "volume"
GZIP_LEVEL = 4

# The least share of the decoded size that has to be free: noise hardly compresses.
STORED_SHARE = 0.75

# Decoded bytes of one piece of work: large enough that Python's part is small, and a few fit in
# memory.
BOX_BYTES = 48 * 2**20

MAX_RANK = 8

Chunks = tuple[int, ...] | Literal["auto"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What a made-up volume is like."""

    shape: tuple[int, ...]
    dtype: str = "uint16"
    chunks: Chunks = "auto"


DEMO = SampleSpec((256, 640, 640))
REFERENCE = SampleSpec((2160, 1360, 1360), "uint16", (68, 43, 43))


def write_sample(
    path: Path,
    shape: Sequence[int] = DEMO.shape,
    dtype: npt.DTypeLike = DEMO.dtype,
    chunks: Chunks = "auto",
    progress: Progress | None = None,
) -> None:
    """Write a made-up volume of `shape` as the dataset `volume` of a new file at `path`.

    It is written under another name first and renamed when it is whole. `progress` is called with
    the decoded bytes done and to do. Raises `SetupError` where the file cannot be made.
    """
    recipe = _checked(SampleSpec(tuple(shape), _name_of(dtype), chunks))
    decoded = int(np.prod(recipe.shape, dtype=object)) * np.dtype(recipe.dtype).itemsize
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < decoded * STORED_SHARE:
            raise SetupError(
                f"{path} needs up to {decoded * STORED_SHARE / 2**30:.1f} GiB, more than is free."
            )
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        part = Path(name)
        try:
            _write(part, recipe, progress)
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SetupError(f"{path} cannot be written: {reason}.") from None


def _name_of(dtype: npt.DTypeLike) -> str:
    try:
        return np.dtype(dtype).str
    except TypeError:
        raise SetupError(f"There is no type of a sample called {dtype!r}; try uint16.") from None


def _checked(recipe: SampleSpec) -> SampleSpec:
    """`recipe`, unless its shape, type or chunks make no volume."""
    shape, chunks, dtype = recipe.shape, recipe.chunks, np.dtype(recipe.dtype)
    if not 2 <= len(shape) <= MAX_RANK or min(shape) < 1:
        raise SetupError("A shape has 2 to 8 dimensions, each of at least 1.")
    if dtype.kind not in "buif":
        raise SetupError("The type of a sample is bool, an integer or a float, such as uint16.")
    if chunks != "auto":
        if len(chunks) != len(shape):
            raise SetupError("The chunks have as many dimensions as the shape.")
        if any(not 1 <= chunk <= size for chunk, size in zip(chunks, shape, strict=True)):
            raise SetupError("A chunk has at least 1 voxel and at most the size of its dimension.")
    return recipe


def _write(path: Path, recipe: SampleSpec, progress: Progress | None) -> None:
    import h5py  # noqa: PLC0415  # only writing a sample loads libhdf5

    dtype = np.dtype(recipe.dtype)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            DATASET,
            shape=recipe.shape,
            dtype=dtype,
            chunks=True if recipe.chunks == "auto" else recipe.chunks,
            compression="gzip",
            compression_opts=GZIP_LEVEL,
        )
        rank = len(recipe.shape)
        dataset.attrs["description"] = "A made-up scan"
        dataset.attrs["units"] = "counts"
        dataset.attrs["element_size_um"] = np.array([1.0] * (rank - 2) + [0.65, 0.65])[-rank:]
        maker = ChunkGenerator(recipe.shape, dataset.chunks, dtype)
        done = 0
        if progress is not None:
            progress(done, maker.decoded_bytes)
        for box, future in _in_threads(maker):
            for offset, data in future.result():
                dataset.id.write_direct_chunk(offset, data)
            done += box.nbytes(dtype.itemsize)
            if progress is not None:
                progress(done, maker.decoded_bytes)


def _in_threads(
    maker: ChunkGenerator,
) -> Iterator[tuple[_Box, Future[list[tuple[tuple[int, ...], bytes]]]]]:
    """The boxes of `maker` in order, made by as many threads as there are cores, a few ahead."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    pool = ThreadPoolExecutor(threads, thread_name_prefix="sample")
    boxes = maker.boxes()
    try:
        ahead = [
            (box, pool.submit(maker.make, box)) for box in itertools.islice(boxes, threads + 1)
        ]
        while ahead:
            yield ahead.pop(0)
            ahead.extend((box, pool.submit(maker.make, box)) for box in itertools.islice(boxes, 1))
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Box:
    """A box of whole chunks, in the order of the dataset's dimensions, cut at the volume's edge."""

    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    def nbytes(self, itemsize: int) -> int:
        size = itemsize
        for length in self.shape:
            size *= length
        return size


class ChunkGenerator:
    """Computes the voxels of boxes and compresses their chunks; safe between threads."""

    def __init__(
        self, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self._shape = shape
        self._chunks = chunks
        self._dtype = dtype
        self._phantom = Phantom((shape[-3] if len(shape) > 2 else 1, shape[-2], shape[-1]))
        self.decoded_bytes = _Box((0,) * len(shape), shape).nbytes(dtype.itemsize)

    def boxes(self) -> Iterator[_Box]:
        """All boxes: one chunk in each dimension, all columns, and rows as many as the size allows."""
        rows, columns = self._chunks[-2], self._shape[-1]
        depth = _Box((0,) * (len(self._shape) - 2), self._chunks[:-2]).nbytes(4)
        bands = max(1, BOX_BYTES // max(1, depth * rows * columns))
        steps = (*self._chunks[:-2], rows * bands, columns)
        for start in itertools.product(
            *(range(0, size, step) for size, step in zip(self._shape, steps, strict=True))
        ):
            ends = (a + step for a, step in zip(start, steps, strict=True))
            stop = tuple(min(end, size) for end, size in zip(ends, self._shape, strict=True))
            yield _Box(start, stop)

    def make(self, box: _Box) -> list[tuple[tuple[int, ...], bytes]]:
        """The compressed chunks of `box`, each with the place of its first voxel."""
        values = np.empty(box.shape, self._dtype)
        z = slice(box.start[-3], box.stop[-3]) if len(box.shape) > 2 else slice(0, 1)
        y = slice(box.start[-2], box.stop[-2])
        for lead in np.ndindex(*box.shape[:-3]):
            moment = int(
                np.ravel_multi_index(
                    tuple(a + b for a, b in zip(box.start, lead, strict=False)) or (0,),
                    self._shape[:-3] or (1,),
                )
            )
            density = self._phantom.density(z, y, moment)
            values[lead] = to_dtype(density, self._dtype).reshape(values[lead].shape)
        return list(self._compressed(box, values))

    def _compressed(
        self, box: _Box, values: npt.NDArray[Any]
    ) -> Iterator[tuple[tuple[int, ...], bytes]]:
        whole = np.zeros(self._chunks, self._dtype)
        steps = (range(0, n, c) for n, c in zip(values.shape, self._chunks, strict=True))
        for corner in itertools.product(*steps):
            part = values[tuple(slice(a, a + c) for a, c in zip(corner, self._chunks, strict=True))]
            if part.shape != whole.shape:
                whole[...] = 0  # a chunk is stored whole, also where the volume ends within it
            whole[tuple(slice(0, n) for n in part.shape)] = part
            yield (
                tuple(a + b for a, b in zip(box.start, corner, strict=True)),
                zlib.compress(whole.data, GZIP_LEVEL),
            )


def to_dtype(density: npt.NDArray[np.float32], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """`density` (0 is air, 1 is dense) in `dtype`: integers are scaled to counts, floats stay."""
    if dtype.kind == "f":
        return density.astype(dtype)
    if dtype.kind == "b":
        return density > 0.5
    top = min(int(np.iinfo(dtype).max), 2**16 - 1)
    counts = density * np.float32(top * 0.8)
    np.rint(counts, out=counts)
    np.clip(counts, 0, top, out=counts)
    return counts.astype(dtype)
