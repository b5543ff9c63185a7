"""Reading through libhdf5: the chunk index, and values where the fast path cannot decode."""

from __future__ import annotations

from itertools import chain, product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dashboard.volumes.child import describe
from dashboard.volumes.child.walk import Refused, Tree

# A brick is read in pieces of about this many bytes, so that memory stays small.
PIECE_BYTES = 64 * 1024 * 1024


def _dataset(tree: Tree, request: dict[str, Any]) -> h5py.Dataset:
    found = tree.find(request["dataset"])
    if not isinstance(found, h5py.Dataset):
        raise Refused(f"{request['dataset']!r} is not a dataset.", "not_found")
    plist = found.id.get_create_plist()
    for number in range(plist.get_nfilters()):
        if not h5py.h5z.filter_avail(plist.get_filter(number)[0]):
            describe.plugin_has(plist.get_filter(number)[0])
    return found


def chunk_index(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Number on the grid, file offset, stored bytes and filter mask of every chunk, by grid number.

    The body holds four arrays one after the other: int64, int64, int64 and uint32, each of length
    `count`.
    """
    with Tree(Path(request["path"]), [Path(root) for root in request["roots"]]) as tree:
        dataset = _dataset(tree, request)
        chunks = dataset.chunks
        if chunks is None or dataset.shape is None:
            raise Refused("It is not stored in chunks.")
        # As little Python as can be for each chunk: there may be a million.
        found: list[Any] = []
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
    # Chunks of a growing dataset may be there before its shape says so.
    order = order[inside[order]]
    if (
        not (growing or inside.all())
        or (corners % chunks).any()
        or (np.diff(number[order]) == 0).any()
    ):
        raise Refused("The index of its chunks is damaged.")
    body = b"".join(part[order].tobytes() for part in (number, offsets, sizes, masks))
    return {"count": len(order)}, body


def brick(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Read the box start:stop into the file `out`, dimensions in `order`, native byte order."""
    start, stop, order = request["start"], request["stop"], request["order"]
    dtype = np.dtype(request["numpy"]).newbyteorder("=")
    extent = [b - a for a, b in zip(start, stop, strict=True)]
    shape = tuple(extent[d] for d in order)
    with Tree(Path(request["path"]), [Path(root) for root in request["roots"]]) as tree:
        dataset = _dataset(tree, request)
        out = np.memmap(request["out"], dtype, "r+", shape=shape)
        for piece in _pieces(start, stop, dataset.chunks, dtype.itemsize):
            values = dataset[tuple(slice(a, b) for a, b in piece)]
            place = tuple(slice(piece[d][0] - start[d], piece[d][1] - start[d]) for d in order)
            out[place] = values.transpose(order)
        out.flush()
    return {}, b""


def boxes(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The values of some boxes, one after the other, in native byte order (for the contrast sample)."""
    dtype = np.dtype(request["numpy"]).newbyteorder("=")
    with Tree(Path(request["path"]), [Path(root) for root in request["roots"]]) as tree:
        dataset = _dataset(tree, request)
        parts = [
            np.asarray(dataset[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))])
            .astype(dtype)
            .tobytes()
            for start, stop in request["boxes"]
        ]
    return {}, b"".join(parts)


def _pieces(
    start: list[int], stop: list[int], chunks: tuple[int, ...] | None, itemsize: int
) -> list[list[tuple[int, int]]]:
    """Cut a box into chunk-aligned pieces of at most about `PIECE_BYTES`, the first dimensions first."""
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
