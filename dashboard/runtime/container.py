"""The services of a process: an engine, and what runs beside the requests. This module only wires."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial as bind
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard import __version__
from dashboard.bricks import root_quotas
from dashboard.errors import SetupError
from dashboard.jobs.queue import JobQueue
from dashboard.jobs.runner import Pool, Runner
from dashboard.people.access import Access
from dashboard.people.bookmarks import Bookmarks
from dashboard.people.file_rights import DESCRIPTOR, FileRights
from dashboard.people.quotas import Quotas
from dashboard.people.shared_limit import DESCRIPTOR as COUNTS
from dashboard.people.shared_limit import SharedMemory
from dashboard.prefetch.balancer import Balancer
from dashboard.prefetch.exchange import AskedBricks, Exchange
from dashboard.prefetch.fates import BrickFates
from dashboard.prefetch.horizons import Horizons
from dashboard.prefetch.residency import Residency
from dashboard.prefetch.worker import Worker
from dashboard.runtime import jobs
from dashboard.runtime.activity import Activity
from dashboard.runtime.cache_limits import (
    ACCESS_RECORD_BYTES,
    PLANS_BYTES,
    LimitFollower,
    frame_limit,
    metadata_limit,
)
from dashboard.runtime.engine import Engine, Role, build_engine
from dashboard.runtime.health import Health
from dashboard.runtime.maintenance import Maintenance
from dashboard.runtime.rights_record import record_rights
from dashboard.runtime.sign_in import sign_in_of
from dashboard.settings import Settings, service_id
from dashboard.storage.eviction import LruEvictor
from dashboard.storage.file_lock import remove_stale_locks
from dashboard.storage.private_directory import ensure_private_directory, make_private
from dashboard.storage.rows import DiskRows, RowsUnavailable
from dashboard.telemetry.disk_traffic import DiskTraffic
from dashboard.telemetry.processes import rss_bytes
from dashboard.telemetry.simulated_caches import WORKING_SET, WORKING_SETS_S, SimulatedCaches
from dashboard.telemetry.slice_lists import SliceLists
from dashboard.telemetry.starts import Starts
from dashboard.telemetry.statistics import Stats

if TYPE_CHECKING:
    from dashboard.people.people_calls import PeopleCalls

LOCKS_OLD_S = 3600.0
SWEEP_EVERY_S = 60.0
ROOT_QUOTAS_EVERY_S = 5.0


@dataclass(kw_only=True)
class Services(Engine):
    """An engine with statistics, activity, health and maintenance; built by `build_services`, ended by `close`."""

    stats: Stats
    slices: SliceLists
    starts: Starts
    residency: Residency
    horizons: Horizons
    jobs: JobQueue
    asked: AskedBricks
    activity: Activity
    health: Health
    maintenance: Maintenance
    # None: no sign-in.
    access: Access | None
    # None: who sees a root sees all of its files.
    file_rights: FileRights | None
    quotas: Quotas
    bookmarks: Bookmarks
    # What this machine does with the people file for others; None: nothing.
    people_calls: PeopleCalls | None
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the ledger's flusher and the periodic tasks."""
        if self.role != "cli":  # A command may have other settings than the service.
            with suppress(RowsUnavailable):
                self.starts.record(service_id(), __version__, self.settings.model_dump())
                if self.access is not None:
                    alone = self.catalog.beneath.alone
                    record_rights(
                        self.shared.ledger, self.access.audit, self.rights, by_accounts=alone
                    )
        self.ledger.start()
        self.maintenance.start(self._stop)

    def prestart(self) -> None:
        """Start an HDF5 worker before the first request needs it."""
        threading.Thread(target=self.hdf5.prestart, name="warm", daemon=True).start()

    def worker(self, runner: Runner | None = None) -> Worker:
        """The prefetch worker, which has `runner` work on jobs."""
        return Worker(
            self.plans,
            self.resolver.resolve,
            self.loader,
            self.ledger,
            other_axis_bricks=self.resolver.other_axis_bricks,
            clock=self.shared.clock,
            exchange=self._make_exchange(),
            fates=BrickFates(self.bricks.waste, self.resolver.keys_of, self.plans.plans),
            jobs=(runner or self.runner()).step,
        )

    def runner(self, pool: Pool | None = None) -> Runner:
        """What works on the jobs of this machine; `pool` computes slabs elsewhere."""
        return Runner(self.jobs, bind(jobs.begin, self), pool, count=self.ledger.count)

    def _make_exchange(self) -> Exchange | None:
        """What sends planned bricks to other machines, where a load balancer is named."""
        settings = self.settings
        if settings.balancer is None or settings.node_token is None:
            return None
        send = Balancer(settings.balancer, settings.node_token.get_secret_value())
        return Exchange(self.asked, send, self.metadata.volume)

    def close(self) -> None:
        """Wait for deferred work and the periodic tasks, and close the engine."""
        self._stop.set()
        self.activity.close()
        self.maintenance.join()
        if self.file_rights is not None:
            self.file_rights.close()
        if self.access is not None:
            self.access.close()
        self.bookmarks.close()
        super().close()


