"""Coordinates of a dimension from a dataset that has them, with their unit; times as dates."""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.meaning.attributes import name_of, number, text
from dashboard.meaning.draft import Draft, centers_of, coordinates_of
from dashboard.meaning.model import Node, Texts
from dashboard.meaning.names import Role

# More dates take too long to be written out; these have their numbers.
MAX_DATES = 4_096
# Time units of the CF conventions, section 4.4.
_SINCE = re.compile(r"\s*[a-z]+\s+since\s+\S", re.IGNORECASE)
_ROLES = {"X": Role.X, "Y": Role.Y, "Z": Role.Z, "T": Role.TIME}


def describe_by(draft: Draft, dimension: int, node: Node, name: str = "", unit: str = "") -> None:
    """Say what a dimension is by a dataset of its coordinates; bins may have one edge more."""
    unit, values = unit or text(node, "units", "unit", "Units"), _values(node)
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
    draft.describe_axis(dimension, name, unit, found, edges=edges)


def dates_of(values: NDArray[Any], unit: str, calendar: str) -> Texts | None:
    """Dates in ISO 8601 for numbers with a unit such as `days since 2001-01-01`; None without one."""
    if not _SINCE.match(unit) or values.size > MAX_DATES or values.dtype.kind not in "iuf":
        return None
    cftime = importlib.import_module("cftime")
    try:
        dates = cftime.num2date(values.reshape(-1), unit, calendar.lower() or "standard")
    except (ValueError, TypeError, OverflowError, AttributeError, ArithmeticError):
        return None
    if np.ma.getmaskarray(dates).any():
        return None
    return {"text": [_shortest(date.isoformat()) for date in dates]}


def _shortest(date: str) -> str:
    """Without the parts of the time that are zero."""
    date = re.sub(r"(T\d\d:\d\d:\d\d)\.0+$", r"\1", date)
    return date.removesuffix("T00:00:00").removesuffix(":00")


def _values(node: Node) -> NDArray[Any] | None:
    """The coordinates, unpacked."""
    values = node.small_values()
    scale, offset = number(node, "scale_factor"), number(node, "add_offset")
    if values is None or (scale is None and offset is None) or values.dtype.kind not in "iuf":
        return values
    return values * float(1 if scale is None else scale) + float(offset or 0)
