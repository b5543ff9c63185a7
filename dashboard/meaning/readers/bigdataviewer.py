"""BigDataViewer, https://imagej.net/plugins/bdv/ (section on its HDF5 layout): `/t00000/s00/0/cells`."""

from __future__ import annotations

import re

from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node

NAME = "BigDataViewer"
_PATH = re.compile(r"/t\d{5}/(s\d{2})/(\d+)/cells")


def read(node: Node, draft: Draft) -> bool:
    """Dimensions z, y, x with the size of a voxel in those of full resolution; 16-bit values have no sign."""
    found = _PATH.fullmatch(node.path)
    if not found or len(draft.shape) != 3:
        return False
    # The values are those of Java's short, which has no unsigned counterpart.
    draft.value["unsigned"] = draft.dtype is not None and draft.dtype.str[1:] == "i2"
    table = node.child(f"/{found[1]}/resolutions")
    factors, level = None if table is None else table.small_values(), int(found[2])
    if factors is None or factors.ndim != 2 or factors.shape[1] != 3 or level >= len(factors):
        factors, level = None, 0
    for dimension, name in enumerate("zyx"):
        step = 1.0 if factors is None else float(factors[level, 2 - dimension])
        known = ruler((step - 1) / 2, step) if step > 0 and level else None
        draft.describe_axis(dimension, name, "px" if known else "", known)
        draft.spatial.add(dimension)
    return True
