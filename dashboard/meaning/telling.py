"""The position of a voxel in units, and the name of its value."""

from __future__ import annotations

import cmath
from collections.abc import Sequence

import numpy as np
from typing_extensions import TypedDict

from dashboard.meaning.coordinates import dates_of
from dashboard.meaning.model import AxisMeaning, Meaning


class Coordinate(TypedDict):
    """The physical position of a voxel along one dimension."""

    name: str
    text: str
    unit: str | None


def coordinates_at(meaning: Meaning, index: Sequence[int]) -> list[Coordinate]:
    """The coordinates of a voxel, along each dimension that has some."""
    found: list[Coordinate] = []
    for dimension, (axis, at) in enumerate(zip(meaning["axes"], index, strict=True)):
        text = _text_at(axis, at)
        if text is not None:
            name = axis["name"] or f"axis {dimension}"
            found.append({"name": name, "text": text, "unit": axis["unit"] or None})
    return found


def _text_at(axis: AxisMeaning, at: int) -> str | None:
    coordinates = axis["coordinates"]
    if coordinates is None:
        return None
    if "step" in coordinates:
        return f"{coordinates['start'] + coordinates['step'] * at:.8g}"
    if "text" in coordinates:
        return coordinates["text"][at] if at < len(coordinates["text"]) else None
    values = coordinates["values"]
    if at + axis["edges"] >= len(values):
        return None
    return f"{values[at]:.8g} … {values[at + 1]:.8g}" if axis["edges"] else f"{values[at]:.8g}"


def name_of_value(meaning: Meaning, value: np.generic) -> str | None:
    """What a value is called: a flag, all bits of a set of flags, a date, a complex value in polar form."""
    if isinstance(value, np.complexfloating):
        size, angle = cmath.polar(complex(value))
        return f"{size:.6g} ∠ {angle:.6g} rad"
    if not isinstance(value, np.integer | np.floating):
        return None
    flags = meaning["value"]["flags"]
    for flag in flags:
        if flag["value"] == value:
            return flag["name"]
    if flags and isinstance(value, np.integer) and all(_is_bit(flag["value"]) for flag in flags):
        return ", ".join(flag["name"] for flag in flags if flag["value"] & int(value)) or None
    dates = dates_of(np.array([value]), meaning["value"]["unit"], meaning["value"]["calendar"])
    return dates["text"][0] if dates else None


def _is_bit(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0
