"""The engine of a process: all that makes slices from files, without a web framework and periodic tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial as bind
from typing import Literal

from dashboard.analysis.analyzer import Analyzer
from dashboard.analysis.column import Columns
from dashboard.analysis.volume_histograms import VolumeHistograms
from dashboard.bricks.history import BrickHistory
from dashboard.bricks.loader import BrickLoader
from dashboard.bricks.store import BrickStore
from dashboard.bricks.throughput import DecodeThroughput
from dashboard.catalog.chunk_indexes import IndexFiles
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.nodes import Nodes
from dashboard.decoding.brick_readers import BrickReaders
from dashboard.export.export import Exporter
from dashboard.files.catalog import Catalog
from dashboard.files.signature import FileKinds
from dashboard.frames.cache import DiskcacheBackend, FrameCache
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.renderer import FrameRenderer
from dashboard.frames.slice_cost import SliceCosts
from dashboard.frames.voxel_value import VoxelReader
from dashboard.frames.window import VolumeWindows
from dashboard.hdf5.pool import Hdf5WorkerPool
from dashboard.people.quotas import Limits
from dashboard.people.rights import Rights
from dashboard.prefetch.miss_reasons import MissReasons
from dashboard.prefetch.plan_resolver import PlanResolver
from dashboard.prefetch.plan_store import PlanStore
from dashboard.runtime.cache_limits import LimitFollower, brick_limit
from dashboard.runtime.caches import Caches, Shared, open_caches, open_shared
from dashboard.runtime.served_roots import check_sign_in, served_roots
from dashboard.settings import Settings
from dashboard.storage.access_trace import AccessTrace
from dashboard.storage.demand_signal import DemandSignal
from dashboard.storage.disk_space import DiskSpace
from dashboard.storage.rows import Rows
from dashboard.telemetry.history import Retention
from dashboard.telemetry.ledger import Ledger

WORKER_WAIT_S = 1.0
# A slice may have several bricks, and several viewers may be active.
OPEN_BRICKS = 32

Role = Literal["web", "worker", "cli"]


@dataclass(kw_only=True)
class Engine:
    """The parts of an engine; built by `build_engine`, ended by `close`."""

    settings: Settings
    role: Role
    caches: Caches
    shared: Shared
    retention: Retention
    ledger: Ledger
    catalog: Catalog
    rights: Rights
    # What each person may use, and bytes in the brick cache by root.
    limits: Limits
    brick_quotas: Mapping[str, int]
    hdf5: Hdf5WorkerPool
    metadata: MetadataService
    nodes: Nodes
    plans: PlanStore
    resolver: PlanResolver
    bricks: BrickStore
    brick_trace: AccessTrace
    brick_limit: LimitFollower
    readers: BrickReaders
    space: DiskSpace
    demand_signal: DemandSignal
    loader: BrickLoader
    frame_backend: DiskcacheBackend
    frames: FrameCache
    contiguous: ContiguousPlanes
    windows: VolumeWindows
    voxels: VoxelReader
    renderer: FrameRenderer
    exporter: Exporter
    analyzer: Analyzer
    volume_histograms: VolumeHistograms
    costs: SliceCosts
    columns: Columns
    owns_hdf5: bool

    def close(self) -> None:
        """Write what is pending, and end processes and threads."""
        self.frames.close()
        self.loader.close()
        self.readers.close()
        if self.owns_hdf5:
            self.hdf5.close()
        self.bricks.access_log.flush()
        self.bricks.history.flush()
        self.brick_trace.flush()
        self.frame_backend.access_log.flush()
        self.ledger.close()


def build_engine(
    settings: Settings,
    role: Role,
    *,
    hdf5: Hdf5WorkerPool | None = None,
    make_ledger: Callable[[Rows, str], Ledger] | None = None,
    buffer_bytes: int | None = None,
) -> Engine:
    """Build the engine; `SetupError` for an unusable root or cache directory.

    `hdf5` is a pool that others use as well and close, `buffer_bytes` the size of the buffer for progressive
    decoding; without them they are the role's own. The brick cache has its limit of now, which
    `brick_limit.follow` updates; the other caches have none yet.
    """
    served = served_roots(settings)
    if role == "web":
        check_sign_in(settings, served)
    rights = served.rights
    reach = {name: rights.reach(name) for name in served.paths}
    kinds = FileKinds(settings.file_patterns)
    catalog = Catalog(served.paths, reach, alone=served.by_accounts, kinds=kinds)
    caches = open_caches(settings.cache_dir)
    shared = open_shared(settings, caches)
    home, locks = caches.home, caches.locks
    retention = Retention(settings.history_days, settings.names_days)
    if make_ledger is None:
        make_ledger = bind(Ledger, clock=shared.clock, node=shared.node, retention=retention)
    ledger = make_ledger(shared.ledger, role)
    owns_hdf5 = hdf5 is None
    hdf5 = hdf5 or Hdf5WorkerPool(
        catalog.beneath,
        home / "empty",
        count=settings.children if role == "web" else 1,
        memory_bytes=int(settings.child_memory_bytes),
        seconds=settings.child_seconds,
    )
    metadata = MetadataService(
        catalog,
        hdf5,
        shared.facts,
        max_brick_bytes=int(settings.max_brick_bytes),
        max_chunk_bytes=int(settings.max_chunk_bytes),
        index_files=IndexFiles(caches.metadata.cache, locks),
    )
    plans = PlanStore(
        shared.plans,
        plan_seconds=settings.plan_seconds,
        budget_bytes=int(settings.prefetch_bytes),
        clock=shared.clock,
        node=shared.node,
        own=caches.plans,
    )
    resolver = PlanResolver(metadata, plans, int(settings.prefetch_bytes))
    history, trace = BrickHistory(caches.plans), AccessTrace(caches.plans)
    bricks = BrickStore(
        caches.bricks,
        caches.brick_evictor,
        home / "partial",
        ledger,
        history,
        resolver.planned_keys,
        # The worker does not read bricks.
        keep_open=OPEN_BRICKS if role == "web" else 0,
    )
    limit = LimitFollower(caches.brick_evictor, bind(brick_limit, settings, home), bricks.trim)
    limit.follow()
    readers = BrickReaders(settings.decode_threads)
    space = DiskSpace(home, int(settings.free_floor_bytes))
    demand_signal = DemandSignal(home / "demand.gate")
    if buffer_bytes is None:
        # The worker writes bricks as it decodes them, since no request waits for a plane of them.
        buffer_bytes = 2 * int(settings.max_brick_bytes) if role == "web" else 0
    loader = BrickLoader(
        metadata,
        bricks,
        readers,
        demand_signal,
        locks,
        space,
        ledger,
        DecodeThroughput(shared.facts),
        MissReasons(history, plans, resolver),
        trace,
        # A brick in flight in another process need not be prefetched: the worker continues with the next one.
        min(WORKER_WAIT_S, settings.wait_seconds) if role == "worker" else settings.wait_seconds,
        buffer_bytes=buffer_bytes,
    )
    frame_backend = DiskcacheBackend(caches.frames, caches.frame_evictor, space, ledger)
    frames = FrameCache(frame_backend)
    contiguous = ContiguousPlanes(home / "mapped")
    windows = VolumeWindows(metadata, readers)
    analyzer = Analyzer(metadata, loader, contiguous, settings.max_cells)
    return Engine(
        settings=settings,
        role=role,
        caches=caches,
        shared=shared,
        retention=retention,
        ledger=ledger,
        catalog=catalog,
        rights=rights,
        limits=served.limits,
        brick_quotas=served.brick_quotas,
        hdf5=hdf5,
        metadata=metadata,
        nodes=Nodes(metadata),
        plans=plans,
        resolver=resolver,
        bricks=bricks,
        brick_trace=trace,
        brick_limit=limit,
        readers=readers,
        space=space,
        demand_signal=demand_signal,
        loader=loader,
        frame_backend=frame_backend,
        frames=frames,
        contiguous=contiguous,
        windows=windows,
        voxels=VoxelReader(metadata, bricks, readers, settings.decode_threads),
        renderer=FrameRenderer(metadata, loader, contiguous, frames, windows, settings.max_cells),
        costs=SliceCosts(bricks, loader),
        analyzer=analyzer,
        volume_histograms=VolumeHistograms(
            metadata, bricks, contiguous, windows, analyzer, loader.no_demand_pending
        ),
        columns=Columns(metadata, bricks, readers, loader, shared.facts, analyzer),
        exporter=Exporter(metadata, loader, bricks, contiguous, ledger, int(settings.export_bytes)),
        owns_hdf5=owns_hdf5,
    )
