"""Stacks and cuts (`decoding/memory_decoder.py`) that this process decodes for viewers.

Of a stack, the requested plane alone is decoded before the response; of a cut all planes are, without verifying
checksums where its chunks are decoded in part. The rest is decoded behind the response, and the brick's file is
written (write-behind). Requests for its planes get them from memory meanwhile. The brick's lock is kept all that
time, so that nothing is decoded twice.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome, Purpose, Stage
from dashboard.bricks.brick import SinglePlaneBrick
from dashboard.bricks.cause import Cause, Holder
from dashboard.bricks.in_flight import MIN_PROGRESSIVE_BYTES
from dashboard.bricks.pending_file import PendingBrickFile
from dashboard.bricks.usage import AccessResult, BrickUsage
from dashboard.bricks.writer import BrickWriter
from dashboard.catalog.volume import ReadPath
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.decoder import Decoder
from dashboard.decoding.memory_brick import MemoryBrick
from dashboard.decoding.memory_decoder import MemoryDecoder, is_cut, is_stack
from dashboard.disconnects import ClientLeft, has_left
from dashboard.meter import count_bytes, meter
from dashboard.storage.demand_signal import DemandSignal
from dashboard.time_slice import compute_in_long_slices

log = logging.getLogger(__name__)

# Memory of all bricks that are in flight.
LIMIT_BYTES = 128 * 1024 * 1024
# Bricks that are finished behind responses at the same time: planes of a stack are not to wait for a cut.
BEHIND = 4
# How long planes wait that no request waits for, while there are others that one does.
YIELD_S = 0.05
# Work goes on for so long after its client has left: a viewer that moves on asks for planes of the same brick.
LEAVE_S = 1.0


class _Accesses:
    """The usage record of a brick without a file; once there is one, it has what was recorded before."""

    def __init__(self, planes: int) -> None:
        self._lock = threading.Lock()
        self._accessed = bytearray(planes)
        self._fd: int | None = None
        self._offset = 0

    def mark_accessed(self, plane: int) -> AccessResult:
        """As `BrickUsage.mark_accessed`."""
        with self._lock:
            if self._fd is not None:
                return BrickUsage(self._fd, self._offset).mark_accessed(plane)
            first_brick, first_plane = not any(self._accessed), not self._accessed[plane]
            self._accessed[plane] = 1
            return AccessResult(Purpose.DEMAND, first_brick, first_plane)

    def move_to(self, pending: PendingBrickFile) -> None:
        """Record everything in the brick's file, now and later."""
        with self._lock:
            fd = os.dup(pending.fd)
            for plane, accessed in enumerate(self._accessed):
                if accessed:
                    BrickUsage(fd, pending.data_bytes).mark_accessed(plane)
            self._fd, self._offset = fd, pending.data_bytes

    def __del__(self) -> None:
        if self._fd is not None:
            with suppress(OSError):
                os.close(self._fd)


class _Attended:
    """Reports steps of long work, and ends it some time after its client has left, unless others wait for it."""

    def __init__(self, brick: MemoryBrick, holder: Holder) -> None:
        self._brick = brick
        self._holder = holder
        self._left_at: float | None = None

    def __call__(self, share: float) -> None:
        self._holder.report(share)
        now = time.monotonic()
        if not has_left() or self._brick.is_awaited or self._holder.is_awaited():
            self._left_at = None
        elif self._left_at is None:
            self._left_at = now
        elif now - self._left_at >= LEAVE_S:
            raise ClientLeft


@dataclass
class _InFlight:
    """A brick in flight, the file it comes from, and whether its first plane is known to match its checksum.

    `spent_s` is how long it has been decoded (s), and `cause` why, once that is known. `integrity` says at last
    whether all chunk checksums matched.
    """

    brick: MemoryBrick
    file: VolumeFile
    accesses: _Accesses
    is_verified: bool = False
    spent_s: float = 0.0
    cause: Cause | None = None
    integrity: Future[bool] = field(default_factory=Future)

    def plane(self, number: int, timeout_s: float) -> SinglePlaneBrick | None:
        """A plane once it is decoded; None when that was aborted."""
        values = self.brick.wait(number, timeout_s)
        if values is None:
            return None
        integrity = None if self.is_verified else self.integrity
        damaged = tuple(self.brick.damaged_chunks)
        return SinglePlaneBrick(
            values, number, damaged, integrity, mark=self.accesses.mark_accessed
        )


