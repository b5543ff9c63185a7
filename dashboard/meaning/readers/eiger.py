"""Masters of Eiger detectors, https://www.dectris.com/support/manuals-docs: the size of a pixel."""

from __future__ import annotations

from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node

NAME = "Eiger"


def read(node: Node, draft: Draft) -> bool:
    """Frames, rows and columns of `/entry/data/…`, with the pixel size of `/entry/instrument/detector`."""
    detector = node.child("/entry/instrument/detector")
    if detector is None or not node.path.startswith("/entry/data/") or len(draft.shape) < 2:
        return False
    says = False
    for name, dimension in (("y", len(draft.shape) - 2), ("x", len(draft.shape) - 1)):
        field = detector.child(f"{name}_pixel_size")
        size = None if field is None else field.small_values()
        if size is not None and size.size == 1 and size.dtype.kind == "f" and 0 < size.item() < 1:
            draft.describe_axis(dimension, name, "m", ruler(0, size.item()))
            says = True
    return says
