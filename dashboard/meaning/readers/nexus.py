"""NeXus: default plots, signals and their axes.

https://manual.nexusformat.org/datarules.html, https://manual.nexusformat.org/classes/base_classes/NXdata.html,
https://manual.nexusformat.org/classes/applications/NXtomo.html
"""

from __future__ import annotations

import re

from dashboard.meaning.attributes import name_of, number, numbers, text, texts
from dashboard.meaning.coordinates import describe_by
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node
from dashboard.meaning.names import Role

NAME = "NeXus"
# Links of a chain of defaults, and members of a group that are looked at.
MAX_CHAIN = 10
MAX_MEMBERS = 64


def default(root: Node) -> str | None:
    """Path of the signal of the default plot."""
    here, seen = root, set[str]()
    for _ in range(MAX_CHAIN):
        if here.path in seen:
            return None
        seen.add(here.path)
        following = here.child(text(here, "default"))
        if following is None:
            signal = _signal(here)
            if signal is not None or text(here, "NX_class") in ("NXdata", "NXdetector"):
                return signal
            expected = "NXentry" if here.path == "/" else "NXdata"
            following = next(
                (one for one in _members(here) if text(one, "NX_class") == expected), None
            )
        if following is None or not following.is_group:
            return None if following is None else following.path
        here = following
    return None


def read(node: Node, draft: Draft) -> bool:
    """Signal, axes and interpretation of a dataset in an NXdata group, pixel sizes of one in an NXdetector."""
    group = node.parent
    kind = "" if group is None else text(group, "NX_class")
    # Data Exchange (https://dxfile.readthedocs.io) has the axes of NeXus' former style without its classes.
    is_old = "signal" in node.attrs or ":" in text(node, "axes")
    if group is None or (not kind and not texts(group, "signal") and not is_old):
        return False
    draft.describe_value(text(node, "long_name") or text(group, "title"), text(node, "units"))
    _interpret(draft, text(node, "interpretation") or text(group, "interpretation"))
    if kind == "NXdetector":
        _pixels(group, draft)
    elif _is_signal(node, group):
        _axes(node, group, draft)
        for dimension, at in enumerate(texts(group, "default_slice")[: len(draft.shape)]):
            if at.strip().isdecimal():
                draft.index[dimension] = int(at)
    _projections(group, draft)
    return True


def _members(group: Node) -> list[Node]:
    found = (group.child(name) for name in list(group.names)[:MAX_MEMBERS])
    return [one for one in found if one is not None]


def _signal(group: Node) -> str | None:
    """Path of the signal of a group, in the present or in a legacy style."""
    named = group.child(text(group, "signal"))
    if named is not None:
        return named.path
    if text(group, "NX_class") != "NXdata":
        return None
    marked = [one for one in _members(group) if _is_marked(one)]
    plain = group.child("data")
    return marked[0].path if marked else None if plain is None else plain.path


def _is_marked(node: Node) -> bool:
    return text(node, "signal") == "1" or number(node, "signal") == 1


def _is_signal(node: Node, group: Node) -> bool:
    """Whether the axes of a group are those of a dataset: of the signal, and of what has its shape."""
    named = (text(group, "signal"), *texts(group, "auxiliary_signals"))
    if name_of(node) in named or _is_marked(node) or ":" in text(node, "axes"):
        return True
    path = _signal(group)
    signal = None if path is None else group.child(path)
    return signal is not None and len(node.shape) > 1 and node.shape[1:] == signal.shape[1:]


def _axes(node: Node, group: Node, draft: Draft) -> None:
    rank = len(draft.shape)
    named = texts(group, "axes") or texts(node, "axes")
    if len(named) == 1 and not (rank == 1 and group.child(named[0])):
        named = [one for one in re.split(r"[\[\],:\s]+", named[0]) if one]
    for position, name in enumerate(named):
        axis = group.child(name)
        dimensions = numbers(group, f"{name}_indices") or [position]
        if len(dimensions) != 1 or not 0 <= dimensions[0] < rank or name == ".":
            continue
        if axis is None:
            draft.describe_axis(int(dimensions[0]), name)
        else:
            describe_by(draft, int(dimensions[0]), axis)
    # Opening all members may take long: those of a master are in a file each.
    is_legacy = not named and not texts(group, "signal")
    for one in _members(group) if is_legacy else []:
        at = number(one, "axis")
        if at is not None and 1 <= at <= rank and number(one, "primary") in (None, 1):
            describe_by(draft, int(at) - 1, one)


def _interpret(draft: Draft, how: str) -> None:
    rank = len(draft.shape)
    if how in ("rgb-image", "rgba-image", "rgb", "rgba") and rank >= 3:
        draft.color(rank - 1)
    elif how == "image":
        draft.show_as(rank - 2, rank - 1)
    elif how == "spectrum" and rank >= 3:
        draft.hint_role(rank - 1, Role.SPECTRUM)


def _projections(group: Node, draft: Draft) -> None:
    """Of a tomography (NXtomo), the first picture is one of the sample, where `image_key` is 0."""
    key = group.child("image_key")
    keys = None if key is None else key.small_values()
    if keys is not None and len(draft.shape) > 2 and keys.shape == draft.shape[:1]:
        of_sample = (keys == 0).nonzero()[0]
        if len(of_sample):
            draft.index.setdefault(0, int(of_sample[len(of_sample) // 2]))


def _pixels(detector: Node, draft: Draft) -> None:
    rank = len(draft.shape)
    for name, dimension in (("y_pixel_size", rank - 2), ("x_pixel_size", rank - 1)):
        field = detector.child(name)
        size = None if field is None else field.small_values()
        if field is not None and size is not None and size.size == 1 and dimension >= 0:
            step = float(size.ravel()[0])
            if step > 0:
                draft.describe_axis(dimension, name[0], text(field, "units"), ruler(0, step))
