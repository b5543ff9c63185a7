"""AnnData, https://anndata.readthedocs.io/en/stable/fileformat-prose.html: observations by variables."""

from __future__ import annotations

import re

from dashboard.meaning.attributes import text
from dashboard.meaning.draft import Draft, coordinates_of
from dashboard.meaning.model import Node

NAME = "AnnData"
_MATRIX = re.compile(r"/(X|layers/[^/]+|raw/X)|/(obsm|varm|obsp|varp)/[^/]+")
_AXES = {"obsm": ("obs", ""), "varm": ("var", ""), "obsp": ("obs", "obs"), "varp": ("var", "var")}


def default(root: Node) -> str | None:
    """The matrix X."""
    return "/X" if text(root, "encoding-type") == "anndata" else None


def read(node: Node, draft: Draft) -> bool:
    """The names of the observations along rows, of the variables along columns."""
    root, found = node.child("/"), _MATRIX.fullmatch(node.path)
    if root is None or not found or text(root, "encoding-type") != "anndata":
        return False
    for dimension, name in enumerate(_AXES.get(found[2] or "", ("obs", "var"))[: len(draft.shape)]):
        frame = root.child(name) if name else None
        index = None if frame is None else frame.child(text(frame, "_index") or "_index")
        names = None if index is None else index.small_values()
        known = None if names is None else coordinates_of(names.reshape(-1))
        fits = names is not None and names.size == draft.shape[dimension]
        draft.describe_axis(dimension, name, "", known if fits else None)
    return True
