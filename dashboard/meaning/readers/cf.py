"""CF and netCDF: packing, missing values, flags and axes, https://cfconventions.org/cf-conventions/cf-conventions.html
(chapters 2 to 5 and 8) and https://docs.unidata.ucar.edu/nug/current/attribute_conventions.html.

How values are unpacked, and in which type, is as in xarray (`xarray/coding/variables.py`).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from dashboard.meaning.attributes import number, numbers, text, texts
from dashboard.meaning.coordinates import describe_by
from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node

NAME = "CF"
# The last ones are written by radar satellites and by some models.
_MISSING = (
    "_FillValue",
    "missing_value",
    "CodeMissingValue",
    "MissingValue",
    "fill_value",
    "nodata",
)
_SAYS = (
    *_MISSING,
    "scale_factor",
    "add_offset",
    "valid_range",
    "valid_min",
    "valid_max",
    "_Unsigned",
    "flag_values",
    "flag_masks",
    "standard_name",
    "coordinates",
    "grid_mapping",
    "cell_methods",
)


def read(node: Node, draft: Draft) -> bool:
    """Name, unit, packing, flags and auxiliary coordinates of a variable."""
    says = any(name in node.attrs for name in _SAYS)
    draft.describe_value(text(node, "long_name", "standard_name"), text(node, "units", "Units"))
    draft.value["calendar"] = text(node, "calendar").lower()
    dtype = node.dtype
    if dtype is None or dtype.kind not in "iuf":
        return says
    value, packed = draft.value, _as_unsigned(node, dtype)
    value["unsigned"] = packed.kind != dtype.kind
    scale, offset = number(node, "scale_factor"), number(node, "add_offset")
    for name, given in (("scale_factor", scale), ("add_offset", offset)):
        if given is None and name in node.attrs:
            draft.note(f"The attribute {name} is no number.")
    value["scale"], value["offset"] = float(1 if scale is None else scale), float(offset or 0)
    if value["scale"] == 0:
        draft.note("A scale_factor of 0 is ignored.")
        value["scale"], scale = 1.0, None
    value["fills"], value["valid"] = _fills(node, dtype, packed, draft), _valid(node, dtype, packed)
    if scale is not None or offset is not None:
        value["decoded_dtype"] = _unpacked(packed, node, scale is not None, offset is not None)
    elif value["valid"] or any(fill != "nan" for fill in value["fills"]):
        small = packed.itemsize <= (4 if packed.kind == "f" else 2)
        value["decoded_dtype"] = "float32" if small else "float64"
    _flags(node, draft)
    _auxiliary(node, draft)
    return says


def _as_unsigned(node: Node, dtype: np.dtype[Any]) -> np.dtype[Any]:
    unsigned = text(node, "_Unsigned").lower()
    if unsigned == "true" and dtype.kind == "i":
        return np.dtype(f"u{dtype.itemsize}")
    return (
        np.dtype(f"i{dtype.itemsize}")
        if unsigned == "false" and dtype.kind == "u"
        else dtype.newbyteorder("=")
    )


def _unpacked(
    packed: np.dtype[Any], node: Node, scaled: bool, shifted: bool
) -> Literal["float32", "float64"]:
    kinds = [
        np.asarray(node.attrs[name]).dtype
        for name in ("scale_factor", "add_offset")
        if name in node.attrs
    ]
    is_single = all(kind == np.float32 for kind in kinds)
    if (
        not is_single
        or (shifted and not scaled)
        or (shifted and packed.kind in "iu" and packed.itemsize == 4)
    ):
        return "float64"
    return "float32"


def _in_type(value: float | int, dtype: np.dtype[Any], packed: np.dtype[Any]) -> int | float | None:
    """A number in the type of the stored values, None where that has no such number."""
    if packed.kind == "f":
        with np.errstate(over="ignore"):
            kept = float(packed.type(value))
        return kept if np.isfinite(kept) else None
    if not np.isfinite(value) or value != int(value):
        return None
    number_, info = int(value), np.iinfo(packed)
    if info.min <= number_ <= info.max:
        return number_
    stored = np.iinfo(dtype)
    if packed.kind != dtype.kind and stored.min <= number_ <= stored.max:
        return int(np.array(number_, dtype).view(packed).item())
    return None


def _fills(node: Node, dtype: np.dtype[Any], packed: np.dtype[Any], draft: Draft) -> list[Any]:
    found: list[Any] = []
    for name in _MISSING:
        given = numbers(node, name) or [
            one for one in map(_parsed, texts(node, name)) if one is not None
        ]
        if not given and name in node.attrs:
            draft.note(f"The attribute {name} is no number.")
        for value in given:
            special = packed.kind == "f" and not np.isfinite(value)
            kept = repr(float(value)) if special else _in_type(value, dtype, packed)
            if kept is not None and kept not in found:
                found.append(kept)
            elif kept is None and not np.isnan(value):
                draft.note(f"The attribute {name} has a value that its type cannot have.")
    return found[:16]


def _parsed(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _valid(
    node: Node, dtype: np.dtype[Any], packed: np.dtype[Any]
) -> list[int | float | None] | None:
    ends: list[int | float | None] = list(numbers(node, "valid_range"))
    if len(ends) != 2:
        ends = [number(node, "valid_min"), number(node, "valid_max")]
    kept = [None if end is None else _in_type(end, dtype, packed) for end in ends]
    if None not in kept and kept[0] > kept[1]:  # type: ignore[operator]
        return None
    return None if kept == [None, None] else kept


def _flags(node: Node, draft: Draft) -> None:
    names = text(node, "flag_meanings").split() or texts(node, "flag_meanings")
    values = numbers(node, "flag_values") or numbers(node, "flag_masks")
    if len(names) == len(values) and all(float(value).is_integer() for value in values):
        draft.add_flags([{"value": int(v), "name": n} for v, n in zip(values, names, strict=True)])
    elif values:
        draft.note("The names of the flags are not as many as their values.")


def _auxiliary(node: Node, draft: Draft) -> None:
    """One-dimensional coordinates that are named, where only one dimension has their length."""
    for name in text(node, "coordinates").split()[:8]:
        found = None if node.parent is None else node.parent.child(name)
        if found is None or len(found.shape) != 1:
            continue
        fitting = [d for d, length in enumerate(draft.shape) if length == found.shape[0]]
        if len(fitting) == 1 and draft.axes[fitting[0]]["coordinates"] is None:
            describe_by(draft, fitting[0], found)
