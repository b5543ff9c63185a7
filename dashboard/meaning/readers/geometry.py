"""Images of ITK and VTK: spacing and origin along x, y, z.

https://github.com/InsightSoftwareConsortium/ITK/blob/main/Modules/IO/HDF5/src/itkHDF5ImageIO.cxx,
https://docs.vtk.org/en/latest/vtk_file_formats/vtkhdf_file_format/index.html (image data)
"""

from __future__ import annotations

from dashboard.meaning.attributes import ancestors, name_of, numbers, numbers_in
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node
from dashboard.meaning.names import Role

NAME = "ITK and VTK"


def read(node: Node, draft: Draft) -> bool:
    """Sizes of voxels, which have no unit; the dimensions are in the order z, y, x, components last."""
    group, here = node.parent, ancestors(node)
    if group is not None and name_of(node) == "VoxelData" and group.child("Spacing") is not None:
        found = [group.child(name) for name in ("Spacing", "Origin")]
        values = [None if one is None else one.small_values() for one in found]
        spacing, origin = (numbers_in(one) for one in values)
    elif (vtk := next((one for one in here if name_of(one) == "VTKHDF"), None)) is not None:
        spacing, origin = (numbers(vtk, name) for name in ("Spacing", "Origin"))
    else:
        return False
    rank = len(draft.shape)
    if not 2 <= len(spacing) <= 3 or not len(spacing) <= rank <= len(spacing) + 1:
        return False
    # Data of cells lie in the middle between the points.
    shift = 0.5 if group is not None and name_of(group) == "CellData" else 0.0
    for dimension, axis in enumerate("zyx"[-len(spacing) :]):
        at = len(spacing) - 1 - dimension
        start = float(origin[at]) if len(origin) == len(spacing) else 0.0
        step = float(spacing[at])
        draft.describe_axis(dimension, axis, "", ruler(start + shift * step, step))
        draft.spatial.add(dimension)
    if rank > len(spacing):
        draft.hint_role(rank - 1, Role.CHANNEL)
    return True
