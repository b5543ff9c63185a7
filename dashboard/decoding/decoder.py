"""In-process decoding: chunks are read with `pread` at their offsets and decoded to bricks by a thread pool.

HDF5 decodes one chunk at a time behind a global lock. Here every thread takes a band of the brick (a few rows of
chunks), decodes it into a reused buffer, and passes it to the sink, which writes it plane by plane to the brick's
file.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial as bind
from itertools import chain
from math import ceil, prod
from typing import Any

import numpy as np
from cachetools import FIFOCache
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.bands import band_buffer, bands
from dashboard.decoding.brick_reader import BandReader, Take
from dashboard.decoding.brick_reader import Box as VoxelBox
from dashboard.decoding.buffers import ThreadBuffers
from dashboard.decoding.chunk_reader import (
    BusyTime,
    ChunkReader,
    DamagedChunk,
    damage_error,
    partial_decoder,
)
from dashboard.decoding.decode_pool import DecodePool
from dashboard.decoding.progressive import Box, ProgressiveBrick, chunk_box, in_dataset_order
from dashboard.decoding.sampling import (
    chosen_numbers,
    sample_numbers,
    sample_planes,
    sample_size,
    sample_step,
)
from dashboard.decoding.sinks import Sink
from dashboard.decoding.time_limit import TimeLimit, TooSlow
from dashboard.meter import count_bytes, reattribute

# Chunks of readahead.
READAHEAD_CHUNKS = 64

# Volumes that were too slow to decode are refused for this time (s); at most this many are remembered.
TOO_SLOW_S, MAX_TOO_SLOW = 600.0, 256


class Decoder(BandReader):
    """The `BrickReader` for `ReadPath.CHUNKS`, which also decodes bricks progressively."""

    def __init__(self, pool: DecodePool) -> None:
        self.pool = pool
        self._lock = threading.Lock()
        self._too_slow: FIFOCache[str, tuple[float, str]] = FIFOCache(MAX_TOO_SLOW)

    def decode(
        self,
        file: VolumeFile,
        address: BrickAddress,
        sink: Sink,
        yield_to_demand: Callable[[], None] | None = None,
    ) -> list[DamagedChunk]:
        """Decode every chunk of the brick into `sink`; returns the damaged chunks.

        `yield_to_demand` is called between bands and may block, so that background work can yield. Charges `read`,
        `decode` and, for the interpreter lock after reading, `wait`, scaled to the wall time. Raises `Changed`
        when the file's fingerprint is not the volume's, `TooSlow` or `Busy` beyond the limits of `TimeLimit`.
        """
        with self.reading(file) as reader:
            job = BrickDecode(reader, address, sink, index_positions(file, address))
            waiting = yield_to_demand and reader.limit.unlimited(yield_to_demand)
            found = self.pool.map_ranges(job.band, bands(file.volume, address), waiting)
        file.ensure_unchanged()
        count_bytes(Stage.DECODE, address.nbytes(file.volume.dtype.itemsize))
        return list(chain.from_iterable(found))

    def start_progressive(
        self, file: VolumeFile, address: BrickAddress, buffer: NDArray[np.uint8], plane: int
    ) -> ProgressiveBrick:
        """A progressive brick in `buffer`, of which nothing is decoded yet.

        Its planes are available as they are decoded, `plane` first, so that a viewer does not wait for the
        transposition and writing of the others. `buffer` has at least `required_bytes` bytes.
        """
        return ProgressiveBrick(file.volume, address, index_positions(file, address), buffer, plane)

    def decode_to(self, file: VolumeFile, brick: ProgressiveBrick, depth: int) -> int:
        """Decode the first `depth` bytes of all chunks of a progressive brick; charges and raises as `decode`.

        Returns the number of bytes read.
        """
        with self.reading(file) as reader:
            self.pool.map_ranges(bind(brick.decode, reader, depth), brick.work_ranges())
        file.ensure_unchanged()
        brick.mark_decoded_to(depth)
        return reader.clock.read_bytes

    def write_planes(self, file: VolumeFile, brick: ProgressiveBrick, sink: Sink) -> None:
        """Decode the rest of a progressive brick and pass all of its planes to `sink`."""
        for depth in brick.remaining_passes():
            self.decode_to(file, brick, depth)

        def band(first: int, last: int) -> None:
            values = band_buffer(self.pool.buffers, brick.volume, brick.address, last - first)
            brick.copy_rows(first, last, values)
            sink.put(first, values.reshape(-1, *values.shape[-2:]))

        self.pool.map_ranges(band, bands(brick.volume, brick.address))

    def read_voxel(self, file: VolumeFile, index: Sequence[int]) -> np.generic:
        """As `BrickReader.read_voxel`: no more than its chunk is decoded, in this thread."""
        volume, grid = file.volume, file.volume.grid
        cell = tuple(at // side for at, side in zip(index, grid.chunks, strict=True))
        number = sum(at * prod(grid.counts[dim + 1 :]) for dim, at in enumerate(cell))
        chunk_index = file.index()
        entry = int(chunk_index.find(np.array([number], np.int64))[0])
        if entry < 0:
            file.ensure_unchanged()
            return volume.fill
        # New buffers: those of the request's thread would otherwise stay as large as the largest chunk.
        reader = ChunkReader(volume, chunk_index, file.fd, ThreadBuffers(), BusyTime(), TimeLimit())
        values, reason = reader.decode(entry)
        file.ensure_unchanged()
        if values is None:
            raise damage_error(volume, DamagedChunk(grid.chunk_origin(number), reason))
        inside = tuple(at % side for at, side in zip(index, grid.chunks, strict=True))
        value: np.generic = values[inside].astype(volume.memory_dtype)
        return value

    def read_boxes(
        self, file: VolumeFile, boxes: Sequence[VoxelBox], take: Take
    ) -> list[DamagedChunk]:
        """As `BrickReader.read_boxes`: each chunk that they touch is a piece, decoded by itself."""
        grid, index = file.volume.grid, file.index()
        jobs = [
            (box, number, int(at))
            for box in boxes
            for numbers in [grid.numbers_in(*box)]
            for number, at in zip(numbers.tolist(), index.find(numbers), strict=True)
        ]
        with self.reading(file) as reader:
            first = [at for _, _, at in jobs[:READAHEAD_CHUNKS]]
            # Both threads have work, however few chunks there are.
            share = ceil(len(jobs) / self.pool.threads)
            step = max(min(reader.batch_size(grid.chunk_bytes), share), 1)
            batches = [jobs[at : at + step] for at in range(0, len(jobs), step)]
            found = self.pool.map(
                bind(_pass_on, reader, take), batches, bind(reader.readahead, first)
            )
        file.ensure_unchanged()
        count_bytes(Stage.DECODE, sum(at >= 0 for _, _, at in jobs) * grid.chunk_bytes)
        return list(chain.from_iterable(found))

    def sample(self, file: VolumeFile, seed: int) -> NDArray[Any]:
        """As `BrickReader.sample`: stored chunks, without voxels beyond the volume's edge.

        Chunks that can be decoded partially are decoded to the planes that the sample needs; their checksums are
        not verified.
        """
        volume = file.volume
        numbers = sample_numbers(volume.grid, seed)
        chunks = None if numbers is None else file.stored_chunks(lambda: numbers)
        with chunks or nullcontext(file) as source:
            return self._sampled(source, seed, numbers)

    def _sampled(
        self, file: VolumeFile, seed: int, numbers: NDArray[np.int64] | None
    ) -> NDArray[Any]:
        """The sample of the stored ones among the chunks `numbers`, or of those that `seed` chooses."""
        volume, index = file.volume, file.index()
        chosen = np.empty(0, np.int64) if numbers is None else index.find(numbers)
        chosen = chosen[chosen >= 0]
        if not len(chosen):
            stored = len(index.numbers)
            if not stored:
                return np.array([volume.fill], volume.memory_dtype)
            chosen = chosen_numbers(stored, sample_size(volume.grid), seed)
        count = len(chosen)
        planes = sample_planes(volume.grid, count)
        with self.reading(file) as reader:
            if planes < volume.grid.chunks[0] and partial_decoder(volume) is not None:
                depth = planes * volume.grid.chunk_bytes // volume.grid.chunks[0]
                step = reader.batch_size(depth)
                batches = [chosen[at : at + step].tolist() for at in range(0, count, step)]
                parts = self.pool.map(bind(_leading_voxels, reader, planes, depth), batches)
            else:
                step = sample_step(volume.grid, count)
                parts = self.pool.map(bind(_valid_voxels, reader, step), chosen.tolist())
        file.ensure_unchanged()
        values = np.concatenate(parts)
        count_bytes(Stage.DECODE, values.nbytes)
        return values

    @contextmanager
    def reading(self, file: VolumeFile) -> Iterator[ChunkReader]:
        """A reader of the volume's chunks; its threads' times and bytes are charged at the end."""
        volume = file.volume
        self._refuse_too_slow(volume)
        index, fd = file.index(), file.fd
        began = time.perf_counter()
        clock = BusyTime()
        try:
            limit = TimeLimit(self.pool.stopping)
            yield ChunkReader(volume, index, fd, self.pool.buffers, clock, limit, self.pool.reads)
        except TooSlow as error:
            self._remember_too_slow(volume, error)
            raise
        finally:
            reattribute(clock.shares(time.perf_counter() - began))
            count_bytes(Stage.READ, clock.read_bytes)

    def _remember_too_slow(self, volume: Volume, error: TooSlow) -> None:
        with self._lock:
            self._too_slow[volume.address.key] = time.monotonic() + TOO_SLOW_S, error.message

    def _refuse_too_slow(self, volume: Volume) -> None:
        """Raise `TooSlow` at once for a volume that was too slow recently."""
        until, message = self._too_slow.get(volume.address.key, (0.0, ""))
        if time.monotonic() < until:
            raise TooSlow(message)


def index_positions(file: VolumeFile, address: BrickAddress) -> NDArray[np.int64]:
    """Index position of each chunk, as a grid over the brick; -1 for chunks that are not stored."""
    grid = file.volume.grid
    positions = file.index().find(grid.chunk_numbers(address))
    sides = zip(address.start, address.stop, grid.chunks, strict=True)
    return positions.reshape([ceil(b / c) - a // c for a, b, c in sides])


def _pass_on(
    reader: ChunkReader, take: Take, batch: Sequence[tuple[VoxelBox, int, int]]
) -> list[DamagedChunk]:
    """Decode a batch of chunks, and pass on what of each lies in its box; returns the damaged ones."""
    volume, grid = reader.volume, reader.volume.grid
    damaged: list[DamagedChunk] = []
    with reader.limit.checked() as check:
        stored = [n for n, (_, _, at) in enumerate(batch) if at >= 0]
        decoded = reader.decode_batch([batch[n][2] for n in stored])
        found = dict(zip(stored, decoded, strict=True))
        for n, ((start, stop), number, _) in enumerate(batch):
            values, reason = found.get(n, (None, ""))
            corner = grid.chunk_origin(number)
            if reason:
                damaged.append(DamagedChunk(corner, reason))
                continue
            if values is None:
                values = np.broadcast_to(volume.fill, grid.chunks)
            inside = tuple(
                slice(max(a - at, 0), min(b - at, side))
                for a, b, at, side in zip(start, stop, corner, grid.chunks, strict=True)
            )
            first = tuple(max(a, at) for a, at in zip(start, corner, strict=True))
            take(first, values[inside])
        check(len(stored) * grid.chunk_bytes)
    return damaged


def _valid_voxels(reader: ChunkReader, step: int, position: int) -> NDArray[Any]:
    """Every so many of a chunk's voxels inside the volume; none when it is damaged."""
    volume, grid = reader.volume, reader.volume.grid
    with reader.limit.checked() as check:
        values, _ = reader.decode(position)
        check(grid.chunk_bytes)
    if values is None:
        return np.empty(0, volume.memory_dtype)
    return _inside(reader, position, values, step)


