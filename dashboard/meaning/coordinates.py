"""Coordinates of a dimension from a dataset that has them, with their unit; times as dates."""

from __future__ import annotations

import re
from typing import Any

import cftime
import numpy as np
from numpy import ma
from numpy.typing import NDArray

from dashboard.meaning.attributes import name_of, number, text
from dashboard.meaning.draft import (
    STEP_TOLERANCE,
    Coordinates,
    Draft,
    centers_of,
    coordinates_of,
)
from dashboard.meaning.model import Node, Texts
from dashboard.meaning.names import Role

# More dates take too long to be written out; these have their numbers.
MAX_DATES = 4_096
# Time units of the CF conventions, section 4.4.
_SINCE = re.compile(r"\s*[a-z_]+\s+since\s+\S", re.IGNORECASE)
# As xarray writes times, and as pandas names their type.
_NANO = re.compile(r"\s*(?:ns|nanos(?:econds?)?|nanosecs?)\s+since\s+(\S.*)", re.IGNORECASE)
_NUMPY_TIME = re.compile(r"datetime64(?:\[(s|ms|us|ns)\])?$")
_NUMPY_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_ROLES = {"X": Role.X, "Y": Role.Y, "Z": Role.Z, "T": Role.TIME}


def describe_by(draft: Draft, dimension: int, node: Node, name: str = "", unit: str = "") -> None:
    """Say what a dimension is by a dataset of its coordinates; bins may have one edge more."""
    unit = unit or text(node, "units", "unit", "Units") or timestamp_unit(node)
    values = _values(node)
    name = name or text(node, "long_name", "standard_name") or name_of(node)
    draft.hint_role(dimension, _ROLES.get(text(node, "axis").upper()))
    positive = text(node, "positive").lower()
    if positive in ("up", "down"):
        draft.upright[dimension] = positive == "up"
    elif text(node, "standard_name") == "projection_y_coordinate":
        draft.upright[dimension] = True
    length = draft.shape[dimension]
    if values is None or values.ndim > 1 or values.size not in (length, length + 1):
        draft.describe_axis(dimension, name, unit)
        return
    dates = dates_of(values, unit, text(node, "calendar"))
    if dates is not None and values.size == length:
        draft.describe_axis(dimension, name, "", dates, dates=True)
        return
    found, edges = coordinates_of(values.reshape(-1)), False
    if found is not None and values.size == length + 1:
        found, edges = centers_of(found)
    elif found is not None and "values" in found:
        bins = _bounds(node, values.reshape(-1))
        found, edges = (found, False) if bins is None else centers_of(bins)
    draft.describe_axis(dimension, name, unit, found, edges=edges)


def dates_of(values: NDArray[Any], unit: str, calendar: str) -> Texts | None:
    """Dates in ISO 8601 for numbers with a unit such as `days since 2001-01-01`; None without one."""
    if not _SINCE.match(unit) or values.size > MAX_DATES or values.dtype.kind not in "iuf":
        return None
    try:
        if (nano := _NANO.match(unit)) is not None:
            return _of_nanoseconds(cftime.num2date(0, f"seconds since {nano[1]}"), values)
        dates = cftime.num2date(values.reshape(-1), unit, calendar.lower() or "standard")
    except (ValueError, TypeError, OverflowError, AttributeError, ArithmeticError):
        return None
    if ma.getmaskarray(dates).any():
        return None
    return {"text": [_shortest(date.isoformat()) for date in dates]}


def _of_nanoseconds(since: Any, values: NDArray[Any]) -> Texts | None:
    """Dates of nanoseconds, which cftime does not count, since one of the Gregorian calendar."""
    base = np.datetime64(since.isoformat(), "ns")
    dates = base + values.reshape(-1).astype(np.int64).view("m8[ns]")
    if (values.dtype.kind == "f" and not np.isfinite(values).all()) or np.isnat(dates).any():
        return None
    return {"text": [_shortest(date) for date in np.datetime_as_string(dates).tolist()]}


def timestamp_unit(node: Node) -> str:
    """The unit of integers that are NumPy's times, which pandas marks in an attribute; empty for others."""
    kind = _NUMPY_TIME.match(text(node, "value_type", "kind"))
    return f"{_NUMPY_UNITS[kind[1] or 'ns']} since 1970-01-01" if kind is not None else ""


def _shortest(date: str) -> str:
    """Without the parts of the time that are zero."""
    date = re.sub(r"(T\d\d:\d\d:\d\d)\.0+$", r"\1", date)
    return date.removesuffix("T00:00:00").removesuffix(":00")


def _bounds(node: Node, values: NDArray[Any]) -> Coordinates | None:
    """The edges of the cells around coordinates, as CF (section 7.1) has them in another variable; None without.

    They have to adjoin, and to have their coordinates in between.
    """
    name = text(node, "bounds", "climatology")
    found = None if node.parent is None or not name else node.parent.child(name)
    pairs = None if found is None else found.small_values()
    if pairs is None or pairs.shape != (values.size, 2) or pairs.dtype.kind not in "iuf":
        return None
    low, high = pairs.min(axis=1).astype(float), pairs.max(axis=1).astype(float)
    if not ((low <= values) & (values <= high)).all():
        return None
    if values[0] > values[-1]:
        low, high = high, low
    if not np.allclose(high[:-1], low[1:], rtol=0, atol=np.abs(high - low).min() * STEP_TOLERANCE):
        return None
    return coordinates_of(np.append(low, high[-1]))


def _values(node: Node) -> NDArray[Any] | None:
    """The coordinates, unpacked."""
    values = node.small_values()
    scale, offset = number(node, "scale_factor"), number(node, "add_offset")
    if values is None or (scale is None and offset is None) or values.dtype.kind not in "iuf":
        return values
    return values * float(1 if scale is None else scale) + float(offset or 0)
