"""Reading, decoding and validation of stored chunks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.chunk_grid import ChunkIndex
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.volume import Volume
from dashboard.codecs import compiled
from dashboard.codecs import pipeline as codecs
from dashboard.codecs.batches import BatchDecoder, Stream, batch_decoder
from dashboard.codecs.errors import CorruptChunk
from dashboard.codecs.filters import FLETCHER32, SHUFFLE
from dashboard.codecs.verdict import Verdict
from dashboard.decoding import timed_read
from dashboard.decoding.buffers import Bytes, ThreadBuffers
from dashboard.decoding.time_limit import TimeLimit
from dashboard.files.roots import out_of_reach

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
    """What threads did, summed: seconds of reading, waiting for the interpreter lock after reading, decoding, and
    passing on what is decoded; and bytes read.
    """

    read: float = 0.0
    wait: float = 0.0
    decode: float = 0.0
    write: float = 0.0
    read_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, *, read: float = 0.0, wait: float = 0.0, decode: float = 0.0, write: float = 0.0
    ) -> None:
        """Add the times of one thread."""
        with self.lock:
            self.read += read
            self.wait += wait
            self.decode += decode
            self.write += write

    def add_bytes(self, count: int) -> None:
        """Add bytes that one thread read."""
        with self.lock:
            self.read_bytes += count

    def shares(self, wall: float) -> dict[Stage, float]:
        """The stages scaled to their common wall time (s); bricks are written into the cache directory."""
        stages = {
            Stage.READ: self.read,
            Stage.WAIT: self.wait,
            Stage.DECODE: self.decode,
            Stage.CACHE: self.write,
        }
        busy = sum(stages.values())
        return {stage: wall * taken / busy for stage, taken in stages.items()} if busy > 0 else {}


def partial_decoder(volume: Volume) -> BatchDecoder | None:
    """The decoder of chunks that can be decoded partially; a shuffle spreads each plane over the whole chunk."""
    return batch_decoder(volume.pipeline) if len(volume.pipeline) == 1 else None


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
        return fits if fits >= 2 and batch_decoder(self._without_checksum) is not None else 1

    def decode(self, position: int, out: Bytes | None = None) -> tuple[NDArray[Any] | None, str]:
        """(the chunk at `position` in the index in its own type and shape, "") or (None, the reason).

        The array is in this thread's buffers and valid until the next call, or in `out` if given.
        """
        began, reading = time.perf_counter(), 0.0
        try:
            (raw,), reading = self.read_stored([(position, 0, int(self.index.sizes[position]))])
            if isinstance(raw, CorruptChunk):
                return None, str(raw)
            values = self._run_filters(
                raw, self.volume.pipeline, int(self.index.masks[position]), out
            )
            return values.view(self.volume.dtype).reshape(self.volume.grid.chunks), ""
        except CorruptChunk as damage:
            return None, str(damage)
        finally:
            self.clock.add(decode=time.perf_counter() - began - reading)

    def decode_batch(
        self, positions: Sequence[int], outs: Sequence[Bytes] | None = None
    ) -> list[tuple[NDArray[Any] | None, str]]:
        """As `decode` for a batch of at most `batch_size` chunks, whose arrays are valid together."""
        if outs is None and len(positions) > 1:
            size = self.volume.grid.chunk_bytes
            outs = [self.buffers.get(f"chunk{n}", size) for n in range(len(positions))]
        if outs is None:
            return [self.decode(position) for position in positions]
        decoder = batch_decoder(self._without_checksum) if len(positions) > 1 else None
        ahead = {} if decoder is None else self._decode_last(decoder, positions, outs)
        rest = self._without_checksum[:-1]
        if ahead and compiled.available() and [number for number, _ in rest] == [SHUFFLE]:
            self._unshuffle(ahead, outs, rest[0][1][0])
            rest = ()
        # The decoder for single chunks decides on the others and gives the reason.
        return [
            self._finish(ahead[number], rest, out)
            if number in ahead
            else self.decode(position, out)
            for number, (position, out) in enumerate(zip(positions, outs, strict=True))
        ]

    def _unshuffle(self, chunks: dict[int, Bytes], outs: Sequence[Bytes], width: int) -> None:
        """Undo the shuffle of chunks, which are by number, in one call; they are in `outs` afterwards."""
        began = time.perf_counter()
        found = {number: outs[number][: len(data)] for number, data in chunks.items()}
        compiled.unshuffle(list(chunks.values()), list(found.values()), width)
        chunks.update(found)
        self.clock.add(decode=time.perf_counter() - began)

    def _finish(
        self, data: Bytes, rest: tuple[codecs.Filter, ...], out: Bytes
    ) -> tuple[NDArray[Any] | None, str]:
        """Decode a chunk of which the filters `rest` are still to be undone."""
        began = time.perf_counter()
        try:
            values = self._run_filters(data, rest, 0, out) if rest else data
            return values.view(self.volume.dtype).reshape(self.volume.grid.chunks), ""
        except CorruptChunk as damage:
            return None, str(damage)
        finally:
            self.clock.add(decode=time.perf_counter() - began)

    def _decode_last(
        self, decoder: BatchDecoder, positions: Sequence[int], outs: Sequence[Bytes]
    ) -> dict[int, Bytes]:
        """Undo the last filter of the chunks, and a checksum behind it; returns the valid ones by number."""
        began = time.perf_counter()
        pipeline = self._without_checksum
        size = codecs.bytes_after_last(pipeline, self.volume.grid.chunk_bytes)
        whole = [n for n, position in enumerate(positions) if not self.index.masks[position]]
        stored, reading = self.read_stored(
            [(positions[n], 0, int(self.index.sizes[positions[n]])) for n in whole]
        )
        streams = {
            n: raw
            for n, raw in zip(whole, stored, strict=True)
            if not isinstance(raw, CorruptChunk)
        }
        if len(pipeline) < len(self.volume.pipeline):
            streams = _verified(streams)
        buffers = [
            (outs[n] if len(pipeline) == 1 else self.buffers.get(f"last{n}", size))[:size]
            for n in streams
        ]
        sound = decoder.decode(list(streams.values()), buffers)
        self.clock.add(decode=time.perf_counter() - began - reading)
        return {n: buffer for n, buffer, good in zip(streams, buffers, sound, strict=True) if good}

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

    @cached_property
    def _without_checksum(self) -> tuple[codecs.Filter, ...]:
        """The filters without a checksum of the stored bytes."""
        pipeline = self.volume.pipeline
        return pipeline[:-1] if pipeline and pipeline[-1][0] == FLETCHER32 else pipeline

    def stream(self, position: int) -> Stream:
        """The chunk at `position` as a stream that is decoded in several calls; requires a `partial_decoder`."""
        stream: Stream = self._partial.stream(int(self.index.sizes[position]))
        return stream

    @cached_property
    def _partial(self) -> BatchDecoder:
        decoder = partial_decoder(self.volume)
        assert decoder is not None
        return decoder

    def decode_to(
        self, positions: Sequence[int], streams: Sequence[Stream], outs: Sequence[Bytes], until: int
    ) -> list[str]:
        """Resume decoding chunks up to their first `until` bytes; the reason of each failure, or an empty string.

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
        spans = []
        for number in numbers:
            stored, fed = int(self.index.sizes[positions[number]]), streams[number].fed
            count = min(max(int(stored * share) + SLACK_BYTES, fed), stored) - fed
            spans.append((positions[number], fed, count))
        read, reading = self.read_stored(spans)
        found: list[int] = []
        parts: list[Bytes] = []
        for number, raw in zip(numbers, read, strict=True):
            if isinstance(raw, CorruptChunk):
                reasons[number] = str(raw)
            else:
                found.append(number)
                parts.append(raw)
        verdicts = self._partial.resume(
            [streams[n] for n in found], parts, [outs[n] for n in found], until
        )
        self.clock.add(decode=time.perf_counter() - began - reading)
        for number, verdict in zip(found, verdicts, strict=True):
            if verdict is Verdict.CORRUPT:
                # The decoder for single chunks decides and gives the reason. It decodes into another buffer, since
                # planes decoded before may be read from this one at the moment.
                values, reasons[number] = self.decode(positions[number])
                if values is not None:
                    np.copyto(outs[number], values.reshape(-1).view(np.uint8))
        return [
            n for n, verdict in zip(found, verdicts, strict=True) if verdict is Verdict.NEED_INPUT
        ]

    def read_stored(
        self, parts: Sequence[tuple[int, int, int]]
    ) -> tuple[list[Bytes | CorruptChunk], float]:
        """Stored bytes of chunks, and how long that took (s), which is charged.

        A part is (position of the chunk, offset in it, length); adjoining ones are read in one go. Its bytes are
        in a buffer of this thread until the next call; the reason is there instead if they cannot be read. Raises
        `Busy`.
        """
        limit = 2 * self.volume.grid.chunk_bytes + 65536
        claimed = [int(self.index.sizes[position]) for position, _, _ in parts]
        spans = [
            (int(self.index.offsets[position]) + at, count)
            for (position, at, count), stored in zip(parts, claimed, strict=True)
            if stored <= limit
        ]
        whole, reading = self._read_together(spans)
        read = iter(whole)
        if not whole:
            buffers = [self.buffers.get(f"raw{n}", count) for n, (_, count) in enumerate(spans)]
            results, more = self._read([offset for offset, _ in spans], buffers)
            read = iter(map(_checked, buffers, results))
            reading += more
        return [
            CorruptChunk(f"it claims {stored} stored bytes, more than it can hold")
            if stored > limit
            else next(read)
            for stored in claimed
        ], reading

    def _read_together(
        self, spans: Sequence[tuple[int, int]]
    ) -> tuple[list[Bytes | CorruptChunk], float]:
        """Spans (offset, length) of the file, and how long that took (s); none unless they adjoin."""
        first = min((offset for offset, _ in spans), default=0)
        last = max((offset + count for offset, count in spans), default=0)
        if len(spans) < 2 or last - first != sum(count for _, count in spans):
            return [], 0.0
        raw = self.buffers.get("raw", last - first)
        (result,), reading = self._read([first], [raw])
        if result != len(raw):
            return [], reading
        return [raw[offset - first : offset - first + count] for offset, count in spans], reading

    def _read(
        self, offsets: Sequence[int], buffers: Sequence[Bytes]
    ) -> tuple[Sequence[int], float]:
        """Results as of `timed_read`, and how long that took (s), which is charged."""
        results, read_s, waited_s = timed_read.read_into(self.fd, offsets, buffers)
        self.clock.add(read=read_s, wait=waited_s)
        self.clock.add_bytes(sum(max(result, 0) for result in results))
        return results, read_s + waited_s

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


def _verified(streams: dict[int, Bytes]) -> dict[int, Bytes]:
    """The streams whose checksum matches, without it."""
    found = {}
    for number, data in streams.items():
        with suppress(CorruptChunk):
            found[number] = codecs.without_fletcher32(data)
    return found


def _checked(raw: Bytes, result: int) -> Bytes | CorruptChunk:
    """What was read, or why it cannot be used; `result` as of `timed_read`. Raises `Busy`."""
    if result < 0:
        error = OSError(-result, os.strerror(-result))
        if busy := out_of_reach(error):
            raise busy from error
        # Not an OSError, because callers take that for a full disk of the cache.
        return CorruptChunk(f"it cannot be read ({error.strerror})")
    return raw if result == len(raw) else CorruptChunk("it is cut short")
