"""Single cells of a plane that is too large to be decoded: of each chunk that has some, past the brick cache."""

from __future__ import annotations

from math import ceil, isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import Selection, Span
from dashboard.bricks.loader import BrickLoader
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.chunk_reader import damage_error

# From so many decoded bytes of bricks on, cells are read alone if their chunks have no more than a share of these.
LARGE_BYTES = 4 * 2**30
FEW_CHUNKS = 1 / 8


def are_read_alone(volume: Volume, selection: Selection, decoded: int, most: int) -> bool:
    """Whether single voxels of a selection are read from their chunks; its bricks have `decoded` bytes.

    More than `most` bytes may not be decoded.
    """
    cells = chunks_with_cells(volume, selection) * volume.grid.chunk_bytes
    return decoded > most or (decoded > LARGE_BYTES and cells <= FEW_CHUNKS * decoded)


def chunks_with_cells(volume: Volume, selection: Selection) -> int:
    """The number of chunks that have cells of a selection."""
    rows, cols = selection.plane
    spans = ((rows, selection.row_span), (cols, selection.col_span))
    down, across = (_chunks_along(span, volume.grid.chunks[dim]) for dim, span in spans)
    return down * across


def sparse_steps(volume: Volume, selection: Selection, most_bytes: int) -> tuple[int, int]:
    """Steps along rows and columns at which the chunks of the cells have so many bytes at most, decoded."""
    fits = max(most_bytes // volume.grid.chunk_bytes, 1)
    every = _at_steps(selection, 1, 1)
    side = isqrt(max(ceil(chunks_with_cells(volume, every) / fits) - 1, 0)) + 1
    tall, wide = (volume.grid.chunks[dim] for dim in selection.plane)
    return side * tall, side * wide


def _at_steps(selection: Selection, down: int, across: int) -> Selection:
    """The selection at other steps."""
    items = list(selection.items)
    (rows, cols), (tall, wide) = selection.plane, (selection.row_span, selection.col_span)
    items[rows], items[cols] = (
        Span(tall.start, tall.stop, down),
        Span(wide.start, wide.stop, across),
    )
    return Selection(tuple(items))


def read_cells(
    loader: BrickLoader, file: VolumeFile, selection: Selection, requester: Requester
) -> NDArray[Any]:
    """The cells of a selection, in native byte order; only for who waits for them, since nothing is cached.

    Raises `Busy` for others, `CannotShow` for a damaged chunk that has some, `TooManyRequests` beyond the quota,
    and the errors of reading the file.
    """
    if requester.purpose.is_prefetch:
        raise errors.Busy("Single voxels of a large plane are not read ahead.")
    volume = file.volume
    rows, cols = selection.plane
    tall, wide = selection.row_span, selection.col_span
    out = np.empty(selection.shape, volume.memory_dtype)
    fixed = selection.fixed
    boxes = []
    for low, high in _runs(tall, volume.grid.chunks[rows]):
        for left, right in _runs(wide, volume.grid.chunks[cols]):
            first, end = fixed | {rows: low, cols: left}, {rows: high, cols: right}
            start = tuple(first[dim] for dim in range(len(volume.shape)))
            boxes.append((start, tuple(end.get(dim, at + 1) for dim, at in enumerate(start))))

    def take(start: tuple[int, ...], piece: NDArray[Any]) -> None:
        cells = piece.squeeze(tuple(fixed))[:: tall.step, :: wide.step]
        top, left = (start[rows] - tall.start) // tall.step, (start[cols] - wide.start) // wide.step
        out[top : top + cells.shape[0], left : left + cells.shape[1]] = cells

    requester.pay(len(boxes) * volume.grid.chunk_bytes)
    with loader.demand_signal.demand():
        damaged = loader.readers.of(volume).read_boxes(file, boxes, take)
    if damaged:
        raise damage_error(volume, damaged[0])
    return out


def _chunks_along(span: Span, side: int) -> int:
    """How many chunks along a dimension have cells of a span."""
    if span.step >= side:
        return span.cells
    return (span.start + (span.cells - 1) * span.step) // side - span.start // side + 1


def _runs(span: Span, side: int) -> list[tuple[int, int]]:
    """The cells of a span in each chunk along a dimension: the first one, and the voxel after the last one."""
    at = np.arange(span.start, span.stop, span.step)
    first = np.flatnonzero(np.diff(at // side, prepend=-1))
    last = np.append(first[1:], len(at)) - 1
    return [(int(at[a]), int(at[b]) + 1) for a, b in zip(first, last, strict=True)]
