"""Labels and masks, which no attribute tells: by their type and by the names that data sets of labels have."""

from __future__ import annotations

import re

from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node
from dashboard.meaning.names import LABELS

NAME = "names"
_MASK = re.compile(r"(^|[/_\W])(pixel_)?masks?$", re.IGNORECASE)


def read(node: Node, draft: Draft) -> bool:
    """Labels are integers, masks are booleans."""
    dtype = draft.dtype
    if dtype is None or draft.kind is not None or len(draft.shape) < 2:
        return False
    is_flag = dtype.kind == "b" or (dtype.kind in "iu" and _MASK.search(node.path) is not None)
    if is_flag:
        draft.kind = "mask"
    elif dtype.kind in "iu" and LABELS.search(node.path):
        draft.kind = "labels"
    return draft.kind is not None
