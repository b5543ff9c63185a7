"""What becomes of bricks that were decoded ahead: used, wasted by a cause, or undecided.

A brick is *used* from its first demand by a viewer on (`bricks/loader.py`). It is *wasted* when it has been in no
viewer's plan for `GRACE_S` without a demand; the cause is what its viewer did between the last plan that had the
brick and the first one that did not:

- `left`: the viewer's plan expired, is paused, or is for another volume;
- `jumped`: the viewer changed the axis, or moved by more than two bricks that were no continuation;
- `turned`: the viewer reversed its direction;
- `too_deep`: the viewer moved on, or came to rest; the plan shrank, or had passed the brick.

Where a movement has several of them, the first counts. A brick for another axis is in the plan for as long as its
viewer is in the volume. A brick that is evicted while it is planned or undecided is wasted as `evicted`, and one
that is removed from the cache by hand as `dropped` (`bricks/store.py`). All others are *undecided*; those of a
worker that has ended stay so until they are used or leave the cache.

The decision is in the brick's usage record, so it is made once by all processes. A wasted brick that is used later
is used, and no longer wasted: it is counted as recovered, since counters of `/metrics` must not decrease.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cachetools import FIFOCache

from dashboard.addressing.outcomes import Waste
from dashboard.bulkhead import Bulkhead
from dashboard.prefetch import planner
from dashboard.prefetch.viewer_plan import ViewerPlan

log = logging.getLogger(__name__)

# A plan that shrinks with each rest and grows with each step decides nothing.
GRACE_S: Final = 10.0
# All plans are resolved then, also those of viewers of other machines.
REVIEW_S: Final = 5.0
MAX_BRICKS: Final = 10_000

_DEPARTURES: Final = {"jumped": Waste.JUMPED, "turned": Waste.TURNED}


@dataclass(slots=True)
class _Undecided:
    """A brick: the last plan with it, whether it is for another axis, and since when (s) and why none has it."""

    plan: ViewerPlan
    other_axis: bool
    dropped: tuple[float, Waste] | None = None


class BrickFates:
    """Decides which bricks of this worker are wasted.

    `waste` records a decision for a brick's key, unless the brick was used; `keys_of` returns the keys of a plan's
    bricks, `plans` those of all viewers as of now; `clock` gives monotonic time (s).
    """

    def __init__(
        self,
        waste: Callable[[str, Waste], object],
        keys_of: Callable[[ViewerPlan], Collection[str]],
        plans: Callable[[], Sequence[ViewerPlan]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waste = waste
        self._keys_of = keys_of
        self._plans = plans
        self.clock = clock
        self._lock = threading.Lock()
        self._bulkhead = Bulkhead(log, pause_s=0.0)
        self._undecided: FIFOCache[str, _Undecided] = FIFOCache(MAX_BRICKS)
        self._reviewed_at = -math.inf

    def decoded(self, key: str, plan: ViewerPlan | None) -> None:
        """A brick was decoded ahead for a plan, as it was before."""
        if plan is not None:
            with self._lock:
                self._undecided[key] = _Undecided(plan, key not in self._keys(plan))

    def review(self) -> None:
        """Decide what can be decided now; at most once in `REVIEW_S`."""
        now = self.clock()
        with self._lock:
            if not self._undecided or now - self._reviewed_at < REVIEW_S:
                return
            self._reviewed_at = now
            decided = self._decide(now, {plan.name: plan for plan in self._plans()})
        for key, cause in decided:
            self._bulkhead.run("Deciding on a brick", partial(self._waste, key, cause), None)

    def _decide(self, now: float, plans: Mapping[str, ViewerPlan]) -> list[tuple[str, Waste]]:
        """Remove the bricks that are wasted; their keys and causes."""
        planned: dict[str, ViewerPlan] = {}
        left = dict(self._undecided.items())
        # Most are still in the plan that they were decoded for. Of several machines, most plans are for volumes
        # whose bricks others decode.
        names = {brick.plan.name for brick in left.values()}
        for of_others in (False, True):
            volumes = {_volume(brick.plan) for brick in left.values()}
            for name, plan in plans.items():
                if (name not in names) is of_others and _volume(plan) in volumes:
                    for key in left.keys() & self._keys(plan):
                        planned[key] = plan
                        del left[key]
        decided: list[tuple[str, Waste]] = []
        for key, brick in list(self._undecided.items()):
            current = plans.get(brick.plan.name)
            if key in planned:
                brick.plan, brick.other_axis = planned[key], False
                brick.dropped = None
            elif brick.other_axis and current is not None and _same_volume(current, brick.plan):
                brick.plan, brick.dropped = current, None
            else:
                brick.dropped = brick.dropped or (now, cause_of_waste(brick.plan, current))
                since, cause = brick.dropped
                if now - since >= GRACE_S:
                    del self._undecided[key]
                    decided.append((key, cause))
        return decided

    def _keys(self, plan: ViewerPlan) -> Collection[str]:
        name = f"Resolving the plan of viewer {plan.name}"
        return self._bulkhead.run(name, partial(self._keys_of, plan), frozenset())


def cause_of_waste(before: ViewerPlan, now: ViewerPlan | None) -> Waste:
    """Why a brick of the plan `before` is in no plan, whose viewer has the plan `now`."""
    if now is None or not _same_volume(now, before):
        return Waste.LEFT
    if not now.continues(before):
        return Waste.JUMPED
    samples = now.trajectory
    for number in range(1, len(samples)):
        if samples[number].t > before.trajectory[-1].t:
            went = planner.departure(samples[:number], samples[number].position, now.geometry)
            if went is not None:
                return _DEPARTURES[went]
    return Waste.TOO_DEEP


def _volume(plan: ViewerPlan) -> tuple[object, ...]:
    return plan.file, plan.dataset, plan.fingerprint


def _same_volume(one: ViewerPlan, other: ViewerPlan) -> bool:
    return _volume(one) == _volume(other)
