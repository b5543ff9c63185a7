"""Synthetic scans for demonstration, tests and measurements.

A body with a rind, shells and folded lamellae, a bundle of fibres at its centre, pores with a power-law size
distribution, bright specks, texture and detector noise, all determined by the seed. Voxels are computed and
compressed box by box in threads (NumPy and zlib release the interpreter lock). Compressed chunks are written
directly, because HDF5's own filters would compress them one after the other.
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

from dashboard.addressing.selection import MAX_RANK
from dashboard.errors import SetupError
from dashboard.samples.phantom import Phantom

DATASET = "volume"
GZIP_LEVEL = 4

# Share of the decoded size that has to be free: noise hardly compresses.
STORED_SHARE = 0.75

# Decoded bytes of one work item: large enough that Python's overhead is small, small enough that several fit in
# memory.
BOX_BYTES = 48 * 2**20

Chunks = tuple[int, ...] | Literal["auto"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """Shape, type, chunks and seed of a synthetic volume."""

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
    """Write a synthetic volume as the dataset `volume` of a new file at `path`.

    It is written under a temporary name and renamed when complete. `progress` is called with the decoded bytes
    done and in total. Raises `SetupError` if the file cannot be written.
    """
    recipe = _checked(SampleSpec(tuple(shape), _name_of(dtype), chunks))
    decoded = int(np.prod(recipe.shape, dtype=object)) * np.dtype(recipe.dtype).itemsize
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Before the space is asked for, which a folder that cannot be written has none of.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        part = Path(name)
        try:
            if shutil.disk_usage(path.parent).free < decoded * STORED_SHARE:
                raise SetupError(
                    f"{path} needs up to {decoded * STORED_SHARE / 2**30:.1f} GiB, more than is free."
                )
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
        raise SetupError(f"{dtype!r} is not a type of a sample; try uint16.") from None


def _checked(recipe: SampleSpec) -> SampleSpec:
    """`recipe`, if its shape, type and chunks are valid; raises `SetupError`."""
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
    """The boxes of `maker` in order, computed by one thread for each core, a few in advance."""
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
    """A box of whole chunks in the order of the dataset's dimensions, clipped at the volume's edge."""

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
    """Computes the voxels of boxes and compresses their chunks; thread-safe."""

    def __init__(
        self, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self._shape = shape
        self._chunks = chunks
        self._dtype = dtype
        self._phantom = Phantom((shape[-3] if len(shape) > 2 else 1, shape[-2], shape[-1]))
        self.decoded_bytes = _Box((0,) * len(shape), shape).nbytes(dtype.itemsize)

    def boxes(self) -> Iterator[_Box]:
        """All boxes: one chunk thick, all columns, and as many rows as fit the size of a work item."""
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
        """The compressed chunks of `box`, each with the index of its first voxel."""
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
                whole[...] = 0  # chunks at the edge are stored in full size
            whole[tuple(slice(0, n) for n in part.shape)] = part
            yield (
                tuple(a + b for a, b in zip(box.start, corner, strict=True)),
                zlib.compress(whole.data, GZIP_LEVEL),
            )


def to_dtype(density: npt.NDArray[np.float32], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """`density` (0 is air, 1 is dense) as `dtype`: integers are scaled to counts, floats are kept."""
    if dtype.kind == "f":
        return density.astype(dtype)
    if dtype.kind == "b":
        return density > 0.5
    top = min(int(np.iinfo(dtype).max), 2**16 - 1)
    counts = density * np.float32(top * 0.8)
    np.rint(counts, out=counts)
    np.clip(counts, 0, top, out=counts)
    return counts.astype(dtype)
