"""Routes by which pages report, steer prefetching, and see to the contents of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

from dashboard import errors
from dashboard.bricks import contents as cache_contents
from dashboard.people.person import Scope
from dashboard.web import query
from dashboard.web.person import current
from dashboard.web.visibility import Visibility

if TYPE_CHECKING:
    from dashboard.runtime.container import Services


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""
    visible = Visibility(services)

    @api.post("/api/v1/telemetry")
    def telemetry() -> tuple[str, int]:
        """A page's report of the slices that it painted; no file is opened for it."""
        services.activity.report(flask.request.get_data(), visible.sees)
        return "", 204

    @api.post("/api/v1/prefetch")
    def prefetch() -> tuple[str, int]:
        """Pauses prefetching for one viewer, or ends the pause."""
        if not services.plans.pause(*query.prefetch_pause()):
            raise errors.Busy("The pause could not be stored; try again.")
        return "", 204

    @api.get("/api/v1/contents")
    def contents() -> flask.Response:
        """What is in the brick cache, by volume and axis."""
        groups = visible.contents(cache_contents.contents(services.bricks))
        bricks = [group._asdict() for group in groups]
        return flask.jsonify(contents=bricks, may_drop=_may_drop(services))

    @api.post("/api/v1/contents/drop")
    def drop() -> flask.Response:
        """Removes the bricks of a volume, or of one of its axes, from the cache."""
        if not _may_drop(services):
            raise errors.Forbidden(
                "A server that everybody can reach without sign-in drops no bricks."
            )
        volume, axis = query.dropped()
        if not visible.volumes((volume,)):
            return flask.jsonify(bricks=0, bytes=0)  # as for a volume that is not in the cache
        dropped = cache_contents.drop(services.bricks, services.brick_trace, volume, axis)
        return flask.jsonify(bricks=dropped.bricks, bytes=dropped.bytes)


def _may_drop(services: Services) -> bool:
    """Whether the person of the request may remove bricks: not just anybody who reaches the server."""
    settings = services.settings
    return (settings.loopback or settings.asks_sign_in) and current().may(Scope.WARM)
