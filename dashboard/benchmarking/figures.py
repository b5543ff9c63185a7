"""Statistics of a played trace. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

from dashboard.addressing.outcomes import Outcome
from dashboard.benchmarking.player import TraceSample
from dashboard.benchmarking.traces import Trace
from dashboard.benchmarking.volume import DatasetInfo
from dashboard.telemetry.stages import OUTCOMES

OK = 200


class Spread(TypedDict):
    """Order statistics of repeated measurements, in their unit."""

    count: int
    p50: float
    p95: float
    max: float
    mean: float


class BeyondFirstBrick(TypedDict):
    """Slices outside of each viewer's first brick, and the share of them (0…1) that was no miss."""

    slices: int
    not_missed: float | None


class TraceFigures(TypedDict):
    """The statistics of one trace; shares (0…1) are relative to the slices that were answered, times in ms.

    `beyond_first_brick` leaves out each viewer's first brick, which cannot have been prefetched.
    `latest_after_first_ms` is the lateness of the latest slice, except each viewer's first one.
    """

    trace: str
    what: str
    viewers: int
    slices: int
    answered: int
    failed: int
    not_asked_for: int
    bricks: int
    outcomes: dict[str, float | None]
    beyond_first_brick: BeyondFirstBrick
    client_ms: Spread | None
    server_ms: Spread | None
    latest_after_first_ms: float | None


def spread(values: Iterable[float]) -> Spread | None:
    """The statistics of `values`; None if there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    return {
        "count": len(ordered),
        "p50": quantile(ordered, 0.50),
        "p95": quantile(ordered, 0.95),
        "max": ordered[-1],
        "mean": sum(ordered) / len(ordered),
    }


def quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile of sorted values, linearly interpolated."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def figures(trace: Trace, volume: DatasetInfo, seen: Sequence[TraceSample]) -> TraceFigures:
    """The statistics of one trace."""
    answered = [one for one in seen if one.status == OK]
    first = {one.viewer: _brick(volume, one) for one in seen if one.number == 0}
    beyond = [one for one in answered if _brick(volume, one) != first[one.viewer]]
    after = [one.late_ms for one in seen if one.number > 0 and one.late_ms is not None]
    return {
        "trace": trace.name,
        "what": trace.what,
        "viewers": len(trace.viewers),
        "slices": len(seen),
        "answered": len(answered),
        "failed": sum(one.status != OK and one.late_ms is not None for one in seen),
        "not_asked_for": sum(one.late_ms is None for one in seen),
        "bricks": len({(one.viewer, _brick(volume, one)) for one in seen}),
        "outcomes": shares(answered),
        "beyond_first_brick": {
            "slices": len(beyond),
            "not_missed": _share(sum(one.outcome != Outcome.MISS for one in beyond), len(beyond)),
        },
        "client_ms": spread(one.late_ms for one in answered if one.late_ms is not None),
        "server_ms": spread(one.total_ms for one in answered),
        "latest_after_first_ms": max(after, default=None),
    }


def shares(answered: Sequence[TraceSample]) -> dict[str, float | None]:
    """The share of each outcome that a client of the HTTP interface can observe."""
    counts = Counter(one.outcome for one in answered)
    return {
        outcome: _share(counts[outcome], len(answered))
        for outcome in OUTCOMES
        if outcome is not Outcome.RING
    }


def speedup(plain: Spread | None, client: Spread | None) -> float | None:
    """Mean time of plain h5py for a slice, divided by the mean time of the server."""
    return plain["mean"] / client["mean"] if plain and client and client["mean"] else None


def _brick(volume: DatasetInfo, seen: TraceSample) -> tuple[int, int]:
    return seen.step.axis, seen.step.index // volume.thickness(seen.step.axis)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
