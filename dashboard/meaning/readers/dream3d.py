"""DREAM.3D, https://dream3d.bluequartz.net/: data containers with an image geometry."""

from __future__ import annotations

from dashboard.meaning.attributes import ancestors, name_of, numbers
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node
from dashboard.meaning.names import Role

NAME = "DREAM.3D"


def read(node: Node, draft: Draft) -> bool:
    """Cell data of an image geometry: z, y, x and components; colours, and ids of features."""
    tuples = numbers(node, "TupleDimensions")
    if "ComponentDimensions" not in node.attrs or not tuples or len(draft.shape) != len(tuples) + 1:
        return False
    draft.hint_role(len(tuples), Role.CHANNEL)
    name = name_of(node)
    draft.describe_value(name)
    is_byte = draft.dtype is not None and draft.dtype.str[1:] == "u1"
    if len(tuples) >= 2 and is_byte and draft.shape[-1] in (3, 4):
        draft.color(len(tuples))
    elif draft.kind is None and name.lower() in ("featureids", "phases", "parentids", "grainids"):
        draft.kind = "labels"
    for above in ancestors(node)[:3]:
        geometry = above.child("_SIMPL_GEOMETRY")
        if geometry is not None and len(tuples) == 3:
            _geometry(geometry, draft)
            break
    return True


def _geometry(geometry: Node, draft: Draft) -> None:
    """Spacing and origin, which are in the order x, y, z."""
    found = []
    for name in ("SPACING", "ORIGIN"):
        field = geometry.child(name)
        values = None if field is None else field.small_values()
        found.append(
            [] if values is None or values.dtype.kind not in "iuf" else values.ravel().tolist()
        )
    spacing, origin = found
    for dimension, axis in enumerate("zyx"):
        known = None
        if len(spacing) == 3 and spacing[2 - dimension] > 0:
            start = float(origin[2 - dimension]) if len(origin) == 3 else 0.0
            step = float(spacing[2 - dimension])
            known = ruler(start + step / 2, step)
        draft.describe_axis(dimension, axis, "", known)
        draft.spatial.add(dimension)
