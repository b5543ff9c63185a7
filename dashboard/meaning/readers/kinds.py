"""Kinds that no attribute tells: colours by the fields of a type, labels and masks by types and names."""

from __future__ import annotations

import re

from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node
from dashboard.meaning.names import LABELS

NAME = "names"
_MASK = re.compile(r"(^|[/_\W])(pixel_)?masks?$", re.IGNORECASE)


def read(node: Node, draft: Draft) -> bool:
    """Colours have their fields, labels are integers, masks are booleans."""
    dtype = draft.dtype
    if node.colors:
        last = len(draft.shape) - 1
        draft.describe_axis(last, "color", coordinates={"text": list(node.colors)})
        draft.color(last)
        return draft.channels == last
    if dtype is None or draft.kind is not None or len(draft.shape) < 2:
        return False
    is_flag = dtype.kind == "b" or (dtype.kind in "iu" and _MASK.search(node.path) is not None)
    if is_flag:
        draft.kind = "mask"
    elif dtype.kind in "iu" and LABELS.search(node.path):
        draft.kind = "labels"
    return draft.kind is not None
