"""EMD, https://emdatasets.com/format/: as Berkeley's programs, py4DSTEM and Velox write it.

https://github.com/py4dstem/emdfile, https://hyperspy.org/rosettasciio/supported_formats/emd.html
"""

from __future__ import annotations

import json
import re

from dashboard.meaning.attributes import name_of, text
from dashboard.meaning.coordinates import describe_by
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node

NAME = "EMD"
_VELOX = re.compile(r"/Data/Image/[^/]+/(Data|FFT)")


def read(node: Node, draft: Draft) -> bool:
    """Axes in the datasets `dim1` … (Berkeley) or `dim0` … (py4DSTEM) beside the data; pixel size of Velox."""
    group = node.parent
    if group is None:
        return False
    if _VELOX.match(node.path) and len(draft.shape) == 3:
        _velox(group, draft)
        return True
    if "emd_group_type" not in group.attrs or re.fullmatch(r"dim\d+", name_of(node)):
        return False
    draft.describe_value(text(node, "name") or text(group, "name", "quantity"), text(node, "units"))
    first = 0 if group.child("dim0") is not None else 1
    for dimension, length in enumerate(draft.shape):
        axis = group.child(f"dim{dimension + first}")
        if axis is None:
            continue
        name, unit = text(axis, "name"), text(axis, "units").strip("[]").replace("_", "")
        ends = axis.small_values()
        if ends is not None and ends.shape == (2,) and length > 2 and ends.dtype.kind in "iuf":
            # A linear axis is stored by its first two coordinates.
            start, step = float(ends[0]), float(ends[1]) - float(ends[0])
            draft.describe_axis(dimension, name, unit, ruler(start, step))
        describe_by(draft, dimension, axis, name, unit)
    return True


def _velox(group: Node, draft: Draft) -> None:
    """Rows, columns and frames; the metadata of each frame is JSON in a column of bytes."""
    draft.show_as(0, 1)
    found = group.child("Metadata")
    written = None if found is None else found.small_values()
    if written is None or written.ndim != 2 or not written.size or written.dtype.itemsize != 1:
        return
    try:
        result = json.loads(written[:, 0].tobytes().rstrip(b"\0"))["BinaryResult"]
        size, unit = result["PixelSize"], str(result.get("PixelUnitX", ""))
        steps = float(size["height"]), float(size["width"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        draft.note("The metadata of the picture is no JSON with the size of a pixel.")
        return
    for dimension, (name, step) in enumerate(zip("yx", steps, strict=True)):
        if 0 < step < float("inf"):
            draft.describe_axis(dimension, name, unit, ruler(0, step))
