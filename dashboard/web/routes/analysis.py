"""Routes about figures of slices: histograms, line profiles, statistics of regions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from math import isfinite
from typing import TYPE_CHECKING, Any

import flask

from dashboard import errors
from dashboard.addressing.requester import SCRIPT, Requester
from dashboard.addressing.selection import Selection
from dashboard.analysis.interpretation import Interpretation
from dashboard.analysis.physical import VoxelSize
from dashboard.web import analysis_query, headers, query
from dashboard.web.analysis_answers import HistogramCounts, LineProfile, RegionStatistics
from dashboard.web.operation import operation, returns
from dashboard.web.parameters import Parameter
from dashboard.web.quotas import charged
from dashboard.web.visibility import Visibility
from dashboard.web.volumes import FILE_ERRORS, again_if_changed, packing_of, volume_of

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

Compute = Callable[["Services", Interpretation], Any]


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""
    visible = Visibility(services)

    def figures(
        path: str, answer: Any, parameters: tuple[Parameter, ...], compute: Compute
    ) -> None:
        """Add the route of `compute`, whose result is JSON; it is called again if the file changed meanwhile."""

        @wraps(compute)
        def route() -> flask.Response:
            found = again_if_changed(lambda: compute(services, _source(services, visible)))
            response = flask.jsonify(found)
            response.headers["Cache-Control"] = "no-store"
            return response

        answers = returns(answer, headers=headers.VOLUME)
        described = operation(answers, parameters=parameters, errors=FILE_ERRORS)(route)
        api.get(path)(described)

    figures("/api/v1/histogram", HistogramCounts, analysis_query.HISTOGRAM, histogram)
    figures("/api/v1/profile", LineProfile, analysis_query.PROFILE, profile)
    figures("/api/v1/region", RegionStatistics, analysis_query.REGION, region)


def _source(services: Services, visible: Visibility) -> Interpretation:
    volume = volume_of(services, visible)
    return Interpretation(volume, query.PART.value(), packing_of(services, volume))


def _projected(source: Interpretation, chosen: Selection) -> Interpretation:
    """The source with the projection of the slices around a selection, where one is asked for."""
    found = query.projection(source.volume, chosen)
    return dataclasses.replace(source, projection=found)


def _requester(services: Services) -> Requester:
    """Who asks: a script, whose decoding the person is charged for."""
    return charged(SCRIPT, services.quotas)


def _voxel_size(services: Services, source: Interpretation, chosen: Selection) -> VoxelSize:
    with suppress(errors.LamellaError):  # The figures are returned whatever else can be read.
        return VoxelSize.of(services.nodes.meaning(source.volume), chosen)
    return VoxelSize()


def histogram(services: Services, source: Interpretation) -> HistogramCounts:
    """The histogram of a slice, of a region on it, or of a volume as far as it is cached."""
    bins, range_ = (
        analysis_query.BINS.value() or analysis_query.DEFAULT_BINS,
        analysis_query.value_range(),
    )
    shape = analysis_query.shape_of_histogram()
    if analysis_query.EXTENT.value() is analysis_query.Extent.VOLUME:
        if query.PROJECT.given() is not None:
            raise errors.BadRequest("A projection is one of slices: leave it out for the volume.")
        found = services.volume_histograms.histogram(source, bins, range_)
    else:
        chosen = analysis_query.slice_of_histogram(source.volume)
        source = _projected(source, chosen)
        requester = _requester(services)
        found = services.analyzer.histogram(source, chosen, bins, range_, requester, shape)
    return {
        "counts": found.counts.tolist(),
        "edges": found.edges.tolist(),
        "below": found.below,
        "above": found.above,
        "n": found.n,
        "missing": found.missing,
        "min": found.low,
        "max": found.high,
        "seen": found.seen,
    }


def profile(services: Services, source: Interpretation) -> LineProfile:
    """The values along a line on a slice, as the mean or the sum across its width."""
    chosen, line = query.chosen_slice(source.volume), analysis_query.line()
    source, reduce = _projected(source, chosen), analysis_query.REDUCE.value()
    values = services.analyzer.profile(source, chosen, line, reduce, _requester(services))
    length, unit = _voxel_size(services, source, chosen).distance(
        line.end[0] - line.start[0], line.end[1] - line.start[1]
    )
    return {
        "values": [value if isfinite(value) else None for value in values.tolist()],
        "positions": line.positions(length).tolist(),
        "unit": unit,
        "voxels": line.positions(line.length).tolist(),
    }


def region(services: Services, source: Interpretation) -> dict[str, Any]:
    """Statistics and area of a rectangle, an ellipse or a polygon on a slice."""
    chosen, shape = query.chosen_slice(source.volume), analysis_query.shape()
    source = _projected(source, chosen)
    found = services.analyzer.region(source, chosen, shape, _requester(services))
    area, unit = _voxel_size(services, source, chosen).area(found.voxels)
    return {**dataclasses.asdict(found.statistics), "area": area, "area_unit": unit}
