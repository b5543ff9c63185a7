"""openPMD 1.1 and 2.0, https://github.com/openPMD/openPMD-standard/blob/latest/STANDARD.md: meshes."""

from __future__ import annotations

from math import isfinite

from dashboard.meaning.attributes import name_of, number, numbers, text, texts
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node

NAME = "openPMD"
# Base units in the order of `unitDimension`.
_BASE = ("m", "kg", "s", "A", "K", "mol", "cd")


def read(node: Node, draft: Draft) -> bool:
    """Axes of a mesh in meters, values in SI units."""
    mesh = node if texts(node, "axisLabels") else node.parent
    labels = [] if mesh is None else texts(mesh, "axisLabels")
    rank = len(draft.shape)
    if mesh is None or len(labels) != rank or "gridSpacing" not in mesh.attrs:
        return False
    component = name_of(node)
    draft.describe_value(component if mesh is node else f"{name_of(mesh)} {component}")
    powers = numbers(mesh, "unitDimension")
    factor = number(node, "unitSI")
    if len(powers) == len(_BASE) and factor and isfinite(factor):
        draft.describe_value(unit=_unit_of(powers))
        if factor != 1 and draft.value["decoded_dtype"] is None and draft.dtype is not None:
            draft.value["scale"] = float(factor)
            draft.value["decoded_dtype"] = "float64" if draft.dtype.itemsize > 4 else "float32"
    spacing, offset = numbers(mesh, "gridSpacing"), numbers(mesh, "gridGlobalOffset")
    meters, position = number(mesh, "gridUnitSI") or 1.0, numbers(node, "position")
    # The order is that of the labels for C; of Fortran it is the reverse.
    order = range(rank) if text(mesh, "dataOrder") != "F" else range(rank - 1, -1, -1)
    if len(spacing) != rank:
        draft.note("The attribute gridSpacing has no size for each dimension.")
        return True
    for number_, dimension in enumerate(order):
        step = float(spacing[number_]) * meters
        start = float(offset[number_]) * meters if len(offset) == rank else 0.0
        start += float(position[number_]) * step if len(position) == rank else 0.0
        draft.describe_axis(dimension, labels[number_], "m", ruler(start, step))
    return True


def _unit_of(powers: list[int | float]) -> str:
    """The product of base units, such as `kg m s^-3 A^-1`; `1` without any."""
    parts = [
        name if power == 1 else f"{name}^{power:g}"
        for name, power in zip(_BASE, powers, strict=True)
        if power
    ]
    return " ".join(parts) or "1"
