"""Figures of slices, which are read as scripts read them: from bricks, and neither counted nor planned for."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.requester import SCRIPT, Requester
from dashboard.addressing.selection import Selection, Span
from dashboard.analysis.histogram import (
    Histogram,
    edges_between,
    edges_of_all,
    histogram,
    natural_range,
)
from dashboard.analysis.interpretation import Interpretation
from dashboard.analysis.line_profile import Line, Reduce, profile
from dashboard.analysis.shapes import Shape, ShapeKind
from dashboard.analysis.statistics import Distribution, Statistics, statistics
from dashboard.bricks.loader import BrickLoader
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.masks import mask_selection, masked_cells
from dashboard.frames.plane_reader import PlaneReader
from dashboard.frames.pooling import PoolMode
from dashboard.frames.projection import Projection
from dashboard.frames.running_sums import RunningSums
from dashboard.frames.slab_reader import SlabReader


@dataclass(frozen=True, slots=True)
class Region:
    """Statistics of a shape, and how many voxels its cells stand for: a step takes one of several."""

    statistics: Statistics
    voxels: int


class Analyzer:
    """Reads slices and computes figures of them; at most `max_cells` cells at a time.

    All methods raise `TooLarge`, `CannotShow` for damaged chunks among the cells, and the errors of
    `BrickLoader.get_or_decode`.
    """

    def __init__(
        self,
        metadata: MetadataService,
        loader: BrickLoader,
        contiguous: ContiguousPlanes,
        max_cells: int,
    ) -> None:
        self._metadata = metadata
        self._loader = loader
        self._contiguous = contiguous
        self._max_cells = max_cells
        self._sums = RunningSums()

    def stored(self, volume: Volume, selection: Selection, requester: Requester) -> NDArray[Any]:
        """The stored values of a selection, an array (rows, columns)."""
        self._check(selection)
        with VolumeFile(self._metadata, volume) as file:
            plane = PlaneReader(self._loader, self._contiguous, file, selection, requester)
            plane.check(PoolMode.NEAREST)
            return plane.stored()

    def _projected(
        self,
        source: Interpretation,
        projection: Projection,
        selection: Selection,
        requester: Requester,
    ) -> NDArray[Any]:
        """The projection of the slab around a selection, an array (rows, columns)."""
        self._check(selection)
        packing = source.packing
        with ExitStack() as opened:
            file, mask = opened.enter_context(VolumeFile(self._metadata, source.volume)), None
            if packing is not None and packing.mask is not None:
                mask = opened.enter_context(VolumeFile(self._metadata, packing.mask))
            how = (self._loader, self._contiguous, file, selection, requester, packing, mask)
            slab = SlabReader(*how, projection, self._sums)
            slab.check(PoolMode.NEAREST)
            return slab.values(source.part, PoolMode.NEAREST, None)

    def _check(self, selection: Selection) -> None:
        rows, cols = selection.shape
        if rows * cols > self._max_cells:
            raise errors.TooLarge(
                f"That is {rows * cols:,} voxels, and at most {self._max_cells:,} are read at a time;"
                " use a step or a part of it."
            )

    def masked_pixels(self, mask: Volume) -> NDArray[np.bool_]:
        """Which pixels a mask leaves out, an array (rows, columns)."""
        rows, cols = mask.shape
        stored = self.stored(mask, Selection((Span(0, rows), Span(0, cols))), SCRIPT)
        left_out: NDArray[np.bool_] = stored != 0
        return left_out

    def histogram(
        self,
        source: Interpretation,
        selection: Selection,
        bins: int,
        range_: tuple[float, float] | None,
        requester: Requester,
        shape: Shape | None = None,
    ) -> Histogram:
        """The histogram of a slice, or of a shape on it, between two values; without a range of all values."""
        if shape is None:
            found = source.distribution(*self._cells(source, selection, requester))
        else:
            found, _ = self._of_shape(source, shape, shape.within(selection), requester)
        if range_ is None:
            return histogram(found, edges_of_all(natural_range(found), bins, source.dtype))
        return histogram(found, edges_between(*range_, bins, source.dtype))

    def region(
        self, source: Interpretation, selection: Selection, shape: Shape, requester: Requester
    ) -> Region:
        """Statistics of the voxels of a shape; `BadRequest` where there are none."""
        part = shape.within(selection)
        found, cells = self._of_shape(source, shape, part, requester)
        return Region(statistics(found), cells * part.row_span.step * part.col_span.step)

    def _of_shape(
        self, source: Interpretation, shape: Shape, part: Selection, requester: Requester
    ) -> tuple[Distribution, int]:
        """The values of the cells of a shape, which all lie in `part`, and how many cells it has."""
        values, left_out = self._cells(source, part, requester)
        if shape.kind is not ShapeKind.RECTANGLE:
            inside = shape.mask(part)
            values, left_out = values[inside], None if left_out is None else left_out[inside]
        if not values.size:
            raise errors.BadRequest("The region has no voxel: none has its centre in it.")
        return source.distribution(values, left_out), values.size

    def _cells(
        self, source: Interpretation, selection: Selection, requester: Requester
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """The stored values of a selection, or those of a projection, and which of them a mask leaves out."""
        if source.projection is not None:
            return self._projected(source, source.projection, selection, requester), None
        values = self.stored(source.volume, selection, requester)
        if source.mask is None:
            return values, None
        mask = self.stored(source.mask, mask_selection(selection), requester)
        return values, np.broadcast_to(masked_cells(mask, selection), values.shape)

    def profile(
        self,
        source: Interpretation,
        selection: Selection,
        line: Line,
        reduce: Reduce,
        requester: Requester,
    ) -> NDArray[np.float64]:
        """The values along a line on a slice, NaN where it has none."""
        part = line.within(selection)
        values, left_out = self._cells(source, part, requester)

        def voxels(rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.float64]:
            found = source.floats(values[rows, cols])
            return found if left_out is None else np.where(left_out[rows, cols], np.nan, found)

        return profile(line, part, voxels, reduce)
