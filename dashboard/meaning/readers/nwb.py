"""Neurodata Without Borders 2: series and their sampling rate.

https://nwb-schema.readthedocs.io/en/latest/format.html
"""

from __future__ import annotations

from dashboard.meaning.attributes import name_of, number, text
from dashboard.meaning.coordinates import describe_by
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node

NAME = "NWB"


def read(node: Node, draft: Draft) -> bool:
    """Unit and conversion of the data of a series, and its time."""
    series = node.parent
    if series is None or not text(series, "neurodata_type") or name_of(node) != "data":
        return False
    draft.describe_value(name_of(series), text(node, "unit"))
    factor, offset, value = number(node, "conversion"), number(node, "offset"), draft.value
    if factor and (factor != 1 or offset) and value["decoded_dtype"] is None:
        value["scale"], value["offset"] = float(factor), float(offset or 0)
        value["decoded_dtype"] = "float32" if factor and not offset else "float64"
    start, times = series.child("starting_time"), series.child("timestamps")
    if not draft.shape:
        return True
    if start is not None:
        rate, first = number(start, "rate"), start.small_values()
        if rate and first is not None and first.size == 1 and first.dtype.kind in "iuf":
            draft.describe_axis(0, "time", "s", ruler(first.item(), 1 / rate))
    elif times is not None:
        describe_by(draft, 0, times, "time")
    if text(series, "neurodata_type") in ("ImageSeries", "TwoPhotonSeries", "OnePhotonSeries"):
        # Frames are stored as columns by rows.
        for dimension, name in zip(range(1, len(draft.shape)), "xyz", strict=False):
            draft.describe_axis(dimension, name)
    return True
