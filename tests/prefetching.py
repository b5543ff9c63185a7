"""A simulated environment for the prefetch worker: a plan store, a cache that is a set, and a clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from dashboard.addressing.addresses import BrickAddress, Fingerprint, VolumeAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import Requester
from dashboard.catalog.volume import Volume
from dashboard.prefetch.plan_resolver import ResolvedPlan
from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.planner import Geometry
from dashboard.prefetch.viewer_plan import ViewerPlan
from dashboard.prefetch.worker import (
    Worker,
)
from dashboard.storage.rows import open_rows
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.statistics import Stats

CHUNK, PLANES = 68, 2160
BRICK_BYTES = 1000


class World:
    """A plan store, a cache that is a set, and a clock that advances while a brick is decoded."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_700_000_000.0
        self.board_store, self.ledger_store = (
            open_rows(folder / "board"),
            open_rows(folder / "ledger"),
        )
        self.board = PlanStore(
            self.board_store, plan_seconds=30.0, budget_bytes=8 * BRICK_BYTES, clock=self.clock
        )
        self.ledger = Ledger(self.ledger_store, "worker", self.clock)
        self.stats = Stats(self.ledger_store, self.clock)
        self.cached: set[str] = set()
        self.keeps = True
        self.is_quiet = True
        self.takes_s = 0.5
        self.decoded: list[tuple[str, int, Purpose]] = []
        self.probes = 0
        self.resolved = 0
        self.during: Callable[[BrickAddress], None] = lambda address: None
        self.worker = Worker(self.board, self.resolve, self, self.ledger, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def address(self, file: str, index: int) -> BrickAddress:
        volume = VolumeAddress(file, "/volume", Fingerprint(1, 2, 3, 4))
        start = index // CHUNK * CHUNK
        return BrickAddress(volume, 1, 2, (start, 0, 0), (min(start + CHUNK, PLANES), 1360, 1360))

    def resolve(self, plan: ViewerPlan) -> ResolvedPlan:
        self.resolved += 1
        entries = [
            (planned, [self.address(plan.file, planned.position[0])]) for planned in plan.bricks
        ]
        keys = frozenset(address.key for _, (address,) in entries)
        # The loader is a stand-in that reads no volume.
        return ResolvedPlan(plan, cast(Volume, None), tuple(entries), keys)

    def has(self, address: BrickAddress) -> bool:
        self.probes += 1
        return address.key in self.cached

    def no_demand_pending(self) -> bool:
        return self.is_quiet

    def load(self, volume: Volume, address: BrickAddress, requester: Requester) -> object:
        self.during(address)
        self.now += self.takes_s
        self.decoded.append((address.volume.file, address.start[0] // CHUNK, requester.purpose))
        if self.keeps:
            self.cached.add(address.key)
        return None

    def view(self, viewer: str, index: int) -> None:
        """Each viewer has a file of its own."""
        self.board.record_position(
            viewer=viewer,
            file=f"{viewer}.h5",
            dataset="/volume",
            fingerprint=[1, 2, 3, 4],
            selection=f"{index},:,:",
            plane=(1, 2),
            position=(index,),
            geometry=Geometry((PLANES,), (CHUNK,), BRICK_BYTES),
            decode_s=0.5,
        )

    def leaf(self, viewer: str, start: int, count: int, step: int = 1) -> int:
        for i in range(count):
            self.now += 1 / 30
            self.view(viewer, start + i * step)
        return start + (count - 1) * step

    def work(self, most: int = 100) -> list[int]:
        """Turns until the worker idles; the numbers of the bricks decoded."""
        before = len(self.decoded)
        for _ in range(most):
            if self.worker.run_once() > 0:
                break
        return [brick for _, brick, _ in self.decoded[before:]]

    def figures(self) -> tuple[int, int, int]:
        """(planned, in_flight, failed)"""
        self.now += 1
        self.ledger.flush()
        prefetch = self.stats.snapshot(None)["prefetch"]
        return prefetch["planned"], prefetch["in_flight"], prefetch["failed"]
