"""The reason of a viewer's miss, from the history of the brick and from the viewer's plan."""

from __future__ import annotations

import logging
from typing import Final

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Reason
from dashboard.bricks.history import BrickHistory
from dashboard.bulkhead import Bulkhead
from dashboard.catalog.volume import Volume
from dashboard.prefetch import planner
from dashboard.prefetch.plan_resolver import PlanResolver
from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.viewer_plan import ViewerPlan, planes_name

log = logging.getLogger(__name__)

DEPARTURES: Final = {
    "jumped": Reason.JUMPED,
    "turned": Reason.TURNED,
    None: Reason.UNPLANNED,
}


class MissReasons:
    """Says why a brick that a viewer demands is not in the cache.

    A viewer's demand is recorded after its response, so its plan is still the one that was made before.
    """

    def __init__(self, history: BrickHistory, plans: PlanStore, resolver: PlanResolver) -> None:
        self._history = history
        self._plans = plans
        self._resolver = resolver
        self._bulkhead = Bulkhead(log, pause_s=0.0)

    def reason(self, volume: Volume, address: BrickAddress, viewer: str) -> Reason:
        """The reason; what happened to the brick before comes first, then what was planned."""

        def found() -> Reason:
            return self._reason(volume, address, viewer)

        # A reason is no reason to fail a request.
        return self._bulkhead.run("Finding the reason of a miss", found, Reason.FIRST)

    def _reason(self, volume: Volume, address: BrickAddress, viewer: str) -> Reason:
        past = self._history.of(address)
        if past is not None:
            reason = past.reason(address)
            if reason is Reason.EVICTED:
                log.debug(
                    "a brick is missing that left the cache at %.0f, %d bytes ago",
                    past.at,
                    self._history.evicted_since(past),
                )
            return reason
        if self._plans.is_in_flight(address.key):
            return Reason.LATE
        plan = self._plan_for(volume, address, viewer)
        if plan is None:
            return Reason.FIRST
        # Without bricks, prefetching is off: for all viewers, or paused by this one.
        if not plan.bricks or not self._plans.worker_is_alive():
            return Reason.UNPLANNED
        if address.key in self._resolver.keys_of(plan):
            return Reason.LATE
        target = tuple(
            min(max(at, address.start[dim]), address.stop[dim] - 1)
            for dim, at in zip(_fixed(address), plan.position, strict=True)
        )
        return DEPARTURES[planner.departure(plan.trajectory, target, plan.geometry)]

    def _plan_for(self, volume: Volume, address: BrickAddress, viewer: str) -> ViewerPlan | None:
        """The viewer's plan for these planes: of its main picture, or of one beside it."""
        named = volume.address
        beside = planes_name(named.file, named.dataset, (address.rows, address.cols))
        plans = map(self._plans.plan_of, (viewer, f"{viewer}+{beside}"))
        return next((plan for plan in plans if plan and _is_for(plan, volume, address)), None)


def _fixed(address: BrickAddress) -> list[int]:
    return [dim for dim in range(len(address.start)) if dim not in (address.rows, address.cols)]


def _is_for(plan: ViewerPlan, volume: Volume, address: BrickAddress) -> bool:
    """Whether a plan is for the volume in the state of the address, and for its planes."""
    named = volume.address
    return (
        (plan.file, plan.dataset) == (named.file, named.dataset)
        and plan.fingerprint == tuple(named.fingerprint.as_list())
        and plan.plane == (address.rows, address.cols)
    )
