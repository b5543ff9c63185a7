"""The composition root: everything a process needs, put together from its settings."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from functools import partial as bind
from pathlib import Path
from typing import Literal

import flask

from dashboard.cache.bricks import BrickStore
from dashboard.cache.frames import Frames, make_cache
from dashboard.cache.pace import Paces
from dashboard.cache.supply import Supply, remove_stale_locks
from dashboard.prefetch.board import Board
from dashboard.prefetch.plan_resolver import PlanResolver
from dashboard.prefetch.residency import Residency
from dashboard.prefetch.worker import Worker
from dashboard.runtime.activity import Activity
from dashboard.runtime.cache_limits import (
    NOTES_BYTES,
    PLANS_BYTES,
    LimitFollower,
    brick_limit,
    facts_limit,
    frame_limit,
)
from dashboard.runtime.maintenance import Maintenance
from dashboard.settings import Settings
from dashboard.slices.mapped import MappedPlanes
from dashboard.slices.reader import Reader
from dashboard.slices.value import VoxelReader
from dashboard.slices.window import VolumeWindows
from dashboard.storage.disk import BytesCache, open_cache
from dashboard.storage.guard import Space, make_private, own_directory
from dashboard.storage.locks import Gate
from dashboard.storage.room import Room, UseLog
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.stats import Stats
from dashboard.volumes.catalog import Catalog, parse_roots
from dashboard.volumes.children import Children
from dashboard.volumes.decode import Decoder
from dashboard.volumes.library import Library

log = logging.getLogger(__name__)

LOCKS_OLD_S = 3600.0
SWEEP_EVERY_S = 60.0
HEARTBEAT_S = 10.0
WORKER_WAIT_S = 1.0
# A slice may lie in several bricks, and several viewers look at once.
OPEN_BRICKS = 32

Role = Literal["web", "worker", "cli"]


@dataclass
class Services:
    """What one process works with; made by `build_services`, ended by `close`."""

    settings: Settings
    role: Role
    catalog: Catalog
    library: Library
    children: Children
    decoder: Decoder
    bricks: BrickStore
    supply: Supply
    space: Space
    board: Board
    ledger: Ledger
    stats: Stats
    residency: Residency
    windows: VolumeWindows
    mapped: MappedPlanes
    voxels: VoxelReader
    frame_disk: BytesCache
    uses: list[UseLog]
    locks: Path
    resolver: PlanResolver
    maintenance: Maintenance
    _reader: Reader | None = None
    _frames: Frames | None = None
    _activity: Activity | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def reader(self) -> Reader:
        """Makes frames; there once `serve_frames` has been called."""
        assert self._reader is not None
        return self._reader

    @property
    def activity(self) -> Activity:
        """Notes what viewers did; there once `serve_frames` has been called."""
        assert self._activity is not None
        return self._activity

    def serve_frames(self, server: flask.Flask) -> None:
        """Put the frame cache behind `server` and make the reader."""
        room = Room(self.frame_disk, 0, self.locks / "frames.room")
        target = bind(frame_limit, self.settings, self.settings.cache_dir)
        limit = LimitFollower(room, target, bind(room.make, 0, may_take_protected=True))
        limit.follow()
        self.maintenance.add("Limiting the frame cache", limit.follow)
        cache = make_cache(server, self.frame_disk, room, self.space, self.ledger)
        uses: UseLog = server.extensions["cache"][cache].uses
        self.uses.append(uses)
        self.maintenance.add("Writing the access times of frames", uses.flush)
        self._frames = Frames(cache, self.ledger, self.frame_disk.totals, lambda: room.limit)
        self._reader = Reader(
            self.library,
            self.supply,
            self.mapped,
            self._frames,
            self.windows,
            self.settings.max_cells,
        )
        self._activity = Activity(
            self.library, self.board, self.ledger, self.supply, self._reader.record_demand
        )

    def start(self) -> None:
        """Start what runs beside the requests: the ledger, the use logs, the sweeps."""
        self.ledger.start()
        self.maintenance.start(self._stop)

    def warm(self) -> None:
        """Have a child ready before somebody waits for it."""
        threading.Thread(target=self.children.warm, name="warm", daemon=True).start()

    def worker(self) -> Worker:
        """The prefetch worker."""
        return Worker(
            self.board,
            self.resolver.bricks,
            self.supply,
            self.ledger,
            elsewhere=self.resolver.other_axis_bricks,
        )

    def degraded(self) -> str | None:
        """One sentence while the caches cannot be written, else None."""
        return self.space.degraded

    def checks(self) -> dict[str, bool]:
        """What readiness depends on. A full disk is none of it: slices are served uncached then."""
        beats = [
            process["heartbeat_s"]
            for process in self.stats.processes()
            if process["role"] == "worker"
        ]
        return {
            "roots": all(root.exists() for root in self.catalog.roots),
            "cache": self.settings.cache_dir.is_dir(),
            "worker": bool(beats) and min(beats) < HEARTBEAT_S,
        }

    def close(self) -> None:
        """Finish what is on its way and end the processes and threads."""
        self._stop.set()
        if self._activity is not None:
            self._activity.close()
        if self._frames is not None:
            self._frames.close()
        self.supply.close()
        self.decoder.close()
        self.children.close()
        for uses in self.uses:
            uses.flush()
        self.ledger.close()


def build_services(settings: Settings, role: Role) -> Services:
    """Put everything together; `SetupError` for a root or a cache directory that will not do."""
    catalog = Catalog(parse_roots(settings.data))
    home = own_directory(settings.cache_dir)
    locks = home / "locks"
    locks.mkdir(exist_ok=True, mode=0o700)
    ledger_disk = open_cache(home / "ledger")
    ledger = Ledger(ledger_disk, role)
    facts = open_cache(home / "facts")
    children = Children(
        catalog.beneath,
        home / "empty",
        count=settings.children if role == "web" else 1,
        memory_bytes=int(settings.child_memory_bytes),
        seconds=settings.child_seconds,
    )
    library = Library(
        catalog,
        children,
        facts,
        max_brick_bytes=int(settings.max_brick_bytes),
        max_chunk_bytes=int(settings.max_chunk_bytes),
    )
    brick_disk = open_cache(home / "bricks")
    brick_room = Room(brick_disk, 0, locks / "bricks.room")
    board_disk = open_cache(home / "board")
    board = Board(
        board_disk,
        plan_seconds=settings.plan_seconds,
        budget_bytes=int(settings.prefetch_bytes),
    )
    resolver = PlanResolver(library, board, int(settings.prefetch_bytes))
    bricks = BrickStore(
        brick_disk,
        brick_room,
        home / "partial",
        ledger,
        resolver.planned_keys,
        # The worker does not look at bricks once they are there.
        keep_open=OPEN_BRICKS if role == "web" else 0,
    )
    decoder = Decoder(library, settings.decode_threads)
    space = Space(home, int(settings.free_floor_bytes))
    supply = Supply(
        library,
        bricks,
        decoder,
        Gate(home / "demand.gate"),
        locks,
        space,
        ledger,
        Paces(facts),
        # A brick that another process decodes need not be decoded ahead: the worker goes on with the next one.
        min(WORKER_WAIT_S, settings.wait_seconds) if role == "worker" else settings.wait_seconds,
        # The worker lays bricks down as it decodes them: nobody waits for a plane of them.
        arena_bytes=2 * int(settings.max_brick_bytes) if role == "web" else 0,
    )
    frame_disk = open_cache(home / "frames")
    mapped = MappedPlanes(library, home / "mapped")
    limit = LimitFollower(brick_room, bind(brick_limit, settings, home), bricks.trim)
    limit.follow()
    tasks = _maintenance(bricks, frame_disk, home)
    tasks.add("Limiting the brick cache", limit.follow)
    for disk, target, name in (
        (facts, lambda _: facts_limit(brick_room.limit), "facts"),
        (board_disk, lambda _: PLANS_BYTES, "board"),
    ):
        room = Room(disk, 0, locks / f"{name}.room")
        evict = bind(room.make, 0, may_take_protected=True)
        tasks.add(f"Limiting the {name}", LimitFollower(room, target, evict).follow)
    tasks.add("Limiting the notes", bind(mapped.trim, NOTES_BYTES), SWEEP_EVERY_S)
    return Services(
        settings=settings,
        role=role,
        catalog=catalog,
        library=library,
        children=children,
        decoder=decoder,
        bricks=bricks,
        supply=supply,
        space=space,
        board=board,
        ledger=ledger,
        stats=Stats(ledger_disk),
        residency=Residency(bricks, resolver.planned_keys),
        windows=VolumeWindows(library, decoder),
        mapped=mapped,
        voxels=VoxelReader(library, bricks, settings.decode_threads),
        frame_disk=frame_disk,
        uses=[bricks.uses],
        locks=locks,
        resolver=resolver,
        maintenance=tasks,
    )


def _maintenance(bricks: BrickStore, frame_disk: BytesCache, home: Path) -> Maintenance:
    """What every process does once a second, and now and then."""
    tasks = Maintenance()
    tasks.add("Making a cache directory that was deleted", bind(own_directory, home))
    # Its children start in this one.
    tasks.add("Making a folder that was deleted", bind(make_private, home / "empty"))
    tasks.add("Writing the access times of bricks", bricks.uses.flush)
    tasks.add("Closing bricks that are no longer used", bricks.opened.tidy)
    tasks.add("Sweeping the brick cache", bricks.sweep, SWEEP_EVERY_S)
    tasks.add("Sweeping the frame cache", bind(frame_disk.sweep, 60.0), SWEEP_EVERY_S)
    tasks.add(
        "Removing stale locks", bind(remove_stale_locks, home / "locks", LOCKS_OLD_S), SWEEP_EVERY_S
    )
    return tasks
