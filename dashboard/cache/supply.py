"""The one way to get a brick: out of the cache, or decoded by exactly one of all who want it.

Demand and prefetch, threads and processes go through `Supply.get_or_decode`. Single flight is a
`flock` on the brick's lock file: the kernel frees it when its holder is killed, so nothing is ever
stuck.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial as bind
from pathlib import Path
from typing import Any

import numpy as np

from dashboard import errors
from dashboard.cache.bricks import Brick, BrickStore, FileBrick, PlaneBrick
from dashboard.cache.gathering import Gathering
from dashboard.cache.making import Making, Space
from dashboard.cache.pace import Paces
from dashboard.cache.partial import Partial
from dashboard.cache.story import Purpose
from dashboard.cache.underway import Underway
from dashboard.storage.locks import Gate, Held, LockTimeout, ask_for, exclusive
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.meter import meter
from dashboard.volumes.address import BrickAddress
from dashboard.volumes.chunkread import BadChunk
from dashboard.volumes.decode import Decoder, plane_by_child, read_by_child
from dashboard.volumes.library import Library
from dashboard.volumes.sinks import FileSink, PlaneSink
from dashboard.volumes.volume import Volume

log = logging.getLogger(__name__)

# How often work that stepped aside looks whether it may go on: a fraction of what one band takes.
ASIDE_S = 0.004

_AHEAD = (Purpose.AHEAD, Purpose.RESTING)


class NoRoom(errors.Busy):
    """There is no room to keep what was to be decoded ahead."""


@dataclass(frozen=True, slots=True)
class Supplied:
    """A brick and how it was come by: `hit`, `prefetched`, `coalesced` or `miss`."""

    brick: Brick
    outcome: str


class Supply:
    """Bricks on request."""

    def __init__(
        self,
        library: Library,
        store: BrickStore,
        decoder: Decoder,
        gate: Gate,
        locks: Path,
        space: Space,
        ledger: Ledger,
        paces: Paces,
        wait_s: float,
        arena_bytes: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._library = library
        self._store = store
        self._decoder = decoder
        self._gate = gate
        self._locks = locks
        self._ledger = ledger
        self._paces = paces
        self._wait = wait_s
        self._sleep = sleep
        self._making = Making(store, space, ledger, paces)
        self._underway = Underway(decoder, self._making, gate, arena_bytes)
        self._gathering: Gathering | None = None

    def gather(self, limit: int) -> None:
        """From now on put bricks of up to `limit` bytes together in memory and write each in one go.

        For whoever decodes more than the page cache is good for (`gathering.worthwhile`).
        """
        self._gathering = Gathering(self._decoder, limit)

    def lead_s(self, volume: Volume, nbytes: int) -> float:
        """How long decoding `nbytes` of this volume will probably take, by what it took lately."""
        return self._paces.seconds(volume.address.key, nbytes)

    def quiet(self) -> bool:
        """Whether nobody waits for a slice that is being decoded, in any process."""
        return self._gate.open()

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""
        return self._store.has(address)

    def get_or_decode(
        self,
        address: BrickAddress,
        purpose: Purpose = Purpose.DEMAND,
        *,
        plane: int = 0,
        counted: bool = False,
    ) -> Supplied:
        """The brick, decoded if nobody has it yet.

        `plane` is the one that is wanted now; when the disk is full it is all that the brick
        returned holds. `counted` says that a viewer's demand is behind it, which goes into the
        brick's story and the ledger. Raises `Busy` when somebody else's decoding takes too long,
        `NoRoom` when something was to be decoded ahead and there is no room, and whatever is wrong
        with the file.
        """
        volume = self._library.at(address.volume)
        brick: Brick | None = self._store.get(address, volume.native, plane)
        outcome = "hit"
        if brick is None:
            brick, outcome = self._fetch(volume, address, purpose, plane)
        if counted:
            outcome = self._told(brick, outcome, plane, address.nbytes(volume.dtype.itemsize))
        return Supplied(brick, outcome)

    def record_demand(self, address: BrickAddress, dtype: np.dtype[Any], plane: int) -> str | None:
        """Count a demand for a plane that the viewer has already; None when the brick is not in the cache.

        Neither the file nor a child is asked, and nothing is decoded.
        """
        brick = self._store.get(address, dtype)
        if brick is None:
            return None
        return self._told(brick, "hit", plane, address.nbytes(dtype.itemsize))

    def _fetch(
        self, volume: Volume, address: BrickAddress, purpose: Purpose, plane: int
    ) -> tuple[Brick, str]:
        try:
            early = self._underway.plane(address, plane, self._wait)
        except TimeoutError:
            raise _too_slow() from None
        if early is not None:
            return early
        with ExitStack() as stack:
            try:
                with meter("wait"):
                    held = stack.enter_context(
                        exclusive(
                            self._locks / f"{address.key}.lock",
                            self._wait,
                            on_wait=ask_for if purpose is Purpose.DEMAND else None,
                        )
                    )
            except LockTimeout:
                raise _too_slow() from None
            except OSError as error:
                # No file can be made there, or somebody removed the folder: do without the cache.
                log.warning("no lock for a brick: %s", error)
                if purpose is not Purpose.DEMAND:
                    raise NoRoom("There is no room to decode ahead.") from None
                return self._one_plane(volume, address, plane), "miss"
            brick = self._store.get(address, volume.native, plane)
            if brick is not None:
                return brick, "coalesced" if held.waited else "hit"
            if purpose is Purpose.DEMAND:
                with self._gate.busy():
                    first = self._underway.begin(volume, address, plane, stack)
                    return first or self._decode(volume, address, purpose, plane, None), "miss"
            aside = bind(self._step_aside, held)
            return self._decode(volume, address, purpose, plane, aside), "miss"

    def close(self) -> None:
        """Finish what is being made behind answers."""
        self._underway.close()

    def _step_aside(self, held: Held) -> None:
        """Let demand go first, unless what is decoded here is what somebody waits for."""
        while not self.quiet() and not held.asked_for:
            self._sleep(ASIDE_S)

    def _decode(
        self,
        volume: Volume,
        address: BrickAddress,
        purpose: Purpose,
        plane: int,
        step_aside: Callable[[], None] | None,
    ) -> Brick:
        partial = self._making.begin(volume, address, purpose)
        if partial is not None:
            brick = self._into_file(volume, address, partial, step_aside)
            if brick is not None:
                return brick
        if purpose is not Purpose.DEMAND:
            raise NoRoom("There is no room to decode ahead.")
        return self._one_plane(volume, address, plane)

    def _into_file(
        self,
        volume: Volume,
        address: BrickAddress,
        partial: Partial,
        step_aside: Callable[[], None] | None,
    ) -> FileBrick | None:
        try:
            if volume.fast or volume.mapped:
                bad = self._decode_into(partial, volume, address, step_aside)
            else:
                if step_aside is not None:
                    step_aside()
                # The child writes through a map, where a full disk would be a crash: ask for the
                # room first.
                os.posix_fallocate(partial.fd, 0, partial.data_bytes)
                bad = read_by_child(self._library, volume, address, partial.fd)
        except OSError as error:
            self._making.not_written(partial, error)
            return None
        except BaseException:
            partial.discard()
            raise
        with meter("cache"):
            return self._making.keep(partial, volume, bad)

    def _decode_into(
        self,
        partial: Partial,
        volume: Volume,
        address: BrickAddress,
        step_aside: Callable[[], None] | None,
    ) -> list[BadChunk]:
        if self._gathering is not None:
            return self._gathering.decode(volume, address, partial.fd, step_aside, partial.sums)
        sink = FileSink(partial.fd, address, partial.sums)
        return self._decoder.decode(volume, address, sink, step_aside)

    def _one_plane(self, volume: Volume, address: BrickAddress, plane: int) -> PlaneBrick:
        """The wanted plane alone, in memory: the disk has no room for the brick."""
        if volume.fast or volume.mapped:
            sink = PlaneSink(address, volume.native, plane)
            bad = self._decoder.decode(volume, address, sink)
            return PlaneBrick(sink.values, plane, tuple(bad))
        values, bad = plane_by_child(self._library, volume, address, plane)
        return PlaneBrick(values, plane, tuple(bad))

    def _told(self, brick: Brick, outcome: str, plane: int, nbytes: int) -> str:
        """Write the demand into the brick's story; the outcome that the story makes of it."""
        wanted = brick.want(plane)
        count = self._ledger.count
        if wanted.first_of_brick:
            count("bricks.first_wanted")
        if wanted.first_of_brick and wanted.purpose in _AHEAD and outcome != "miss":
            count("prefetch.used")
            count("prefetch.used_bytes", nbytes)
            if outcome == "coalesced":
                count("prefetch.late")
            if wanted.purpose is Purpose.RESTING:
                count("prefetch.resting_used_bytes", nbytes)
        if outcome == "hit" and wanted.first_of_plane and wanted.purpose is not Purpose.DEMAND:
            return "prefetched"
        return outcome


def _too_slow() -> errors.Busy:
    return errors.Busy("This part is still being decoded; try again in a moment.")


def remove_stale_locks(folder: Path, older_than_s: float) -> None:
    """Delete lock files that nobody holds and that are older than that; killed holders leave them."""
    limit = time.time() - older_than_s
    for path in folder.glob("*.lock"):
        try:
            if path.stat().st_mtime < limit:
                with exclusive(path, 0.0):
                    pass  # releasing removes the file
        except (LockTimeout, OSError):
            continue


__all__ = ["NoRoom", "Purpose", "Supplied", "Supply", "remove_stale_locks"]
