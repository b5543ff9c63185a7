"""How a viewer's new positions continue its trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.prefetch import planner
from dashboard.prefetch.planner import Position

if TYPE_CHECKING:
    from dashboard.prefetch.viewer_plan import ViewerPlan


def extended(
    old: ViewerPlan | None, new: ViewerPlan, painted_before: Sequence[Position] | None
) -> ViewerPlan:
    """The new positions added to the old trajectory, where they continue that.

    A page reports what it painted up to 0.3 s later, and meanwhile the viewer may have requested slices farther
    on. A reported position that was passed on the way there (`_passed`) is inserted where the viewer passed it,
    so that it is no reversal; every other position is the newest.
    """
    if old is None or not new.continues(old):
        return new
    sample = new.trajectory[-1]
    last_request_at = max(new.last_request_at, old.last_request_at)
    passed = 0 if painted_before is None else _passed(old, sample.position, painted_before)
    if passed:
        before, after = old.trajectory[-passed - 1], old.trajectory[-passed]
        way = _distance(before.position, after.position)
        share = min(1.0, _distance(before.position, sample.position) / way)
        sample = sample._replace(t=before.t + share * (after.t - before.t))
        known = (*old.trajectory[:-passed], sample, *old.trajectory[-passed:])
        seen = old.trajectory if sample.position == before.position else known
        return replace(
            old, last_request_at=last_request_at, trajectory=seen[-planner.MAX_SAMPLES :]
        )
    seen = old.trajectory
    for sample in new.trajectory:
        # Requests that two processes answer at nearly the same time may be recorded in the other order.
        at = max(sample.t, seen[-1].t)
        # A request for the same slice, with another contrast for instance, is no movement.
        if sample.position != seen[-1].position:
            seen = (*seen, sample._replace(t=at))
    return replace(new, last_request_at=last_request_at, trajectory=seen[-planner.MAX_SAMPLES :])


def _passed(old: ViewerPlan, position: Position, painted_before: Sequence[Position]) -> int:
    """Of how many newest samples a reported position was painted before; 0 if it is the newest itself.

    The samples in question are those farther on in the direction of the last step. The position was painted
    before them if the report moves in that direction, too; a report of this position alone says nothing of
    directions, so it has to lie between the last two samples. A report that has the newest sample before this
    position says itself that the viewer went back.
    """
    samples = old.trajectory
    if len(samples) < 2 or samples[-1].position in painted_before:
        return 0
    step = _difference(samples[-2].position, samples[-1].position)
    passed = 0
    for sample in reversed(samples):
        if _product(_difference(position, sample.position), step) <= 0:
            break
        passed += 1
    if passed == len(samples):
        return 0
    came_from = next((p for p in reversed(painted_before) if p != position), None)
    if came_from is None:
        is_late = passed == 1 and position != samples[-2].position
    else:
        is_late = _product(_difference(came_from, position), step) > 0
    return passed if is_late else 0


def _difference(start: Position, end: Position) -> Position:
    return tuple(b - a for a, b in zip(start, end, strict=True))


def _product(a: Position, b: Position) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _distance(start: Position, end: Position) -> int:
    return sum(map(abs, _difference(start, end)))