def build_services(settings: Settings, role: Role) -> Services:
    """Build the services; `SetupError` for an unusable root or cache directory, and sign-in that nobody can do."""
    engine = build_engine(settings, role)
    file_rights = file_rights_of(engine) if role == "web" else None
    shared = engine.shared
    stats = Stats(shared.ledger, clock=shared.clock, retention=engine.retention, node=shared.node)
    residency = Residency(engine.bricks, engine.resolver.planned_keys)
    maintenance = maintenance_of(engine)
    memory = counts_of(role)
    queue = JobQueue(shared.plans, shared.clock, shared.node)
    if role == "worker":
        remove = bind(jobs.remove_exports, engine, queue)
        maintenance.add("Removing files of jobs that are gone", remove, SWEEP_EVERY_S)
    sign_in = sign_in_of(engine, maintenance, memory)
    access = sign_in.access
    return Services(
        **vars(engine),
        stats=stats,
        slices=SliceLists(shared.ledger, retention=engine.retention, clock=shared.clock),
        starts=Starts(shared.ledger, shared.clock, shared.node),
        residency=residency,
        horizons=Horizons(engine.plans, engine.resolver.resolve, residency),
        jobs=queue,
        asked=AskedBricks(engine.caches.plans, shared.clock),
        activity=Activity(
            engine.metadata,
            engine.plans,
            engine.ledger,
            engine.loader,
            engine.renderer.record_demand,
            clock=shared.clock,
        ),
        health=Health(
            engine.catalog.roots,
            settings.cache_dir,
            engine.space,
            stats.own_processes,
            stats.worker,
            lambda: engine.hdf5.confined,
            None if file_rights is None else file_rights.answers,
            shared.answers if shared.node else None,
            shared.is_asked_to_leave,
            None if access is None else access.works,
            None if access is None or access.provider is None else access.provider.answers,
            engine.plans.worker_is_alive,
        ),
        maintenance=maintenance,
        access=access,
        file_rights=file_rights,
        quotas=Quotas(engine.limits, memory=memory),
        bookmarks=sign_in.bookmarks,
        people_calls=sign_in.calls,
    )


def counts_of(role: Role) -> SharedMemory | None:
    """The counts that the web processes of a server share; None where there is one process alone."""
    number = os.environ.get(COUNTS)
    return SharedMemory(int(number)) if role == "web" and number is not None else None


def file_rights_of(engine: Engine) -> FileRights | None:
    """The rights to single files, where the accounts of people decide; raises `SetupError` without the helper."""
    if not engine.catalog.beneath.alone:
        return None
    if DESCRIPTOR not in os.environ:
        raise SetupError(
            'rights = "filesystem" needs a helper: start the server with `lamella serve` or `lamella web`.'
        )
    return FileRights(socket.socket(fileno=os.dup(int(os.environ[DESCRIPTOR]))))


def _limit_rows(
    tasks: Maintenance, rows: DiskRows, lock: Path, target: Callable[[int], int], name: str
) -> None:
    """Keep rows below a limit, which `target` may make depend on their present size (bytes)."""
    evictor = LruEvictor(rows.cache, 0, lock)
    evict = bind(evictor.evict_for, 0, evict_protected_last=True)
    tasks.add(f"Limiting the {name}", LimitFollower(evictor, target, evict).follow)


