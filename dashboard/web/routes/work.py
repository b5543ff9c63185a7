"""Routes by which pages report, steer prefetching, and see to the contents of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask

from dashboard import errors
from dashboard.bricks import contents as cache_contents
from dashboard.prefetch.exchange import AskedBrick
from dashboard.telemetry.browser_report import WellFormedReport
from dashboard.web import answers, bodies
from dashboard.web.node_token import is_from_node
from dashboard.web.operation import JSON, Returns, operation, returns
from dashboard.web.person import current, may_change_cache
from dashboard.web.visibility import Visibility

if TYPE_CHECKING:
    from dashboard.people.people_calls import PeopleCalls
    from dashboard.runtime.container import Services

NOTHING = Returns(text="It was done; there is no content.", status=204)


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""
    visible = Visibility(services)

    @api.post("/api/v1/telemetry")
    @operation(
        Returns(text="The report was taken; rows that do not count were left out.", status=204),
        body=WellFormedReport,
    )
    def telemetry() -> tuple[str, int]:
        """A page's report of the slices that it painted; no file is opened for it."""
        body, name = flask.request.get_data(), current().name
        services.activity.report(body, visible.sees, name)
        return "", 204

    @api.post("/api/v1/prefetch")
    @operation(NOTHING, body=bodies.Pause)
    def prefetch() -> tuple[str, int]:
        """Pauses prefetching for one viewer, or ends the pause."""
        if is_from_node(flask.request, services.settings):
            # What another machine has planned, and whose slices this one will be asked for.
            asked = bodies.body(AskedBrick)
            if services.bricks.existing([asked.key]):
                return "", 204
            if not services.asked.add(asked):
                raise errors.TooManyRequests("This machine is asked for too many bricks.")
            return "", 202
        pause = bodies.body(bodies.Pause)
        if not services.plans.pause(pause.viewer, pause.pause_s):
            raise errors.Busy("The pause could not be stored; try again.")
        return "", 204

    if services.people_calls is not None:
        _register_people(api, services, services.people_calls)

    @api.get("/api/v1/contents")
    @operation(returns(answers.CacheContents))
    def contents() -> flask.Response:
        """What is in the brick cache, by volume and axis."""
        groups = visible.contents(cache_contents.contents(services.bricks))
        bricks = [group._asdict() for group in groups]
        return flask.jsonify(contents=bricks, may_drop=may_change_cache(services.settings))

    @api.post("/api/v1/contents/drop")
    @operation(returns(answers.Dropped), body=bodies.DropRequest)
    def drop() -> flask.Response:
        """Removes the bricks of a volume, or of one of its axes, from the cache."""
        if not may_change_cache(services.settings):
            raise errors.Forbidden(
                "A server that everybody can reach without sign-in drops no bricks."
            )
        given = bodies.body(bodies.DropRequest)
        if not visible.volumes((given.volume,)):
            return flask.jsonify(bricks=0, bytes=0)  # as for a volume that is not in the cache
        dropped = cache_contents.drop(
            services.bricks, services.brick_trace, given.volume, given.axis
        )
        return flask.jsonify(bricks=dropped.bricks, bytes=dropped.bytes)


def _register_people(api: flask.Blueprint, services: Services, calls: PeopleCalls) -> None:
    """Add the route by which other machines use the people file of this one."""

    @api.post("/api/v1/people")
    @operation(returns(dict[str, Any]))
    def people() -> flask.Response:
        """What another machine of the service asks of the people file, which this one has."""
        if not is_from_node(flask.request, services.settings):
            raise errors.Unauthorized("This is for the machines of this service.")
        return flask.Response(calls.answer(flask.request.get_data()), content_type=JSON)
