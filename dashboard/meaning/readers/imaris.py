"""Imaris 5.5: extents and names of channels.

https://imaris.oxinst.com/learning/view/article/reference-file-format-5-5-1
"""

from __future__ import annotations

import re

from dashboard.meaning.attributes import joined
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node
from dashboard.meaning.names import Role

NAME = "Imaris"
_PATH = re.compile(r"/DataSet/ResolutionLevel \d+/TimePoint \d+/Channel (\d+)/Data")


def read(node: Node, draft: Draft) -> bool:
    """Sizes of voxels along z, y, x; dimensions are padded to whole chunks, the extent is that of `ImageSize`."""
    found, channel = _PATH.fullmatch(node.path), node.parent
    info, root = node.child("/DataSetInfo/Image"), node.child("/")
    if not found or channel is None or info is None or root is None or len(draft.shape) != 3:
        return False
    named = node.child(f"/DataSetInfo/Channel {found[1]}")
    draft.describe_value("" if named is None else joined(named, "Name"))
    unit = {"um": "µm"}.get(joined(info, "Unit"), joined(info, "Unit"))
    for dimension, (axis, number, role) in enumerate(
        (("Z", 2, Role.Z), ("Y", 1, Role.Y), ("X", 0, Role.X))
    ):
        draft.hint_role(dimension, role)
        try:
            low, high = (float(joined(info, f"Ext{end}{number}")) for end in ("Min", "Max"))
            count = int(joined(channel, f"ImageSize{axis}"))
            step = (high - low) / count
        except (ValueError, ZeroDivisionError):
            draft.note(f"The extent along {axis.lower()} is no number.")
            continue
        if step > 0:
            draft.describe_axis(dimension, axis.lower(), unit, ruler(low + step / 2, step))
    return True
