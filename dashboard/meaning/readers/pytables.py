"""PyTables, https://www.pytables.org/usersguide/file_format.html: titles of arrays; pandas' times in them."""

from __future__ import annotations

from dashboard.meaning.attributes import text
from dashboard.meaning.coordinates import timestamp_unit
from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node

NAME = "PyTables"


def read(node: Node, draft: Draft) -> bool:
    """The title, and the unit of the times of pandas."""
    if text(node, "CLASS") not in ("ARRAY", "CARRAY", "EARRAY", "TABLE", "VLARRAY"):
        return False
    draft.describe_value(text(node, "TITLE"), timestamp_unit(node))
    return bool(text(node, "TITLE")) or bool(timestamp_unit(node))
