"""The composition root: builds everything that a process needs from its settings."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from functools import partial as bind
from pathlib import Path
from typing import Literal

from dashboard.bricks.loader import BrickLoader, remove_stale_locks
from dashboard.bricks.store import BrickStore
from dashboard.bricks.throughput import DecodeThroughput
from dashboard.catalog.metadata import MetadataService
from dashboard.decoding.decoder import Decoder
from dashboard.files.catalog import Catalog, parse_roots
from dashboard.frames.cache import DiskcacheBackend, FrameCache
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
from dashboard.storage.demand_signal import DemandSignal
from dashboard.storage.disk_space import DiskSpace, ensure_private_directory, make_private
from dashboard.storage.eviction import AccessLog, LruEvictor
from dashboard.storage.rows import open_rows
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.statistics import Stats

log = logging.getLogger(__name__)

LOCKS_OLD_S = 3600.0
SWEEP_EVERY_S = 60.0
HEARTBEAT_S = 10.0
WORKER_WAIT_S = 1.0
# A slice may have several bricks, and several viewers may be active.
OPEN_BRICKS = 32

Role = Literal["web", "worker", "cli"]


@dataclass
class Services:
    """The services of one process; built by `build_services`, ended by `close`."""

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
    frame_backend: DiskcacheBackend
    frames: FrameCache
    renderer: FrameRenderer
    activity: Activity
    access_logs: list[AccessLog]
    locks: Path
    resolver: PlanResolver
    maintenance: Maintenance
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the ledger's flusher and the periodic tasks."""
        self.ledger.start()
        self.maintenance.start(self._stop)

    def prestart(self) -> None:
        """Start an HDF5 worker before the first request needs it."""
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
        """Conditions of readiness. A full disk is none, since slices are served uncached then."""
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
        """Wait for deferred work, and end processes and threads."""
        self._stop.set()
        self.activity.close()
        self.frames.close()
        self.loader.close()
        self.decoder.close()
        self.hdf5.close()
        for access_log in self.access_logs:
            access_log.flush()
        self.ledger.close()


