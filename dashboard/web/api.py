"""The HTTP interface: one blueprint of the routes in `dashboard.web.routes`, below the settings' prefix."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.exceptions import MethodNotAllowed

from dashboard import errors
from dashboard.web import openapi
from dashboard.web.operation import JSON, operation, returns
from dashboard.web.routes import (
    analysis,
    column,
    data,
    exporting,
    health,
    jobs,
    rows,
    sharing,
    statistics,
    work,
)

if TYPE_CHECKING:
    from dashboard.runtime.container import Services


def register(server: flask.Flask, services: Services) -> None:
    """Add all routes of `/api/v1`, `/metrics`, `/healthz` and `/readyz` under the settings' prefix."""
    api = flask.Blueprint("api", __name__)
    for subject in (
        data,
        rows,
        column,
        analysis,
        exporting,
        statistics,
        work,
        jobs,
        sharing,
        health,
    ):
        subject.register(api, services)

    @cache
    def description() -> str:
        return json.dumps(openapi.document(server, services.settings))

    @api.get("/api/v1/openapi.json")
    @operation(returns(dict[str, Any]))
    def openapi_() -> flask.Response:
        """The description of this interface (OpenAPI 3.1)."""
        return flask.Response(description(), content_type=JSON)

    @api.get("/api/<path:rest>")
    def nothing(**_: str) -> flask.Response:
        # Otherwise the page, which is served for every other path, would be the response, and this route that to
        # GET where there is another method.
        context = flask.globals.request_ctx
        assert context.url_adapter is not None
        methods = set(context.url_adapter.allowed_methods()) - {"GET", "HEAD", "OPTIONS"}
        if methods:
            raise MethodNotAllowed(sorted(methods | {"OPTIONS"}))
        raise errors.NotFound("There is nothing at this address of the interface.")

    @api.after_request
    def allow(response: flask.Response) -> flask.Response:
        # Otherwise GET is in it everywhere, since a page is served for every path.
        rule = flask.request.url_rule
        if flask.request.method == "OPTIONS" and rule is not None:
            same = (one for one in server.url_map.iter_rules() if one.rule == rule.rule)
            response.headers["Allow"] = ", ".join(
                sorted({name for one in same for name in one.methods or ()})
            )
        return response

    server.register_blueprint(api, url_prefix=services.settings.url_prefix or None)
