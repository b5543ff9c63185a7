"""The fast path: chunks by `pread` at their offsets, decoded in threads, laid down as bricks.

HDF5 decodes one chunk at a time behind one lock. Here every thread takes a band of the brick (a few
rows of chunks), decodes it into a buffer that it keeps, and writes it plane by plane into the
brick's file. The buffers stay small and are reused, since fresh memory costs more in page faults
than decoding into it (docs/decisions.md).
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

# Pieces shorter than this make more system calls than they are worth.
PIECE_BYTES = 64 * 1024
BAND_BYTES = 16 * 1024 * 1024
# Chunks that the kernel is told of in advance.
READAHEAD_CHUNKS = 64

# Volumes that took too long to decode are not tried again for this long (s), so many at most.
TOO_SLOW_S, MAX_TOO_SLOW = 600.0, 256

# A child reads at least this fast, even over a network; slower than that is taken for a hang.
HDF5_BYTES_PER_S = 4e6


class Decoder:
    """Decodes bricks with a pool of threads that all requests of a process share."""

    def __init__(self, library: MetadataService, threads: int) -> None:
        self._metadata = library
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._buffers = ThreadBuffers()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._too_slow: FIFOCache[str, tuple[float, str]] = FIFOCache(MAX_TOO_SLOW)

    def stop(self) -> None:
        """End what is being decoded at its next chunk with `Busy`, and begin nothing more."""
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
        """Decode every chunk of the brick into `sink`; returns the chunks that are damaged.

        `step_aside` is called between bands and may block: background work gives way there. Charges
        `read` and `decode`, scaled to the wall time. Raises `Changed` when the file is not in the
        state that `address` names, `TooSlow` or `Busy` beyond the time that `TimeLimit` allows.
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
        """Gather a brick of contiguous data, across whose last dimension the planes lie scattered."""
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
        """The brick as it will be held in `arena`, of which nothing is decoded yet.

        Its planes, `plane` before all others, are had as they are decoded, which spares a viewer the
        ordering and writing of all the others. `arena` has `held_bytes` bytes at least.
        """
        return ProgressiveBrick(
            volume, address, self._index_positions(volume, address), arena, plane
        )

    def decode_to(self, held: ProgressiveBrick, depth: int) -> None:
        """Decode the first `depth` bytes of all chunks of a held brick; charges and raises as `decode`."""
        with self._reading(held.volume) as reader:
            self._map_ranges(bind(held.decode, reader, depth), held.work_ranges())
        self._metadata.ensure_unchanged(held.volume)
        held.mark_decoded_to(depth)

    def write_planes(self, held: ProgressiveBrick, sink: Sink) -> None:
        """Hand all planes of a held brick to `sink`; what was not decoded to its end is so before."""
        for depth in held.remaining_passes():
            self.decode_to(held, depth)

        def band(first: int, last: int) -> None:
            values = _band_buffer(self._buffers, held.volume, held.address, last - first)
            held.copy_rows(first, last, values)
            sink.put(first, values.reshape(-1, *values.shape[-2:]))

        self._map_ranges(band, bands(held.volume, held.address))

    def sample(self, volume: Volume, count: int, seed: int) -> NDArray[Any]:
        """Values of up to `count` stored chunks, chosen by `seed`, in one native array.

        Damaged chunks are left out; what sticks out over the volume's edge is cut off.
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
        """A reader of the volume's chunks; what its threads measure is charged at the end."""
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
        """Raise `TooSlow` at once for a volume that was too slow a moment ago."""
        until, message = self._too_slow.get(volume.address.key, (0.0, ""))
        if time.monotonic() < until:
            raise TooSlow(message)

    def _index_positions(self, volume: Volume, address: BrickAddress) -> NDArray[np.int64]:
        """Each chunk's place in the index, as a grid over the brick; -1 where nothing is stored."""
        places = self._metadata.index(volume).find(volume.grid.chunk_numbers(address))
        sides = zip(address.start, address.stop, volume.grid.chunks, strict=True)
        return places.reshape([len(range(a, b, c)) for a, b, c in sides])

    def _map_ranges(
        self,
        work: Callable[[int, int], T],
        ranges: list[tuple[int, int]],
        step_aside: Callable[[], None] | None = None,
    ) -> list[T]:
        """Run `work` on all ranges in the pool; what each of them returned."""
        futures: list[Future[T]] = []
        try:
            for first, last in ranges:
                if step_aside is not None:
                    # Here and not in the pool, whose threads those whom we let pass need as well;
                    # and no more at a time than the pool works on.
                    if len(futures) >= self._threads:
                        futures[-self._threads].result()
                    step_aside()
                futures.append(self._pool.submit(work, first, last))
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            # The descriptor and the sink stay valid until the last piece of work has ended.
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
    wanted = ceil(PIECE_BYTES / (step * line))
    height = step * max(min(wanted, fits), 1)
    return [(at, min(at + height, rows)) for at in range(0, rows, height)]


