"""What the page weighs on its way: scripts are compressed once and kept by browsers.

Over plain HTTP browsers offer gzip and deflate alone. Compressing Plotly's script takes 0.2 s, and a first
visit needs all of them.
"""

from __future__ import annotations

import threading
from http import HTTPStatus

import flask
from flask_compress import Compress

SUITES, ASSETS = "/_dash-component-suites/", "/assets/"
MAX_KEPT_BYTES = 32 * 2**20
YEAR_S = 31_536_000

TEXTS = (".css", ".js", ".svg")

TYPES = [
    "text/html",
    "text/css",
    "application/json",
    "application/javascript",
    "text/javascript",
    "image/svg+xml",
]


class Kept:
    """Compressed scripts by path; flask-compress asks it with `ALGORITHM;PATH`."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """The compressed body, or None."""
        return self._bodies.get(key)

    def set(self, key: str, body: bytes) -> None:
        """Keep a body, unless it is one that changes or there are too many."""
        if SUITES not in key and ASSETS not in key:
            return
        with self._lock:
            if key not in self._bodies and self._bytes + len(body) <= MAX_KEPT_BYTES:
                self._bodies[key] = body
                self._bytes += len(body)


def register(server: flask.Flask) -> None:
    """Compress pages and scripts, but no slices: a LAN is faster than gzip."""
    kept = Kept()
    server.config["COMPRESS_MIMETYPES"] = TYPES
    server.config["COMPRESS_ALGORITHM"] = ["gzip", "deflate"]
    server.config["COMPRESS_CACHE_KEY"] = lambda request: request.path + flask.g.get("state", "")
    server.config["COMPRESS_CACHE_BACKEND"] = lambda: kept
    Compress(server)

    # What is registered later is asked earlier.
    @server.after_request
    def read(response: flask.Response) -> flask.Response:
        text = ASSETS in flask.request.path and flask.request.path.endswith(TEXTS)
        if text and response.status_code == HTTPStatus.OK:
            # Flask hands assets out as streams, which would be compressed anew each time, and never by
            # gzip. Their ETag goes with their time of change.
            flask.g.state = response.get_etag()[0] or ""
            response.direct_passthrough = False
            response.get_data()
        return response

    @server.after_request
    def lasting(response: flask.Response) -> flask.Response:
        # Dash puts the time of change into the address of an asset, so that it never changes under it.
        if "/assets/" in flask.request.path and "m" in flask.request.args:
            response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
        return response
