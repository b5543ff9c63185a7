"""The route of values along an axis, which are sent as they are read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import flask

from dashboard import errors
from dashboard.addressing.requester import SCRIPT
from dashboard.analysis.column import Column
from dashboard.web import answers, column_query, headers
from dashboard.web.operation import Returns, operation
from dashboard.web.quotas import charged
from dashboard.web.visibility import Visibility
from dashboard.web.volumes import FILE_ERRORS, again_if_changed, packing_of, volume_of

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

log = logging.getLogger(__name__)

NDJSON = "application/x-ndjson"
LINES = Returns(
    {NDJSON: answers.ColumnLine},
    "A line of JSON for each index, those next to the start first; what ends early ends with a line with `error`.",
    headers.VOLUME,
)


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the route to `api`."""
    visible = Visibility(services)

    @api.get("/api/v1/column")
    @operation(LINES, parameters=column_query.COLUMN, errors=FILE_ERRORS)
    def column() -> flask.Response:
        """Values along an axis through a voxel, or figures of a region at each index, from a start outwards."""

        def begun() -> Column:
            volume = volume_of(services, visible)
            address = column_query.column_address(
                volume, packing_of(services, volume), services.settings.max_cells
            )
            return services.columns.begin(
                address,
                charged(SCRIPT, services.quotas),
                only_cached=column_query.CACHED.value(),
            )

        found = again_if_changed(begun)
        response = flask.Response(_sent(found), content_type=NDJSON)
        response.call_on_close(found.close)
        response.headers["Cache-Control"] = "no-store"
        return response


def _sent(column: Column) -> Iterator[bytes]:
    """The lines; the last one says why, where they end early."""
    try:
        yield from column.lines()
    except errors.LamellaError as error:
        log.warning("a column ended early: %s", error.message)
        yield json.dumps({"error": {"code": error.code, "message": error.message}}).encode() + b"\n"
