"""Validation of requests to Dash's own endpoints: known callbacks in their form, and existing scripts.

Dash assumes both; a missing key or an unknown script would be a server error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash
import flask
from dash.fingerprint import check_fingerprint

from dashboard.errors import BadRequest, NotFound

PATH = "/_dash-update-component"
SUITES = "/_dash-component-suites/"

# The page's own requests have four levels; Dash traverses values recursively.
MAX_DEPTH = 32


def register(app: dash.Dash, server: flask.Flask, prefix: str) -> None:
    """Refuse malformed requests before Dash handles them; to be registered after the guards of all requests."""

    @server.before_request
    def check() -> None:
        request = flask.request
        if request.path.startswith(prefix + SUITES):
            package, _, path = request.path.removeprefix(prefix + SUITES).partition("/")
            # The registry is a defaultdict, which would add an unknown package.
            if check_fingerprint(path)[0] not in app.registered_paths.get(package, ()):
                raise NotFound("There is no such script.")
        if request.path == prefix + PATH and request.method == "POST":
            try:
                body = request.get_json(force=True, silent=True)
            except RecursionError:
                body = None
            if is_deeper(body, MAX_DEPTH) or not is_valid_callback(body, app.callback_map):
                raise BadRequest("Unknown or malformed callback request.")


def is_deeper(body: Any, levels: int) -> bool:
    """Whether lists and objects in `body` are nested deeper than `levels`."""
    layer = [body]
    for _ in range(levels):
        layer = [
            inner
            for one in layer
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return any(isinstance(one, (dict, list)) for one in layer)


def is_valid_callback(body: Any, known: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether `body` has the form of a call of one of the `known` callbacks; values may be anything."""
    if not isinstance(body, dict) or not isinstance(body.get("output"), str):
        return False
    callback = known.get(body["output"])
    if callback is None or "callback" not in callback:
        return False  # Clientside callbacks are not requests.
    changed, outputs = body.get("changedPropIds", []), body.get("outputs")
    several = body["output"].startswith("..")
    return (
        isinstance(changed, list)
        and all(isinstance(name, str) for name in changed)
        and _names(body.get("inputs")) == _names(callback["inputs"])
        and _names(body.get("state", [])) == _names(callback["state"])
        and _names(outputs if several else [outputs]) == _outputs(body["output"])
    )


def _outputs(name: str) -> list[tuple[str, str]]:
    """The properties in a callback's name: `..a.b...c.d..`, or `a.b` for a single one."""
    found = []
    for part in name.removeprefix("..").removesuffix("..").split("..."):
        owner, _, prop = part.rpartition(".")
        found.append((owner, prop.partition("@")[0]))
    return found


def _names(entries: Any) -> list[tuple[str, str]] | None:
    """(id, property) of each entry, or None for anything else."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return None
    names = [(entry.get("id"), entry.get("property")) for entry in entries]
    return names if all(isinstance(part, str) for name in names for part in name) else None
