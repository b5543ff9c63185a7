"""Compression and caching of scripts: each is compressed once, and browsers cache it.

Over plain HTTP browsers offer gzip and deflate alone. Compressing Plotly's script takes 0.2 s, and a first visit
needs all of them. The page's own scripts lose comments and white space first, two fifths of their compressed size.
"""

from __future__ import annotations

import os
import sys
import threading
from http import HTTPStatus

import flask
from dash.fingerprint import build_fingerprint, check_fingerprint
from flask_compress import Compress
from rjsmin import jsmin

SUITES, ASSETS = "/_dash-component-suites/", "/assets/"
MAX_CACHED_BYTES = 32 * 2**20
YEAR_S = 31_536_000

SCRIPTS = (".js", ".mjs")
TEXTS = (".css", ".svg", *SCRIPTS)

TYPES = [
    "text/html",
    "text/css",
    "text/csv",
    "application/json",
    "application/javascript",
    "text/javascript",
    "image/svg+xml",
]


class CompressedAssetCache:
    """Compressed scripts by path; flask-compress uses the key `ALGORITHM;PATH`."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """The compressed body, or None."""
        return self._bodies.get(key)

    def set(self, key: str, body: bytes) -> None:
        """Cache a body, unless it may change or the cache is full."""
        if SUITES not in key and ASSETS not in key:
            return
        with self._lock:
            if key not in self._bodies and self._bytes + len(body) <= MAX_CACHED_BYTES:
                self._bodies[key] = body
                self._bytes += len(body)


def register(
    server: flask.Flask, cache: CompressedAssetCache | None = None, *, shared: bool = True
) -> None:
    """Compress pages and scripts, but no slices: a LAN is faster than gzip. Pages on slow links ask for it.

    `shared` is whether caches between here and the browser may keep scripts, and give them to everybody.
    """
    kept = cache or CompressedAssetCache()
    server.config["COMPRESS_MIMETYPES"] = TYPES
    server.config["COMPRESS_ALGORITHM"] = ["gzip", "deflate"]
    server.config["COMPRESS_CACHE_KEY"] = _cache_key
    server.config["COMPRESS_CACHE_BACKEND"] = lambda: kept
    Compress(server)

    # Handlers registered later run earlier.
    @server.after_request
    def read(response: flask.Response) -> flask.Response:
        path = flask.request.path
        if ASSETS in path and path.endswith(TEXTS) and response.status_code == HTTPStatus.OK:
            # Flask hands assets out as streams, which would be compressed anew each time, and never by
            # gzip. Their ETag goes with their time of change.
            flask.g.state = response.get_etag()[0] or ""
            response.direct_passthrough = False
            body = response.get_data()
            if path.endswith(SCRIPTS):
                response.set_data(jsmin(body))
        return response

    @server.after_request
    def lasting(response: flask.Response) -> flask.Response:
        if response.status_code in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
            lasts = is_fingerprinted(flask.request, response)
            if lasts is not None:
                whose = "public" if shared else "private"
                value = f"{whose}, max-age={YEAR_S}, immutable" if lasts else "no-cache"
                response.headers["Cache-Control"] = value
        return response


def is_fingerprinted(request: flask.Request, response: flask.Response) -> bool | None:
    """Whether the address names this state of a script or asset; None for everything else.

    Dash puts the modification time into both addresses and serves the file for any time: under the address of
    another state the response must not be cached.
    """
    names = request.view_args or {}
    if "fingerprinted_path" in names:
        return _is_current(names["package_name"], names["fingerprinted_path"])
    if "filename" not in names:
        return None
    # The ETag of a file is its time of change, its size and a checksum of its name.
    etag, changed = response.get_etag()[0], request.args.get("m")
    return bool(etag and changed and etag.startswith(f"{changed}-"))


def _cache_key(request: flask.Request) -> str:
    """One key for a script under whatever fingerprint: else anybody could fill the memory with copies."""
    path: str = check_fingerprint(request.path)[0]
    return path + str(flask.g.get("state", ""))


def _is_current(package: str, path: str) -> bool:
    """Whether the fingerprint in `path` is that of the script as it is installed."""
    plain, has_one = check_fingerprint(path)
    module = sys.modules.get(package)
    if not has_one or module is None or module.__file__ is None:
        return False
    part = sys.modules.get(f"{package}.{plain.partition('/')[0]}", module)
    changed = int(os.stat(os.path.join(os.path.dirname(module.__file__), plain)).st_mtime)
    # Scripts that load others later name them by the time at which they were built.
    name = path.rpartition("/")[2].split(".")
    built = name[1].rpartition("m")[2] if name[0].startswith("async-") else changed
    return any(
        path == build_fingerprint(plain, getattr(owner, "__version__", ""), stamp)
        for owner in (module, part)
        for stamp in (changed, built)
    )
