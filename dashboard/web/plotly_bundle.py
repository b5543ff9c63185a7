"""Plotly with the traces that the pages draw, at the address from which Dash loads the whole of it.

The whole is 1.5 MB compressed, and its maps and three-dimensional traces are drawn nowhere here; the distribution
`plotly.js-cartesian-dist-min` of the same version is a third of it.
"""

from __future__ import annotations

import hashlib
from typing import Final

import flask

from dashboard.assets_path import assets_folder

FILE: Final = "vendor/plotly-cartesian.min.js"
ADDRESS: Final = "_dash-component-suites/plotly/package_data/plotly.min.js"


def register(server: flask.Flask, prefix: str) -> None:
    """Answer requests for Plotly; to be registered after the guards of all requests."""
    body = (assets_folder() / FILE).read_bytes()
    etag = hashlib.blake2b(body, digest_size=12).hexdigest()

    @server.before_request
    def plotly() -> flask.Response | None:
        request = flask.request
        if request.path != f"{prefix}/{ADDRESS}" or request.method not in ("GET", "HEAD"):
            return None
        response = flask.Response(body, mimetype="text/javascript")
        response.set_etag(etag)
        response.make_conditional(request)
        return response
