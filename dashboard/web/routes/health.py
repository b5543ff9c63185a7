"""Routes by which others see whether the server works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

from dashboard.web import answers
from dashboard.web.operation import JSON, Returns, operation, returns
from dashboard.web.status_page import STATUS, StatusPage

HTML = "text/html; charset=utf-8"

if TYPE_CHECKING:
    from dashboard.runtime.container import Services


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""

    @api.get("/healthz")
    @operation(returns(answers.Alive), is_open=True)
    def healthz() -> flask.Response:
        """200 while the web process responds."""
        return flask.jsonify(status="ok")

    @api.get("/readyz")
    @operation(
        returns(answers.Readiness),
        Returns({JSON: answers.Readiness}, "A condition is not met.", status=503),
        Returns({JSON: answers.Readiness}, "This machine is about to leave others.", status=404),
        is_open=True,
    )
    def readyz() -> tuple[flask.Response, int]:
        """200 when data roots, cache directory and prefetch worker are there, else 503; names what is degraded.

        404 while the machine leaves others: a load balancer sends it nothing new, and lets it finish.
        """
        checks = services.health.readiness()
        ready = all(checks.values())
        degraded = [part.part for part in services.health.parts() if not part.works]
        status = 200 if ready else 503 if checks.get("stays", True) else 404
        return flask.jsonify(ready=ready, checks=checks, degraded=degraded), status

    status_page = StatusPage(services.settings.url_prefix)

    @api.get(STATUS)
    @operation(Returns({HTML: str}))
    def status() -> flask.Response:
        """A page in words of what works and what does not."""
        return status_page.response(services.health.parts())
