"""In-process decoding: chunks are read with `pread` at their offsets and decoded to bricks by a thread pool.

HDF5 decodes one chunk at a time behind a global lock. Here every thread takes a band of the brick (a few rows of
chunks), decodes it into a reused buffer, and writes it plane by plane to the brick's file. The buffers are small
and reused, because page faults of new memory cost more than decoding into it (docs/decisions.md).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial as bind
from itertools import chain
from math import ceil, prod
from typing import Any, TypeVar

import numpy as np
from cachetools import FIFOCache
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.decoding.chunk_reader import (
    BusyTime,
    ChunkReader,
    DamagedChunk,
    ThreadBuffers,
    open_source,
)
from dashboard.decoding.contiguous import ContiguousReader
from dashboard.decoding.progressive import Box, ProgressiveBrick, chunk_box, in_dataset_order
from dashboard.decoding.sinks import Sink
from dashboard.decoding.time_limit import TimeLimit, TooSlow
from dashboard.hdf5.pool import Unreadable, WorkerCrashed
from dashboard.telemetry.meter import meter, reattribute

T = TypeVar("T")

# Shorter pieces cost more in system calls than they save.
PIECE_BYTES = 64 * 1024
BAND_BYTES = 16 * 1024 * 1024
# Chunks of readahead.
READAHEAD_CHUNKS = 64

# Volumes that were too slow to decode are refused for this time (s); at most this many are remembered.
TOO_SLOW_S, MAX_TOO_SLOW = 600.0, 256

# Assumed minimum throughput of an HDF5 worker, also over a network; a slower one counts as hanging.
HDF5_BYTES_PER_S = 4e6


class Decoder:
    """Decodes bricks with a thread pool that all requests of a process share."""

    def __init__(self, metadata: MetadataService, threads: int) -> None:
        self._metadata = metadata
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._buffers = ThreadBuffers()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._too_slow: FIFOCache[str, tuple[float, str]] = FIFOCache(MAX_TOO_SLOW)

    def stop(self) -> None:
        """Abort running decodes at their next chunk with `Busy`, and start no more."""
        self._stopping.set()

    def close(self) -> None:
        """Stop, and end the threads."""
        self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def decode(
        self,
        volume: Volume,
        address: BrickAddress,
        sink: Sink,
        step_aside: Callable[[], None] | None = None,
    ) -> list[DamagedChunk]:
        """Decode every chunk of the brick into `sink`; returns the damaged chunks.

        `step_aside` is called between bands and may block, so that background work can yield. Charges `read` and
        `decode`, scaled to the wall time. Raises `Changed` when the file's fingerprint is not that of `address`,
        `TooSlow` or `Busy` beyond the limits of `TimeLimit`.
        """
        if volume.contiguous_raw:
            self._copy(volume, address, sink, step_aside)
            bad = []
        else:
            with self._reading(volume) as reader:
                job = BrickDecode(reader, address, sink, self._index_positions(volume, address))
                aside = step_aside and reader.limit.unlimited(step_aside)
                found = self._map_ranges(job.band, bands(volume, address), aside)
                bad = list(chain.from_iterable(found))
        self._metadata.ensure_unchanged(volume)
        return bad

    def _copy(
        self,
        volume: Volume,
        address: BrickAddress,
        sink: Sink,
        step_aside: Callable[[], None] | None,
    ) -> None:
        """Assemble a brick of contiguous data whose planes are across the last dimension, so not contiguous."""
        fd, _ = open_source(self._metadata, volume)
        reader = ContiguousReader(volume, fd, self._buffers)

        def band(first: int, last: int) -> None:
            values = _band_buffer(self._buffers, volume, address, last - first)
            reader.band(address, first, last, values)
            sink.put(first, values.reshape(-1, *values.shape[-2:]))

        try:
            with meter("read"):
                self._map_ranges(band, bands(volume, address), step_aside)
        finally:
            os.close(fd)

    def start_progressive(
        self, volume: Volume, address: BrickAddress, arena: NDArray[np.uint8], plane: int
    ) -> ProgressiveBrick:
        """A progressive brick in `arena`, of which nothing is decoded yet.

        Its planes are available as they are decoded, `plane` first, so that a viewer does not wait for the
        transposition and writing of the others. `arena` has at least `required_bytes` bytes.
        """
        return ProgressiveBrick(
            volume, address, self._index_positions(volume, address), arena, plane
        )

    def decode_to(self, brick: ProgressiveBrick, depth: int) -> None:
        """Decode the first `depth` bytes of all chunks of a progressive brick; charges and raises as `decode`."""
        with self._reading(brick.volume) as reader:
            self._map_ranges(bind(brick.decode, reader, depth), brick.work_ranges())
        self._metadata.ensure_unchanged(brick.volume)
        brick.mark_decoded_to(depth)

    def write_planes(self, brick: ProgressiveBrick, sink: Sink) -> None:
        """Decode the rest of a progressive brick and write all of its planes to `sink`."""
        for depth in brick.remaining_passes():
            self.decode_to(brick, depth)

        def band(first: int, last: int) -> None:
            values = _band_buffer(self._buffers, brick.volume, brick.address, last - first)
            brick.copy_rows(first, last, values)
            sink.put(first, values.reshape(-1, *values.shape[-2:]))

        self._map_ranges(band, bands(brick.volume, brick.address))

    def sample(self, volume: Volume, count: int, seed: int) -> NDArray[Any]:
        """Values of up to `count` stored chunks, chosen by `seed`, in one native array.

        Damaged chunks and voxels beyond the volume's edge are omitted.
        """
        stored = len(self._metadata.index(volume).numbers)
        if not stored:
            return np.array([volume.fill], volume.memory_dtype)
        chosen = np.sort(
            np.random.default_rng(seed).choice(stored, min(count, stored), replace=False)
        )
        with self._reading(volume) as reader:
            parts = list(self._pool.map(bind(_valid_voxels, reader), chosen.tolist()))
        self._metadata.ensure_unchanged(volume)
        return np.concatenate(parts)

    @contextmanager
    def _reading(self, volume: Volume) -> Iterator[ChunkReader]:
        """A reader of the volume's chunks; the times of its threads are charged at the end."""
        self._refuse_too_slow(volume)
        index = self._metadata.index(volume)
        fd, _ = open_source(self._metadata, volume)
        began = time.perf_counter()
        clock = BusyTime()
        try:
            limit = TimeLimit(self._stopping)
            yield ChunkReader(volume, index, fd, self._buffers, clock, limit)
        except TooSlow as error:
            self._remember_too_slow(volume, error)
            raise
        finally:
            os.close(fd)
            reattribute(clock.shares(time.perf_counter() - began))

    def _remember_too_slow(self, volume: Volume, error: TooSlow) -> None:
        with self._lock:
            self._too_slow[volume.address.key] = time.monotonic() + TOO_SLOW_S, error.message

    def _refuse_too_slow(self, volume: Volume) -> None:
        """Raise `TooSlow` at once for a volume that was too slow recently."""
        until, message = self._too_slow.get(volume.address.key, (0.0, ""))
        if time.monotonic() < until:
            raise TooSlow(message)

    def _index_positions(self, volume: Volume, address: BrickAddress) -> NDArray[np.int64]:
        """Index position of each chunk, as a grid over the brick; -1 for chunks that are not stored."""
        places = self._metadata.index(volume).find(volume.grid.chunk_numbers(address))
        sides = zip(address.start, address.stop, volume.grid.chunks, strict=True)
        return places.reshape([len(range(a, b, c)) for a, b, c in sides])

    def _map_ranges(
        self,
        work: Callable[[int, int], T],
        ranges: list[tuple[int, int]],
        step_aside: Callable[[], None] | None = None,
    ) -> list[T]:
        """Run `work` on all ranges in the pool; returns the results."""
        futures: list[Future[T]] = []
        try:
            for first, last in ranges:
                if step_aside is not None:
                    # Yield here, not inside a pool thread: the demand we yield to needs those threads. No more
                    # ranges
                    # are submitted at a time than the pool works on.
                    if len(futures) >= self._threads:
                        futures[-self._threads].result()
                    step_aside()
                futures.append(self._pool.submit(work, first, last))
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            # The descriptor and the sink have to stay valid until the last range has ended.
            for future in futures:
                if not future.cancelled():
                    future.exception()
            raise


