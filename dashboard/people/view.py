"""A view: which slice is shown and how, as the query string of the page's address has it."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from dashboard.errors import BadRequest

LONGEST: Final = 4000

# Printable ASCII without spaces, which is what browsers make of any address; the fragment is not sent.
_QUERY: Final = re.compile(r"[!-\"$-~]+")
# The address of a page signs in with this; it is no part of a view.
_SECRET: Final = "token"  # noqa: S105


class View(NamedTuple):
    """The file that a view is of, and the query string, without its question mark."""

    file: str
    query: str


def parse_view(text: str) -> View:
    """A view from the query string of an address; raises `BadRequest`."""
    query = text.removeprefix("?")
    if len(query) > LONGEST or not _QUERY.fullmatch(query):
        raise BadRequest(
            f"A view is the query string of the page's address, of at most {LONGEST} characters."
        )
    try:
        found = parse_qs(query, max_num_fields=100, errors="strict")
    except ValueError:
        raise BadRequest("The view is not a valid query string.") from None
    files = found.get("file", [])
    if len(files) != 1:
        raise BadRequest("A view names one file: file=….")
    if _SECRET in found:
        raise BadRequest("A view has no token; leave it out of the address.")
    return View(files[0], query)
