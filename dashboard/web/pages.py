"""The two pages as Dash applications of one Flask server: the viewer of slices, and `/monitor`.

Dash has one layout for an application, so each page is one. They share the server, its services and its guards,
and the scripts of Dash under one address, so that a browser which knows the one page loads little for the other.
"""

from __future__ import annotations

import re
from typing import Any, Final

import dash
import flask

from dashboard.assets_path import assets_folder
from dashboard.settings import Settings
from dashboard.web import modules
from dashboard.web.page import layout, monitor

MONITOR_PATH: Final = "/monitor"
SUITES: Final = "_dash-component-suites/"

# Dash adds the scripts of all its packages; no page has a table of these.
_UNUSED = re.compile(r'<script src="[^"]*/dash/dash_table/[^"]*"></script>\n?')
_UNUSED_BY_MONITOR = re.compile(r'<script src="[^"]*/dash/dcc/[^"]*"></script>\n?')
# What `dcc.Graph` loads once the layout is there: Plotly is nearly half of the page's bytes.
_LATE: Final = ("dash/dcc/async-graph.js", "plotly/package_data/plotly.min.js")


class ViewerPage(dash.Dash):  # type: ignore[misc]
    """The viewer, without scripts that it does not use."""

    def interpolate_index(self, *, scripts: str = "", **parts: Any) -> str:
        """The HTML around the page."""
        own = self.config.requests_pathname_prefix
        early = "\n".join(
            f'<link rel="preload" as="script" href="{own}{SUITES}{path}">' for path in _LATE
        )
        return super().interpolate_index(scripts=f"{_UNUSED.sub('', scripts)}\n{early}", **parts)


class MonitorPage(dash.Dash):  # type: ignore[misc]
    """The monitor: Dash's scripts come from the viewer's addresses."""

    def interpolate_index(self, *, scripts: str = "", **parts: Any) -> str:
        """The HTML around the page."""
        own = self.config.requests_pathname_prefix
        needed = _UNUSED_BY_MONITOR.sub("", _UNUSED.sub("", scripts))
        shared = needed.replace(f'"{own}{SUITES}', f'"{own.removesuffix("monitor/")}{SUITES}')
        return super().interpolate_index(scripts=shared, **parts)


def make_viewer(server: flask.Flask, settings: Settings, tags: modules.ModuleTags) -> dash.Dash:
    """The application of the viewer; its callbacks are registered by the caller."""
    app = ViewerPage(
        __name__,
        server=server,
        title="Lamella",
        assets_ignore=f"{modules.IGNORED}|^monitor|^sign-in|^status|^plotly",
        url_base_pathname=f"{settings.url_prefix}/",
        **_COMMON,
    )
    app.layout = layout.build(settings)
    app.index_string = layout.index_string(settings, tags.html)
    return app


def make_monitor(server: flask.Flask, settings: Settings, tags: modules.ModuleTags) -> dash.Dash:
    """The application of the monitor, which has no callbacks."""
    app = MonitorPage(
        __name__,
        server=server,
        title="Lamella monitor",
        assets_ignore=r"^(?!10-|20-|30-|monitor.*\.css$)",
        url_base_pathname=f"{settings.url_prefix}{MONITOR_PATH}/",
        # Style sheets have the same addresses on both pages.
        assets_external_path=f"{settings.url_prefix}/",
        **_COMMON,
    )
    app.layout = monitor.build(settings)
    app.index_string = monitor.index_string(settings, tags.html, tags.entry)
    # The address without a slash is the page's; with one, Dash has it already.
    server.add_url_rule(f"{settings.url_prefix}{MONITOR_PATH}", "monitor", app.index)
    return app


_COMMON: dict[str, Any] = {
    "update_title": "",
    "assets_folder": str(assets_folder()),
    "serve_locally": True,
    "suppress_callback_exceptions": False,
}
