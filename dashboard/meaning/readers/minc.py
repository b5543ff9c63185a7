"""MINC 2, medical volumes.

https://en.wikibooks.org/wiki/MINC/SoftwareDevelopment/MINC2.0_File_Format_Reference
"""

from __future__ import annotations

from dashboard.meaning.attributes import number, numbers, numbers_in, text
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node
from dashboard.meaning.names import Role

NAME = "MINC"
_ROLES = {"xspace": Role.X, "yspace": Role.Y, "zspace": Role.Z, "time": Role.TIME}


def read(node: Node, draft: Draft) -> bool:
    """Names, steps and units of dimensions, of which all spatial ones grow upwards; one scale for all values."""
    group, dimensions = node.parent, node.child("/minc-2.0/dimensions")
    names = [name for name in text(node, "dimorder").split(",") if name]
    if group is None or dimensions is None or len(names) != len(draft.shape):
        return False
    for at, name in enumerate(names):
        axis = dimensions.child(name)
        role = _ROLES.get(name)
        draft.hint_role(at, role)
        if role in (Role.X, Role.Y, Role.Z):
            draft.upright[at] = True
        if axis is not None:
            start, step = number(axis, "start"), number(axis, "step")
            draft.describe_axis(at, name, text(axis, "units"), ruler(start or 0, step or 0))
    _unpack(node, group, draft)
    return True


def _unpack(node: Node, group: Node, draft: Draft) -> None:
    """Values are those of `image-min` to `image-max` over the valid range; each slice may have its own."""
    ends = [group.child(name) for name in ("image-min", "image-max")]
    low, high = (numbers_in(None if one is None else one.small_values()) for one in ends)
    valid, dtype, value = numbers(node, "valid_range"), draft.dtype, draft.value
    if not low or not high or dtype is None or dtype.kind not in "iu":
        return
    if len(set(low)) > 1 or len(set(high)) > 1:
        draft.note("Each slice has a scale of its own; values are shown as they are stored.")
        return
    if len(valid) == 2 and valid[1] > valid[0] and high[0] > low[0]:
        value["scale"] = float((high[0] - low[0]) / (valid[1] - valid[0]))
        value["offset"] = float(low[0] - valid[0] * value["scale"])
        value["decoded_dtype"] = "float64" if dtype.itemsize > 2 else "float32"
