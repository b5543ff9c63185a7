"""HyperSpy, https://hyperspy.org/rosettasciio/supported_formats/hspy.html: groups `axis-0` … beside the data."""

from __future__ import annotations

from dashboard.meaning.attributes import name_of, number, text
from dashboard.meaning.coordinates import describe_by
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node
from dashboard.meaning.names import Role

NAME = "HyperSpy"


def read(node: Node, draft: Draft) -> bool:
    """Name, unit, scale and offset of each axis; the picture is that of the signal, or of where spectra are."""
    group = node.parent
    axes = [None if group is None else group.child(f"axis-{d}") for d in range(len(draft.shape))]
    if group is None or not axes or axes[0] is None or name_of(node) != "data":
        return False
    quantity = group.child("metadata/Signal")
    draft.describe_value("" if quantity is None else text(quantity, "quantity"))
    navigated = []
    for dimension, axis in enumerate(axes):
        if axis is None:
            continue
        name, unit = (_known(text(axis, key)) for key in ("name", "units"))
        step, start = number(axis, "scale"), number(axis, "offset")
        values = axis.child("axis")
        if values is not None:
            describe_by(draft, dimension, values, name)
        elif step:
            draft.describe_axis(dimension, name, unit, ruler(start or 0, step))
        draft.describe_axis(dimension, name, unit)
        if number(axis, "navigate"):
            navigated.append(dimension)
    signal = [d for d in range(len(axes)) if d not in navigated]
    if len(signal) == 2:
        draft.show_as(*signal)
    elif len(signal) == 1 and len(navigated) == 2:
        draft.hint_role(signal[0], Role.SPECTRUM)
        draft.show_as(*navigated)
    return True


def _known(text_: str) -> str:
    """A text that is not HyperSpy's word for none."""
    return "" if text_ in ("<undefined>", "_None_", "None") else text_
