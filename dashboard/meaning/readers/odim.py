"""ODIM_H5, the weather radar information model of EUMETNET OPERA: packing in `what`, rays and bins in `where`.

https://www.eumetnet.eu/wp-content/uploads/2021/07/ODIM_H5_v2.4.pdf
"""

from __future__ import annotations

from dashboard.meaning.attributes import name_of, number, text
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node

NAME = "ODIM"


def read(node: Node, draft: Draft) -> bool:
    """Quantity, gain, offset and `nodata` of an array; range and azimuth of a polar one, pixels of a map."""
    group, root = node.parent, node.child("/")
    if root is None or group is None or name_of(node) != "data":
        return False
    if not text(root, "Conventions").startswith("ODIM_H5") or len(draft.shape) != 2:
        return False
    here = [one for one in (group, group.parent, root) if one is not None]
    what = next((w for one in here if (w := one.child("what")) and "gain" in w.attrs), None)
    where = next((w for one in here if (w := one.child("where")) and len(w.attrs)), None)
    if what is not None:
        _unpack(what, draft)
    if where is not None and number(where, "rscale") is not None:
        # The start is in kilometers, the length of a bin in meters.
        step, start = number(where, "rscale") or 0, 1000 * (number(where, "rstart") or 0)
        draft.describe_axis(1, "range", "m", ruler(start + step / 2, step))
        draft.describe_axis(0, "azimuth", "°", ruler(180 / draft.shape[0], 360 / draft.shape[0]))
    elif where is not None:
        for dimension, name in enumerate("yx"):
            step = number(where, f"{name}scale") or 0
            draft.describe_axis(dimension, name, "m", ruler(step / 2, step))
    return True


def _unpack(what: Node, draft: Draft) -> None:
    value = draft.value
    draft.describe_value(text(what, "quantity"))
    gain, offset, missing = (number(what, name) for name in ("gain", "offset", "nodata"))
    if value["decoded_dtype"] is None and gain:
        value["scale"], value["offset"] = float(gain), float(offset or 0)
        value["fills"] = [] if missing is None else [missing]
        value["decoded_dtype"] = "float64"