def maintenance_of(engine: Engine) -> Maintenance:
    """The periodic tasks of a process."""
    tasks = Maintenance()
    home, caches = engine.caches.home, engine.caches
    tasks.add("Making a cache directory that was deleted", bind(ensure_private_directory, home))
    # Working directory of the HDF5 workers.
    tasks.add("Making a folder that was deleted", bind(make_private, home / "empty"))
    tasks.add("Writing the access times of bricks", engine.bricks.access_log.flush)
    tasks.add("Writing the history of bricks", engine.bricks.history.flush)
    tasks.add("Writing the trace of accesses to bricks", engine.brick_trace.flush)
    if engine.role == "worker":
        tasks.add("Simulating other sizes of the brick cache", simulation_of(engine))
    tasks.add("Counting the traffic of disks", DiskTraffic(engine.ledger.count).count)
    tasks.add("Closing bricks that are no longer used", engine.bricks.open_handles.evict_idle)
    tasks.add("Freeing the memory of bricks that were in flight", engine.loader.free_idle)
    tasks.add("Sweeping the brick cache", engine.bricks.sweep, SWEEP_EVERY_S)
    for name, cache in (("frame cache", caches.frames), ("metadata", caches.metadata.cache)):
        # A list of chunks is written for a minute at most.
        tasks.add(f"Sweeping the {name}", bind(cache.remove_orphans, 120.0), SWEEP_EVERY_S)
    tasks.add(
        "Removing stale locks", bind(remove_stale_locks, caches.locks, LOCKS_OLD_S), SWEEP_EVERY_S
    )
    for rows, name in (
        (caches.ledger, "statistics"),
        (caches.metadata, "metadata"),
        (caches.plans, "plans"),
    ):
        tasks.add(f"Removing expired {name}", rows.remove_expired, SWEEP_EVERY_S)
    if engine.shared.node:
        tasks.add("Following the shared store", engine.shared.follow, SWEEP_EVERY_S)
    tasks.add("Limiting the brick cache", engine.brick_limit.follow)
    if engine.role == "worker":
        tasks.add(
            "Limiting the bricks of single roots",
            bind(root_quotas.enforce, engine.bricks, engine.brick_quotas),
            ROOT_QUOTAS_EVERY_S,
        )
    if engine.role == "web":
        _limit_frames(engine, tasks)
    _limit_rows(
        tasks,
        caches.metadata,
        caches.locks / "facts.room",
        lambda _: metadata_limit(caches.brick_evictor.limit),
        "metadata cache",
    )
    _limit_rows(
        tasks, caches.plans, caches.locks / "board.room", lambda _: PLANS_BYTES, "plan store"
    )
    # In steps, since a row of the ledger is written whenever a level changes.
    engine.ledger.gauge("disk.free_bytes", lambda: round(engine.space.free(), -8))
    engine.ledger.gauge("children.started", lambda: engine.hdf5.started)
    engine.ledger.gauge(
        "children.rss_bytes", lambda: round(sum(map(rss_bytes, engine.hdf5.pids())), -7)
    )
    tasks.add(
        "Limiting the access records",
        bind(engine.contiguous.trim, ACCESS_RECORD_BYTES),
        SWEEP_EVERY_S,
    )
    return tasks


def simulation_of(engine: Engine) -> Callable[[], None]:
    """Simulates the accesses to the brick cache since the last call."""
    caches = engine.caches
    simulated = SimulatedCaches(
        lambda: caches.brick_evictor.limit,
        engine.resolver.planned_keys,
        engine.ledger.count,
        caches.bricks.rows_by_eviction_order(),
    )
    for seconds in WORKING_SETS_S:
        engine.ledger.gauge(f"{WORKING_SET}.s{seconds}", bind(simulated.working_set, seconds))
    return lambda: simulated.follow(engine.brick_trace.take())


def _limit_frames(engine: Engine, tasks: Maintenance) -> None:
    caches = engine.caches
    evictor, disk = caches.frame_evictor, caches.frames
    target = bind(frame_limit, engine.settings, caches.home)
    limit = LimitFollower(evictor, target, bind(evictor.evict_for, 0, evict_protected_last=True))
    limit.follow()
    tasks.add("Limiting the frame cache", limit.follow)
    tasks.add("Writing the access times of frames", engine.frame_backend.access_log.flush)
    engine.ledger.gauge("frames.bytes", lambda: disk.totals()[0])
    engine.ledger.gauge("frames.entries", lambda: disk.totals()[1])
    engine.ledger.gauge("frames.limit", lambda: evictor.limit)
