"""Masks of detectors, which are found by their place: NeXus' `pixel_mask` and CXI's `mask` beside the pixels.

https://manual.nexusformat.org/classes/base_classes/NXdetector.html, https://www.cxidb.org/cxi.html
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from dashboard.meaning.attributes import text
from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node

NAME = "detector masks"


def read(node: Node, draft: Draft) -> bool:
    """The mask of the last two dimensions, in which every value but 0 marks a pixel that is not to be used."""
    dtype, value = draft.dtype, draft.value
    if len(draft.shape) < 2 or dtype is None or dtype.kind not in "iuf" or draft.kind is not None:
        return False
    for found in _candidates(node):
        is_flag = found.dtype is not None and found.dtype.kind in "biu"
        if is_flag and found.shape == draft.shape[-2:] and found.path != node.path:
            value["mask"] = found.path
            if value["decoded_dtype"] is None:
                small = dtype.itemsize <= (4 if dtype.kind == "f" else 2)
                value["decoded_dtype"] = "float32" if small else "float64"
            return True
    return False


def _candidates(node: Node) -> Iterator[Node]:
    root = node.child("/")
    is_cxi = root is not None and (text(root, "cxi_version") or root.child("cxi_version"))
    places = [node.parent]
    # Where NeXus' links lead, and where Eiger's masters have it.
    if target := text(node, "target"):
        places.append(node.child(posixpath.dirname(target)))
    if node.path.startswith("/entry/data/"):
        detector = node.child("/entry/instrument/detector")
        places += [detector, None if detector is None else detector.child("detectorSpecific")]
    for group in places:
        if group is None or not group.is_group:
            continue
        names = ("pixel_mask", "mask") if is_cxi else ("pixel_mask",)
        yield from (found for found in map(group.child, names) if found is not None)
