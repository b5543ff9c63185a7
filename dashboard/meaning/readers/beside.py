"""Coordinates that lie beside the data without anything that says so: by their names and their lengths."""

from __future__ import annotations

from dashboard.meaning.attributes import name_of
from dashboard.meaning.coordinates import describe_by
from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node
from dashboard.meaning.names import role_of

NAME = "names beside it"
# Members of a group of which more are not looked at.
MAX_MEMBERS = 64
# Shorter dimensions are as long as something else by chance.
MIN_LENGTH = 8


def read(node: Node, draft: Draft) -> bool:
    """One-dimensional datasets named `wavelength`, `theta`, `x` …, each as long as exactly one dimension."""
    group, shape, says = node.parent, draft.shape, False
    if group is None or len(shape) < 2 or len(group.names) > MAX_MEMBERS:
        return False
    for name in group.names:
        role = role_of(name)
        found = group.child(name) if role is not None and name != name_of(node) else None
        if found is None or found.is_group or len(found.shape) != 1:
            continue
        fitting = [d for d, length in enumerate(shape) if length == found.shape[0] >= MIN_LENGTH]
        if len(fitting) == 1 and not draft.axes[fitting[0]]["name"]:
            describe_by(draft, fitting[0], found)
            draft.hint_role(fitting[0], role)
            says = True
    return says
