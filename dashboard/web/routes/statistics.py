"""Routes about what happened: sums, series, single slices, horizons, metrics."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import flask

from dashboard import errors
from dashboard.telemetry import prometheus
from dashboard.telemetry.history import DAY_S
from dashboard.telemetry.series import as_csv, as_json
from dashboard.telemetry.served import as_json as slice_json
from dashboard.telemetry.slice_rows import SLOWEST
from dashboard.telemetry.summaries import Snapshot
from dashboard.web import answers, query
from dashboard.web.operation import JSON, Returns, operation, returns
from dashboard.web.visibility import Visibility

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

# Time span of a series, unless one is given.
DEFAULT_SPAN_S = 300.0
CSV = "text/csv; charset=utf-8"


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""
    visible = Visibility(services)

    @api.get("/api/v1/stats")
    @operation(
        returns(Snapshot),
        parameters=(query.SECONDS, query.FROM, query.TO, query.BY, query.OWN_VIEWER),
    )
    def stats() -> flask.Response:
        """Statistics of the last `window` seconds (300 by default), of `all` time, or between two times."""
        by = query.breakdown()
        if not query.has_time_span():
            found = services.stats.snapshot(query.window_seconds(), by)
        else:
            found = services.stats.snapshot_between(*query.time_span(DEFAULT_SPAN_S), by)
        return flask.jsonify(visible.snapshot(found))

    @api.get("/api/v1/stats/series")
    @operation(
        Returns({JSON: answers.SeriesOverTime, CSV: str}),
        parameters=(
            *(query.FROM, query.TO, query.STEP, query.BY),
            *(query.TEXT_FORMAT, query.HISTOGRAM, query.OWN_VIEWER),
        ),
    )
    def series() -> flask.Response:
        """Statistics over time, step by step, as JSON or CSV."""
        start, end = query.time_span(DEFAULT_SPAN_S)
        step, form = query.STEP.value(), query.TEXT_FORMAT.value()
        histogram = query.HISTOGRAM.value()
        found = visible.series(services.stats.between(start, end, step, query.breakdown()))
        if form is query.TextFormat.CSV:
            return flask.Response(as_csv(found, histogram), content_type=CSV)
        starts = services.starts.between(found.times[0], found.times[-1] + found.step_s)
        return flask.jsonify(
            as_json(found, histogram) | {"starts": [one.model_dump() for one in starts]}
        )

    @api.get("/api/v1/slow")
    @operation(
        returns(answers.SingleSlices),
        parameters=(query.FROM, query.TO, query.MOST, query.ORDER, query.OWN_VIEWER),
    )
    def slow() -> flask.Response:
        """The slowest or latest slices of a time span, the last day by default, each with its stages and bytes."""
        start, end = query.time_span(DAY_S)
        most, order = query.MOST.value() or SLOWEST, query.ORDER.value()
        # Cut after what is hidden is left out.
        cut = most if visible.everything else sys.maxsize
        start, end, found = services.slices.between(start, end, cut, order)
        listed = [slice_json(served, page) for served, page in visible.slices(found)[:most]]
        return flask.jsonify({"from": start, "to": end, "slices": listed})

    @api.get("/api/v1/horizons")
    @operation(returns(answers.Horizons), parameters=(query.OWN_VIEWER,))
    def horizons() -> flask.Response:
        """How far ahead of each viewer slices are cached, planned and being decoded."""
        if not services.stats.keeps_viewers:
            raise errors.BadRequest("This server says nothing about single viewers.")
        return flask.jsonify(viewers=services.horizons.current(visible.plan))

    @api.get("/metrics")
    @operation(Returns({prometheus.CONTENT_TYPE: str}))
    def metrics() -> flask.Response:
        """The same statistics for Prometheus."""
        body, content_type = prometheus.exposition(services.stats)
        return flask.Response(body, content_type=content_type)
