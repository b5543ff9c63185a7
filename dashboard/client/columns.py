"""Columns of datasets, as lines and as arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.client.connection import Connection, ServerError

if TYPE_CHECKING:
    from dashboard.web.answers import ColumnLine

_FIGURES: Final = ("value", "n", "mean", "sd", "min", "max")


def lines_of(connection: Connection, query: dict[str, str]) -> Iterator[ColumnLine]:
    """The lines as they arrive; raises `ServerError`, also for a column that ends early."""
    with connection.stream("/api/v1/column", **query) as response:
        rest = b""
        for piece in response.stream():
            *whole, rest = (rest + piece).split(b"\n")
            for text in whole:
                line: ColumnLine = json.loads(text)
                if "error" in line:
                    error = line["error"]
                    raise ServerError(response.status, error["code"], error["message"])
                yield line


def arrays(lines: Iterable[ColumnLine]) -> dict[str, NDArray[Any]]:
    """The figures of lines by name, in the order of their indices."""
    ordered: list[dict[str, Any]] = sorted(map(dict, lines), key=lambda line: line["index"])
    found: dict[str, NDArray[Any]] = {}
    for name in _FIGURES:
        if ordered and name in ordered[0]:
            numbers = [line[name] for line in ordered]
            found[name] = np.array([np.nan if one is None else one for one in numbers])
    return found
