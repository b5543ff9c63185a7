"""Options of what is asked of slices, and the queries that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypedDict

Window = Literal["volume", "slice"] | tuple[float, float]
Norm = Literal["linear", "log", "symlog", "sqrt", "asinh"]
Pool = Literal["nearest", "mean", "max"]
Part = Literal["abs", "real", "imag", "phase"]
Point = tuple[float, float]


class ValueOptions(TypedDict, total=False):
    """Which values are taken.

    `part` is what of complex values is returned, their absolute values by default. With `decode`, values are
    unpacked as their attributes say.
    """

    part: Part
    decode: bool


class ColumnOptions(ValueOptions, total=False):
    """Of a column through a region: `"rectangle:R,C,R,C"`, `"ellipse:R,C,R,C"` or `"polygon:R,C,R,C,R,C"`, in the
    slice `selection` or the last two dimensions beside the axis.
    """

    region: str | None
    selection: str | None


class PlaneOptions(ValueOptions, total=False):
    """Of which slices: `project` reduces those around the index to one, such as `"mean:9"`, across the dimension
    `axis`, or the first one outside the slice.
    """

    project: str | None
    axis: int | None


class SliceOptions(PlaneOptions, total=False):
    """With steps in the selection, `pool` makes one cell of a block: its first voxel (by default), its mean
    (float32), or its maximum.
    """

    pool: Pool


class DisplayOptions(SliceOptions, total=False):
    """`window` is that of the volume (1st to 99th percentile, by default), that of the slice, or two numbers;
    `norm` is applied before it is mapped.
    """

    window: Window
    norm: Norm


def query_of(
    file: str, dataset: str, selection: str | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """The query for values of a dataset; options that are None are left out."""
    given = {"selection": selection, **(options or {})}
    if given.get("project") is None:
        given.pop("axis", None)
    given["decode"] = 1 if given.get("decode") else None
    query = {"file": file, "dataset": dataset}
    return query | {name: _text(value) for name, value in given.items() if value is not None}


def points_text(points: Iterable[Point]) -> str:
    """Points as the interface has them: `R,C,R,C`."""
    return ",".join(repr(float(side)) for point in points for side in point)


def _text(value: object) -> str:
    if isinstance(value, tuple | list):
        return ",".join(repr(float(end)) for end in value)
    return str(value)
