"""Decoded bricks as raw files behind a diskcache index, read back as read-only memory maps.

A brick's file has the values in native byte order, plane after plane, then the usage record (`usage.py`), which
is evicted with the brick and shared by all processes, and a checksum for each plane, which a process verifies
before it uses the plane for the first time.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial as bind
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from cachetools import TTLCache

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose, Stage, Waste
from dashboard.bricks.brick import DecodeRecord, FileBrick
from dashboard.bricks.history import BrickHistory
from dashboard.bricks.open_handles import OpenBrickCache
from dashboard.bricks.pending_file import PendingBrickFile, file_bytes, pending_bytes
from dashboard.bricks.plane_checksums import VerifiedPlanes
from dashboard.bricks.prefetch_account import PrefetchAccount
from dashboard.bricks.usage import BrickUsage
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.meter import meter
from dashboard.storage.access_log import AccessLog
from dashboard.storage.bytes_cache import BytesCache, CacheRow, FileToAdopt, StoredFile
from dashboard.storage.eviction import LruEvictor, OnEvict
from dashboard.telemetry.groups import axis_name, volume_name
from dashboard.telemetry.ledger import Ledger

log = logging.getLogger(__name__)

# What is decoded for viewers at rest does not replace bricks that were demanded within this time.
DEMANDED_LATELY_S = 15 * 60.0
MAX_DEMANDED, DEMANDED_S = 65_536, 60.0


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """A stored brick: its box, its purpose, whether it was accessed or became wasted now, and its size (bytes)."""

    box: str
    purpose: Purpose
    accessed: bool
    wasted: bool
    nbytes: int

    @property
    def is_unused_prefetch(self) -> bool:
        """Whether it was prefetched and has not been accessed."""
        return self.purpose.is_prefetch and not self.accessed


class EvictionRules(TypedDict):
    """Which entries may be evicted, and what is called with each; see `LruEvictor`."""

    protected: Callable[[], Collection[str]]
    evict_protected_last: bool
    exempt: Callable[[CacheRow], bool] | None
    on_evict: OnEvict


class BrickStore:
    """The brick cache: bounded in bytes, shared by all processes, persistent across restarts."""

    def __init__(
        self,
        cache: BytesCache,
        evictor: LruEvictor,
        pending: Path,
        ledger: Ledger,
        history: BrickHistory,
        protected: Callable[[], Collection[str]] = tuple,
        keep_open: int = 0,
    ) -> None:
        pending.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._cache = cache
        self._evictor = evictor
        self._pending = pending
        evictor.beside = lambda: pending_bytes(pending)
        self._ledger = ledger
        self.account = PrefetchAccount(ledger, evictor.clock)
        self.history = history
        self._protected = protected
        self.open_handles = OpenBrickCache[FileBrick](keep_open)
        self._verified = VerifiedPlanes()
        # Bricks that were demanded or warmed, for a while: they may be evicted and prefetched since.
        self._demanded: TTLCache[str, None] = TTLCache(MAX_DEMANDED, DEMANDED_S, evictor.clock)
        self.access_log = AccessLog(cache)
        ledger.gauge("bricks.bytes", lambda: cache.totals()[0])
        ledger.gauge("bricks.entries", lambda: cache.totals()[1])
        ledger.gauge("bricks.limit", lambda: evictor.limit)

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""
        return address.key in self._cache

    def existing(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of `keys` that are in the cache."""
        return self._cache.existing(keys)

    def is_unused_prefetch(self, address: BrickAddress) -> bool:
        """Whether a brick was prefetched and has not been accessed."""
        usage = self._usage(address.key)
        return usage is not None and usage.is_unused_prefetch

    @meter(Stage.CACHE)
    def get(
        self, address: BrickAddress, dtype: np.dtype[Any], plane: int | None = None
    ) -> FileBrick | None:
        """The brick mapped, or None; whatever is wrong with it is a miss.

        A brick whose plane `plane` does not match its checksum is removed from the cache.
        """
        brick = self.open_handles.get(address.key)
        if brick is None or brick.dtype != dtype:
            brick = self._open(address, dtype)
            if brick is None:
                return None
        if plane is not None and not brick.sound(plane):
            log.warning(
                "a damaged brick was removed: the checksum of plane %d does not match", plane
            )
            self.open_handles.drop(address.key)
            self.waste(address.key, Waste.EVICTED)
            self._cache.delete(address.key)
            return None
        self.open_handles.put(address.key, brick)
        self.access_log.touch(address.key)
        return brick

    def peek(self, address: BrickAddress, dtype: np.dtype[Any]) -> FileBrick | None:
        """The brick mapped, or None; it may be evicted as if it had not been read.

        Its planes are to be verified (`FileBrick.sound`).
        """
        return self._open(address, dtype)

    def _open(self, address: BrickAddress, dtype: np.dtype[Any]) -> FileBrick | None:
        stored = self._cache.get(address.key)
        if not isinstance(stored, StoredFile):
            return None
        brick = self._map(stored, address, dtype)
        if brick is None:
            self._cache.delete(address.key)
        return brick

    def _map(
        self, stored: StoredFile, address: BrickAddress, dtype: np.dtype[Any]
    ) -> FileBrick | None:
        expected = file_bytes(address, dtype.itemsize)
        try:
            head = json.loads(stored.header)
            damaged = tuple(DamagedChunk(tuple(map(int, c)), str(why)) for c, why in head["bad"])
            fd = os.open(stored.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("brick refused: %s", error)
            return None
        try:
            if head["dtype"] == dtype.str and os.fstat(fd).st_size == expected:
                verified = self._verified.flags(stored.path.name, address.planes)
                decoded = DecodeRecord.parse(head)
                return FileBrick(fd, address, dtype, damaged, verified, decoded)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("brick cannot be mapped: %s", error)
        os.close(fd)
        return None

    @meter(Stage.CACHE)
    def begin(
        self, address: BrickAddress, itemsize: int, purpose: Purpose
    ) -> PendingBrickFile | None:
        """A file to write the brick into, or None when eviction cannot free enough space.

        Only what a viewer waits for may push out what other viewers are about to see.
        """
        need = file_bytes(address, itemsize)
        # The file counts against the limit from here on, so that two concurrent writers do not reserve the same
        # bytes.
        with self._evictor.reserve(need, **self._eviction_rules(purpose)) as evicted:
            self._count_evictions(evicted)
            if evicted is None:
                return None
            return PendingBrickFile(self._pending, address, itemsize, purpose)

    def commit(
        self, pending: PendingBrickFile, dtype: np.dtype[Any], damaged: Collection[DamagedChunk]
    ) -> FileBrick | None:
        """Add a finished brick to the cache; returns it mapped."""
        # Mapped before it is stored: whatever happens to the entry from here on, the caller has its
        # planes.
        brick = self._sealed(pending, dtype, damaged)
        if brick is None:
            pending.discard()
            return None
        volume = pending.address.volume
        header = json.dumps(
            {
                "dtype": dtype.str,
                "data_bytes": pending.data_bytes,
                "box": pending.address.box,
                "volume": volume_name(volume.file, volume.dataset),
                "axis": axis_name(pending.address.order[:-2]),
                "file": volume.file,
                "dataset": volume.dataset,
                "ready_at": self._evictor.clock(),
                "took_s": pending.decode_s,
                "bad": [[list(chunk.origin), chunk.reason] for chunk in damaged],
            }
        ).encode()
        with self._evictor.reserve(0, **self._eviction_rules(pending.purpose)) as evicted:
            self._count_evictions(evicted)
            if evicted is None:
                pending.discard()
                return None
            pending.close()
            if not self._cache.set(pending.address.key, FileToAdopt(pending.path, header)):
                with suppress(OSError):
                    os.unlink(pending.path)
            self.history.stored(pending.address)
            return brick

    def _sealed(
        self, pending: PendingBrickFile, dtype: np.dtype[Any], damaged: Collection[DamagedChunk]
    ) -> FileBrick | None:
        """A finished brick mapped, its checksums written; None when that failed."""
        try:
            fd = os.dup(pending.fd)
            try:
                planes = bytearray(pending.address.planes)
                brick = FileBrick(fd, pending.address, dtype, tuple(damaged), planes)
            except BaseException:
                os.close(fd)
                raise
            brick.seal(pending.checksums)
        except (OSError, ValueError) as error:
            log.warning("brick cannot be mapped: %s", error)
            return None
        return brick

    def _eviction_rules(self, purpose: Purpose) -> EvictionRules:
        """Which entries may be evicted for a brick of this purpose."""
        return {
            "protected": self._protected_now,
            "evict_protected_last": purpose is Purpose.DEMAND,
            "exempt": self._was_demanded_lately if purpose is Purpose.PREFETCH_IDLE else None,
            "on_evict": self._on_evict,
        }

    def _was_demanded_lately(self, row: CacheRow) -> bool:
        """Whether a brick was demanded, or warmed by request, a short time ago.

        What a viewer at rest needs next is a guess, that viewers return to where they were is an observation.
        """
        if row.used < self._evictor.clock() - DEMANDED_LATELY_S:
            return False
        if row.key not in self._demanded:
            usage = self._usage(row.key)
            if usage is None or usage.is_unused_prefetch:
                return False
            self._demanded[row.key] = None
        return True

    def _protected_now(self) -> Collection[str]:
        """The protected keys; called before entries are chosen, which are in the order of their last accesses."""
        # Written once a second alone, they would let bricks be evicted that were accessed within that second.
        self.access_log.flush()
        return self._protected()

    def _count_evictions(self, evicted: int | None) -> None:
        if evicted:
            self._ledger.count("bricks.evictions", evicted)

    def _on_evict(self, row: CacheRow) -> Callable[[], None] | None:
        """Close the brick and count an unused prefetched one; returns what counts and records the eviction."""
        self.open_handles.drop(row.key)
        usage = self.waste(row.key, Waste.EVICTED)
        return None if usage is None else bind(self._record_eviction, row, usage)

    def _record_eviction(self, row: CacheRow, usage: StoredUsage) -> None:
        kind = "used" if usage.accessed or usage.purpose is Purpose.DEMAND else "unused"
        age_s = round(max(0.0, self._evictor.clock() - row.used))
        self._ledger.count_all({f"evicted.{kind}": 1, f"evicted.{kind}_age_seconds": age_s})
        if usage.box:  # absent in bricks of former versions
            self.history.evicted(usage.box, row.key, usage.nbytes)

    def waste(self, key: str, cause: Waste) -> StoredUsage | None:
        """Count a brick as wasted, if it was prefetched, not accessed, and not counted before.

        Returns its usage; None where it is not cached.
        """
        usage = self._usage(key, cause)
        if usage is not None and usage.wasted:
            self.account.wasted(cause, usage.purpose, usage.nbytes)
        return usage

    def _usage(self, key: str, cause: Waste | None = None) -> StoredUsage | None:
        """What is known of a brick without mapping it; with a cause, it is wasted from now on if it is unused."""
        stored = self._cache.get(key)
        if not isinstance(stored, StoredFile):
            return None
        try:
            head = json.loads(stored.header)
            data = int(head["data_bytes"])
            with stored.path.open("rb" if cause is None else "r+b", buffering=0) as stream:
                usage = BrickUsage(stream.fileno(), data)
                box, purpose = str(head.get("box", "")), usage.purpose
                wasted = cause is not None and purpose.is_prefetch and usage.waste(cause)
                return StoredUsage(box, purpose, usage.accessed, wasted, data)
        except (OSError, ValueError, LookupError, TypeError, RecursionError, OverflowError):
            return None

    def headers(self) -> Iterator[tuple[CacheRow, Mapping[str, Any]]]:
        """All entries with their headers, least recently used first; those without a readable one have none."""
        for row in self._cache.rows_by_eviction_order():
            stored = self._cache.get(row.key)
            head = None
            if isinstance(stored, StoredFile):
                with suppress(ValueError, RecursionError):
                    head = json.loads(stored.header)
            yield row, head if isinstance(head, dict) else {}

    def drop(self, row: CacheRow) -> bool:
        """Remove an entry by hand, which is no eviction; returns whether this call removed it.

        Of several calls at the same time, one does. The brick's history is forgotten.
        """
        self.open_handles.drop(row.key)
        usage = self.waste(row.key, Waste.DROPPED)
        if not self._cache.delete(row.key):
            return False
        self._ledger.count("bricks.dropped")
        if usage is not None and usage.box:
            self.history.dropped(usage.box, row.key)
        return True

    def evict(self, row: CacheRow) -> bool:
        """Evict one entry, for a limit that is not the whole cache's; returns whether this call removed it."""
        evicted = self._on_evict(row)
        removed = self._cache.delete(row.key)
        self._count_evictions(int(removed))
        if removed and evicted is not None:
            evicted()
        return removed

    def trim(self) -> None:
        """Evict down to the limit, sparing bricks that are planned or in use."""
        self._count_evictions(self._evictor.evict_for(0, **self._eviction_rules(Purpose.WARMUP)))

    def sweep(self) -> None:
        """Remove files that killed processes left behind; called at start and by maintenance."""
        pending_bytes(self._pending)
        self._cache.remove_orphans(older_than_s=60.0)
