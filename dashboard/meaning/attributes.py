"""Attributes as what they should be: a text, texts, a number or numbers, or nothing."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from dashboard.meaning.model import Node

# Texts that are longer are no names or units.
LONGEST_TEXT = 1_000


def text(node: Node, *names: str) -> str:
    """The text of the first of these attributes that has one, without blanks around it; otherwise empty."""
    for name in names:
        found = texts(node, name)
        if len(found) == 1 and (stripped := found[0].strip()):
            return stripped[:LONGEST_TEXT]
    return ""


def texts(node: Node, name: str) -> list[str]:
    """The texts of an attribute."""
    value = node.attrs.get(name)
    if isinstance(value, str):
        return [value]
    return [str(one) for one in value] if isinstance(value, tuple) else []


def joined(node: Node, name: str) -> str:
    """A text that is stored letter by letter."""
    return "".join(texts(node, name))[:LONGEST_TEXT].strip()


def number(node: Node, *names: str) -> int | float | None:
    """The first of these attributes that is one finite number."""
    for name in names:
        found = numbers(node, name)
        if len(found) == 1 and isfinite(found[0]):
            return found[0]
    return None


def numbers(node: Node, name: str) -> list[int | float]:
    """The real numbers of an attribute."""
    return numbers_in(node.attrs.get(name))


def numbers_in(value: Any) -> list[int | float]:
    """Real numbers of a NumPy value; none for anything else."""
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "iufb":
        return []
    found: list[int | float] = np.asarray(value).ravel().tolist()
    return found


def name_of(node: Node) -> str:
    """The last part of the path."""
    return node.path.rpartition("/")[2]


def ancestors(node: Node) -> list[Node]:
    """The groups above, the nearest first."""
    found: list[Node] = []
    above = node.parent
    while above is not None and len(found) < 8:
        found.append(above)
        above = above.parent
    return found
