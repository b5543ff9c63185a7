"""PyTables, https://www.pytables.org/usersguide/file_format.html: titles of arrays."""

from __future__ import annotations

from dashboard.meaning.attributes import text
from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node

NAME = "PyTables"


def read(node: Node, draft: Draft) -> bool:
    """The title."""
    if text(node, "CLASS") not in ("ARRAY", "CARRAY", "EARRAY", "TABLE", "VLARRAY"):
        return False
    draft.describe_value(text(node, "TITLE"))
    return bool(text(node, "TITLE"))
