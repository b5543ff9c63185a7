"""flask-caching over the backend of the frame cache."""

from __future__ import annotations

import flask
from flask_caching import Cache

from dashboard.frames.cache import DiskcacheBackend


def flask_cache(server: flask.Flask, backend: DiskcacheBackend) -> Cache:
    """The cache extension of `server` over `backend`; entries do not expire, they are evicted."""
    return Cache(
        server,
        with_jinja2_ext=False,
        config={
            "CACHE_TYPE": "dashboard.frames.cache.DiskcacheBackend",
            "CACHE_DEFAULT_TIMEOUT": 0,
            "CACHE_OPTIONS": {"backend": backend},
        },
    )
