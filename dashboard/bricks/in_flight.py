"""Progressive decoding: planes of a brick are returned while the rest of it is still being decoded.

The requested plane is returned once the chunks are decoded to its depth, and so are further ones while the brick
is decoded to its end and written after the responses (write-behind). The brick's lock is kept all that time, so
that nothing is decoded twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome, Purpose, Stage
from dashboard.bricks.brick import SinglePlaneBrick
from dashboard.bricks.cause import Cause
from dashboard.bricks.pending_file import PendingBrickFile
from dashboard.bricks.writer import BrickWriter
from dashboard.catalog.volume import ReadPath
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.buffers import ReusableBuffer
from dashboard.decoding.decoder import Decoder
from dashboard.decoding.progressive import ProgressiveBrick, is_one_chunk_thick, required_bytes
from dashboard.meter import count_bytes, meter
from dashboard.storage.demand_signal import DemandSignal
from dashboard.time_slice import compute_in_long_slices

log = logging.getLogger(__name__)

# Smaller bricks take less time to be added to the cache than a thread that does it after the response.
MIN_PROGRESSIVE_BYTES = 256 * 1024


@dataclass(frozen=True)
class InFlightBrick:
    """A brick in flight: its decoded chunks, the file they come from, the brick's own file, the cause of the
    decode, and whether all chunk checksums matched.
    """

    brick: ProgressiveBrick
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
    """The brick that this process decodes progressively for a viewer; one at a time."""

    def __init__(
        self, decoder: Decoder, writer: BrickWriter, demand: DemandSignal, buffer_bytes: int
    ) -> None:
        self._decoder = decoder
        self._writer = writer
        self._demand = demand
        self._buffer = ReusableBuffer(buffer_bytes)
        self._background = ThreadPoolExecutor(
            1, thread_name_prefix="behind", initializer=compute_in_long_slices
        )
        self._in_flight: InFlightBrick | None = None

    @property
    def in_use(self) -> bool:
        """Whether a brick is in this process's buffer."""
        return self._buffer.in_use

    def plane(
        self, address: BrickAddress, number: int, timeout_s: float
    ) -> tuple[SinglePlaneBrick | None, Outcome, Cause] | None:
        """(plane of the brick in flight, outcome, cause of the decode); None when another brick is in flight.

        The plane is None when decoding was aborted or the brick is in the cache by now. Raises `TimeoutError`.
        """
        work = self._in_flight
        if work is None or work.brick.address != address:
            return None
        outcome = Outcome.HIT if work.brick.has_plane(number) else Outcome.COALESCED
        with meter(Stage.WAIT):
            brick = work.plane(number, timeout_s)
        return brick, outcome, work.cause

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
        memory = self._buffer.acquire(size)
        if memory is None:
            return None
        work = None
        try:
            pending = self._writer.begin(volume, address, Purpose.DEMAND)
            if pending is None:
                self._buffer.release()
                return None
            try:
                started = self._decoder.start_progressive(file, address, memory, number)
                # The request that opened the file may end before the brick is written.
                work = InFlightBrick(started, file.duplicate(), pending, cause)
            except BaseException:
                pending.discard()
                raise
            self._in_flight = work
            first_pass = work.brick.first_pass_bytes(number)
            read = self._decoder.decode_to(work.file, work.brick, first_pass)
            # The rest of the brick is decoded for this request too, if after its response.
            count_bytes(Stage.READ, started.stored_bytes(file.index().sizes) - read)
            count_bytes(Stage.DECODE, address.nbytes(volume.dtype.itemsize))
            brick = work.plane(number, 0.0)
        except BaseException:
            if work is None:
                self._buffer.release()
            else:
                self._end(work)
                work.pending.discard()
                work.integrity.set_result(False)
            raise
        self._background.submit(self._write_behind, work, locked.pop_all())
        return brick

    def _write_behind(self, work: InFlightBrick, locked: ExitStack) -> None:
        """Decode the remaining planes, write the brick to its file and add it to the cache (write-behind)."""
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
        self._in_flight = None
        work.brick.close()
        work.file.close()
        self._buffer.release()

    def close(self) -> None:
        """Wait for the brick in flight."""
        self._background.shutdown(wait=True)
