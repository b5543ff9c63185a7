"""Files that are made or chosen when the server starts, and answered from memory at addresses of the pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import flask


def state_of(text: str) -> str:
    """What stands for a text in its address, after `?m=`."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def register(server: flask.Flask, texts: Mapping[str, str]) -> None:
    """Answer requests for these paths, of scripts and style sheets; to be registered after all guards."""
    known = {path: (text.encode(), f"{state_of(text)}-{len(text)}") for path, text in texts.items()}

    @server.before_request
    def answer() -> flask.Response | None:
        request = flask.request
        found = known.get(request.path)
        if found is None or request.method not in ("GET", "HEAD"):
            return None
        body, etag = found
        kind = "text/css" if request.path.endswith(".css") else "text/javascript"
        response = flask.Response(body, mimetype=kind)
        response.set_etag(etag)
        response.make_conditional(request)
        return response
