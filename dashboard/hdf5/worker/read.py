"""Reading through libhdf5: the chunk index, and values that cannot be decoded in process."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, product
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dashboard.hdf5.messages import (
    ChunkCount,
    Damage,
    ListChunks,
    ReadBoxes,
    ReadBrick,
    SampleBoxes,
    Values,
)
from dashboard.hdf5.worker import describe, sources
from dashboard.hdf5.worker.elements import chunks_of, read_box
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.links import LinkResolver, tree_of
from dashboard.hdf5.worker.refused import ObjectRefused

# A brick is read in pieces of about this many bytes, so that memory stays small.
PIECE_BYTES = 64 * 1024 * 1024

# Maximum of damaged chunks reported in one response. Beyond it everything is in doubt, and reading on chunk by
# chunk would only take time.
MAX_DAMAGED = 1000

# The library's messages are about its internals and may contain paths.
REASON = "the HDF5 library cannot decode it"

# Exceptions of h5py when the library or a filter cannot read a chunk.
_DAMAGE = (OSError, RuntimeError, ValueError)

Box = list[tuple[int, int]]
# First voxel of a damaged chunk, and the reason.
ChunkDamage = tuple[tuple[int, ...], str]


def open_dataset(tree: LinkResolver, name: str) -> h5py.Dataset:
    """The dataset `name`, if it may and can be read: `ObjectRefused` where a filter is missing."""
    found = tree.find(name)
    if not isinstance(found, h5py.Dataset):
        raise ObjectRefused(f"{name!r} is not a dataset.", "not_found")
    sources.by_name(tree, found)
    plist = found.id.get_create_plist()
    for number in range(plist.get_nfilters()):
        code = plist.get_filter(number)[0]
        if not h5py.h5z.filter_avail(code) and not describe.plugin_has(code):
            # A single error, since each chunk would appear damaged without the filter.
            raise ObjectRefused(
                f"{name!r} needs the HDF5 filter number {code}, which this server lacks."
            )
    return found


def chunk_index(request: ListChunks, job: Job) -> tuple[ChunkCount, bytes]:
    """Number on the grid, file offset, stored bytes and filter mask of every chunk, by grid number.

    The body has four consecutive arrays: int64, int64, int64 and uint32, each of length `count`.
    """
    with tree_of(job) as tree:
        dataset = open_dataset(tree, request.dataset)
        chunks = dataset.chunks
        if chunks is None or dataset.shape is None:
            raise ObjectRefused("It is not stored in chunks.")
        # Minimal Python for each chunk, since there may be a million.
        found: list[Any] = []
        with _without_collections():
            dataset.id.chunk_iter(found.append)
        corners = np.fromiter(
            chain.from_iterable(info.chunk_offset for info in found),
            np.int64,
            count=len(found) * len(chunks),
        ).reshape(-1, len(chunks))
        offsets = np.fromiter((info.byte_offset for info in found), np.int64, len(found))
        sizes = np.fromiter((info.size for info in found), np.int64, len(found))
        masks = np.fromiter((info.filter_mask for info in found), np.uint32, len(found))
        shape, growing = dataset.shape, bool(dataset.file.swmr_mode)
    inside = ((corners >= 0) & (corners < shape)).all(axis=1)
    number = np.zeros(len(found), np.int64)
    for dim, chunk in enumerate(chunks):
        number = number * -(-shape[dim] // chunk) + corners[:, dim] // chunk
    order = np.argsort(number, kind="stable")
    # Chunks of a growing dataset may exist before its shape includes them.
    order = order[inside[order]]
    if (
        not (growing or inside.all())
        or (corners % chunks).any()
        or (np.diff(number[order]) == 0).any()
    ):
        raise ObjectRefused("The index of its chunks is damaged.")
    body = b"".join(part[order].tobytes() for part in (number, offsets, sizes, masks))
    return ChunkCount(len(order)), body


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep the garbage collector from going again and again through a list of a million tuples as it grows."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def brick(request: ReadBrick, job: Job) -> tuple[Damage, bytes]:
    """Read the box start:stop into the job's output file, dimensions in `order`, native byte order."""
    start, stop, order = request.start, request.stop, request.order
    fill = _fill(request)
    extent = [b - a for a, b in zip(start, stop, strict=True)]
    shape = tuple(extent[d] for d in order)
    damaged: list[ChunkDamage] = []
    with tree_of(job) as tree:
        dataset = open_dataset(tree, request.dataset)
        with os.fdopen(job.out, "r+b", closefd=False) as file:
            out = np.memmap(file, fill.dtype, "r+", shape=shape)
        for piece in _pieces(start, stop, chunks_of(dataset), fill.dtype.itemsize):
            values = _values(dataset, piece, fill, damaged)
            cells = tuple(slice(piece[d][0] - start[d], piece[d][1] - start[d]) for d in order)
            out[cells] = values.transpose(order)
        sources.check_opened(tree, dataset, list(zip(start, stop, strict=True)))
        out.flush()
    return Damage(tuple(damaged)), b""


