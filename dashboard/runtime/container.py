"""The composition root: everything a process needs, put together from its settings."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from functools import partial as bind
from pathlib import Path
from typing import Literal

import flask

from dashboard.bricks.loader import BrickLoader, remove_stale_locks
from dashboard.bricks.store import BrickStore
from dashboard.bricks.throughput import DecodeThroughput
from dashboard.catalog.metadata import MetadataService
from dashboard.decoding.decoder import Decoder
from dashboard.files.catalog import Catalog, parse_roots
from dashboard.frames.cache import FrameCache, make_cache
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.renderer import FrameRenderer
from dashboard.frames.voxel_value import VoxelReader
from dashboard.frames.window import VolumeWindows
from dashboard.hdf5.pool import Hdf5WorkerPool
from dashboard.prefetch.plan_resolver import PlanResolver
from dashboard.prefetch.plan_store import PlanStore
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
from dashboard.storage.bytes_cache import BytesCache, open_cache
from dashboard.storage.disk_space import DiskSpace, ensure_private_directory, make_private
from dashboard.storage.eviction import AccessLog, LruEvictor
from dashboard.storage.file_lock import DemandSignal
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.statistics import Stats

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
    metadata: MetadataService
    hdf5: Hdf5WorkerPool
    decoder: Decoder
    bricks: BrickStore
    loader: BrickLoader
    space: DiskSpace
    plans: PlanStore
    ledger: Ledger
    stats: Stats
    residency: Residency
    windows: VolumeWindows
    contiguous: ContiguousPlanes
    voxels: VoxelReader
    frame_disk: BytesCache
    access_logs: list[AccessLog]
    locks: Path
    resolver: PlanResolver
    maintenance: Maintenance
    _renderer: FrameRenderer | None = None
    _frames: FrameCache | None = None
    _activity: Activity | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def renderer(self) -> FrameRenderer:
        """Makes frames; there once `serve_frames` has been called."""
        assert self._renderer is not None
        return self._renderer

    @property
    def activity(self) -> Activity:
        """Notes what viewers did; there once `serve_frames` has been called."""
        assert self._activity is not None
        return self._activity

    def serve_frames(self, server: flask.Flask) -> None:
        """Put the frame cache behind `server` and make the reader."""
        room = LruEvictor(self.frame_disk, 0, self.locks / "frames.room")
        target = bind(frame_limit, self.settings, self.settings.cache_dir)
        limit = LimitFollower(room, target, bind(room.evict_for, 0, may_take_protected=True))
        limit.follow()
        self.maintenance.add("Limiting the frame cache", limit.follow)
        cache = make_cache(server, self.frame_disk, room, self.space, self.ledger)
        uses: AccessLog = server.extensions["cache"][cache].access_log
        self.access_logs.append(uses)
        self.maintenance.add("Writing the access times of frames", uses.flush)
        self._frames = FrameCache(cache, self.ledger, self.frame_disk.totals, lambda: room.limit)
        self._renderer = FrameRenderer(
            self.metadata,
            self.loader,
            self.contiguous,
            self._frames,
            self.windows,
            self.settings.max_cells,
        )
        self._activity = Activity(
            self.metadata, self.plans, self.ledger, self.loader, self._renderer.record_demand
        )

    def start(self) -> None:
        """Start what runs beside the requests: the ledger, the use logs, the sweeps."""
        self.ledger.start()
        self.maintenance.start(self._stop)

    def prestart(self) -> None:
        """Have a child ready before somebody waits for it."""
        threading.Thread(target=self.hdf5.prestart, name="warm", daemon=True).start()

    def worker(self) -> Worker:
        """The prefetch worker."""
        return Worker(
            self.plans,
            self.resolver.bricks,
            self.loader,
            self.ledger,
            elsewhere=self.resolver.other_axis_bricks,
        )

    def degraded(self) -> str | None:
        """One sentence while the caches cannot be written, else None."""
        return self.space.degraded_message

    def readiness(self) -> dict[str, bool]:
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
        self.loader.close()
        self.decoder.close()
        self.hdf5.close()
        for uses in self.access_logs:
            uses.flush()
        self.ledger.close()


def build_services(settings: Settings, role: Role) -> Services:
    """Put everything together; `SetupError` for a root or a cache directory that will not do."""
    catalog = Catalog(parse_roots(settings.data))
    home = ensure_private_directory(settings.cache_dir)
    locks = home / "locks"
    locks.mkdir(exist_ok=True, mode=0o700)
    ledger_disk = open_cache(home / "ledger")
    ledger = Ledger(ledger_disk, role)
    facts = open_cache(home / "facts")
    children = Hdf5WorkerPool(
        catalog.beneath,
        home / "empty",
        count=settings.children if role == "web" else 1,
        memory_bytes=int(settings.child_memory_bytes),
        seconds=settings.child_seconds,
    )
    library = MetadataService(
        catalog,
        children,
        facts,
        max_brick_bytes=int(settings.max_brick_bytes),
        max_chunk_bytes=int(settings.max_chunk_bytes),
    )
    brick_disk = open_cache(home / "bricks")
    brick_room = LruEvictor(brick_disk, 0, locks / "bricks.room")
    board_disk = open_cache(home / "board")
    board = PlanStore(
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
    space = DiskSpace(home, int(settings.free_floor_bytes))
    supply = BrickLoader(
        library,
        bricks,
        decoder,
        DemandSignal(home / "demand.gate"),
        locks,
        space,
        ledger,
        DecodeThroughput(facts),
        # A brick that another process decodes need not be decoded ahead: the worker goes on with the next one.
        min(WORKER_WAIT_S, settings.wait_seconds) if role == "worker" else settings.wait_seconds,
        # The worker lays bricks down as it decodes them: nobody waits for a plane of them.
        arena_bytes=2 * int(settings.max_brick_bytes) if role == "web" else 0,
    )
    frame_disk = open_cache(home / "frames")
    mapped = ContiguousPlanes(library, home / "mapped")
    limit = LimitFollower(brick_room, bind(brick_limit, settings, home), bricks.trim)
    limit.follow()
    tasks = _maintenance(bricks, frame_disk, home)
    tasks.add("Limiting the brick cache", limit.follow)
    for disk, target, name in (
        (facts, lambda _: facts_limit(brick_room.limit), "facts"),
        (board_disk, lambda _: PLANS_BYTES, "board"),
    ):
        room = LruEvictor(disk, 0, locks / f"{name}.room")
        evict = bind(room.evict_for, 0, may_take_protected=True)
        tasks.add(f"Limiting the {name}", LimitFollower(room, target, evict).follow)
    tasks.add("Limiting the notes", bind(mapped.trim, NOTES_BYTES), SWEEP_EVERY_S)
    return Services(
        settings=settings,
        role=role,
        catalog=catalog,
        metadata=library,
        hdf5=children,
        decoder=decoder,
        bricks=bricks,
        loader=supply,
        space=space,
        plans=board,
        ledger=ledger,
        stats=Stats(ledger_disk),
        residency=Residency(bricks, resolver.planned_keys),
        windows=VolumeWindows(library, decoder),
        contiguous=mapped,
        voxels=VoxelReader(library, bricks, settings.decode_threads),
        frame_disk=frame_disk,
        access_logs=[bricks.access_log],
        locks=locks,
        resolver=resolver,
        maintenance=tasks,
    )


def _maintenance(bricks: BrickStore, frame_disk: BytesCache, home: Path) -> Maintenance:
    """What every process does once a second, and now and then."""
    tasks = Maintenance()
    tasks.add("Making a cache directory that was deleted", bind(ensure_private_directory, home))
    # Its children start in this one.
    tasks.add("Making a folder that was deleted", bind(make_private, home / "empty"))
    tasks.add("Writing the access times of bricks", bricks.access_log.flush)
    tasks.add("Closing bricks that are no longer used", bricks.open_handles.evict_idle)
    tasks.add("Sweeping the brick cache", bricks.sweep, SWEEP_EVERY_S)
    tasks.add("Sweeping the frame cache", bind(frame_disk.remove_orphans, 60.0), SWEEP_EVERY_S)
    tasks.add(
        "Removing stale locks", bind(remove_stale_locks, home / "locks", LOCKS_OLD_S), SWEEP_EVERY_S
    )
    return tasks
