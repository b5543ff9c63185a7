"""What the page weighs on its way: scripts are compressed once and kept by browsers.

Over plain HTTP browsers offer gzip and deflate alone. Compressing Plotly's script takes 0.2 s, and a first
visit needs all of them.
"""

from __future__ import annotations

import threading

import flask
from flask_compress import Compress

SUITES = "/_dash-component-suites/"
MAX_KEPT_BYTES = 32 * 2**20
YEAR_S = 31_536_000

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
        if SUITES not in key:
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
    server.config["COMPRESS_CACHE_KEY"] = lambda request: request.path
    server.config["COMPRESS_CACHE_BACKEND"] = lambda: kept
    Compress(server)

    @server.after_request
    def lasting(response: flask.Response) -> flask.Response:
        # Dash puts the time of change into the address of an asset, so that it never changes under it.
        if "/assets/" in flask.request.path and "m" in flask.request.args:
            response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
        return response