class MemoryLoader:
    """The stacks and cuts in flight, of at most `limit` bytes together."""

    def __init__(
        self, decoder: Decoder, writer: BrickWriter, demand: DemandSignal, limit: int
    ) -> None:
        self._whole = decoder
        self._decoder = MemoryDecoder(decoder)
        self._writer = writer
        self._demand = demand
        self._limit = limit
        self._used = 0
        # Requests whose plane is being decoded.
        self._waiting = 0
        self._changed = threading.Condition()
        self._in_flight: dict[str, _InFlight] = {}
        self._background = ThreadPoolExecutor(
            BEHIND, thread_name_prefix="memory", initializer=compute_in_long_slices
        )

    @property
    def in_use(self) -> bool:
        """Whether a brick is in memory."""
        return bool(self._in_flight)

    def plane(
        self, address: BrickAddress, number: int, timeout_s: float
    ) -> tuple[SinglePlaneBrick | None, Outcome, Cause | None] | None:
        """As `ProgressiveLoader.plane`; the cause is None where decoding was aborted before it was known."""
        work = self._in_flight.get(address.key)
        if work is None:
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
        holder: Holder,
    ) -> SinglePlaneBrick | None:
        """Plane `number` once it is decoded; the rest of the brick is decoded and written afterwards.

        None for other bricks, or when there is no memory for it. Else what `locked` holds (the brick's lock) is
        kept until the brick is in the cache. Raises `Busy` when the client has left and nobody else waits.
        """
        volume = file.volume
        size = address.nbytes(volume.dtype.itemsize)
        is_possible = volume.read_path is ReadPath.CHUNKS and size >= MIN_PROGRESSIVE_BYTES
        is_ours = is_possible and (is_stack(volume, address) or is_cut(volume, address))
        if not is_ours or not self._reserve(size):
            return None
        work = None
        try:
            # The request that opened the file may end before the brick is written.
            brick = self._decoder.start(file, address)
            work = _InFlight(brick, file.duplicate(), _Accesses(address.planes))
            self._in_flight[address.key] = work
            began = time.monotonic()
            self._decode_first(work, number, holder)
            work.spent_s = time.monotonic() - began
            # What follows the response is decoded for this request too.
            read, decoded = self._decoder.bytes_behind(work.file, brick, number, work.is_verified)
            count_bytes(Stage.READ, read)
            count_bytes(Stage.DECODE, decoded)
            plane = work.plane(number, 0.0)
        except BaseException:
            if work is not None:
                # Others may have a plane already.
                work.integrity.set_result(False)
            self._end(work, size)
            raise
        self._background.submit(self._write_behind, work, number, locked.pop_all())
        return plane

    def close(self) -> None:
        """Wait for the bricks in flight."""
        self._background.shutdown(wait=True)

    def _reserve(self, size: int) -> bool:
        with self._changed:
            if self._used + size > self._limit:
                return False
            self._used += size
            return True

    def _decode_first(self, work: _InFlight, number: int, holder: Holder) -> None:
        def announced() -> None:
            work.cause = holder.announce()

        with self._changed:
            self._waiting += 1
        try:
            if is_stack(work.brick.volume, work.brick.address):
                self._decoder.decode_plane(work.file, work.brick, number, announced)
                work.is_verified = True
            else:
                announced()
                step = _Attended(work.brick, holder)
                work.is_verified = self._decoder.decode_cut(work.file, work.brick, step)
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()

    def _let_pass(self) -> None:
        """Let planes be decoded first that requests wait for."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, YIELD_S)

    def _write_behind(self, work: _InFlight, number: int, locked: ExitStack) -> None:
        """Decode the rest, write the brick to its file and add it to the cache (write-behind)."""
        with locked:
            try:
                with self._demand.demand():
                    began = time.monotonic()
                    if is_stack(work.brick.volume, work.brick.address):
                        self._decoder.decode_others(work.file, work.brick, number, self._let_pass)
                    work.spent_s += time.monotonic() - began
                    self._store(work)
            except errors.LamellaError as error:
                log.info("brick not written: %s", error)
            except Exception:
                # The result of this future is never read.
                log.exception("brick not added to the cache")
            finally:
                work.integrity.set_result(work.is_verified and not work.brick.damaged_chunks)
                self._end(work, work.brick.values.nbytes)

    def _store(self, work: _InFlight) -> None:
        brick = work.brick
        pending = self._writer.begin(brick.volume, brick.address, Purpose.DEMAND)
        if pending is None:
            return
        try:
            with pending.sink() as sink:
                if work.is_verified:
                    pending.started -= work.spent_s
                    sink.put(0, brick.values)
                else:
                    decode = self._whole.decode
                    found = decode(work.file, brick.address, sink, self._let_pass)
                    brick.add_damaged(found)
                    work.is_verified = True
            work.accesses.move_to(pending)
        except OSError as error:
            self._writer.abort_write(pending, error)
            return
        except BaseException:
            pending.discard()
            raise
        self._writer.commit(pending, brick.volume, brick.damaged_chunks)

    def _end(self, work: _InFlight | None, size: int) -> None:
        if work is not None:
            self._in_flight.pop(work.brick.address.key, None)
            work.brick.close()
            work.file.close()
        with self._changed:
            self._used -= size
