"""How far ahead of each viewer slices are cached, planned and being decoded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from typing_extensions import TypedDict

from dashboard.addressing import selection
from dashboard.bulkhead import Bulkhead
from dashboard.prefetch.plan_resolver import ResolvedPlan
from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.residency import Ranges, Residency
from dashboard.prefetch.viewer_plan import ViewerPlan
from dashboard.telemetry.groups import volume_name

log = logging.getLogger(__name__)

# Viewers in one list, those that were active last.
MAX_VIEWERS: Final = 16


class Horizon(TypedDict):
    """A viewer at `index` of `length` slices across `axis`, and how long ago it requested one (s).

    `planned` and `in_flight` are numbers of bricks that are not cached yet; `cached`, `ahead` and `coming` are
    as in `Residency.ranges`.
    """

    viewer: str
    volume: str
    axis: int
    index: int
    length: int
    state: str
    idle_s: float
    planned: int
    in_flight: int
    cached: Ranges
    ahead: Ranges
    coming: Ranges


class Horizons:
    """Lists the horizons of all viewers with a plan; `resolve` finds the bricks of a plan, None for none."""

    def __init__(
        self,
        plans: PlanStore,
        resolve: Callable[[ViewerPlan], ResolvedPlan | None],
        residency: Residency,
    ) -> None:
        self._plans = plans
        self._resolve = resolve
        self._residency = residency
        self._bulkhead = Bulkhead(log)

    def current(self, shown: Callable[[ViewerPlan], bool] = lambda _: True) -> list[Horizon]:
        """The viewers that were active last, of the `shown` ones; one whose volume cannot be read is left out."""
        admitted = filter(shown, self._plans.plans())
        plans = sorted(admitted, key=lambda plan: -plan.last_request_at)[:MAX_VIEWERS]
        in_flight = self._plans.in_flight()
        found = [
            self._bulkhead.run(
                f"The horizon of viewer {plan.viewer}",
                lambda plan=plan: self._horizon(plan, in_flight),  # type: ignore[misc]
                None,
            )
            for plan in plans
        ]
        return [one for one in found if one is not None]

    def _horizon(self, plan: ViewerPlan, in_flight: frozenset[str]) -> Horizon | None:
        resolved = self._resolve(plan)
        if resolved is None or not plan.position:
            return None
        volume = resolved.volume
        chosen = selection.parse(plan.selection, volume.shape)
        moved = plan.last_moved_axis
        axis = sorted(chosen.fixed)[moved]
        ranges = self._residency.ranges(volume, chosen, axis)
        return {
            "viewer": plan.viewer,
            "volume": volume_name(plan.file, plan.dataset),
            "axis": axis,
            "index": plan.position[moved],
            "length": volume.shape[axis],
            "state": plan.state,
            "idle_s": round(max(0.0, self._plans.clock() - plan.last_request_at), 1),
            "planned": len(self._residency.missing(resolved.keys)),
            "in_flight": len(resolved.keys & in_flight),
            "cached": ranges["cached"],
            "ahead": ranges["ahead"],
            "coming": ranges["coming"],
        }
