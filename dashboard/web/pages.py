"""The two pages as Dash applications of one Flask server: the viewer of slices, and `/monitor`.

Dash has one layout for an application, so each page is one. They share the server, its services and its guards,
and the scripts of Dash under one address, so that a browser which knows the one page loads little for the other.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, Final

import dash
import flask

from dashboard import errors
from dashboard.assets_path import assets_folder
from dashboard.settings import Settings
from dashboard.web import modules, texts
from dashboard.web.page import layout, monitor

MONITOR_PATH: Final = "/monitor"
SUITES: Final = "_dash-component-suites/"

# Dash adds the scripts of all its packages; no page has a table of these.
_UNUSED = re.compile(r'<script src="[^"]*/dash/dash_table/[^"]*"></script>\n?')
_UNUSED_BY_MONITOR = re.compile(r'<script src="[^"]*/dash/dcc/[^"]*"></script>\n?')
# What `dcc.Graph` loads once the layout is there: Plotly is nearly half of the page's bytes.
_LATE: Final = ("dash/dcc/async-graph.js", "plotly/package_data/plotly.min.js")


# The inline script that begins Dash's own, and its hash for the page's policy.
_LATE_SCRIPTS: Final = (assets_folder() / "late-scripts.js").read_text()
LATE_HASH: Final = (
    f"'sha256-{base64.b64encode(hashlib.sha256(_LATE_SCRIPTS.encode()).digest()).decode()}'"
)


class Page(dash.Dash):  # type: ignore[misc]
    """A page whose files are those with which the server was started."""

    def index(self, *args: Any, **kwargs: Any) -> Any:
        """The page; raises `Busy` where a file of it is gone, as after an update."""
        try:
            return super().index(*args, **kwargs)
        except FileNotFoundError as error:
            raise errors.Busy(
                "A file of this page is gone: where Lamella was updated, its server has to be restarted."
            ) from error


class ViewerPage(Page):
    """The viewer, without scripts that it does not use; its scripts begin when the first picture is there."""

    early, main = "", ""
    """The addresses of both bundles of modules."""

    def interpolate_index(self, *, scripts: str = "", renderer: str = "", **parts: Any) -> str:
        """The HTML around the page."""
        own = self.config.requests_pathname_prefix
        preloads = "\n".join(
            f'<link rel="preload" as="script" href="{own}{SUITES}{path}">' for path in _LATE
        )
        late = (
            f'<template id="late-scripts"><link rel="modulepreload" href="{self.main}">\n'
            f"{_UNUSED.sub('', scripts)}\n{preloads}\n{renderer}</template>\n"
            f'<script data-early="{self.early}">{_LATE_SCRIPTS}</script>'
        )
        return super().interpolate_index(scripts=late, renderer="", **parts)


class MonitorPage(Page):
    """The monitor: Dash's scripts come from the viewer's addresses."""

    def interpolate_index(self, *, scripts: str = "", **parts: Any) -> str:
        """The HTML around the page."""
        own = self.config.requests_pathname_prefix
        needed = _UNUSED_BY_MONITOR.sub("", _UNUSED.sub("", scripts))
        shared = needed.replace(f'"{own}{SUITES}', f'"{own.removesuffix("monitor/")}{SUITES}')
        return super().interpolate_index(scripts=shared, **parts)


def style_sheet(folder: Path, prefix: str) -> tuple[str, dict[str, str]]:
    """The viewer's style sheets as one: the HTML that loads it, and its text by its path."""
    text = "".join(path.read_text() for path in sorted((folder / "css").glob("[0-9]*.css")))
    path = f"{prefix}/assets/bundles/viewer.css"
    return f'<link rel="stylesheet" href="{path}?m={texts.state_of(text)}">', {path: text}


def make_viewer(
    server: flask.Flask, settings: Settings, tags: modules.ModuleTags, styles: str
) -> dash.Dash:
    """The application of the viewer, with the HTML of its styles; its callbacks are registered by the caller."""
    app = ViewerPage(
        __name__,
        server=server,
        title="Lamella",
        assets_ignore=rf"{modules.IGNORED}|\.css$|^late-scripts|^monitor|^plotly",
        url_base_pathname=f"{settings.url_prefix}/",
        **_COMMON,
    )
    app.early, app.main = tags.addresses
    app.layout = layout.build(settings)
    app.index_string = layout.index_string(settings, f"{tags.html}\n        {styles}")
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
    app.index_string = monitor.index_string(settings, tags.html, tags.addresses[0])
    # The address without a slash is the page's; with one, Dash has it already.
    server.add_url_rule(f"{settings.url_prefix}{MONITOR_PATH}", "monitor", app.index)
    return app


_COMMON: dict[str, Any] = {
    "update_title": "",
    "assets_folder": str(assets_folder()),
    "serve_locally": True,
    "suppress_callback_exceptions": False,
}
