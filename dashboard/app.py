"""The application factory; nothing happens at import."""

from __future__ import annotations

import dash
import flask

from dashboard.assets_path import assets_folder
from dashboard.runtime.container import Services, build_services
from dashboard.settings import Settings
from dashboard.web import api, callback_guard, compression, modules, security
from dashboard.web.frame_cache import flask_cache
from dashboard.web.page import layout, panel_callbacks, viewer_callbacks
from dashboard.web.server_timing import ServerTimingMiddleware


def create_app(settings: Settings, services: Services | None = None) -> dash.Dash:
    """The Dash application, its Flask server at `.server`; services are built unless they are given."""
    services = services or build_services(settings, role="web")
    server = flask.Flask(__name__, static_folder=None)
    compression.register(server)
    app = dash.Dash(
        __name__,
        server=server,
        title="Lamella",
        update_title="",
        assets_folder=str(assets_folder()),
        assets_ignore=modules.IGNORED,
        url_base_pathname=f"{settings.url_prefix}/",
        serve_locally=True,
        suppress_callback_exceptions=False,
    )
    services.frames.store = flask_cache(server, services.frame_backend)
    app.layout = layout.build(settings)
    tags = modules.module_tags(assets_folder(), settings.url_prefix)
    app.index_string = layout.index_string(settings, tags.html)
    api.register(server, services)
    viewer_callbacks.register(app, services)
    panel_callbacks.register(app, services)
    security.register(server, settings, script_hashes=[*app.csp_hashes(), tags.script_hash])
    callback_guard.register(app, server, settings.url_prefix)
    server.wsgi_app = ServerTimingMiddleware(  # type: ignore[method-assign]
        server.wsgi_app, f"{settings.url_prefix}/api/v1/slice", services.ledger
    )
    server.extensions["lamella"] = services
    services.start()
    services.prestart()
    return app
