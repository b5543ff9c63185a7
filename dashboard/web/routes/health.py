"""Routes by which others see whether the server works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

if TYPE_CHECKING:
    from dashboard.runtime.container import Services


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""

    @api.get("/healthz")
    def healthz() -> flask.Response:
        """200 while the web process responds."""
        return flask.jsonify(status="ok")

    @api.get("/readyz")
    def readyz() -> tuple[flask.Response, int]:
        """200 when data roots, cache directory and prefetch worker are there, else 503."""
        checks = services.health.readiness()
        ready = all(checks.values())
        return flask.jsonify(ready=ready, checks=checks), 200 if ready else 503
