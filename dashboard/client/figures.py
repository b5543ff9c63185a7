"""Figures of slices and volumes: the part of the client that asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from dashboard.client.connection import Connection

if TYPE_CHECKING:
    from dashboard.web.analysis_answers import HistogramCounts, LineProfile, RegionStatistics

Point = tuple[float, float]
Shape = Literal["rectangle", "ellipse", "polygon"]


class Figures:
    """Methods of `Client`. Points are (row, column) in voxels of the dataset, along the selection's slices.

    `part` is what of complex values is used; with `decode`, values are unpacked as their attributes say.
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
        part: str = "abs",
        decode: bool = False,
    ) -> HistogramCounts:
        """The histogram of a slice, with `points` of a region on it; without a selection of the volume, as far as
        the server has `seen` it.

        Without `value_range` it is that of the values.
        """
        query = _query(file, dataset, selection, part, decode) | {"bins": str(bins)}
        if selection is None:
            query["scope"] = "volume"
        if points is not None:
            query |= {"shape": shape, "points": _text(points)}
        if value_range is not None:
            query["range"] = ",".join(repr(float(end)) for end in value_range)
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
        part: str = "abs",
        decode: bool = False,
    ) -> LineProfile:
        """The values along a line on a slice, over `width` parallel lines, and their distances from the start."""
        query = _query(file, dataset, selection, part, decode)
        query |= {"from": _text([start]), "to": _text([end]), "width": str(width), "reduce": reduce}
        found: LineProfile = self._connection.get_json("/api/v1/profile", **query)
        return found

    def region(
        self,
        file: str,
        dataset: str,
        selection: str,
        shape: Shape,
        points: Iterable[Point],
        *,
        part: str = "abs",
        decode: bool = False,
    ) -> RegionStatistics:
        """Statistics of a region of a slice: two opposite corners of a rectangle or ellipse, or the vertices of a
        polygon.
        """
        query = _query(file, dataset, selection, part, decode)
        found: RegionStatistics = self._connection.get_json(
            "/api/v1/region", **query, shape=shape, points=_text(points)
        )
        return found


def _query(
    file: str, dataset: str, selection: str | None, part: str, decode: bool
) -> dict[str, str]:
    query = {"file": file, "dataset": dataset, "part": part}
    query |= {} if selection is None else {"selection": selection}
    return query | ({"decode": "1"} if decode else {})


def _text(points: Iterable[Point]) -> str:
    return ",".join(repr(float(side)) for point in points for side in point)
