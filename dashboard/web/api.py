"""The HTTP interface: one blueprint of the routes in `dashboard.web.routes`, below the settings' prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

from dashboard import errors
from dashboard.web.routes import data, health, statistics, work

if TYPE_CHECKING:
    from dashboard.runtime.container import Services


def register(server: flask.Flask, services: Services) -> None:
    """Add all routes of `/api/v1`, `/metrics`, `/healthz` and `/readyz` under the settings' prefix."""
    api = flask.Blueprint("api", __name__)
    for subject in (data, statistics, work, health):
        subject.register(api, services)

    @api.get("/api/<path:rest>")
    def nothing(**_: str) -> flask.Response:
        # Otherwise the page, which is served for every other path, would be the response.
        raise errors.NotFound("There is nothing at this address of the interface.")

    server.register_blueprint(api, url_prefix=services.settings.url_prefix or None)
