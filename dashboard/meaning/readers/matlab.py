"""MATLAB 7.3: dimensions are in reverse order, and `MATLAB_class` names the type.

https://hdf5storage.readthedocs.io/en/latest/storage_format.html describes it.
"""

from __future__ import annotations

from dashboard.meaning.attributes import text
from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node

NAME = "MATLAB"


def read(node: Node, draft: Draft) -> bool:
    """The first two dimensions in MATLAB, which are the last two here, are rows and columns."""
    kind, rank = text(node, "MATLAB_class"), len(draft.shape)
    if not kind:
        return False
    if rank >= 2:
        if (
            kind == "uint8"
            and rank >= 3
            and draft.shape[-3] in (3, 4)
            and min(draft.shape[-2:]) > 4
        ):
            draft.color(rank - 3)
        draft.show_as(rank - 1, rank - 2)
    if kind == "logical" and draft.kind is None:
        draft.kind = "mask"
    return True
