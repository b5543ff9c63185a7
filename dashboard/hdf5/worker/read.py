"""Reading through libhdf5: the chunk index, and values that cannot be decoded in process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
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
    ReadStored,
    SampleBoxes,
    Values,
)
from dashboard.hdf5.worker import chunk_list, describe, sources
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

# What the library says of a chunk that was never written.
NOT_STORED = "not allocated"

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

    The body has four consecutive arrays: int64, int64, int64 and uint32, each of length `count`. It is empty where
    they are written to the job's output file instead.
    """
    with tree_of(job) as tree:
        dataset = open_dataset(tree, request.dataset)
        if dataset.chunks is None or dataset.shape is None:
            raise ObjectRefused("It is not stored in chunks.")
        found = chunk_list.chunks_of(dataset)
        growing = bool(dataset.file.swmr_mode)
    # Chunks of a growing dataset may exist before its shape includes them.
    if not (found.is_sound and (growing or found.is_inside)):
        raise ObjectRefused("The index of its chunks is damaged.")
    count = ChunkCount(len(found.numbers))
    if request.to_file and _written(job.out, found.parts):
        return count, b""
    return count, b"".join(part.tobytes() for part in found.parts)


def stored_chunks(request: ReadStored, job: Job) -> tuple[Values, bytes]:
    """The stored bytes of some chunks into the job's output file, one after the other, as they are in the file.

    The body has their sizes (-1: not stored) and filter masks: int64 and uint32 arrays. They are found one by one,
    without a list of all chunks.
    """
    sizes, masks = (
        np.zeros(len(request.numbers), np.int64),
        np.zeros(len(request.numbers), np.uint32),
    )
    with tree_of(job) as tree:
        dataset = open_dataset(tree, request.dataset)
        if dataset.chunks is None or dataset.shape is None:
            raise ObjectRefused("It is not stored in chunks.")
        counts = [
            -(-length // side) for length, side in zip(dataset.shape, dataset.chunks, strict=True)
        ]
        cells = np.stack(np.unravel_index(np.array(request.numbers, np.int64), counts), axis=1)
        corners = map(tuple, (cells * dataset.chunks).tolist())
        left = request.limit
        read = dataset.id.read_direct_chunk
        with os.fdopen(job.out, "r+b", closefd=False) as out:
            for n, corner in enumerate(corners):
                try:
                    masks[n], data = read(corner)
                except RuntimeError as error:
                    if NOT_STORED not in str(error):
                        raise
                    sizes[n] = -1
                    continue
                sizes[n] = len(data)
                left -= len(data)
                if left < 0:
                    raise ObjectRefused("Its chunks have too many stored bytes.")
                out.write(data)
    return Values(), sizes.tobytes() + masks.tobytes()


def _written(fd: int, parts: Iterable[NDArray[Any]]) -> bool:
    """Whether arrays were written to a file, one after the other: not where its disk is full."""
    try:
        with os.fdopen(fd, "r+b", closefd=False) as file:
            for part in parts:
                file.write(part.data)
    except OSError:
        return False
    return True


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
