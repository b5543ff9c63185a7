"""HDF5 dimension scales and labels, those of netCDF-4 too.

https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d_s__u_g.html
"""

from __future__ import annotations

from dashboard.meaning.attributes import name_of, text, texts
from dashboard.meaning.coordinates import describe_by
from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node

NAME = "dimension scales"
# netCDF-4 writes this as the name of a dimension without coordinates.
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."


def read(node: Node, draft: Draft) -> bool:
    """The first scale of each dimension, and its label, as NASA's products have it too."""
    says = False
    labels = texts(node, "DIMENSION_LABELS") or text(node, "DimensionNames").split(",")
    for dimension, scales in enumerate(list(node.scales())[: len(draft.shape)]):
        label = labels[dimension].strip() if len(labels) == len(draft.shape) else ""
        scale = scales[0] if scales else None
        if scale is not None and not text(scale, "NAME").startswith(_NO_VARIABLE):
            name = text(scale, "NAME").rpartition("/")[2]
            describe_by(draft, dimension, scale, label or name or name_of(scale))
        elif scale is not None or label:
            draft.describe_axis(dimension, label or (name_of(scale) if scale else ""))
        says = says or scale is not None or bool(label)
    return says
