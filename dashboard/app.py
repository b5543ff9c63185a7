"""The application factory; nothing happens at import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dash
import flask

from dashboard.assets_path import assets_folder
from dashboard.errors import SetupError
from dashboard.files.catalog import expect_anything
from dashboard.runtime.container import Services, build_services
from dashboard.settings import Settings
from dashboard.web import (
    api,
    callback_guard,
    compression,
    modules,
    pages,
    person,
    plotly_bundle,
    quotas,
    security,
    sign_in,
    texts,
)
from dashboard.web.frame_cache import flask_cache
from dashboard.web.overload import shedding
from dashboard.web.page import panel_callbacks, viewer_callbacks
from dashboard.web.request_id import RequestIdMiddleware
from dashboard.web.server_timing import ServerTimingMiddleware


class Server(flask.Flask):
    """Flask without functions that are coroutines."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # Flask asks of each of the seventeen functions of a request whether it is one, which took 7 % of it.
        return func


def create_app(settings: Settings, services: Services | None = None) -> dash.Dash:
    """The Dash application, its Flask server at `.server`; services are built unless they are given."""
    services = services or build_services(settings, role="web")
    server = Server(__name__, static_folder=None)
    server.before_request(expect_anything)
    compression.register(server, shared=not settings.asks_sign_in)
    prefix, folder = settings.url_prefix, assets_folder()
    viewer_tags = modules.module_tags(folder, prefix, modules.EARLY, modules.VIEWER)
    monitor_tags = modules.module_tags(folder, prefix, modules.MONITOR)
    styles, style_texts = pages.style_sheet(folder, prefix)
    app = pages.make_viewer(server, settings, viewer_tags, styles)
    monitor = pages.make_monitor(server, settings, monitor_tags)
    services.frames.store = flask_cache(server, services.frame_backend)
    api.register(server, services)
    viewer_callbacks.register(app)
    panel_callbacks.register(app, services, lambda: person.current().shared is None)
    scripts = [*app.csp_hashes(), *monitor.csp_hashes()]
    scripts += [viewer_tags.script_hash, monitor_tags.script_hash, pages.LATE_HASH]
    security.register(server, settings, script_hashes=list(dict.fromkeys(scripts)))
    if settings.asks_sign_in:
        if services.access is None:
            raise SetupError(
                "The services were built without the sign-in that the settings ask for."
            )
        sign_in.register(server, settings, services.access, services.limits)
    else:
        person.register_open(server)
    quotas.register(server, services.quotas, prefix)
    callback_guard.register(app, server, prefix)
    callback_guard.register(monitor, server, f"{prefix}{pages.MONITOR_PATH}")
    bundled = plotly_bundle.texts(prefix) | style_texts
    texts.register(server, bundled | dict(viewer_tags.files) | dict(monitor_tags.files))
    slices, ledger = f"{prefix}/api/v1/slice", services.ledger
    timed = ServerTimingMiddleware(server.wsgi_app, slices, ledger)
    server.wsgi_app = RequestIdMiddleware(timed, settings.proxy_peers)  # type: ignore[method-assign]
    server.extensions["lamella"] = services
    server.extensions["lamella.shedding"] = shedding(slices, ledger)
    with server.test_request_context(f"{prefix}/healthz"):
        # Dash prepares itself at the first request, and has no scripts for those that come at the same time.
        server.preprocess_request()
    services.start()
    services.prestart()
    return app