def _band_buffer(
    buffers: ThreadBuffers, volume: Volume, address: BrickAddress, rows: int
) -> NDArray[Any]:
    """This thread's buffer for so many rows of all planes, in the order of the brick."""
    shape = (*address.shape[:-2], rows, address.shape[-1])
    size = prod(shape) * volume.memory_dtype.itemsize
    return buffers.get("band", size).view(volume.memory_dtype).reshape(shape)


def _valid_voxels(reader: ChunkReader, place: int) -> NDArray[Any]:
    """The voxels of a chunk that lie inside the volume; none when it is damaged."""
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
    """One brick being decoded; `places` holds each chunk's place in the index, as a grid."""

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
        """Decode a few chunks to where they go; those that are damaged."""
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
    library: MetadataService, volume: Volume, address: BrickAddress, out: int
) -> list[DamagedChunk]:
    """Have a child read the brick through libhdf5 into the file with descriptor `out`, which has its full length.

    Returns the chunks that are damaged, as `Decoder.decode` does; they hold the fill value.
    """
    size = address.nbytes(volume.dtype.itemsize)
    bad, _ = _call_hdf5_worker(
        library,
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
    library: MetadataService, volume: Volume, address: BrickAddress, plane: int
) -> tuple[NDArray[Any], list[DamagedChunk]]:
    """(plane `plane` of the brick alone, the damaged chunks in it), read by a child."""
    at = np.unravel_index(plane, address.shape[:-2] or (1,))
    start, stop = list(address.start), list(address.stop)
    for dim, offset in zip(address.order[:-2], at, strict=False):
        start[dim] += int(offset)
        stop[dim] = start[dim] + 1
    values, bad = box_by_child(library, volume, start, stop)
    return values.reshape(address.shape[-2:]), bad


def box_by_child(
    library: MetadataService, volume: Volume, start: Sequence[int], stop: Sequence[int]
) -> tuple[NDArray[Any], list[DamagedChunk]]:
    """(the values of the box start … stop in C order, the damaged chunks in it), read by a child."""
    bad, body = _call_hdf5_worker(library, volume, "boxes", (start, stop), boxes=[(start, stop)])
    return np.frombuffer(body, volume.memory_dtype), bad


def _call_hdf5_worker(
    library: MetadataService,
    volume: Volume,
    op: str,
    box: tuple[Sequence[int], Sequence[int]],
    **request: Any,
) -> tuple[list[DamagedChunk], bytes]:
    """What a child read and which chunks are damaged; an error names `box`, where it was to read."""
    shown = ", ".join(f"{a}:{b}" for a, b in zip(*box, strict=True))
    try:
        with meter("decode"):
            head, body = library.ask(volume, op, shown, **dataset_request(volume), **request)
    except (WorkerCrashed, Unreadable) as error:
        library.ensure_unchanged(volume)
        raise errors.CannotShow(
            f"{volume.address.dataset!r} of {volume.address.file!r} cannot be read at [{shown}]: {error.message}"
        ) from error
    library.ensure_unchanged(volume)
    return [DamagedChunk(tuple(corner), reason) for corner, reason in head["bad"]], body


def dataset_request(volume: Volume) -> dict[str, Any]:
    """What a child has to know of a volume to read its values."""
    return {
        "dataset": volume.path_in_file,
        "numpy": volume.dtype.str,
        "fill": volume.fill.tobytes().hex(),
    }
