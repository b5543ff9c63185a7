"""A brick's file from its first byte to its place in the cache, and what is counted about it."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Protocol

from dashboard.cache.bricks import BrickStore, FileBrick
from dashboard.cache.pace import Paces
from dashboard.cache.partial import Partial
from dashboard.cache.story import Purpose
from dashboard.telemetry.ledger import Ledger
from dashboard.volumes.address import BrickAddress
from dashboard.volumes.chunkread import BadChunk
from dashboard.volumes.volume import Volume

log = logging.getLogger(__name__)

_AHEAD = (Purpose.AHEAD, Purpose.RESTING)


class Space(Protocol):
    """Whether the disk has room; `dashboard.storage.guard.Space`."""

    def may_write(self, nbytes: int) -> bool:
        """Whether so many bytes may be written."""

    def note_full(self) -> None:
        """A write failed for want of space."""


class Making:
    """Begins and ends the files of bricks."""

    def __init__(self, store: BrickStore, space: Space, ledger: Ledger, paces: Paces) -> None:
        self._store = store
        self._space = space
        self._ledger = ledger
        self._paces = paces

    def begin(self, volume: Volume, address: BrickAddress, purpose: Purpose) -> Partial | None:
        """A file to write the brick into; None when there is no room for it."""
        itemsize = volume.dtype.itemsize
        if not self._space.may_write(address.nbytes(itemsize)):
            return None
        try:
            return self._store.begin(address, itemsize, purpose)
        except OSError as error:
            log.warning("no brick file: %s", error)
            self._space.note_full()
            return None

    def not_written(self, partial: Partial, error: OSError) -> None:
        """Give up a brick that the disk did not take."""
        partial.discard()
        log.warning("brick not written: %s", error)
        self._space.note_full()

    def keep(self, partial: Partial, volume: Volume, bad: Collection[BadChunk]) -> FileBrick | None:
        """Put a finished brick into the cache; None when there is no room after all."""
        brick = self._store.keep(partial, volume.native, bad)
        if brick is not None:
            self._count(partial.purpose, partial.data_bytes)
            seconds = time.monotonic() - partial.began
            self._paces.timed(volume.address.key, partial.data_bytes, seconds)
        return brick

    def _count(self, purpose: Purpose, nbytes: int) -> None:
        count = self._ledger.count
        count("bricks.decoded")
        count("bricks.decoded_bytes", nbytes)
        if purpose in _AHEAD:
            count("prefetch.decoded")
            count("prefetch.decoded_bytes", nbytes)
        if purpose is Purpose.RESTING:
            count("prefetch.resting_bytes", nbytes)
