"""The single way to get a brick: from the cache, or decoded by exactly one caller (single flight).

Demand and prefetch, threads and processes go through `BrickLoader.get_or_decode`. Single flight is a `flock` on
the brick's lock file: the kernel frees it when its holder is killed, so nothing is ever stuck.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from functools import partial as bind
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome, Provenance, Purpose, Reason, Stage
from dashboard.addressing.requester import Requester
from dashboard.blocking import about_to_queue
from dashboard.bricks.brick import Brick, FileBrick, SinglePlaneBrick
from dashboard.bricks.cause import Cause, Holder
from dashboard.bricks.direct_write import DirectBrickWriter
from dashboard.bricks.in_flight import ProgressiveLoader
from dashboard.bricks.memory_loader import LIMIT_BYTES, MemoryLoader
from dashboard.bricks.pending_file import PendingBrickFile, file_bytes
from dashboard.bricks.store import BrickStore
from dashboard.bricks.throughput import DecodeThroughput
from dashboard.bricks.writer import BrickWriter, SpaceGuard
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_reader import BrickTarget
from dashboard.decoding.brick_readers import BrickReaders
from dashboard.meter import meter
from dashboard.storage.access_trace import AccessTrace
from dashboard.storage.demand_signal import DemandSignal
from dashboard.storage.file_lock import (
    LockHandle,
    LockTimeout,
    file_lock,
    read_note,
    read_progress,
    signal_demand_waiting,
)
from dashboard.telemetry.ledger import Ledger

log = logging.getLogger(__name__)

# Polling interval of work that yielded to demand: a fraction of the time that one band takes.
YIELD_POLL_S = 0.004


class CacheFull(errors.Busy):
    """The cache has no space for a prefetched brick."""


@dataclass(frozen=True, slots=True)
class LoadedBrick:
    """A brick and where it came from: its outcome is `hit`, `prefetched`, `coalesced` or `miss`."""

    brick: Brick
    provenance: Provenance

    @property
    def outcome(self) -> Outcome:
        """The outcome alone."""
        return self.provenance.outcome


class ReasonOfMiss(Protocol):
    """The part of `dashboard.prefetch.miss_reasons.MissReasons` that is needed here."""

    def reason(self, volume: Volume, address: BrickAddress, viewer: str) -> Reason:
        """Why a brick that a viewer demands is not in the cache."""


class BrickLoader:
    """Gets bricks from the cache or decodes them."""

    def __init__(
        self,
        metadata: MetadataService,
        store: BrickStore,
        readers: BrickReaders,
        demand: DemandSignal,
        locks: Path,
        space: SpaceGuard,
        ledger: Ledger,
        throughput: DecodeThroughput,
        reasons: ReasonOfMiss,
        trace: AccessTrace,
        wait_s: float,
        buffer_bytes: int = 0,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._metadata = metadata
        self._store = store
        self.readers = readers
        self.demand_signal = demand
        self._locks = locks
        self._ledger = ledger
        self._throughput = throughput
        self._reasons = reasons
        self._trace = trace
        self._max_wait_s = wait_s
        self.sleep = sleep
        self.monotonic = monotonic
        self._writer = BrickWriter(store, space, ledger, throughput)
        self._progressive = ProgressiveLoader(readers.decoder, self._writer, demand, buffer_bytes)
        limit = min(buffer_bytes, LIMIT_BYTES)
        self._in_memory = MemoryLoader(readers.decoder, self._writer, demand, limit)
        self._direct_writer: DirectBrickWriter | None = None

    def enable_direct_writes(self, limit: int) -> None:
        """Assemble bricks of up to `limit` bytes in memory from now on, and write each with direct I/O.

        For bulk decoding that would evict the page cache (`direct_write.should_bypass_page_cache`).
        """
        self._direct_writer = DirectBrickWriter(limit)

    def estimate_decode_s(self, volume: Volume, nbytes: int) -> float:
        """Estimated time to decode `nbytes` of this volume, from recent measurements (s)."""
        return self._throughput.estimate_s(volume.address.key, nbytes)

    def no_demand_pending(self) -> bool:
        """Whether no process is decoding for a demand at this moment."""
        return self.demand_signal.is_idle()

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""
        return self._store.has(address)

    def progress(self, bricks: Sequence[BrickAddress]) -> float | None:
        """How much of bricks is decoded by now, by any process; None where no process says of any."""
        shares = [read_progress(self._lock_file(brick)) for brick in bricks]
        known = [share for share in shares if share is not None]
        return sum(known) / len(bricks) if known else None

    def _lock_file(self, address: BrickAddress) -> Path:
        return self._locks / f"{address.key}.lock"

    def load(
        self, volume: Volume, address: BrickAddress, requester: Requester, *, plane: int = 0
    ) -> LoadedBrick:
        """As `get_or_decode`, for a single brick of a volume whose file is not open."""
        with VolumeFile(self._metadata, volume) as file:
            return self.get_or_decode(file, address, requester, plane=plane)

    def get_or_decode(
        self, file: VolumeFile, address: BrickAddress, requester: Requester, *, plane: int = 0
    ) -> LoadedBrick:
        """The brick at an address of the file's volume, decoded where it is neither cached nor in flight.

        The file is opened only to decode. `plane` is the requested one; when the disk is full it is the only one
        of the returned brick. A viewer's demand is recorded in the brick's usage record and in the ledger. Raises
        `TooManyRequests` beyond the requester's quota, `Busy` when another caller's decoding takes too long,
        `CacheFull` when a brick is to be decoded ahead and there is no space for it, and the errors of reading
        the file.
        """
        volume = file.volume
        brick: Brick | None = self._store.get(address, volume.memory_dtype, plane)
        found = Provenance(Outcome.HIT)
        waited_s = 0.0
        if brick is None:
            began = self.monotonic()
            brick, found = self._load(file, address, requester, plane)
            waited_s = self.monotonic() - began
            if found.outcome is Outcome.MISS and found.reason is Reason.LATE:
                self._store.account.not_begun()
        size = file_bytes(address, volume.dtype.itemsize)
        decoded, demand = found.outcome is Outcome.MISS, requester.purpose is Purpose.DEMAND
        self._trace.record(address.key, size, demand=demand, hit=not decoded)
        if requester.is_viewer_demand:
            nbytes = address.nbytes(volume.dtype.itemsize)
            found = self._record_demand(brick, found, plane, nbytes, waited_s)
        return LoadedBrick(brick, found)

    def record_demand(
        self, address: BrickAddress, dtype: np.dtype[Any], plane: int
    ) -> Provenance | None:
        """Count a demand for a plane that the viewer already has; None when the brick is not cached.

        Neither the file nor a child is asked, and nothing is decoded.
        """
        brick = self._store.get(address, dtype)
        if brick is None:
            return None
        size = file_bytes(address, dtype.itemsize)
        self._trace.record(address.key, size, demand=False, hit=True)
        found = Provenance(Outcome.HIT)
        return self._record_demand(brick, found, plane, address.nbytes(dtype.itemsize))

    def _cause(self, file: VolumeFile, address: BrickAddress, requester: Requester) -> Cause:
        """Who causes a brick to be decoded now, and why it is missing."""
        viewer = requester.viewer or ""
        if requester.purpose.is_prefetch:
            return Cause(viewer, Reason.LATE)
        if not requester.is_viewer_demand:
            return Cause(viewer, Reason.FIRST)
        return Cause(viewer, self._reasons.reason(file.volume, address, viewer))

    def _joined(
        self, address: BrickAddress, plane: int
    ) -> tuple[SinglePlaneBrick | None, Outcome, Cause | None] | None:
        """As `ProgressiveLoader.plane`, of all bricks that this process decodes."""
        wait_s = self._max_wait_s
        try:
            found = self._in_memory.plane(address, plane, wait_s)
            return found or self._progressive.plane(address, plane, wait_s)
        except TimeoutError:
            raise _decode_timed_out() from None

    def _load(
        self, file: VolumeFile, address: BrickAddress, requester: Requester, plane: int
    ) -> tuple[Brick, Provenance]:
        purpose = requester.purpose
        early = self._joined(address, plane)
        # The causes of the decodes that were waited for.
        awaited: list[Cause] = []
        if early is not None:
            brick, outcome, joined = early
            if brick is not None and joined is not None:
                return brick, joined.provenance(outcome, requester)
            if outcome is Outcome.COALESCED and joined is not None:
                awaited.append(joined)
        # It takes a millisecond to find, and is found beside decoding where that is possible.
        cause = cache(bind(self._cause, file, address, requester))

        def begin_wait(lock: int) -> None:
            about_to_queue()
            awaited.append(Cause.parse(read_note(lock)) or cause())
            signal_demand_waiting(lock)

        with ExitStack() as stack:
            try:
                lock = stack.enter_context(
                    file_lock(
                        self._lock_file(address),
                        self._max_wait_s,
                        on_wait=begin_wait if purpose is Purpose.DEMAND else None,
                    )
                )
            except LockTimeout:
                raise _decode_timed_out() from None
            except OSError as error:
                # The lock file cannot be created, or the directory was removed: decode without the cache.
                log.warning("no lock for a brick: %s", error)
                if purpose is not Purpose.DEMAND:
                    raise CacheFull("The cache has no space for a prefetched brick.") from None
                missed = cause().provenance(Outcome.MISS, requester)
                return self._decode_single_plane(file, address, plane), missed
            stored = self._store.get(address, file.volume.memory_dtype, plane)
            if stored is not None:
                if not lock.waited and not awaited:
                    return stored, Provenance(Outcome.HIT)
                first = awaited[0] if awaited else cause()
                return stored, first.provenance(Outcome.COALESCED, requester)
            requester.pay(file.volume.grid.decoded_bytes(address))
            holder = Holder(lock, cause)
            if purpose is Purpose.DEMAND:
                chunks = file.stored_chunks(bind(file.volume.grid.chunk_numbers, address))
                file = file if chunks is None else stack.enter_context(chunks)
                found = self._decode_for_demand(file, address, plane, stack, holder)
            else:
                holder.announce()
                yield_to_demand = bind(self._yield_to_demand, lock)
                found = self._decode(file, address, purpose, plane, yield_to_demand)
            return found, cause().provenance(Outcome.MISS, requester)

    def _decode_for_demand(
        self,
        file: VolumeFile,
        address: BrickAddress,
        plane: int,
        locked: ExitStack,
        holder: Holder,
    ) -> Brick:
        with self.demand_signal.demand():
            return (
                self._in_memory.start(file, address, plane, locked, holder)
                or self._progressive.start(file, address, plane, locked, holder.announce())
                or self._decode(file, address, Purpose.DEMAND, plane, None)
            )

    @property
    def in_use(self) -> bool:
        """Whether a brick is in a buffer of this process."""
        direct = self._direct_writer
        in_use = self._progressive.in_use or self._in_memory.in_use
        return in_use or (direct is not None and direct.in_use)

    def free_idle(self) -> None:
        """Free memory that no brick has used for a while."""
        self._progressive.free_idle()

    def close(self) -> None:
        """Wait for write-behind work."""
        self._progressive.close()
        self._in_memory.close()

    def _yield_to_demand(self, lock: LockHandle) -> None:
        """Yield to demand, unless a demand is waiting for this very brick."""
        while not self.no_demand_pending() and not lock.demand_waiting:
            self.sleep(YIELD_POLL_S)

    def _decode(
        self,
        file: VolumeFile,
        address: BrickAddress,
        purpose: Purpose,
        plane: int,
        yield_to_demand: Callable[[], None] | None,
    ) -> Brick:
        began = self.monotonic()
        pending = self._writer.begin(file.volume, address, purpose)
        try:
            if pending is not None:
                brick = self._into_file(file, address, pending, yield_to_demand)
                if brick is not None:
                    return brick
        finally:
            if purpose.is_prefetch:
                paused_s = 0.0 if pending is None else pending.paused_s
                self._store.account.spent(self.monotonic() - began - paused_s)
        if purpose is not Purpose.DEMAND:
            raise CacheFull("The cache has no space for a prefetched brick.")
        return self._decode_single_plane(file, address, plane)

    def _into_file(
        self,
        file: VolumeFile,
        address: BrickAddress,
        pending: PendingBrickFile,
        yield_to_demand: Callable[[], None] | None,
    ) -> FileBrick | None:
        volume = file.volume
        target: BrickTarget = pending
        if self._direct_writer is not None:
            target = self._direct_writer.target(pending, volume.memory_dtype)

        def pause() -> None:
            if yield_to_demand is not None:
                before = self.monotonic()
                yield_to_demand()
                pending.paused_s += self.monotonic() - before

        try:
            reader = self.readers.of(volume)
            damaged = reader.read_brick(file, address, target, yield_to_demand and pause)
        except OSError as error:
            self._writer.abort_write(pending, error)
            return None
        except BaseException:
            pending.discard()
            raise
        with meter(Stage.CACHE):
            return self._writer.commit(pending, volume, damaged)

    def _decode_single_plane(
        self, file: VolumeFile, address: BrickAddress, plane: int
    ) -> SinglePlaneBrick:
        """The requested plane alone, in memory, because the disk has no space for the brick."""
        values, damaged = self.readers.of(file.volume).read_plane(file, address, plane)
        return SinglePlaneBrick(values, plane, tuple(damaged))

    def _record_demand(
        self, brick: Brick, found: Provenance, plane: int, nbytes: int, waited_s: float = 0.0
    ) -> Provenance:
        """Record the demand in the brick's usage record; returns the provenance that follows from it.

        `waited_s` is how long it took to get a brick that was not cached (s).
        """
        access = brick.mark_accessed(plane)
        outcome = found.outcome
        if access.first_brick_access:
            self._ledger.count("bricks.first_wanted")
            if access.purpose.is_prefetch:
                joined = waited_s if outcome is Outcome.COALESCED else None
                self._store.account.used(access, brick.decoded, nbytes, joined)
        if outcome is not Outcome.HIT:
            return found
        if access.first_plane_access and access.purpose is not Purpose.DEMAND:
            return Provenance(Outcome.PREFETCHED, warmed=access.purpose is Purpose.WARMUP)
        return Provenance(Outcome.HIT, seen=not access.first_plane_access)


def _decode_timed_out() -> errors.Busy:
    return errors.Busy("This part is still being decoded; try again in a moment.")
