"""Life of a brick's file from allocation to the cache entry, and the counters that follow from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Protocol

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks.brick import FileBrick
from dashboard.bricks.pending_file import PendingBrickFile
from dashboard.bricks.store import BrickStore
from dashboard.bricks.throughput import DecodeThroughput
from dashboard.catalog.volume import Volume
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.telemetry.ledger import Ledger

log = logging.getLogger(__name__)


class SpaceGuard(Protocol):
    """Free space on the disk; `dashboard.storage.disk_space.DiskSpace`."""

    def reserve(self, nbytes: int) -> bool:
        """Reserve `nbytes`; whether they may be written."""

    def report_full(self) -> None:
        """Record that a write failed because the disk is full."""


class BrickWriter:
    """Creates, commits and discards the files of bricks."""

    def __init__(
        self, store: BrickStore, space: SpaceGuard, ledger: Ledger, throughput: DecodeThroughput
    ) -> None:
        self._store = store
        self._space = space
        self._ledger = ledger
        self._throughput = throughput

    def begin(
        self, volume: Volume, address: BrickAddress, purpose: Purpose
    ) -> PendingBrickFile | None:
        """A file to write the brick into; None when there is no space for it."""
        pending = self._begin(address, volume.dtype.itemsize, purpose)
        if pending is None:
            self._store.history.refused(address)
        return pending

    def _begin(
        self, address: BrickAddress, itemsize: int, purpose: Purpose
    ) -> PendingBrickFile | None:
        if not self._space.reserve(address.nbytes(itemsize)):
            return None
        try:
            return self._store.begin(address, itemsize, purpose)
        except OSError as error:
            log.warning("no brick file: %s", error)
            self._space.report_full()
            return None

    def abort_write(self, pending: PendingBrickFile, error: OSError) -> None:
        """Discard a brick after a failed write."""
        pending.discard()
        log.warning("brick not written: %s", error)
        self._space.report_full()
        self._store.history.refused(pending.address)

    def commit(
        self, pending: PendingBrickFile, volume: Volume, damaged: Collection[DamagedChunk]
    ) -> FileBrick | None:
        """Add a finished brick to the cache; None when there is no space after all."""
        began = time.monotonic()
        brick = self._store.commit(pending, volume.memory_dtype, damaged)
        if brick is not None:
            self._ledger.brick_written(sum(pending.writes_s) + time.monotonic() - began)
            self._count(pending.purpose, pending.data_bytes)
            seconds = time.monotonic() - pending.started
            decoded = volume.grid.decoded_bytes(pending.address)
            self._throughput.record(volume.address.key, decoded, seconds)
        return brick

    def _count(self, purpose: Purpose, nbytes: int) -> None:
        count = self._ledger.count
        count("bricks.decoded")
        count("bricks.decoded_bytes", nbytes)
        if purpose.is_prefetch:
            self._store.account.decoded(purpose, nbytes)