def boxes(request: ReadBoxes, job: Job) -> tuple[Damage, bytes]:
    """The values of boxes, one after the other, in native byte order."""
    fill = _fill(request)
    damaged: list[ChunkDamage] = []
    with tree_of(job) as tree:
        dataset = open_dataset(tree, request.dataset)
        boxes = [list(zip(start, stop, strict=True)) for start, stop in request.boxes]
        parts = [_values(dataset, box, fill, damaged).astype(fill.dtype).tobytes() for box in boxes]
        for box in boxes:
            sources.check_opened(tree, dataset, box)
    return Damage(tuple(damaged)), b"".join(parts)


def sample(request: SampleBoxes, job: Job) -> tuple[Values, bytes]:
    """As `boxes`, without boxes that contain a damaged chunk (for the contrast sample)."""
    fill = _fill(request)
    parts = []
    with tree_of(job) as tree:
        dataset = open_dataset(tree, request.dataset)
        for start, stop in request.boxes:
            damaged: list[ChunkDamage] = []
            box = list(zip(start, stop, strict=True))
            values = _values(dataset, box, fill, damaged)
            sources.check_opened(tree, dataset, box)
            if not damaged:
                parts.append(values.astype(fill.dtype).tobytes())
    return Values(), b"".join(parts)


def _fill(request: ReadBrick | ReadBoxes | SampleBoxes) -> np.generic:
    """The fill value of damaged chunks in the type of the response."""
    dtype = np.dtype(request.numpy).newbyteorder("=")
    fill: np.generic = np.frombuffer(bytes.fromhex(request.fill), dtype)[0]
    return fill


def _values(
    dataset: h5py.Dataset, box: Box, fill: np.generic, damaged: list[ChunkDamage]
) -> NDArray[Any]:
    """The values of a box; `fill` where a chunk is damaged, which is added to `damaged`.

    Raises h5py's error when the dataset has no chunks, or too many of them are damaged.
    """
    try:
        return read_box(dataset, tuple(slice(a, b) for a, b in box), fill.dtype)
    except _DAMAGE:
        chunks = chunks_of(dataset)
        if chunks is None:
            raise
    values = np.full([b - a for a, b in box], fill, fill.dtype)
    for corner, part in _by_chunk(box, chunks):
        cells = tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(part, box, strict=True))
        try:
            within = tuple(slice(a, b) for a, b in part)
            values[cells] = read_box(dataset, within, fill.dtype)
        except _DAMAGE:
            if len(damaged) >= MAX_DAMAGED:
                raise
            damaged.append((corner, REASON))
    return values


def _by_chunk(box: Box, chunks: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Box]]:
    """(first voxel of a chunk, the part of the box in it), chunk by chunk."""
    corners = (range(a // c * c, b, c) for (a, b), c in zip(box, chunks, strict=True))
    for corner in product(*corners):
        part = [
            (max(at, a), min(at + c, b)) for at, c, (a, b) in zip(corner, chunks, box, strict=True)
        ]
        yield corner, part


def _pieces(
    start: Sequence[int], stop: Sequence[int], chunks: tuple[int, ...] | None, itemsize: int
) -> list[Box]:
    """Divide a box into chunk-aligned pieces of at most about `PIECE_BYTES`, the first dimensions first."""
    steps = [b - a for a, b in zip(start, stop, strict=True)]
    unit = list(chunks) if chunks is not None else [1] * len(steps)
    for dim in range(len(steps)):
        rest = itemsize * int(np.prod(steps[:dim] + steps[dim + 1 :], dtype=np.int64))
        fit = max(PIECE_BYTES // max(rest, 1) // unit[dim], 1) * unit[dim]
        steps[dim] = min(steps[dim], fit)
        if itemsize * int(np.prod(steps, dtype=np.int64)) <= PIECE_BYTES:
            break
    return [
        [(at, min(at + step, b)) for at, step, b in zip(corner, steps, stop, strict=True)]
        for corner in product(
            *(range(a, b, step) for a, b, step in zip(start, stop, steps, strict=True))
        )
    ]
