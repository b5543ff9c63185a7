"""Reading, decoding and validation of stored chunks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.chunk_grid import ChunkIndex
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.volume import Volume
from dashboard.codecs import pipeline as codecs
from dashboard.codecs.batches import BatchDecoder, Decoded, Stream, batch_decoder
from dashboard.codecs.bitshuffle import Blocks
from dashboard.codecs.errors import CorruptChunk
from dashboard.codecs.filters import FLETCHER32
from dashboard.codecs.verdict import Verdict
from dashboard.decoding import timed_read
from dashboard.decoding.buffers import Bytes, ThreadBuffers
from dashboard.decoding.slow_storage import ParallelReads
from dashboard.decoding.time_limit import TimeLimit
from dashboard.files.roots import out_of_reach

# Bounds of a batch of chunks, such that the next step still finds them in the processor's cache.
MAX_BATCH_BYTES, MAX_BATCH = 2 * 1024 * 1024, 64
# Larger chunks are decoded two at a time, since decoders in C work on two streams together.
MAX_PAIR_BYTES = 8 * 1024 * 1024
# Stored bytes read for a part of a chunk, relative to the share that its length suggests.
SLACK = 1.05
SLACK_BYTES = 4096


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


@dataclass(frozen=True)
class _Batch:
    """Chunks that are decoded in one call, as `BatchDecoder.decode` takes them."""

    decoder: BatchDecoder
    outs: list[Bytes]
    scratch: Bytes
    streams: Sequence[Stream] | None
    until: int
    share: float

    def span(
        self, number: int, spans: tuple[NDArray[Any], NDArray[Any]], share: float
    ) -> tuple[int, int]:
        """Offset and length of what a chunk needs now, if that share of it is enough."""
        offset, size = int(spans[0][number]), int(spans[1][number])
        fed = 0 if self.streams is None else self.streams[number].fed
        end = size if share >= 1.0 else min(size, int(size * share) + SLACK_BYTES)
        return offset + fed, max(end - fed, 0)

    def decode(self, numbers: Sequence[int], data: list[Bytes]) -> Decoded:
        """Decode some of the chunks from memory."""
        outs = [self.outs[n] for n in numbers]
        streams = None if self.streams is None else [self.streams[n] for n in numbers]
        return self.decoder.decode(data, None, outs, self.scratch, streams, self.until)


def partial_decoder(volume: Volume) -> BatchDecoder | None:
    """The decoder of chunks that can be decoded partially."""
    decoder = batch_decoder(volume.pipeline)
    return decoder if decoder is not None and decoder.resumes else None


# Calls a function with each part of a chunk, several at the same time, and raises what one of them does.
RunAll = Callable[[Callable[[tuple[int, int]], None], Sequence[tuple[int, int]]], object]


@dataclass(frozen=True)
class ChunkReader:
    """Reads chunks of one volume through one descriptor; thread-safe."""

    volume: Volume
    index: ChunkIndex
    fd: int
    buffers: ThreadBuffers
    clock: BusyTime
    limit: TimeLimit
    reads: ParallelReads = field(default_factory=ParallelReads)

    def batch_size(self, depth: int) -> int:
        """Number of chunks to decode to `depth` bytes in one batch."""
        fits = min(MAX_BATCH_BYTES // max(depth, 1), MAX_BATCH)
        if fits < 2:
            fits = 2 if 2 * depth <= MAX_PAIR_BYTES else 1
        return fits if self._batches is not None else 1

    @cached_property
    def _batches(self) -> BatchDecoder | None:
        return batch_decoder(self.volume.pipeline)

    def decode(self, position: int, out: Bytes | None = None) -> tuple[NDArray[Any] | None, str]:
        """(the chunk at `position` in the index in its own type and shape, "") or (None, the reason).

        The array is in this thread's buffers and valid until the next call, or in `out` if given.
        """
        began, reading = time.perf_counter(), 0.0
        try:
            raw, reading = self.read_stored(position)
            values = self._run_filters(raw, int(self.index.masks[position]), out)
            return values.view(self.volume.dtype).reshape(self.volume.grid.chunks), ""
        except CorruptChunk as damage:
            return None, str(damage)
        finally:
            self.clock.add(decode=time.perf_counter() - began - reading)

    def decode_batch(self, positions: Sequence[int]) -> list[tuple[NDArray[Any] | None, str]]:
        """As `decode` for a batch of at most `batch_size` chunks, whose arrays are valid together."""
        if len(positions) < 2:
            return [self.decode(position) for position in positions]
        grid, dtype = self.volume.grid, self.volume.dtype
        outs = [self.buffers.get(f"chunk{n}", grid.chunk_bytes) for n in range(len(positions))]
        return [
            (None, reason) if reason else (out.view(dtype).reshape(grid.chunks), "")
            for out, reason in zip(outs, self.decode_into(positions, outs), strict=True)
        ]

    def decode_into(self, positions: Sequence[int], outs: Sequence[Bytes]) -> list[str]:
        """Decode a batch of chunks whole into `outs`; the reason of each failure, or an empty string."""
        verdicts = self.decode_together(positions, outs) if len(positions) > 1 else {}
        # The decoder for single chunks decides on the others and gives the reason.
        return [
            "" if verdicts.get(n) is Verdict.OK else self.decode(position, out)[1]
            for n, (position, out) in enumerate(zip(positions, outs, strict=True))
        ]

    def decode_together(
        self,
        positions: Sequence[int],
        outs: Sequence[Bytes],
        streams: Sequence[Stream] | None = None,
        until: int = 0,
    ) -> dict[int, Verdict]:
        """The verdicts on chunks that are decoded in one call, by number; some are left out."""
        decoder = self._batches
        if decoder is None or not positions:
            return {}
        slow = self.reads.speed.is_slow(self._device)
        began = time.perf_counter()
        size, at = self.volume.grid.chunk_bytes, np.asarray(positions)
        sizes = self.index.sizes[at]
        able = (self.index.masks[at] == 0) & (sizes >= 0) & (sizes <= self._most_stored)
        if able.all():
            numbers: Sequence[int] = range(len(positions))
        else:
            numbers = np.flatnonzero(able).tolist()
            at, sizes, outs = at[able], sizes[able], [outs[n] for n in numbers]
            streams = None if streams is None else [streams[n] for n in numbers]
        if not numbers:
            return {}
        share = 1.0 if streams is None or until == size else until / size * SLACK
        scratch_bytes = decoder.scratch_bytes(int(sizes.max()), size, share)
        scratch = self.buffers.get("batch", scratch_bytes)
        spans = self.index.offsets[at], sizes
        if slow:
            batch = _Batch(decoder, list(outs), scratch, streams, until, share)
            return dict(zip(numbers, self._decode_read(batch, spans), strict=True))
        found = decoder.decode(self.fd, spans, list(outs), scratch, streams, until, share)
        idle = found.read_s + found.waited_s
        busy = time.perf_counter() - began - idle
        self.clock.add(read=found.read_s, wait=found.waited_s, decode=busy)
        self.clock.add_bytes(found.read_bytes)
        self.reads.speed.note(self._device, found.read_s, len(numbers))
        return dict(zip(numbers, found.verdicts, strict=True))

    @cached_property
    def _device(self) -> int:
        began = time.perf_counter()
        device = os.fstat(self.fd).st_dev
        self.clock.add(read=time.perf_counter() - began)
        return device

    def _decode_read(
        self, batch: _Batch, spans: tuple[NDArray[Any], NDArray[Any]]
    ) -> list[Verdict]:
        """The verdicts on a batch whose bytes are all read before."""
        verdicts = [Verdict.CORRUPT] * len(batch.outs)
        left, share = list(range(len(batch.outs))), batch.share
        while left:
            began = time.perf_counter()
            needed = [batch.span(n, spans, share) for n in left]
            read, read_s = self.reads.read(self.fd, self._device, needed)
            read_at = time.perf_counter()
            read_s = min(read_s, read_at - began)
            waited_s = read_at - began - read_s
            able = [n for n, data in zip(left, read, strict=True) if data is not None]
            found = batch.decode(able, [data for data in read if data is not None])
            decoding = time.perf_counter() - read_at - found.waited_s
            self.clock.add(read=read_s, wait=waited_s + found.waited_s, decode=decoding)
            self.clock.add_bytes(sum(size for _, size in needed))
            for n, verdict in zip(able, found.verdicts, strict=True):
                verdicts[n] = verdict
            # Some need more than their share, and then get all the rest.
            left = [n for n in able if verdicts[n] is Verdict.NEED_INPUT and share < 1.0]
            share = 1.0
        return verdicts

    def _run_filters(self, data: Bytes, mask: int, out: Bytes | None) -> Bytes:
        """Undo the filters of a chunk; its bytes, in `out` where that is given."""
        size, pipeline = self.volume.grid.chunk_bytes, self.volume.pipeline
        buffers = self._scratch(pipeline) if out is None else self._copy_into(out, pipeline, mask)
        values = codecs.decode(data, pipeline, mask, size, buffers)
        if out is None or np.shares_memory(values, out):
            return values
        np.copyto(out[:size], values)
        return out[:size]

    def decode_split(self, position: int, out: Bytes, parts: int, run: RunAll) -> str:
        """Decode a chunk into `out` in up to `parts` parts, which `run` runs; the reason of a failure, or ""."""
        volume = self.volume
        if self.index.masks[position]:
            return self.decode(position, out)[1]
        try:
            # Memory of its own: several threads use it, and that of this thread would stay as large.
            raw, _ = self.read_stored(position, ThreadBuffers())
            began = time.perf_counter()
            blocks = Blocks(raw, volume.pipeline[0][1], volume.grid.chunk_bytes, out)
            self.clock.add(decode=time.perf_counter() - began)

            def decode(part: tuple[int, int]) -> None:
                with self.limit.checked() as check:
                    began = time.perf_counter()
                    blocks.decode(*part, self.buffers.get("scratch0", blocks.spare_bytes()))
                    self.clock.add(decode=time.perf_counter() - began)
                    check(len(out) * (part[1] - part[0]) // blocks.count)

            run(decode, blocks.ranges(parts))
            blocks.finish()
        except CorruptChunk:
            # The decoder for whole chunks decides and gives the reason.
            return self.decode(position, out)[1]
        return ""

    def stream(self, position: int) -> Stream:
        """The chunk at `position` as a stream that is decoded in several calls; requires a `partial_decoder`."""
        assert self._batches is not None
        return self._batches.stream(int(self.index.sizes[position]))

    def decode_to(
        self, positions: Sequence[int], streams: Sequence[Stream], outs: Sequence[Bytes], until: int
    ) -> list[str]:
        """Resume decoding chunks up to their first `until` bytes; the reason of each failure, or an empty string.

        Reads no more stored bytes than that probably needs. At the last byte of a chunk its checksum is verified.
        """
        verdicts = self.decode_together(positions, outs, streams, until)
        reasons = [""] * len(positions)
        for number, position in enumerate(positions):
            if verdicts.get(number) is not Verdict.OK:
                # The decoder for single chunks decides and gives the reason. It decodes into another buffer, since
                # planes decoded before may be read from this one at the moment.
                values, reasons[number] = self.decode(position)
                if values is not None:
                    np.copyto(outs[number], values.reshape(-1).view(np.uint8))
        return reasons

    @property
    def _most_stored(self) -> int:
        """Stored bytes that a chunk may claim."""
        return 2 * self.volume.grid.chunk_bytes + 65536

    def read_stored(
        self, position: int, buffers: ThreadBuffers | None = None
    ) -> tuple[Bytes, float]:
        """Stored bytes of a chunk, in a buffer of this thread until the next call, and how long that took (s).

        The time is charged. Raises `CorruptChunk` or `Busy` when they cannot be read.
        """
        stored = int(self.index.sizes[position])
        if stored > self._most_stored:
            raise CorruptChunk(f"it claims {stored} stored bytes, more than it can hold")
        raw = (buffers or self.buffers).get("raw", stored)
        (result,), reading = self._read([int(self.index.offsets[position])], [raw])
        _check_read(result, stored)
        return raw, reading

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


def _check_read(result: int, stored: int) -> None:
    """Raise `CorruptChunk` or `Busy` unless `result`, as of `timed_read`, is what is stored."""
    if result < 0:
        error = OSError(-result, os.strerror(-result))
        if busy := out_of_reach(error):
            raise busy from error
        # Not an OSError, because callers take that for a full disk of the cache.
        raise CorruptChunk(f"it cannot be read ({error.strerror})")
    if result != stored:
        raise CorruptChunk("it is cut short")
