"""Warming: the bricks of a volume are decoded into the cache of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome
from dashboard.addressing.requester import WARMUP, Requester
from dashboard.bricks.coverage import Coverage
from dashboard.bricks.loader import LoadedBrick
from dashboard.catalog.volume import Volume
from dashboard.jobs.job import Warm
from dashboard.jobs.work import Plain
from dashboard.prefetch.plan_store import PlanStore


class WarmLoader(Protocol):
    """The part of `dashboard.bricks.loader.BrickLoader` that is needed here."""

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""

    def load(self, volume: Volume, address: BrickAddress, requester: Requester) -> LoadedBrick:
        """Ensure that the brick is in the cache."""


class Warming:
    """A slab is a brick; those that are cached are done. It stays on the machine whose cache it fills.

    `finish_volume` is called with the volume when all of its bricks are there.
    """

    is_portable = False

    def __init__(
        self,
        volume: Volume,
        what: Warm,
        loader: WarmLoader,
        plans: PlanStore,
        finish_volume: Callable[[Volume], object],
    ) -> None:
        self._volume = volume
        self._covered = Coverage(volume, what.fixed, what.start, what.stop, what.at)
        self._loader = loader
        self._plans = plans
        self._finish_volume = finish_volume

    def slabs(self) -> Iterator[Plain | None]:
        """The bricks, as `brick`."""
        for brick in self._covered:
            yield None if self._loader.has(brick) else {"brick": brick}

    def compute(self, slab: Plain) -> Plain:
        """Decode a brick."""
        brick = slab["brick"]
        self._plans.mark_in_flight(brick.key)
        try:
            loaded = self._loader.load(self._volume, brick, WARMUP)
        finally:
            self._plans.clear_in_flight(brick.key)
        return {"decoded": loaded.outcome is Outcome.MISS}

    def merge(self, result: Plain) -> None:
        """The brick is in the cache."""

    def keep(self) -> None:
        """The cache keeps it."""

    def finish(self) -> None:
        """See to what else the first slice needs."""
        self._finish_volume(self._volume)

    def close(self) -> None:
        """Nothing is open."""
