"""Requests that machines of one service send to each other."""

from __future__ import annotations

import hmac

import flask

from dashboard.cluster_settings import NODE_TOKEN_HEADER
from dashboard.errors import Unauthorized
from dashboard.settings import Settings


def is_from_node(request: flask.Request, settings: Settings) -> bool:
    """Whether another machine of the service sends the request; raises `Unauthorized` without its token."""
    given = request.headers.get(NODE_TOKEN_HEADER)
    if given is None:
        return False
    token = settings.node_token
    if token is None or not hmac.compare_digest(
        given.encode("latin-1", "replace"), token.get_secret_value().encode()
    ):
        raise Unauthorized("That is not the token of the machines of this service.")
    return True