def bands(volume: Volume, address: BrickAddress) -> list[tuple[int, int]]:
    """Row ranges (relative to the brick) of about `PIECE_BYTES` a plane, on chunk borders."""
    rows, cols = address.shape[-2:]
    step = volume.grid.chunks[address.rows]
    line = cols * volume.dtype.itemsize
    fits = max(BAND_BYTES // max(address.planes * step * line, 1), 1)
    target = ceil(PIECE_BYTES / (step * line))
    height = step * max(min(target, fits), 1)
    return [(at, min(at + height, rows)) for at in range(0, rows, height)]


def _band_buffer(
    buffers: ThreadBuffers, volume: Volume, address: BrickAddress, rows: int
) -> NDArray[Any]:
    """This thread's buffer for `rows` rows of all planes, in the order of the brick."""
    shape = (*address.shape[:-2], rows, address.shape[-1])
    size = prod(shape) * volume.memory_dtype.itemsize
    return buffers.get("band", size).view(volume.memory_dtype).reshape(shape)


def _valid_voxels(reader: ChunkReader, place: int) -> NDArray[Any]:
    """The voxels of a chunk inside the volume; none when it is damaged."""
    volume, grid = reader.volume, reader.volume.grid
    with reader.limit.checked() as check:
        values, _ = reader.decode(place)
        check(grid.chunk_bytes)
    if values is None:
        return np.empty(0, volume.memory_dtype)
    corner = grid.chunk_origin(int(reader.index.numbers[place]))
    inside = tuple(
        slice(min(c, n - a)) for c, n, a in zip(grid.chunks, grid.shape, corner, strict=True)
    )
    return values[inside].astype(volume.memory_dtype).reshape(-1)


@dataclass(frozen=True)
class BrickDecode:
    """One brick being decoded; `index_positions` is a grid of the chunks' positions in the index."""

    reader: ChunkReader
    address: BrickAddress
    sink: Sink
    index_positions: NDArray[np.int64]

    def band(self, first: int, last: int) -> list[DamagedChunk]:
        """Decode rows first … last of all planes into the sink; returns the damaged chunks."""
        reader, address = self.reader, self.address
        volume = reader.volume
        band = _band_buffer(reader.buffers, volume, address, last - first)
        bad: list[DamagedChunk] = []
        step = volume.grid.chunks[address.rows]
        low = first // step
        places = np.take(self.index_positions, range(low, ceil(last / step)), axis=address.rows)
        reader.readahead(places.ravel()[:READAHEAD_CHUNKS])
        view = in_dataset_order(band, address)
        boxes = [chunk_box(volume, address, view, at, first) for at in np.ndindex(places.shape)]
        together = reader.batch_size(volume.grid.chunk_bytes)
        with reader.limit.checked() as check:
            for begin in range(0, len(boxes), together):
                end = begin + together
                bad.extend(self._put(boxes[begin:end], places.ravel()[begin:end].tolist()))
                check(together * volume.grid.chunk_bytes)
        began = time.perf_counter()
        self.sink.put(first, band.reshape(-1, *band.shape[-2:]))
        reader.clock.add(0.0, time.perf_counter() - began)
        return bad

    def _put(self, boxes: Sequence[Box], places: Sequence[int]) -> Iterator[DamagedChunk]:
        """Decode a few chunks into the band; returns the damaged ones."""
        stored = [n for n, place in enumerate(places) if place >= 0]
        decoded = self.reader.decode_batch([places[n] for n in stored])
        began = time.perf_counter()
        found = dict(zip(stored, decoded, strict=True))
        for number, (target, inside, corner) in enumerate(boxes):
            values, reason = found.get(number, (None, ""))
            if reason:
                yield DamagedChunk(corner, reason)
            target[...] = self.reader.volume.fill if values is None else values[inside]
        self.reader.clock.add(0.0, time.perf_counter() - began)


def read_brick_via_hdf5(
    metadata: MetadataService, volume: Volume, address: BrickAddress, out: int
) -> list[DamagedChunk]:
    """Have an HDF5 worker read the brick into the file with descriptor `out`, which has its full length.

    Returns the damaged chunks, as `Decoder.decode` does; they have the fill value.
    """
    size = address.nbytes(volume.dtype.itemsize)
    bad, _ = _call_hdf5_worker(
        metadata,
        volume,
        "brick",
        (address.start, address.stop),
        start=list(address.start),
        stop=list(address.stop),
        order=list(address.order),
        out=out,
        seconds=10.0 + size / HDF5_BYTES_PER_S,
    )
    return bad


def read_plane_via_hdf5(
    metadata: MetadataService, volume: Volume, address: BrickAddress, plane: int
) -> tuple[NDArray[Any], list[DamagedChunk]]:
    """(plane `plane` of the brick alone, its damaged chunks), read by an HDF5 worker."""
    at = np.unravel_index(plane, address.shape[:-2] or (1,))
    start, stop = list(address.start), list(address.stop)
    for dim, offset in zip(address.order[:-2], at, strict=False):
        start[dim] += int(offset)
        stop[dim] = start[dim] + 1
    values, bad = box_by_child(metadata, volume, start, stop)
    return values.reshape(address.shape[-2:]), bad


def box_by_child(
    metadata: MetadataService, volume: Volume, start: Sequence[int], stop: Sequence[int]
) -> tuple[NDArray[Any], list[DamagedChunk]]:
    """(values of the box start … stop in C order, its damaged chunks), read by an HDF5 worker."""
    bad, body = _call_hdf5_worker(metadata, volume, "boxes", (start, stop), boxes=[(start, stop)])
    return np.frombuffer(body, volume.memory_dtype), bad


def _call_hdf5_worker(
    metadata: MetadataService,
    volume: Volume,
    op: str,
    box: tuple[Sequence[int], Sequence[int]],
    **request: Any,
) -> tuple[list[DamagedChunk], bytes]:
    """Values read by an HDF5 worker and the damaged chunks; errors name the region `box`."""
    shown = ", ".join(f"{a}:{b}" for a, b in zip(*box, strict=True))
    try:
        with meter("decode"):
            head, body = metadata.ask(volume, op, shown, **dataset_request(volume), **request)
    except (WorkerCrashed, Unreadable) as error:
        metadata.ensure_unchanged(volume)
        raise errors.CannotShow(
            f"{volume.address.dataset!r} of {volume.address.file!r} cannot be read at [{shown}]: {error.message}"
        ) from error
    metadata.ensure_unchanged(volume)
    return [DamagedChunk(tuple(corner), reason) for corner, reason in head["bad"]], body


def dataset_request(volume: Volume) -> dict[str, Any]:
    """The part of a request to an HDF5 worker that describes the volume."""
    return {
        "dataset": volume.path_in_file,
        "numpy": volume.dtype.str,
        "fill": volume.fill.tobytes().hex(),
    }
