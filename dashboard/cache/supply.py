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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial as bind
from pathlib import Path
from typing import Protocol

from dashboard import errors
from dashboard.cache.bricks import Brick, BrickStore, FileBrick, Partial, PlaneBrick, Purpose
from dashboard.cache.pace import Paces
from dashboard.storage.locks import Gate, Held, LockTimeout, ask_for, exclusive
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.meter import meter
from dashboard.volumes.address import BrickAddress
from dashboard.volumes.decode import Decoder, FileSink, PlaneSink, plane_by_child, read_by_child
from dashboard.volumes.held import Arena, HeldBrick, held_bytes
from dashboard.volumes.library import Library
from dashboard.volumes.volume import Volume

log = logging.getLogger(__name__)

# Smaller bricks are decoded and written in a few milliseconds anyway.
HELD_FROM_BYTES = 1024 * 1024

# How often work that stepped aside looks whether it may go on: a fraction of what one band takes.
ASIDE_S = 0.004

_AHEAD = (Purpose.AHEAD, Purpose.RESTING)


class NoRoom(errors.Busy):
    """There is no room to keep what was to be decoded ahead."""


class Space(Protocol):
    """Whether the disk has room; `dashboard.storage.guard.Space`."""

    def may_write(self, nbytes: int) -> bool:
        """Whether so many bytes may be written."""

    def note_full(self) -> None:
        """A write failed for want of space."""


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
        self._space = space
        self._ledger = ledger
        self._paces = paces
        self._wait = wait_s
        self._sleep = sleep
        self._arena = Arena(arena_bytes)
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="behind")

    def lead_s(self, volume: Volume, nbytes: int) -> float:
        """How long decoding `nbytes` of this volume will probably take, by what it took lately."""
        return self._paces.seconds(volume.address.key, nbytes)

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
        brick: Brick | None = self._store.get(address, volume.native)
        outcome = "hit"
        if brick is None:
            brick, outcome = self._fetch(volume, address, purpose, plane, counted)
        if counted:
            outcome = self._told(brick, outcome, plane, address.nbytes(volume.dtype.itemsize))
        return Supplied(brick, outcome)

    def _fetch(
        self, volume: Volume, address: BrickAddress, purpose: Purpose, plane: int, counted: bool
    ) -> tuple[Brick, str]:
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
                raise errors.Busy(
                    "This part is still being decoded; try again in a moment."
                ) from None
            except OSError as error:
                # No file can be made there, or somebody removed the folder: do without the cache.
                log.warning("no lock for a brick: %s", error)
                if purpose is not Purpose.DEMAND:
                    raise NoRoom("There is no room to decode ahead.") from None
                return self._one_plane(volume, address, plane), "miss"
            brick = self._store.get(address, volume.native)
            if brick is not None:
                return brick, "coalesced" if held.waited else "hit"
            if purpose is Purpose.DEMAND:
                with self._gate.busy():
                    early = self._plane_first(volume, address, plane, counted, stack)
                    return early or self._decode(volume, address, purpose, plane, None), "miss"
            aside = bind(self._step_aside, held)
            return self._decode(volume, address, purpose, plane, aside), "miss"

    def _plane_first(
        self,
        volume: Volume,
        address: BrickAddress,
        plane: int,
        counted: bool,
        stack: ExitStack,
    ) -> PlaneBrick | None:
        """The wanted plane as soon as its chunks are decoded; the brick is laid down behind it.

        None when this brick is not worth it or the memory for it is taken. Else what `stack` holds
        (the brick's lock) is kept until the brick is in the cache, so that who wants another plane
        waits for it and nothing is decoded twice.
        """
        size = held_bytes(volume, address)
        if not volume.fast or size < HELD_FROM_BYTES:
            return None
        memory = self._arena.acquire(size)
        if memory is None:
            return None
        partial = None
        try:
            partial = self._begin(
                volume, address, Purpose.DEMAND, wanted=plane if counted else None
            )
            if partial is None:
                self._arena.release()
                return None
            began = time.monotonic()
            held = self._decoder.hold(volume, address, plane, memory)
        except BaseException:
            self._arena.release()
            if partial is not None:
                partial.discard()
            raise
        proven = held.proven
        done = self._behind.submit(self._lay_down, held, partial, stack.pop_all(), began)
        return PlaneBrick(held.values, plane, held.bad, None if proven else done)

    def _lay_down(self, held: HeldBrick, partial: Partial, locked: ExitStack, began: float) -> bool:
        """Write a held brick to its file and put it into the cache; whether all its chunks were whole.

        Nobody waits for it.
        """
        with locked:
            try:
                with self._gate.busy():
                    self._decoder.lay_down(held, FileSink(partial.fd, held.address))
            except OSError as error:
                partial.discard()
                log.warning("brick not written: %s", error)
                self._space.note_full()
                return False
            except errors.LamellaError as error:
                partial.discard()
                log.info("brick not laid down: %s", error)
                return False
            except Exception:
                partial.discard()
                log.exception("brick not laid down")
                return False
            finally:
                self._arena.release()
            kept = self._store.keep(partial, held.volume.native, held.bad, Purpose.DEMAND)
            if kept is not None:
                self._count_decoded(Purpose.DEMAND, partial.data_bytes)
                key, size = held.volume.address.key, partial.data_bytes
                self._paces.timed(key, size, time.monotonic() - began)
            return not held.bad

    def close(self) -> None:
        """Finish laying down what is held."""
        self._behind.shutdown(wait=True)

    def _step_aside(self, held: Held) -> None:
        """Let demand go first, unless what is decoded here is what somebody waits for."""
        while not self._gate.open() and not held.asked_for:
            self._sleep(ASIDE_S)

    def _decode(
        self,
        volume: Volume,
        address: BrickAddress,
        purpose: Purpose,
        plane: int,
        step_aside: Callable[[], None] | None,
    ) -> Brick:
        partial = self._begin(volume, address, purpose)
        if partial is not None:
            began = time.monotonic()
            brick = self._into_file(volume, address, purpose, partial, step_aside)
            if brick is not None:
                key, size = volume.address.key, partial.data_bytes
                self._paces.timed(key, size, time.monotonic() - began)
                return brick
        if purpose is not Purpose.DEMAND:
            raise NoRoom("There is no room to decode ahead.")
        return self._one_plane(volume, address, plane)

    def _begin(
        self,
        volume: Volume,
        address: BrickAddress,
        purpose: Purpose,
        wanted: int | None = None,
    ) -> Partial | None:
        itemsize = volume.dtype.itemsize
        if not self._space.may_write(address.nbytes(itemsize)):
            return None
        try:
            return self._store.begin(address, itemsize, purpose, wanted)
        except OSError as error:
            log.warning("no brick file: %s", error)
            self._space.note_full()
            return None

    def _into_file(
        self,
        volume: Volume,
        address: BrickAddress,
        purpose: Purpose,
        partial: Partial,
        step_aside: Callable[[], None] | None,
    ) -> FileBrick | None:
        try:
            if volume.fast or volume.mapped:
                sink = FileSink(partial.fd, address)
                bad = self._decoder.decode(volume, address, sink, step_aside)
            else:
                if step_aside is not None:
                    step_aside()
                # The child writes through a map, where a full disk would be a crash: ask for the
                # room first.
                os.posix_fallocate(partial.fd, 0, partial.data_bytes)
                bad = read_by_child(self._library, volume, address, partial.path)
        except OSError as error:
            partial.discard()
            log.warning("brick not written: %s", error)
            self._space.note_full()
            return None
        except BaseException:
            partial.discard()
            raise
        with meter("cache"):
            brick = self._store.keep(partial, volume.native, bad, purpose)
        if brick is not None:
            self._count_decoded(purpose, partial.data_bytes)
        return brick

    def _one_plane(self, volume: Volume, address: BrickAddress, plane: int) -> PlaneBrick:
        """The wanted plane alone, in memory: the disk has no room for the brick."""
        if volume.fast or volume.mapped:
            sink = PlaneSink(address, volume.native, plane)
            bad = self._decoder.decode(volume, address, sink)
            return PlaneBrick(sink.values, plane, tuple(bad))
        values, bad = plane_by_child(self._library, volume, address, plane)
        return PlaneBrick(values, plane, tuple(bad))

    def _count_decoded(self, purpose: Purpose, nbytes: int) -> None:
        count = self._ledger.count
        count("bricks.decoded")
        count("bricks.decoded_bytes", nbytes)
        if purpose in _AHEAD:
            count("prefetch.decoded")
            count("prefetch.decoded_bytes", nbytes)
        if purpose is Purpose.RESTING:
            count("prefetch.resting_bytes", nbytes)

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
