"""Figures of slices and volumes: the part of the client that asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, Unpack

from dashboard.client.connection import Connection
from dashboard.client.options import PlaneOptions, Point, points_text, query_of

if TYPE_CHECKING:
    from dashboard.web.analysis_answers import HistogramCounts, LineProfile, RegionStatistics

Shape = Literal["rectangle", "ellipse", "polygon"]


class Figures:
    """Methods of `Client`. Points are (row, column) in voxels of the dataset, along the selection's slices.

    Options are those of `PlaneOptions`.
    """

    _connection: Connection

    def histogram(
        self,
        file: str,
        dataset: str,
        selection: str | None = None,
        *,
        bins: int = 256,
        value_range: tuple[float, float] | None = None,
        shape: Shape = "rectangle",
        points: Iterable[Point] | None = None,
        **options: Unpack[PlaneOptions],
    ) -> HistogramCounts:
        """The histogram of a slice, with `points` of a region on it; without a selection of the volume, as far as
        the server has `seen` it.

        Without `value_range` it is that of the values.
        """
        chosen = {**options, "bins": bins, "range": value_range}
        query = query_of(file, dataset, selection, chosen)
        if selection is None:
            query["scope"] = "volume"
        if points is not None:
            query |= {"shape": shape, "points": points_text(points)}
        found: HistogramCounts = self._connection.get_json("/api/v1/histogram", **query)
        return found

    def profile(
        self,
        file: str,
        dataset: str,
        selection: str,
        start: Point,
        end: Point,
        *,
        width: int = 1,
        reduce: Literal["mean", "sum"] = "mean",
        **options: Unpack[PlaneOptions],
    ) -> LineProfile:
        """The values along a line on a slice, over `width` parallel lines, and their distances from the start."""
        chosen = {**options, "from": start, "to": end, "width": width, "reduce": reduce}
        query = query_of(file, dataset, selection, chosen)
        found: LineProfile = self._connection.get_json("/api/v1/profile", **query)
        return found

    def region(
        self,
        file: str,
        dataset: str,
        selection: str,
        shape: Shape,
        points: Iterable[Point],
        **options: Unpack[PlaneOptions],
    ) -> RegionStatistics:
        """Statistics of a region of a slice: two opposite corners of a rectangle or ellipse, or the vertices of a
        polygon.
        """
        chosen = {**options, "shape": shape, "points": points_text(points)}
        query = query_of(file, dataset, selection, chosen)
        found: RegionStatistics = self._connection.get_json("/api/v1/region", **query)
        return found