def _leading_voxels(
    reader: ChunkReader, planes: int, depth: int, positions: Sequence[int]
) -> NDArray[Any]:
    """The voxels inside the volume of the first planes, `depth` bytes, of a batch of chunks."""
    with reader.limit.checked() as check:
        decoded = _decode_leading(reader, positions, depth)
        check(len(positions) * depth)
    parts = [
        _inside(reader, position, values[:planes])
        for position, (values, _) in zip(positions, decoded, strict=True)
        if values is not None
    ]
    return np.concatenate(parts) if parts else np.empty(0, reader.volume.memory_dtype)


def _decode_leading(
    reader: ChunkReader, positions: Sequence[int], depth: int
) -> list[tuple[NDArray[Any] | None, str]]:
    """As `ChunkReader.decode_batch` of chunks with a `partial_decoder`, up to `depth` bytes.

    What lies behind them is undefined, and so no checksum is verified that lies there.
    """
    volume, grid = reader.volume, reader.volume.grid
    outs = [reader.buffers.get(f"chunk{n}", grid.chunk_bytes) for n in range(len(positions))]
    streams = [reader.stream(position) for position in positions]
    return [
        (None if reason else out.view(volume.dtype).reshape(grid.chunks), reason)
        for out, reason in zip(outs, reader.decode_to(positions, streams, outs, depth), strict=True)
    ]


