"""What the routes about figures of slices return, as types (`web/answers.py`)."""

from __future__ import annotations

from typing_extensions import TypedDict


class HistogramCounts(TypedDict):
    """Counts of values: bin i has edges[i] ≤ value < edges[i + 1], the last one its upper edge as well.

    Of the `n` valid values `below` and `above` are outside; `min` and `max` are the smallest and the largest of
    all, null without any. `missing` values do not count. `seen` is the share of all voxels that were counted.
    """

    counts: list[int]
    edges: list[float]
    below: int
    above: int
    n: int
    missing: int
    min: int | float | None
    max: int | float | None
    seen: float


class LineProfile(TypedDict):
    """Values along a line, null where it has none, and the distance of each from the start.

    `positions` are in `unit`, in voxels where that is null; `voxels` are always in voxels.
    """

    values: list[float | None]
    positions: list[float]
    unit: str | None
    voxels: list[float]


class Statistics(TypedDict):
    """Statistics of `n` valid values, null without any, and for numbers beyond float64.

    `sd` is the standard deviation of the population; `missing` values do not count.
    """

    n: int
    missing: int
    mean: float | None
    sd: float | None
    median: int | float | None
    min: int | float | None
    max: int | float | None
    sum: int | float | None


class RegionStatistics(Statistics):
    """Statistics of the `n` valid voxels of a region; null without any, and for numbers beyond float64.

    `sd` is the standard deviation of the population. `area` is that of all voxels, in voxels where `area_unit` is
    null.
    """

    area: float
    area_unit: str | None
