"""Reading, decoding and validation of stored chunks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.chunk_grid import ChunkIndex
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.volume import Volume
from dashboard.codecs import paired_inflate
from dashboard.codecs import pipeline as codecs
from dashboard.codecs.errors import CorruptChunk
from dashboard.codecs.filters import FLETCHER32, GZIP
from dashboard.codecs.paired_inflate import Verdict
from dashboard.decoding.buffers import Bytes, ThreadBuffers
from dashboard.decoding.time_limit import TimeLimit
from dashboard.files.roots import out_of_reach

if TYPE_CHECKING:
    from dashboard.codecs.paired_inflate._native import Stream

# Bounds of a batch of chunks, such that the next step still finds them in the processor's cache.
MAX_BATCH_BYTES, MAX_BATCH = 1024 * 1024, 16
# Stored bytes read for a part of a chunk, beyond the share that its length suggests.
SLACK, SLACK_BYTES = 1.05, 4096


@dataclass(frozen=True, slots=True)
class DamagedChunk:
    """A chunk that could not be decoded: its first voxel and the reason."""

    origin: tuple[int, ...]
    reason: str


def damage_error(volume: Volume, damaged: DamagedChunk) -> errors.CannotShow:
    """The error for a damaged chunk of a volume."""
    corner = ", ".join(map(str, damaged.origin))
    return errors.CannotShow(
        f"The chunk at [{corner}] of {volume.address.dataset!r} in {volume.address.file!r} is damaged:"
        f" {damaged.reason}."
    )


@dataclass
class BusyTime:
    """Seconds that threads spent reading, decoding, and passing on what is decoded, and bytes read, summed."""

    read: float = 0.0
    decode: float = 0.0
    write: float = 0.0
    read_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, read: float, decode: float, write: float = 0.0) -> None:
        """Add the times of one thread."""
        with self.lock:
            self.read += read
            self.decode += decode
            self.write += write

    def add_bytes(self, count: int) -> None:
        """Add bytes that one thread read."""
        with self.lock:
            self.read_bytes += count

    def shares(self, wall: float) -> dict[Stage, float]:
        """The stages scaled to their common wall time (s); bricks are written into the cache directory."""
        busy = self.read + self.decode + self.write
        if busy <= 0:
            return {}
        return {
            Stage.READ: wall * self.read / busy,
            Stage.DECODE: wall * self.decode / busy,
            Stage.CACHE: wall * self.write / busy,
        }


def supports_partial_inflate(volume: Volume) -> bool:
    """Whether chunks can be decoded partially; a shuffle filter spreads each plane over the whole chunk."""
    return [number for number, _ in volume.pipeline] == [GZIP] and paired_inflate.available()


@dataclass(frozen=True)
class ChunkReader:
    """Reads chunks of one volume through one descriptor; thread-safe."""

    volume: Volume
    index: ChunkIndex
    fd: int
    buffers: ThreadBuffers
    clock: BusyTime
    limit: TimeLimit

    def batch_size(self, depth: int) -> int:
        """Number of chunks to decode to `depth` bytes in one batch."""
        fits = min(MAX_BATCH_BYTES // max(depth, 1), MAX_BATCH)
        return fits if fits >= 2 and self._inflates_pairs() else 1

    def decode(self, position: int, out: Bytes | None = None) -> tuple[NDArray[Any] | None, str]:
        """(the chunk at `position` in the index in its own type and shape, "") or (None, the reason).

        The array is in this thread's buffers and valid until the next call, or in `out` if given.
        """
        began = time.perf_counter()
        read = began
        try:
            raw = self.read_stored(position, 0, int(self.index.sizes[position]))
            read = time.perf_counter()
            values = self._run_filters(
                raw, self.volume.pipeline, int(self.index.masks[position]), out
            )
            return values.view(self.volume.dtype).reshape(self.volume.grid.chunks), ""
        except CorruptChunk as damage:
            return None, str(damage)
        finally:
            self.clock.add(read - began, time.perf_counter() - read)

    def decode_batch(
        self, positions: Sequence[int], outs: Sequence[Bytes] | None = None
    ) -> list[tuple[NDArray[Any] | None, str]]:
        """As `decode` for a batch of at most `batch_size` chunks, whose arrays are valid together."""
        if outs is None and len(positions) > 1:
            size = self.volume.grid.chunk_bytes
            outs = [self.buffers.get(f"chunk{n}", size) for n in range(len(positions))]
        if outs is None:
            return [self.decode(position) for position in positions]
        ahead = (
            self._inflate(positions, outs) if len(positions) > 1 and self._inflates_pairs() else {}
        )
        # libdeflate decides on the others and gives the reason.
        return [
            self._finish(ahead[number], out) if number in ahead else self.decode(position, out)
            for number, (position, out) in enumerate(zip(positions, outs, strict=True))
        ]

    def _finish(self, data: Bytes, out: Bytes) -> tuple[NDArray[Any] | None, str]:
        """Decode a chunk whose last filter is already undone."""
        began = time.perf_counter()
        try:
            values = self._run_filters(data, self.volume.pipeline[:-1], 0, out)
            return values.view(self.volume.dtype).reshape(self.volume.grid.chunks), ""
        except CorruptChunk as damage:
            return None, str(damage)
        finally:
            self.clock.add(0.0, time.perf_counter() - began)

    def _inflates_pairs(self) -> bool:
        return codecs.inflated_first(self.volume.pipeline) and paired_inflate.available()

    def _inflate(self, positions: Sequence[int], outs: Sequence[Bytes]) -> dict[int, Bytes]:
        """Inflate the last filter of the chunks, gzip; returns the valid ones by number."""
        began = time.perf_counter()
        pipeline = self.volume.pipeline
        size = codecs.inflated_bytes(pipeline, self.volume.grid.chunk_bytes)
        numbers, streams, buffers = [], [], []
        for number, (position, out) in enumerate(zip(positions, outs, strict=True)):
            if int(self.index.masks[position]):
                continue
            with suppress(CorruptChunk):
                stored = int(self.index.sizes[position])
                streams.append(self.read_stored(position, 0, stored, f"raw{number}"))
                numbers.append(number)
                buffer = out if len(pipeline) == 1 else self.buffers.get(f"inflated{number}", size)
                buffers.append(buffer[:size])
        read = time.perf_counter()
        sound = paired_inflate.inflate(streams, buffers)
        self.clock.add(read - began, time.perf_counter() - read)
        return {n: buffer for n, buffer, good in zip(numbers, buffers, sound, strict=True) if good}

    def _run_filters(
        self, data: Bytes, pipeline: tuple[codecs.Filter, ...], mask: int, out: Bytes | None
    ) -> Bytes:
        """Undo the filters of `pipeline`; the bytes of the chunk, in `out` where that is given."""
        size = self.volume.grid.chunk_bytes
        buffers = self._scratch(pipeline) if out is None else self._copy_into(out, pipeline, mask)
        values = codecs.decode(data, pipeline, mask, size, buffers)
        if out is None or np.shares_memory(values, out):
            return values
        np.copyto(out[:size], values)
        return out[:size]

    def stream(self, position: int) -> Stream:
        """The chunk at `position` as a resumable stream; requires `supports_partial_inflate`."""
        return paired_inflate.stream(int(self.index.sizes[position]))

    def inflate_to(
        self, positions: Sequence[int], streams: Sequence[Stream], outs: Sequence[Bytes], until: int
    ) -> list[str]:
        """Resume inflating chunks up to their first `until` bytes; the reason of each failure, or an empty string.

        Reads no more stored bytes than that probably needs. At the last byte of a chunk its checksum is verified.
        """
        size = self.volume.grid.chunk_bytes
        share = 1.0 if until == size else until / size * SLACK
        reasons: dict[int, str] = {}
        unfinished = self._feed(
            range(len(positions)), positions, streams, outs, until, share, reasons
        )
        # The rest of a chunk may be large.
        step = self.batch_size(size)
        for low in range(0, len(unfinished), step):
            self._feed(unfinished[low : low + step], positions, streams, outs, until, 1.0, reasons)
        return [reasons.get(number, "") for number in range(len(positions))]

    def _feed(
        self,
        numbers: Sequence[int],
        positions: Sequence[int],
        streams: Sequence[Stream],
        outs: Sequence[Bytes],
        until: int,
        share: float,
        reasons: dict[int, str],
    ) -> list[int]:
        """Feed each stream this share of its stored bytes. Returns the chunks that need more input."""
        began = time.perf_counter()
        found: list[int] = []
        parts: list[Bytes] = []
        for number in numbers:
            stored, fed = int(self.index.sizes[positions[number]]), streams[number].fed
            count = min(max(int(stored * share) + SLACK_BYTES, fed), stored) - fed
            try:
                parts.append(self.read_stored(positions[number], fed, count, f"raw{len(parts)}"))
                found.append(number)
            except CorruptChunk as damage:
                reasons[number] = str(damage)
        read = time.perf_counter()
        verdicts = paired_inflate.inflate_on(
            [streams[n] for n in found], parts, [outs[n] for n in found], until
        )
        self.clock.add(read - began, time.perf_counter() - read)
        for number, verdict in zip(found, verdicts, strict=True):
            if verdict is Verdict.CORRUPT:
                # libdeflate decides and gives the reason. It decodes into another buffer, since planes decoded
                # before may be read from this one at the moment.
                values, reasons[number] = self.decode(positions[number])
                if values is not None:
                    np.copyto(outs[number], values.reshape(-1).view(np.uint8))
        return [
            n for n, verdict in zip(found, verdicts, strict=True) if verdict is Verdict.NEED_INPUT
        ]

    def read_stored(self, position: int, at: int, count: int, buffer: str = "raw") -> Bytes:
        """`count` stored bytes of a chunk, in a buffer of this thread; raises `CorruptChunk`."""
        stored = int(self.index.sizes[position])
        if stored > 2 * self.volume.grid.chunk_bytes + 65536:
            raise CorruptChunk(f"it claims {stored} stored bytes, more than it can hold")
        raw = self.buffers.get(buffer, count)
        try:
            found = os.preadv(self.fd, [raw.data], int(self.index.offsets[position]) + at)
        except OSError as error:
            if busy := out_of_reach(error):
                raise busy from error
            # Converted, because callers take an OSError for a full disk of the cache.
            raise CorruptChunk(f"it cannot be read ({error.strerror})") from None
        self.clock.add_bytes(found)
        if found != count:
            raise CorruptChunk("it is cut short")
        return raw

    def readahead(self, positions: Sequence[int] | NDArray[np.int64]) -> None:
        """Start readahead of chunks (posix_fadvise), so that the disk works during decoding."""
        for position in positions:
            if position >= 0:
                offset, size = int(self.index.offsets[position]), int(self.index.sizes[position])
                os.posix_fadvise(self.fd, offset, size, os.POSIX_FADV_WILLNEED)

    def _scratch(self, pipeline: tuple[codecs.Filter, ...]) -> list[Bytes]:
        size = codecs.scratch_bytes(self.volume.grid.chunk_bytes)
        return [
            self.buffers.get(f"scratch{n}", size) for n in range(codecs.scratch_count(pipeline))
        ]

    def _copy_into(self, out: Bytes, pipeline: tuple[codecs.Filter, ...], mask: int) -> list[Bytes]:
        """Scratch buffers such that the last decoder writes into `out`, if that is large enough."""
        buffers = self._scratch(pipeline)
        if any(number == FLETCHER32 for number, _ in pipeline):
            return buffers  # Between two filters a chunk may have a checksum in addition.
        last = codecs.last_buffer(pipeline, mask)
        if last is not None and last < len(buffers):
            buffers[last] = out
        return buffers
