"""The route by which parts of volumes are taken along as files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial as bind
from typing import TYPE_CHECKING

import flask

from dashboard import errors
from dashboard.export.export import Export, ExportAddress, axes_of
from dashboard.export.export_format import ExportFormat
from dashboard.web import export_query, headers
from dashboard.web.operation import Header, Returns, operation
from dashboard.web.quotas import charge_ahead
from dashboard.web.visibility import Visibility
from dashboard.web.volumes import FILE_ERRORS, again_if_changed, packing_of, volume_of

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

log = logging.getLogger(__name__)

FILE = Returns(
    dict.fromkeys(sorted({one.content_type for one in ExportFormat})),
    "The file, in pieces as they are read; its length is said before, but for CSV.",
    (
        Header("Content-Disposition", "A name for the file.", required=True),
        *headers.VOLUME,
    ),
)


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the route to `api`."""
    visible = Visibility(services)

    @api.get("/api/v1/export")
    @operation(FILE, parameters=export_query.EXPORT, errors=FILE_ERRORS)
    def export() -> flask.Response:
        """A part of a volume as a file: NPY, TIFF, CSV or HDF5."""

        def begun() -> tuple[ExportAddress, Export]:
            volume = volume_of(services, visible)
            packing = packing_of(services, volume)
            address = export_query.export_address(volume, packing, axes_of(volume, services.nodes))
            services.exporter.check(address)
            missing = bind(services.exporter.missing_bytes, address)
            charge_ahead(services.quotas, missing)
            return address, services.exporter.begin(address)

        address, found = again_if_changed(begun)
        response = flask.Response(_sent(found), content_type=address.format.content_type)
        response.call_on_close(found.close)
        if found.size is not None:
            response.content_length = found.size
        response.headers["Content-Disposition"] = f'attachment; filename="{address.name}"'
        response.headers["Cache-Control"] = "no-store"
        return response


def _sent(export: Export) -> Iterator[bytes]:
    """The file; where it cannot be read to the end the connection is closed, so that nobody takes it for whole."""
    try:
        yield from export.pieces()
    except errors.LamellaError as error:
        log.warning("an export ended early: %s", error.message)
        raise ConnectionAbortedError from error
