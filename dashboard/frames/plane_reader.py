"""The plane of one selection, assembled from its bricks or read directly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial as bind
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome, Provenance, Reason, Stage
from dashboard.addressing.requester import SCRIPT, Requester
from dashboard.addressing.selection import Selection, Span
from dashboard.bricks.brick import Brick
from dashboard.bricks.loader import BrickLoader
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.chunk_reader import damage_error
from dashboard.frames.complex_part import ComplexPart, part_dtype, select_part
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.masks import leave_out, mask_selection
from dashboard.frames.pooling import PoolMode, pool_blocks, pooled_dtype
from dashboard.frames.single_cells import (
    are_read_alone,
    chunks_with_cells,
    read_cells,
    sparse_steps,
)
from dashboard.frames.unpacking import Packing
from dashboard.meter import meter

Cut = tuple[slice, slice]
Convert = Callable[[NDArray[Any]], NDArray[Any]]

# Decoded bytes that one slice may need; larger requests are refused.
MAX_DECODED_BYTES = 8 * 2**30
# Source cells pooled at a time, which bounds the memory of a pooled view of a huge plane.
STRIP_CELLS = 4_194_304


def _to_displayed(
    values: NDArray[Any], part: ComplexPart, missing: np.generic | None, packing: Packing | None
) -> NDArray[Any]:
    if packing is not None:
        return packing.unpack(values)
    shown = select_part(values, part)
    return shown if missing is None else np.where(values == missing, np.nan, shown)


class PlaneReader:
    """Reads the plane of one selection from its bricks; `provenance` is that of the farthest one.

    Unpacked values are missing where `mask`, the file of the packing's, is not 0.
    """

    # Whether cells may be taken from their chunks alone.
    _may_take_cells = True

    def __init__(
        self,
        loader: BrickLoader,
        contiguous: ContiguousPlanes,
        file: VolumeFile,
        selection: Selection,
        requester: Requester,
        packing: Packing | None = None,
        mask: VolumeFile | None = None,
    ) -> None:
        self._packing = packing
        self._mask = mask
        self._loader = loader
        self._contiguous = contiguous
        self._file = file
        self._volume = volume = file.volume
        self._selection = selection
        self._requester = requester
        self._direct = volume.reads_planes_directly(selection)
        self._bricks = [] if self._direct else volume.bricks(selection)
        self._takes_cells = False
        self._loaded: dict[str, Brick] = {}
        self._extent = [
            (item, item + 1) if isinstance(item, int) else (item.start, item.stop)
            for item in selection.items
        ]
        self.provenance: Provenance | None = None
        self.integrity_checks: list[Future[bool]] = []

    def check(self, pool: PoolMode) -> None:
        """Raise `TooLarge` before decoding if there are too many bytes to be decoded."""
        decoded = self._decoded_bytes()
        volume, selection = self._volume, self._selection
        self._takes_cells = takes_cells = (
            self._may_take_cells
            and pool is PoolMode.NEAREST
            and are_read_alone(volume, selection, decoded, MAX_DECODED_BYTES)
        )
        if takes_cells:
            decoded = chunks_with_cells(volume, selection) * volume.grid.chunk_bytes
        if decoded <= MAX_DECODED_BYTES:
            return
        offer = ""
        if self._may_take_cells:
            steps = sparse_steps(volume, selection, MAX_DECODED_BYTES)
            offer = f", or for single voxels (pool=nearest) at steps of {steps[0]} and {steps[1]}"
        raise errors.TooLarge(
            f"The slice needs {decoded / 2**30:.1f} GiB decoded and one request may take"
            f" {MAX_DECODED_BYTES / 2**30:.0f} GiB; ask for a part of it{offer}."
        )

    def _decoded_bytes(self) -> int:
        return sum(map(self._volume.grid.decoded_bytes, self._bricks))

    def values(self, part: ComplexPart, pool: PoolMode, missing: np.generic | None) -> NDArray[Any]:
        """The cells of the selection: real, native, unpacked, pooled; NaN for the complex value `missing`."""
        packing = self._packing
        span_r, span_c = self._selection.row_span, self._selection.col_span
        convert = bind(_to_displayed, part=part, missing=missing, packing=packing)
        kind = part_dtype(self._volume.dtype)
        kind = kind if packing is None else packing.result_dtype(kind)
        if pool is PoolMode.NEAREST or (span_r.step == 1 and span_c.step == 1):
            rows = (span_r.start, span_r.stop, span_r.step)
            displayed = self._displayed(rows, span_c.step, kind, convert)
            self._leave_out(displayed, Span(*rows))
            return displayed
        shown = pooled_dtype(self._result_dtype(kind), pool, span_r.step, span_c.step)
        out = np.empty(self._selection.shape, shown)
        width = span_c.stop - span_c.start
        height = max(STRIP_CELLS // (width * span_r.step), 1) * span_r.step
        for at in range(span_r.start, span_r.stop, height):
            rows = (at, min(at + height, span_r.stop), 1)
            displayed = self._displayed(rows, 1, kind, convert)
            self._leave_out(displayed, Span(*rows), full=True)
            with meter(Stage.SCALE):
                cells = pool_blocks(displayed, span_r.step, span_c.step, pool)
                first = (at - span_r.start) // span_r.step
                out[first : first + len(cells)] = cells
        return out

    def _leave_out(self, values: NDArray[Any], rows: Span, *, full: bool = False) -> None:
        """Leave out what is masked of the values of some rows; `full`: of every column."""
        if self._mask is None:
            return
        row, column = self._selection.plane
        items = list(self._selection.items)
        items[row] = rows
        if full:
            items[column] = replace(self._selection.col_span, step=1)
        selection = Selection(tuple(items))
        mask = PlaneReader(
            self._loader, self._contiguous, self._mask, mask_selection(selection), SCRIPT
        )
        leave_out(values, mask.stored(), selection)
        self.integrity_checks += mask.integrity_checks

    def stored(self) -> NDArray[Any]:
        """The cells of the selection as they are stored, at its steps, in native byte order."""
        span_r, span_c = self._selection.row_span, self._selection.col_span
        return self._region(span_r.start, span_r.stop, span_r.step, span_c.step)

    def _result_dtype(self, kind: np.dtype[Any]) -> np.dtype[Any]:
        """The type of the cells before they are pooled, where displayed values have the type `kind`."""
        return kind

    def _displayed(
        self, rows: tuple[int, int, int], step_c: int, kind: np.dtype[Any], convert: Convert
    ) -> NDArray[Any]:
        """Rows start:stop:step and the selection's columns at a step, as `convert` displays them."""
        region = self._region(*rows, step_c)
        with meter(Stage.INDEX):
            return convert(region)

    def _region(self, low: int, high: int, step_r: int, step_c: int) -> NDArray[Any]:
        """Rows low … high and the selection's columns at steps, in native byte order."""
        span_c = self._selection.col_span
        if self._takes_cells:
            if self._requester.is_viewer_demand:
                self._note(Provenance(Outcome.MISS, Reason.FIRST))
            return read_cells(self._loader, self._file, self._selection, self._requester)
        if self._direct:
            region = self._contiguous.region(
                self._file, self._selection, (low, high, step_r), step_c
            )
            self._note_direct()
            return region
        pieces = [b for b in self._bricks if b.start[b.rows] < high and b.stop[b.rows] > low]
        if len(pieces) == 1:
            plane = self._plane(pieces[0], self._selection.fixed)
            top, left = pieces[0].start[pieces[0].rows], pieces[0].start[pieces[0].cols]
            with meter(Stage.INDEX):
                return plane[
                    low - top : high - top : step_r,
                    span_c.start - left : span_c.stop - left : step_c,
                ]
        out = np.empty(self._shape((low, high, step_r), step_c), self._volume.memory_dtype)
        for brick in pieces:
            plane = self._plane(brick, self._selection.fixed)
            with meter(Stage.INDEX):
                target, source = self._cut(brick, (low, high, step_r), step_c)
                out[target] = plane[source]
        return out

    def _shape(self, rows: tuple[int, int, int], step_c: int) -> tuple[int, int]:
        """The cells of rows start:stop:step and of the selection's columns at a step."""
        span_c = self._selection.col_span
        return len(range(*rows)), ceil((span_c.stop - span_c.start) / step_c)

    def _cut(self, brick: BrickAddress, rows: tuple[int, int, int], step_c: int) -> tuple[Cut, Cut]:
        """Where the cells of a brick go to among these rows and columns, and where they are in its planes."""
        span_c = self._selection.col_span
        rows_to, rows_from = _overlap(*rows, brick.start[brick.rows], brick.stop[brick.rows])
        cols_to, cols_from = _overlap(
            span_c.start, span_c.stop, step_c, brick.start[brick.cols], brick.stop[brick.cols]
        )
        return (rows_to, cols_to), (rows_from, cols_from)

    def _plane(self, brick: BrickAddress, fixed: Mapping[int, int]) -> NDArray[Any]:
        """The plane of a brick at the indices `fixed`; the first one of each brick is the viewer's demand."""
        number = brick.plane_number(fixed)
        earlier = self._loaded.get(brick.key)
        if earlier is not None and earlier.has_plane(number):
            return earlier.plane(number)
        requester = self._requester if earlier is None else replace(self._requester, viewer=None)
        loaded = self._loader.get_or_decode(self._file, brick, requester, plane=number)
        if earlier is None:
            self._note(loaded.provenance)
        if loaded.brick.integrity is not None:
            self.integrity_checks.append(loaded.brick.integrity)
        for damaged in loaded.brick.damaged_chunks:
            if self._intersects(damaged.origin):
                raise damage_error(self._volume, damaged)
        self._loaded[brick.key] = loaded.brick
        return loaded.brick.plane(number)

    def _intersects(self, corner: tuple[int, ...]) -> bool:
        chunks = self._volume.grid.chunks
        return all(
            at < high and at + size > low
            for at, size, (low, high) in zip(corner, chunks, self._extent, strict=True)
        )

    def _note_direct(self) -> None:
        """Note where a plane came from that was read without bricks."""
        if self._requester.is_viewer_demand:
            first = self._contiguous.mark_accessed(self._volume, self._selection)
            missed = Provenance(Outcome.MISS, Reason.FIRST)
            self._note(missed if first else Provenance(Outcome.HIT, seen=True))

    def _note(self, found: Provenance) -> None:
        self.provenance = found if self.provenance is None else self.provenance.farther(found)


def _overlap(low: int, high: int, step: int, first: int, last: int) -> tuple[slice, slice]:
    """Target and source ranges of the cells low:high:step that lie in first … last."""
    begin = max(ceil((first - low) / step), 0)
    end = max(ceil((min(high, last) - low) / step), begin)
    if begin == end:
        return slice(0, 0), slice(0, 0)  # The step skips this tile.
    start = low + begin * step - first
    return slice(begin, end), slice(start, start + (end - begin - 1) * step + 1, step)
