"""Voxel sizes in attributes, by the names that several programs give them.

`element_size_um`: https://lmb.informatik.uni-freiburg.de/resources/opensource/imagej_plugins/hdf5.html;
`resolution` and `offset` (nm): https://cremi.org/data.
"""

from __future__ import annotations

from dashboard.meaning.attributes import ancestors, numbers, text, texts
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.first_view import APART, SHORTEST
from dashboard.meaning.model import Node

NAME = "voxel size"
# Attribute and the unit that it is in; empty: an attribute of its own has it.
_NAMES = (
    *(
        ("element_size_um", "µm"),
        ("element_size_nm", "nm"),
        ("voxel_size_um", "µm"),
        ("voxel_size_nm", "nm"),
    ),
    *(
        ("voxel_size_mm", "mm"),
        ("pixel_size_um", "µm"),
        ("pixel_size_nm", "nm"),
        ("resolution", "nm"),
    ),
    *(
        ("voxel_size", ""),
        ("voxelsize", ""),
        ("VoxelSize", ""),
        ("pixel_size", ""),
        ("PixelSize", ""),
        ("spacing", ""),
    ),
)
_UNITS = ("{}_unit", "{}_units", "units", "unit", "voxel_unit", "spacing_units")


def read(node: Node, draft: Draft) -> bool:
    """Sizes of a dataset, or of the group that it is in, for its spatial dimensions in their order."""
    for here in (node, *ancestors(node)[:2]):
        for name, unit in _NAMES:
            sizes = numbers(here, name)
            dimensions = _spatial(draft, len(sizes))
            if name == "resolution" and len(sizes) < 2:
                continue  # Others call the smallest difference of two values so.
            if not sizes or not dimensions or not all(0 < size < float("inf") for size in sizes):
                if sizes:
                    draft.note(f"The attribute {name} has no size for each dimension.")
                continue
            named = [
                text(here, one.format(name)) for one in _UNITS if texts(here, one.format(name))
            ]
            offsets = numbers(here, "offset") if name == "resolution" else []
            starts = offsets if len(offsets) == len(sizes) else [0.0] * len(sizes)
            if name.endswith(("_um", "_nm", "_mm")) or not named:
                named = [unit]
            for dimension, size, start in zip(dimensions, sizes, starts, strict=True):
                draft.describe_axis(dimension, "", named[0], ruler(start, size))
                draft.spatial.add(dimension)
            return True
    return False


def _spatial(draft: Draft, count: int) -> list[int]:
    """The dimensions that sizes are of: all, or the last ones without channels."""
    rank = len(draft.shape)
    named = [d for d in range(rank) if draft.role(d) not in APART and d != draft.channels]
    if rank > count and len(named) == rank and draft.shape[-1] <= SHORTEST:
        named = named[:-1]
    return named[-count:] if 0 < count <= len(named) else []
