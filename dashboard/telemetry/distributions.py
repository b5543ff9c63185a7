"""Distributions of times in the few buckets of `/metrics`, also step by step."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, Literal

from dashboard.telemetry.aggregates import BOUNDS, Histogram, Totals
from dashboard.telemetry.stages import OUTCOMES

# Upper bounds (s). Each is a boundary of the fine histograms, so that these counts are exact.
BUCKETS: Final = (
    *(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0),
)
# Names of the buckets, as Prometheus writes their bounds.
BUCKET_NAMES: Final = (*map(str, BUCKETS), "+Inf")

# The bucket of each fine one, the last of which has no bound.
_COARSE: Final = (*(bisect_left(BUCKETS, bound) for bound in BOUNDS), len(BUCKETS))

Times = Literal["server", "perceived"]
# Counts by step, by the upper bound of the bucket (s), by outcome.
Distribution = dict[str, dict[str, list[int]]]


def bucket_counts(fine: Histogram) -> dict[int, int]:
    """Counts by number of the bucket, of those that are not empty."""
    found: dict[int, int] = {}
    for bucket, n in fine.counts.items():
        coarse = _COARSE[bucket]
        found[coarse] = found.get(coarse, 0) + n
    return found


def distributions(totals: Sequence[Totals]) -> dict[Times, Distribution]:
    """Counts of whole slices in each step; buckets that are empty in all steps are omitted."""
    return {"server": _steps(totals, "server"), "perceived": _steps(totals, "perceived")}


def _steps(totals: Sequence[Totals], times: Times) -> Distribution:
    found: Distribution = {}
    for outcome in OUTCOMES:
        steps = [bucket_counts(getattr(t, times).get(outcome, Histogram())) for t in totals]
        occurring = sorted({bucket for step in steps for bucket in step})
        if occurring:
            found[str(outcome)] = {
                BUCKET_NAMES[bucket]: [step.get(bucket, 0) for step in steps]
                for bucket in occurring
            }
    return found