def build_services(settings: Settings, role: Role) -> Services:
    """Build the services; `SetupError` for an unusable root or cache directory."""
    catalog = Catalog(parse_roots(settings.data))
    home = ensure_private_directory(settings.cache_dir)
    locks = home / "locks"
    locks.mkdir(exist_ok=True, mode=0o700)
    ledger_rows, facts, plan_rows = (
        open_rows(home / name) for name in ("ledger", "facts", "board")
    )
    ledger = Ledger(ledger_rows, role)
    hdf5 = Hdf5WorkerPool(
        catalog.beneath,
        home / "empty",
        count=settings.children if role == "web" else 1,
        memory_bytes=int(settings.child_memory_bytes),
        seconds=settings.child_seconds,
    )
    metadata = MetadataService(
        catalog,
        hdf5,
        facts,
        max_brick_bytes=int(settings.max_brick_bytes),
        max_chunk_bytes=int(settings.max_chunk_bytes),
    )
    brick_disk = open_cache(home / "bricks")
    brick_evictor = LruEvictor(brick_disk, 0, locks / "bricks.room")
    plans = PlanStore(
        plan_rows,
        plan_seconds=settings.plan_seconds,
        budget_bytes=int(settings.prefetch_bytes),
    )
    resolver = PlanResolver(metadata, plans, int(settings.prefetch_bytes))
    bricks = BrickStore(
        brick_disk,
        brick_evictor,
        home / "partial",
        ledger,
        resolver.planned_keys,
        # The worker does not read bricks.
        keep_open=OPEN_BRICKS if role == "web" else 0,
    )
    decoder = Decoder(metadata, settings.decode_threads)
    space = DiskSpace(home, int(settings.free_floor_bytes))
    loader = BrickLoader(
        metadata,
        bricks,
        decoder,
        DemandSignal(home / "demand.gate"),
        locks,
        space,
        ledger,
        DecodeThroughput(facts),
        # A brick in flight in another process need not be prefetched: the worker continues with the next one.
        min(WORKER_WAIT_S, settings.wait_seconds) if role == "worker" else settings.wait_seconds,
        # The worker writes bricks as it decodes them, since no request waits for a plane of them.
        buffer_bytes=2 * int(settings.max_brick_bytes) if role == "web" else 0,
    )
    frame_disk = open_cache(home / "frames")
    frame_evictor = LruEvictor(frame_disk, 0, locks / "frames.room")
    frame_backend = DiskcacheBackend(frame_disk, frame_evictor, space, ledger)
    frames = FrameCache(frame_backend)
    contiguous = ContiguousPlanes(metadata, home / "mapped")
    limit = LimitFollower(brick_evictor, bind(brick_limit, settings, home), bricks.trim)
    limit.follow()
    tasks = _maintenance(bricks, frame_disk, home)
    tasks.add("Limiting the brick cache", limit.follow)
    if role == "web":
        frame_target = bind(frame_limit, settings, home)
        evict_frames = bind(frame_evictor.evict_for, 0, may_take_protected=True)
        follower = LimitFollower(frame_evictor, frame_target, evict_frames)
        follower.follow()
        tasks.add("Limiting the frame cache", follower.follow)
        tasks.add("Writing the access times of frames", frame_backend.access_log.flush)
        ledger.gauge("frames.bytes", lambda: frame_disk.totals()[0])
        ledger.gauge("frames.entries", lambda: frame_disk.totals()[1])
        ledger.gauge("frames.limit", lambda: frame_evictor.limit)
    for rows, name in ((ledger_rows, "statistics"), (facts, "facts"), (plan_rows, "plans")):
        tasks.add(f"Removing expired {name}", rows.remove_expired, SWEEP_EVERY_S)
    for rows, target, name in (
        (facts, lambda _: facts_limit(brick_evictor.limit), "facts"),
        (plan_rows, lambda _: PLANS_BYTES, "board"),
    ):
        evictor = LruEvictor(rows.cache, 0, locks / f"{name}.room")
        evict = bind(evictor.evict_for, 0, may_take_protected=True)
        tasks.add(f"Limiting the {name}", LimitFollower(evictor, target, evict).follow)
    tasks.add("Limiting the notes", bind(contiguous.trim, NOTES_BYTES), SWEEP_EVERY_S)
    windows = VolumeWindows(metadata, decoder)
    renderer = FrameRenderer(metadata, loader, contiguous, frames, windows, settings.max_cells)
    return Services(
        settings=settings,
        role=role,
        catalog=catalog,
        metadata=metadata,
        hdf5=hdf5,
        decoder=decoder,
        bricks=bricks,
        loader=loader,
        space=space,
        plans=plans,
        ledger=ledger,
        stats=Stats(ledger_rows),
        residency=Residency(bricks, resolver.planned_keys),
        windows=windows,
        contiguous=contiguous,
        voxels=VoxelReader(metadata, bricks, settings.decode_threads),
        frame_disk=frame_disk,
        frame_backend=frame_backend,
        frames=frames,
        renderer=renderer,
        activity=Activity(metadata, plans, ledger, loader, renderer.record_demand),
        access_logs=[bricks.access_log, frame_backend.access_log],
        locks=locks,
        resolver=resolver,
        maintenance=tasks,
    )


def _maintenance(bricks: BrickStore, frame_disk: BytesCache, home: Path) -> Maintenance:
    """The periodic tasks of every process."""
    tasks = Maintenance()
    tasks.add("Making a cache directory that was deleted", bind(ensure_private_directory, home))
    # Working directory of the HDF5 workers.
    tasks.add("Making a folder that was deleted", bind(make_private, home / "empty"))
    tasks.add("Writing the access times of bricks", bricks.access_log.flush)
    tasks.add("Closing bricks that are no longer used", bricks.open_handles.evict_idle)
    tasks.add("Sweeping the brick cache", bricks.sweep, SWEEP_EVERY_S)
    tasks.add("Sweeping the frame cache", bind(frame_disk.remove_orphans, 60.0), SWEEP_EVERY_S)
    tasks.add(
        "Removing stale locks", bind(remove_stale_locks, home / "locks", LOCKS_OLD_S), SWEEP_EVERY_S
    )
    return tasks