def _inside(
    reader: ChunkReader, position: int, values: NDArray[Any], step: int = 1
) -> NDArray[Any]:
    """Every so many voxels of a chunk's leading planes inside the volume, in native byte order, a flat array."""
    grid = reader.volume.grid
    corner = grid.chunk_origin(int(reader.index.numbers[position]))
    inside = tuple(slice(n - a) for n, a in zip(grid.shape, corner, strict=True))
    return values[inside].reshape(-1)[::step].astype(reader.volume.memory_dtype)


@dataclass(frozen=True)
class BrickDecode:
    """One brick being decoded; `index_positions` is a grid of the chunks' positions in the index.

    With a `depth`, as many bytes of each chunk are decoded, which have all of it that lies in the brick.
    """

    reader: ChunkReader
    address: BrickAddress
    sink: Sink
    index_positions: NDArray[np.int64]
    depth: int | None = None

    def band(self, first: int, last: int) -> list[DamagedChunk]:
        """Decode rows first … last of all planes into the sink; returns the damaged chunks."""
        reader, address = self.reader, self.address
        volume = reader.volume
        band = band_buffer(reader.buffers, volume, address, last - first)
        damaged: list[DamagedChunk] = []
        step = volume.grid.chunks[address.rows]
        low = first // step
        positions = np.take(self.index_positions, range(low, ceil(last / step)), axis=address.rows)
        reader.readahead(positions.ravel()[:READAHEAD_CHUNKS])
        view = in_dataset_order(band, address)
        boxes = [chunk_box(volume, address, view, at, first) for at in np.ndindex(positions.shape)]
        nbytes = self.depth or volume.grid.chunk_bytes
        together = reader.batch_size(nbytes)
        with reader.limit.checked() as check:
            for begin in range(0, len(boxes), together):
                end = begin + together
                damaged.extend(self._put(boxes[begin:end], positions.ravel()[begin:end].tolist()))
                check(together * nbytes)
        began = time.perf_counter()
        self.sink.put(first, band.reshape(-1, *band.shape[-2:]))
        reader.clock.add(write=time.perf_counter() - began)
        return damaged

    def _put(self, boxes: Sequence[Box], positions: Sequence[int]) -> Iterator[DamagedChunk]:
        """Decode a few chunks into the band; returns the damaged ones."""
        stored = [n for n, position in enumerate(positions) if position >= 0]
        chosen = [positions[n] for n in stored]
        if self.depth is None:
            decoded = self.reader.decode_batch(chosen)
        else:
            decoded = _decode_leading(self.reader, chosen, self.depth)
        began = time.perf_counter()
        found = dict(zip(stored, decoded, strict=True))
        for number, (target, inside, corner) in enumerate(boxes):
            values, reason = found.get(number, (None, ""))
            if reason:
                yield DamagedChunk(corner, reason)
            target[...] = self.reader.volume.fill if values is None else values[inside]
        self.reader.clock.add(decode=time.perf_counter() - began)
