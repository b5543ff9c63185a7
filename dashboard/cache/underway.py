"""A brick that is still being made, whose planes are handed out meanwhile.

The first plane goes out as soon as the chunks are decoded that deep, and so do the next ones while
the brick is decoded to its end and laid down behind the answers. Its lock is held all that time, so
that nothing is decoded twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from dashboard import errors
from dashboard.cache.bricks import PlaneBrick
from dashboard.cache.making import Making
from dashboard.cache.partial import Partial
from dashboard.cache.story import Purpose
from dashboard.storage.locks import Gate
from dashboard.telemetry.meter import meter
from dashboard.volumes.address import BrickAddress
from dashboard.volumes.decode import Decoder
from dashboard.volumes.held import Arena, HeldBrick, held_bytes
from dashboard.volumes.sinks import FileSink
from dashboard.volumes.volume import Volume

log = logging.getLogger(__name__)

# Smaller bricks are decoded and written in a few milliseconds anyway.
HELD_FROM_BYTES = 1024 * 1024


@dataclass(frozen=True)
class _Work:
    """A brick being made: its decoded chunks, its file, and whether all of them proved whole."""

    held: HeldBrick
    partial: Partial
    proof: Future[bool] = field(default_factory=Future)

    def plane(self, number: int, timeout_s: float) -> PlaneBrick | None:
        """A plane as soon as it is decoded; None when the brick was given up or is in the cache."""
        proof = None if self.held.proven else self.proof
        with self.held.taking(number, timeout_s) as values:
            if values is None:
                return None
            return PlaneBrick(values, number, tuple(self.held.bad), proof, self.partial)


class Underway:
    """The brick that this process makes for a viewer, one at a time."""

    def __init__(self, decoder: Decoder, making: Making, gate: Gate, arena_bytes: int) -> None:
        self._decoder = decoder
        self._making = making
        self._gate = gate
        self._arena = Arena(arena_bytes)
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._work: _Work | None = None

    def plane(
        self, address: BrickAddress, number: int, timeout_s: float
    ) -> tuple[PlaneBrick, str] | None:
        """(a plane of the brick that is being made, outcome); None when it is another brick.

        Raises `TimeoutError`.
        """
        work = self._work
        if work is None or work.held.address != address:
            return None
        outcome = "hit" if work.held.ready(number) else "coalesced"
        with meter("wait"):
            brick = work.plane(number, timeout_s)
        return None if brick is None else (brick, outcome)

    def begin(
        self, volume: Volume, address: BrickAddress, number: int, locked: ExitStack
    ) -> PlaneBrick | None:
        """Plane `number` as soon as it is decoded; the brick is made behind it.

        None when this brick is not worth it or the memory for it is taken. Else what `locked` holds
        (the brick's lock) is kept until the brick is in the cache.
        """
        size = held_bytes(volume, address)
        if not volume.fast or size < HELD_FROM_BYTES:
            return None
        memory = self._arena.acquire(size)
        if memory is None:
            return None
        work = None
        try:
            partial = self._making.begin(volume, address, Purpose.DEMAND)
            if partial is None:
                self._arena.release()
                return None
            try:
                work = _Work(self._decoder.hold(volume, address, memory, number), partial)
            except BaseException:
                partial.discard()
                raise
            self._work = work
            self._decoder.deepen(work.held, work.held.depth(number))
            brick = work.plane(number, 0.0)
        except BaseException:
            if work is None:
                self._arena.release()
            else:
                self._end(work)
                work.partial.discard()
                work.proof.set_result(False)
            raise
        self._behind.submit(self._lay_down, work, locked.pop_all())
        return brick

    def _lay_down(self, work: _Work, locked: ExitStack) -> None:
        """Write the brick to its file and put it into the cache. Nobody waits for it."""
        with locked:
            try:
                if self._laid_down(work):
                    self._making.keep(work.partial, work.held.volume, work.held.bad)
            except Exception:
                # Nobody looks at what this returns.
                log.exception("brick not kept")
            finally:
                work.proof.set_result(work.held.proven and not work.held.bad)

    def _laid_down(self, work: _Work) -> bool:
        held, partial = work.held, work.partial
        try:
            with self._until_end(work), self._gate.busy():
                self._decoder.lay_down(held, FileSink(partial.fd, held.address, partial.sums))
        except OSError as error:
            self._making.not_written(partial, error)
        except errors.LamellaError as error:
            partial.discard()
            log.info("brick not laid down: %s", error)
        except Exception:
            partial.discard()
            log.exception("brick not laid down")
        else:
            return True
        return False

    @contextmanager
    def _until_end(self, work: _Work) -> Iterator[None]:
        """Whatever happens inside, no plane is taken afterwards.

        A plane is taken with a descriptor of the brick's file, which whoever comes next gives back.
        """
        try:
            yield
        finally:
            self._end(work)

    def _end(self, work: _Work) -> None:
        self._work = None
        work.held.close()
        self._arena.release()

    def close(self) -> None:
        """Finish what is being made."""
        self._behind.shutdown(wait=True)
