"""Progressive decoding: planes of a brick are returned while the rest of it is still being decoded.

The requested plane is returned once the chunks are decoded to its depth, and so are further ones while the brick
is decoded to its end and written after the responses (write-behind). The brick's lock is kept all that time, so
that nothing is decoded twice.

One brick is in flight at a time, unless a viewer demands planes of several views at once, as of three through a
point: those would wait for whole bricks to be written otherwise.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome, Purpose, Stage
from dashboard.bricks.brick import SinglePlaneBrick
from dashboard.bricks.cause import Cause
from dashboard.bricks.pending_file import PendingBrickFile
from dashboard.bricks.writer import BrickWriter
from dashboard.catalog.volume import ReadPath
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.buffers import ReusableBuffer, trim_heap
from dashboard.decoding.decoder import Decoder
from dashboard.decoding.progressive import ProgressiveBrick, is_one_chunk_thick, required_bytes
from dashboard.meter import count_bytes, meter
from dashboard.storage.demand_signal import DemandSignal
from dashboard.time_slice import compute_in_long_slices

log = logging.getLogger(__name__)

# Smaller bricks take less time to be added to the cache than a thread that does it after the response.
MIN_PROGRESSIVE_BYTES = 256 * 1024
# Bricks of other views beside the first one: those of three through a point.
MAX_BESIDE = 2
# How long bricks wait to be written, at most, while planes are decoded that requests wait for.
YIELD_S = 0.5


@dataclass(frozen=True)
class InFlightBrick:
    """A brick in flight: its decoded chunks, the buffer that they are in, the file they come from, the brick's own
    file, the cause of the decode, and whether all chunk checksums matched.
    """

    brick: ProgressiveBrick
    buffer: ReusableBuffer
    file: VolumeFile
    pending: PendingBrickFile
    cause: Cause
    integrity: Future[bool] = field(default_factory=Future)

    def plane(self, number: int, timeout_s: float) -> SinglePlaneBrick | None:
        """A plane once it is decoded; None when decoding was aborted or the brick is in the cache."""
        integrity = None if self.brick.fully_verified else self.integrity
        with self.brick.borrow_plane(number, timeout_s) as values:
            if values is None:
                return None
            return SinglePlaneBrick(
                values, number, tuple(self.brick.damaged_chunks), integrity, self.pending
            )


class ProgressiveLoader:
    """The bricks that this process decodes progressively: one, or those of several views of one viewer."""

    def __init__(
        self, decoder: Decoder, writer: BrickWriter, demand: DemandSignal, buffer_bytes: int
    ) -> None:
        self._decoder = decoder
        self._writer = writer
        self._demand = demand
        self._buffers = [
            ReusableBuffer(buffer_bytes, is_kept=number == 0) for number in range(1 + MAX_BESIDE)
        ]
        # A thread for each: planes that are deeper in one do not wait until another is written.
        self._background = ThreadPoolExecutor(
            len(self._buffers), thread_name_prefix="behind", initializer=compute_in_long_slices
        )
        self._in_flight: dict[str, InFlightBrick] = {}
        self._changed = threading.Condition()
        # The viewers and bricks for which buffers are taken.
        self._taken: dict[ReusableBuffer, tuple[str, BrickAddress]] = {}
        # Requests whose plane is being decoded.
        self._waiting = 0

    @property
    def in_use(self) -> bool:
        """Whether a brick is in a buffer of this process."""
        return bool(self._taken)

    def plane(
        self, address: BrickAddress, number: int, timeout_s: float
    ) -> tuple[SinglePlaneBrick | None, Outcome, Cause] | None:
        """(plane of a brick in flight, outcome, cause of the decode); None when the brick is not in flight.

        The plane is None when decoding was aborted or the brick is in the cache by now. Raises `TimeoutError`.
        """
        work = self._in_flight.get(address.key)
        if work is None:
            return None
        outcome = Outcome.HIT if work.brick.has_plane(number) else Outcome.COALESCED
        with meter(Stage.WAIT):
            brick = work.plane(number, timeout_s)
        return brick, outcome, work.cause

    def _acquire(
        self, size: int, viewer: str, address: BrickAddress
    ) -> tuple[ReusableBuffer, NDArray[np.uint8]] | None:
        """A buffer and its memory; the first one, or another while the same viewer has those for other views."""
        with self._changed:
            if self._buffers[0] in self._taken and not all(
                viewer and by == viewer and not _is_same_view(address, other)
                for by, other in self._taken.values()
            ):
                return None
            buffer = next((one for one in self._buffers if one not in self._taken), None)
            memory = None if buffer is None else buffer.acquire(size)
            if buffer is None or memory is None:
                return None
            self._taken[buffer] = viewer, address
            return buffer, memory

    def _release(self, buffer: ReusableBuffer) -> None:
        with self._changed:
            del self._taken[buffer]
            buffer.release()

    @contextmanager
    def _awaited(self) -> Iterator[None]:
        """A request waits for its plane to be decoded in this block."""
        with self._changed:
            self._waiting += 1
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()

    def start(
        self,
        file: VolumeFile,
        address: BrickAddress,
        number: int,
        locked: ExitStack,
        cause: Cause,
    ) -> SinglePlaneBrick | None:
        """Plane `number` once it is decoded; the rest of the brick is decoded and written afterwards.

        None when this brick is not worth it or not one chunk thick, or the memory for it is taken. Else what
        `locked` holds (the brick's lock) is kept until the brick is in the cache.
        """
        volume = file.volume
        size = required_bytes(volume, address)
        if volume.read_path is not ReadPath.CHUNKS or size < MIN_PROGRESSIVE_BYTES:
            return None
        if not is_one_chunk_thick(volume, address):
            return None
        acquired = self._acquire(size, cause.viewer, address)
        if acquired is None:
            return None
        buffer, memory = acquired
        work = None
        try:
            pending = self._writer.begin(volume, address, Purpose.DEMAND)
            if pending is None:
                self._release(buffer)
                return None
            try:
                started = self._decoder.start_progressive(file, address, memory, number)
                # The request that opened the file may end before the brick is written.
                work = InFlightBrick(started, buffer, file.duplicate(), pending, cause)
            except BaseException:
                pending.discard()
                raise
            self._in_flight[address.key] = work
            first_pass = work.brick.first_pass_bytes(number)
            with self._awaited():
                read = self._decoder.decode_to(work.file, work.brick, first_pass)
            # The rest of the brick is decoded for this request too, if after its response.
            count_bytes(Stage.READ, started.stored_bytes(file.index().sizes) - read)
            count_bytes(Stage.DECODE, address.nbytes(volume.dtype.itemsize))
            brick = work.plane(number, 0.0)
        except BaseException:
            if work is None:
                self._release(buffer)
            else:
                self._end(work)
                work.pending.discard()
                work.integrity.set_result(False)
            raise
        self._background.submit(self._write_behind, work, locked.pop_all())
        return brick

    def _write_behind(self, work: InFlightBrick, locked: ExitStack) -> None:
        """Decode the remaining planes, write the brick to its file and add it to the cache (write-behind)."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, YIELD_S)
        with locked:
            try:
                if self._write(work):
                    self._writer.commit(work.pending, work.brick.volume, work.brick.damaged_chunks)
            except Exception:
                # The result of this future is never read.
                log.exception("brick not added to the cache")
            finally:
                work.integrity.set_result(
                    work.brick.fully_verified and not work.brick.damaged_chunks
                )

    def _write(self, work: InFlightBrick) -> bool:
        brick, pending = work.brick, work.pending
        try:
            with self._no_planes_after(work), self._demand.demand(), pending.sink() as sink:
                self._decoder.write_planes(work.file, brick, sink)
        except OSError as error:
            self._writer.abort_write(pending, error)
        except errors.LamellaError as error:
            pending.discard()
            log.info("brick not written: %s", error)
        except Exception:
            pending.discard()
            log.exception("brick not written")
        else:
            return True
        return False

    @contextmanager
    def _no_planes_after(self, work: InFlightBrick) -> Iterator[None]:
        """No plane is returned after this block, whatever happens inside.

        Planes hold a duplicate of the brick's file descriptor. Once the writer closes it, the number may be
        reused.
        """
        try:
            yield
        finally:
            self._end(work)

    def _end(self, work: InFlightBrick) -> None:
        del self._in_flight[work.brick.address.key]
        work.brick.close()
        work.file.close()
        self._release(work.buffer)

    def free_idle(self) -> None:
        """Free memory that no brick has used for a while; called once a second."""
        if self._buffers[0].free_idle():
            trim_heap()

    def close(self) -> None:
        """Wait for the bricks in flight."""
        self._background.shutdown(wait=True)


def _is_same_view(one: BrickAddress, other: BrickAddress) -> bool:
    return (one.volume, one.order) == (other.volume, other.order)
