"""The plane of one selection, assembled from its bricks or read directly."""

from __future__ import annotations

from concurrent.futures import Future
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome, Provenance, Reason, Stage
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import Selection
from dashboard.bricks.loader import BrickLoader
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.chunk_reader import damage_error
from dashboard.frames.complex_part import ComplexPart, part_dtype, select_part
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.pooling import PoolMode, pool_blocks, pooled_dtype
from dashboard.frames.unpacking import Packing
from dashboard.meter import meter

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
    """Reads the plane of one selection from its bricks; `provenance` is that of the farthest one."""

    def __init__(
        self,
        loader: BrickLoader,
        contiguous: ContiguousPlanes,
        file: VolumeFile,
        selection: Selection,
        requester: Requester,
        packing: Packing | None = None,
    ) -> None:
        self._packing = packing
        self._loader = loader
        self._contiguous = contiguous
        self._file = file
        self._volume = volume = file.volume
        self._selection = selection
        self._requester = requester
        self._direct = volume.reads_planes_directly(selection)
        self._bricks = [] if self._direct else volume.bricks(selection)
        self._planes: dict[str, NDArray[Any]] = {}
        self.provenance: Provenance | None = None
        self.integrity_checks: list[Future[bool]] = []

    def check(self) -> None:
        """Raise `TooLarge` before decoding if the bricks have too many bytes."""
        decoded = sum(brick.nbytes(self._volume.dtype.itemsize) for brick in self._bricks)
        if decoded > MAX_DECODED_BYTES:
            raise errors.TooLarge(
                f"The slice needs {decoded / 2**30:.1f} GiB decoded and one request may take"
                f" {MAX_DECODED_BYTES / 2**30:.0f} GiB; ask for a part of it."
            )

    def values(self, part: ComplexPart, pool: PoolMode, missing: np.generic | None) -> NDArray[Any]:
        """The cells of the selection: real, native, unpacked, pooled; NaN for the complex value `missing`."""
        packing = self._packing
        span_r, span_c = self._selection.row_span, self._selection.col_span
        if pool is PoolMode.NEAREST or (span_r.step == 1 and span_c.step == 1):
            region = self._region(span_r.start, span_r.stop, span_r.step, span_c.step)
            with meter(Stage.INDEX):
                return _to_displayed(region, part, missing, packing)
        kind = part_dtype(self._volume.dtype)
        kind = kind if packing is None else packing.result_dtype(kind)
        shown = pooled_dtype(kind, pool, span_r.step, span_c.step)
        out = np.empty(self._selection.shape, shown)
        width = span_c.stop - span_c.start
        height = max(STRIP_CELLS // (width * span_r.step), 1) * span_r.step
        for at in range(span_r.start, span_r.stop, height):
            region = self._region(at, min(at + height, span_r.stop), 1, 1)
            with meter(Stage.SCALE):
                displayed = _to_displayed(region, part, missing, packing)
                cells = pool_blocks(displayed, span_r.step, span_c.step, pool)
                first = (at - span_r.start) // span_r.step
                out[first : first + len(cells)] = cells
        return out

    def stored(self) -> NDArray[Any]:
        """The cells of the selection as they are stored, at its steps, in native byte order."""
        span_r, span_c = self._selection.row_span, self._selection.col_span
        return self._region(span_r.start, span_r.stop, span_r.step, span_c.step)

    def _region(self, low: int, high: int, step_r: int, step_c: int) -> NDArray[Any]:
        """Rows low … high and the selection's columns at steps, in native byte order."""
        span_c = self._selection.col_span
        if self._direct:
            region = self._contiguous.region(
                self._file, self._selection, (low, high, step_r), step_c
            )
            if self._requester.is_viewer_demand:
                first = self._contiguous.mark_accessed(self._volume, self._selection)
                missed = Provenance(Outcome.MISS, Reason.FIRST)
                self._note(missed if first else Provenance(Outcome.HIT, seen=True))
            return region
        pieces = [b for b in self._bricks if b.start[b.rows] < high and b.stop[b.rows] > low]
        if len(pieces) == 1:
            plane = self._plane(pieces[0])
            top, left = pieces[0].start[pieces[0].rows], pieces[0].start[pieces[0].cols]
            with meter(Stage.INDEX):
                return plane[
                    low - top : high - top : step_r,
                    span_c.start - left : span_c.stop - left : step_c,
                ]
        out = np.empty(
            (ceil((high - low) / step_r), ceil((span_c.stop - span_c.start) / step_c)),
            self._volume.memory_dtype,
        )
        for brick in pieces:
            plane = self._plane(brick)
            with meter(Stage.INDEX):
                rows_to, rows_from = _overlap(
                    low, high, step_r, brick.start[brick.rows], brick.stop[brick.rows]
                )
                cols_to, cols_from = _overlap(
                    span_c.start,
                    span_c.stop,
                    step_c,
                    brick.start[brick.cols],
                    brick.stop[brick.cols],
                )
                out[rows_to, cols_to] = plane[rows_from, cols_from]
        return out

    def _plane(self, brick: BrickAddress) -> NDArray[Any]:
        plane = self._planes.get(brick.key)
        if plane is not None:
            return plane
        number = brick.plane_number(self._selection.fixed)
        loaded = self._loader.get_or_decode(self._file, brick, self._requester, plane=number)
        self._note(loaded.provenance)
        if loaded.brick.integrity is not None:
            self.integrity_checks.append(loaded.brick.integrity)
        for damaged in loaded.brick.damaged_chunks:
            if self._intersects(damaged.origin):
                raise damage_error(self._volume, damaged)
        plane = loaded.brick.plane(number)
        self._planes[brick.key] = plane
        return plane

    def _intersects(self, corner: tuple[int, ...]) -> bool:
        chunks = self._volume.grid.chunks
        for dim, (at, size) in enumerate(zip(corner, chunks, strict=True)):
            item = self._selection.items[dim]
            low, high = (item, item + 1) if isinstance(item, int) else (item.start, item.stop)
            if at + size <= low or at >= high:
                return False
        return True

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
