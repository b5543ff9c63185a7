"""The route of what is read as rows: curves, tables, text and single values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

import flask

from dashboard.catalog.row_reader import RowReader
from dashboard.hdf5.messages import RowWindow
from dashboard.web import answers, query
from dashboard.web.operation import JSON, Returns, operation
from dashboard.web.quotas import charge_ahead
from dashboard.web.visibility import Visibility
from dashboard.web.volumes import FILE_ERRORS

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

CSV = "text/csv; charset=utf-8"
FIRST_ROWS = 100
# As a number has.
CELL_BYTES = 8
# All columns of a file of comma-separated values, as far as one answer may have them.
ALL_COLUMNS = "0:1000"


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the route to `api`."""
    visible = Visibility(services)

    @api.get("/api/v1/rows")
    @operation(
        Returns({JSON: answers.Rows, CSV: str}),
        parameters=(*query.VOLUME, query.START, query.STOP, query.COLUMNS, query.ROWS_FORMAT),
        errors=FILE_ERRORS,
    )
    def rows() -> flask.Response:
        """A window of the rows of a curve, a table, text or a single value, or all of them as CSV."""
        file, dataset = visible.file(), query.DATASET.value()
        reader = RowReader(services.metadata)
        start, columns = query.START.value() or 0, query.COLUMNS.given() or ""
        if query.ROWS_FORMAT.value() is query.TextFormat.CSV:
            stop = query.STOP.value()
            end = query.LARGEST_INDEX if stop is None else stop
            found = reader.windows(file, dataset, start, end, columns or ALL_COLUMNS)
            # The first window now, so that errors have their status.
            first = next(found)
            rows = max(0, min(end, first.total) - start)
            charge_ahead(services.quotas, lambda: _bytes(first, rows))
            response = flask.Response(_as_csv(chain([first], found)), content_type=CSV)
        else:
            stop = query.STOP.value()
            window = reader.window(
                file, dataset, start, start + FIRST_ROWS if stop is None else stop, columns
            )
            charge_ahead(services.quotas, lambda: _bytes(window, len(window.rows)))
            response = flask.jsonify(window)
        response.headers["Cache-Control"] = "no-store"
        return response


def _as_csv(windows: Iterable[RowWindow]) -> Iterator[str]:
    """Comma-separated values (RFC 4180) with one line of names; pieces of text."""
    text = io.StringIO()
    writer = csv.writer(text)
    named = False
    for window in windows:
        if not named:
            writer.writerow([_named(column.name, column.unit) for column in window.columns])
            named = True
        writer.writerows(window.rows)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _bytes(window: RowWindow, rows: int) -> int:
    """What so many rows count as decoded bytes for the quota of a person."""
    return rows * len(window.columns) * CELL_BYTES


def _named(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name
