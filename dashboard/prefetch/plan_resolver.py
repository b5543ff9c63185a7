"""Resolution of a viewer's plan to brick addresses, as long as its file has the planned fingerprint."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Final

from cachetools import LRUCache

from dashboard.addressing import selection
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.selection import Selection, Span
from dashboard.bulkhead import Bulkhead
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.prefetch.plan_store import MAX_PLANS, PlanStore
from dashboard.prefetch.planner import PlannedBrick, Position
from dashboard.prefetch.viewer_plan import ViewerPlan

log = logging.getLogger(__name__)

# Planes of volumes, and positions in each, whose bricks are kept: most of a plan's were in that of the last slice.
MAX_KEPT: Final = 32
MAX_POSITIONS: Final = 2048
# Share of the budget for the bricks that an idle viewer would need after changing the axis.
OTHER_AXES_SHARE: Final = 0.5

Entry = tuple[PlannedBrick, list[BrickAddress]]


@dataclass(frozen=True, slots=True)
class ResolvedPlan:
    """The entries of a plan, each with its bricks, in the version of the volume that the plan was made for."""

    plan: ViewerPlan
    volume: Volume
    entries: tuple[Entry, ...]
    keys: frozenset[str]


class PlanResolver:
    """Turns entries of plans into brick addresses, once for each plan and version of its volume.

    A plan that disagrees with its volume is not resolved: the file was replaced, or the row was written by
    something else. `budget_bytes` bounds the decoded bytes planned for one viewer.
    """

    def __init__(self, metadata: MetadataService, plans: PlanStore, budget_bytes: int) -> None:
        self._metadata = metadata
        self._plans = plans
        self._budget = budget_bytes
        self._bulkhead = Bulkhead(log)
        # By the plan's name. A plan store returns the same object until the plan is replaced.
        self._resolved: LRUCache[str, ResolvedPlan] = LRUCache(MAX_PLANS)
        # By the planes of a volume, and by the numbers of bricks along the other dimensions.
        self._kept: LRUCache[object, dict[Position, list[BrickAddress]]] = LRUCache(MAX_KEPT)
        self._lock, self._naming = threading.Lock(), threading.Lock()

    def resolve(self, plan: ViewerPlan) -> ResolvedPlan | None:
        """The bricks of a plan; None when it disagrees with its volume. Raises the error of the file, if any."""
        volume = self._current(plan)
        return None if volume is None else self._resolve(plan, volume)

    def other_axis_bricks(self, resolved: ResolvedPlan) -> list[BrickAddress]:
        """The bricks of an idle viewer's position for slices across the other axes."""
        plan, volume = resolved.plan, resolved.volume
        chosen = _selected_entries(volume, plan)
        if chosen is None or not chosen.fixed:
            return []
        moved = sorted(chosen.fixed)[plan.last_moved_axis]
        bricks: list[BrickAddress] = []
        for dim in chosen.plane:
            items = list(chosen.items)
            span = chosen.items[dim]
            assert isinstance(span, Span)
            items[dim] = (span.start + span.stop) // 2
            items[moved] = Span(0, volume.shape[moved])
            other = Selection(tuple(items))
            if not volume.reads_planes_directly(other):
                bricks.extend(volume.bricks(other))
        size = sum(map(volume.grid.decoded_bytes, bricks))
        return bricks if size <= self._budget * OTHER_AXES_SHARE else []

    def planned_keys(self) -> Collection[str]:
        """Keys of the bricks that are planned or being decoded.

        Eviction calls this with the store locked, so no HDF5 worker is called, and an error in one plan omits
        the bricks of that plan alone.
        """
        keys: set[str] = set(self._plans.in_flight())
        for plan in self._plans.plans():
            name = f"Resolving the plan of viewer {plan.name}"
            keys |= self._bulkhead.run(name, partial(self.keys_of, plan), frozenset())
        return keys

    def keys_of(self, plan: ViewerPlan) -> frozenset[str]:
        """Keys of the bricks of one plan; empty while its volume is not known to this process."""
        with self._lock:
            resolved = self._resolved.get(plan.name)
        # Bricks of a growing file get other keys when it grows, with the same plan.
        if resolved is None or resolved.plan is not plan or resolved.volume.swmr_index is not None:
            volume = self._known(plan, resolved)
            resolved = None if volume is None else self._resolve(plan, volume)
        return frozenset() if resolved is None else resolved.keys

    def _known(self, plan: ViewerPlan, before: ResolvedPlan | None) -> Volume | None:
        """The plan's volume, that of the plan before where it is the same; None while it is not known here."""
        if (
            before is not None
            and before.volume.swmr_index is None
            and before.volume.address.dataset == plan.dataset
            and before.volume.address.file == plan.file
            and _is_state(before.volume, plan)
        ):
            return before.volume
        known = self._metadata.known(plan.file, plan.dataset)
        return next((volume for volume in known if _is_state(volume, plan)), None)

    def _resolve(self, plan: ViewerPlan, volume: Volume) -> ResolvedPlan | None:
        with self._lock:
            resolved = self._resolved.get(plan.name)
        if resolved is None or resolved.plan is not plan or resolved.volume is not volume:
            with self._naming:
                entries = self._entries(volume, plan)
            if entries is None:
                return None
            keys = frozenset(brick.key for _, bricks in entries for brick in bricks)
            resolved = ResolvedPlan(plan, volume, tuple(entries), keys)
            with self._lock:
                self._resolved[plan.name] = resolved
        return resolved

    def _entries(self, volume: Volume, plan: ViewerPlan) -> list[Entry] | None:
        chosen = _selected_entries(volume, plan)
        if chosen is None:
            return None
        dims = sorted(chosen.fixed)
        # Of the volume: a plan's own may be anything.
        shape = volume.grid.brick_shape(*chosen.plane)
        sides = [shape[dim] for dim in dims]
        planes = (volume.address.key, *chosen.plane, chosen.row_span, chosen.col_span)
        # Bricks of a growing file get other names with it.
        kept = {} if volume.swmr_index is not None else self._kept.setdefault(planes, {})
        if len(kept) > MAX_POSITIONS:
            kept.clear()
        entries: list[Entry] = []
        for entry in plan.bricks:
            numbers = tuple([at // side for at, side in zip(entry.position, sides, strict=True)])
            bricks = kept.get(numbers)
            if bricks is None:
                fixed = dict(zip(dims, entry.position, strict=True))
                items = tuple(fixed.get(dim, item) for dim, item in enumerate(chosen.items))
                kept[numbers] = bricks = volume.bricks(Selection(items))
            entries.append((entry, bricks))
        return entries

    def _current(self, plan: ViewerPlan) -> Volume | None:
        """The plan's volume; None when its file is in another state.

        The fingerprint is compared first: describing a file that replaced it may take seconds in an HDF5 worker
        and would delay prefetching for all viewers.
        """
        _, now = self._metadata.catalog.fingerprint(plan.file)
        if plan.fingerprint not in (tuple(now.as_list()), tuple(now.while_growing().as_list())):
            return None
        volume = self._metadata.volume(plan.file, plan.dataset)
        return volume if _is_state(volume, plan) else None


def _is_state(volume: Volume, plan: ViewerPlan) -> bool:
    return tuple(volume.address.fingerprint.as_list()) == plan.fingerprint


def _selected_entries(volume: Volume, plan: ViewerPlan) -> Selection | None:
    """The slice that the plan's viewer is at; None when the plan's geometry is not the volume's."""
    chosen = selection.parse(plan.selection, volume.shape)
    extent = tuple(volume.shape[dim] for dim in sorted(chosen.fixed))
    # A growing dataset may be longer by now.
    grown = volume.swmr_index is not None and len(extent) == len(plan.geometry.extent)
    fits = extent == plan.geometry.extent or (
        grown and all(now >= then for now, then in zip(extent, plan.geometry.extent, strict=True))
    )
    return chosen if fits and chosen.plane == plan.plane else None
