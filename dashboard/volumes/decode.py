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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.telemetry.meter import charge, meter
from dashboard.volumes import codecs
from dashboard.volumes.address import BrickAddress
from dashboard.volumes.children import ChildFailed, Unreadable
from dashboard.volumes.chunks import ChunkIndex
from dashboard.volumes.library import Library, Volume

# Pieces shorter than this make more system calls than they are worth.
PIECE_BYTES = 64 * 1024
BAND_BYTES = 16 * 1024 * 1024

# A child reads at least this fast, even over a network; slower than that is taken for a hang.
CHILD_BYTES_PER_S = 4e6


@dataclass(frozen=True, slots=True)
class BadChunk:
    """A chunk that could not be decoded: its first voxel and the reason."""

    corner: tuple[int, ...]
    reason: str


class Sink(Protocol):
    """Takes decoded bands; called from several threads at once, for bands that do not overlap."""

    def put(self, row: int, band: NDArray[Any]) -> None:
        """Take rows row … row + n of all planes: `band` has the shape (planes, n, columns)."""


class FileSink:
    """Writes a brick into a file, planes one after the other."""

    def __init__(self, fd: int, address: BrickAddress) -> None:
        self._fd = fd
        self._rows, self._cols = address.shape[-2:]

    def put(self, row: int, band: NDArray[Any]) -> None:
        line = self._cols * band.itemsize
        for plane in range(len(band)):
            _write_all(self._fd, band[plane], (plane * self._rows + row) * line)


class PlaneSink:
    """Keeps one plane of the brick in memory, for when there is no room on the disk."""

    def __init__(self, address: BrickAddress, dtype: np.dtype[Any], plane: int) -> None:
        self.values = np.empty(address.shape[-2:], dtype)
        self._plane = plane

    def put(self, row: int, band: NDArray[Any]) -> None:
        self.values[row : row + band.shape[1]] = band[self._plane]


def _write_all(fd: int, values: NDArray[Any], offset: int) -> None:
    data = values.data.cast("B")
    while len(data):
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written


@dataclass
class _Clock:
    """Seconds that the threads spent reading and decoding, added up."""

    read: float = 0.0
    decode: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, read: float, decode: float) -> None:
        with self.lock:
            self.read += read
            self.decode += decode


class Decoder:
    """Decodes bricks with a pool of threads that all requests of a process share."""

    def __init__(self, library: Library, threads: int) -> None:
        self._library = library
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._kept = threading.local()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def decode(
        self,
        volume: Volume,
        address: BrickAddress,
        sink: Sink,
        step_aside: Callable[[], None] | None = None,
    ) -> list[BadChunk]:
        """Decode every chunk of the brick into `sink`; returns the chunks that are damaged.

        `step_aside` is called between bands and may block: background work gives way there. Charges
        `read` and `decode`, scaled to the wall time. Raises `Changed` when the file is not in the
        state that `address` names.
        """
        index = self._library.index(volume)
        fd, _ = open_source(self._library, volume)
        began = time.perf_counter()
        clock = _Clock()
        try:
            bands = self._bands(volume, address)
            numbers = volume.grid.numbers(address)
            places = index.find(numbers).reshape(
                [len(range(a, b, c)) for a, b, c in _sides(volume, address)]
            )
            job = _Job(volume, address, sink, fd, index, places, clock, step_aside)
            futures = [self._pool.submit(self._band, job, a, b) for a, b in bands]
            bad: list[BadChunk] = []
            try:
                for future in futures:
                    bad.extend(future.result())
            except BaseException:
                for future in futures:
                    future.cancel()
                # The descriptor and the sink stay valid until the last band has ended.
                for future in futures:
                    if not future.cancelled():
                        future.exception()
                raise
        finally:
            os.close(fd)
            wall = time.perf_counter() - began
            busy = clock.read + clock.decode
            if busy > 0:
                charge({"read": wall * clock.read / busy, "decode": wall * clock.decode / busy})
        self._library.verify(volume)
        return bad

    def sample(self, volume: Volume, count: int, seed: int) -> NDArray[Any]:
        """The values of up to `count` stored chunks, chosen by `seed`, in one array of native byte order.

        Damaged chunks are left out; what sticks out over the volume's edge is cut off.
        """
        index = self._library.index(volume)
        stored = len(index.numbers)
        if not stored:
            return np.array([volume.fill], volume.native)
        chosen = np.sort(
            np.random.default_rng(seed).choice(stored, min(count, stored), replace=False)
        )
        fd, _ = open_source(self._library, volume)
        try:
            parts = list(self._pool.map(lambda at: self._one(volume, fd, index, int(at)), chosen))
        finally:
            os.close(fd)
        self._library.verify(volume)
        return np.concatenate(parts)

    def _one(self, volume: Volume, fd: int, index: ChunkIndex, at: int) -> NDArray[Any]:
        grid = volume.grid
        raw = os.pread(
            fd, min(int(index.sizes[at]), 2 * grid.chunk_bytes + 65536), int(index.offsets[at])
        )
        try:
            values = codecs.decode(
                np.frombuffer(raw, np.uint8),
                volume.pipeline,
                int(index.masks[at]),
                grid.chunk_bytes,
                self._scratch(volume),
            )
        except codecs.Damaged:
            return np.empty(0, volume.native)
        corner = grid.corner(int(index.numbers[at]))
        inside = tuple(
            slice(min(c, n - a)) for c, n, a in zip(grid.chunks, grid.shape, corner, strict=True)
        )
        whole = values.view(volume.dtype).reshape(grid.chunks)
        return whole[inside].astype(volume.native).reshape(-1)

    def _bands(self, volume: Volume, address: BrickAddress) -> list[tuple[int, int]]:
        """Row ranges (relative to the brick) of about `PIECE_BYTES` a plane, on chunk borders."""
        rows, cols = address.shape[-2:]
        step = volume.grid.chunks[address.rows]
        line = cols * volume.dtype.itemsize
        fits = max(BAND_BYTES // max(address.planes * step * line, 1), 1)
        wanted = ceil(PIECE_BYTES / (step * line))
        height = step * max(min(wanted, fits), 1)
        return [(at, min(at + height, rows)) for at in range(0, rows, height)]

    def _band(self, job: _Job, first: int, last: int) -> list[BadChunk]:
        if job.step_aside is not None:
            job.step_aside()
        shape = (*job.address.shape[:-2], last - first, job.address.shape[-1])
        buffer = self._buffer("band", prod(shape) * job.native.itemsize)
        band = buffer.view(job.native).reshape(shape)
        scratch = self._scratch(job.volume)
        bad = job.fill(first, last, band, scratch, self._buffer)
        began = time.perf_counter()
        job.sink.put(first, band.reshape(-1, *shape[-2:]))
        job.clock.add(0.0, time.perf_counter() - began)
        return bad

    def _buffer(self, name: str, size: int) -> NDArray[np.uint8]:
        """This thread's buffer of that name, at least `size` bytes; made anew only when too small."""
        held: NDArray[np.uint8] | None = getattr(self._kept, name, None)
        if held is None or len(held) < size or len(held) > 8 * max(size, BAND_BYTES):
            held = np.empty(size, np.uint8)
            setattr(self._kept, name, held)
        return held[:size]

    def _scratch(self, volume: Volume) -> list[NDArray[np.uint8]]:
        wanted = (volume.grid.chunk_bytes, volume.pipeline)
        if getattr(self._kept, "scratch_for", None) != wanted:
            self._kept.scratch = codecs.scratches(volume.pipeline, volume.grid.chunk_bytes)
            self._kept.scratch_for = wanted
        scratch: list[NDArray[np.uint8]] = self._kept.scratch
        return scratch


@dataclass(frozen=True)
class _Job:
    """One brick being decoded; `places` holds each chunk's place in the index, as a grid."""

    volume: Volume
    address: BrickAddress
    sink: Sink
    fd: int
    index: ChunkIndex
    places: NDArray[np.int64]
    clock: _Clock
    step_aside: Callable[[], None] | None

    @property
    def native(self) -> np.dtype[Any]:
        return self.volume.native

    def fill(
        self,
        first: int,
        last: int,
        band: NDArray[Any],
        scratch: Sequence[NDArray[np.uint8]],
        buffer: Callable[[str, int], NDArray[np.uint8]],
    ) -> list[BadChunk]:
        """Decode the chunks of rows first … last into `band`; returns the damaged ones."""
        chunks, rows = self.volume.grid.chunks, self.address.rows
        start = self.address.start
        bad: list[BadChunk] = []
        low = first // chunks[rows]
        high = ceil(last / chunks[rows])
        places = np.take(self.places, range(low, high), axis=rows)
        self._announce(places)
        for at in np.ndindex(places.shape):
            offset = [n * c for n, c in zip(at, chunks, strict=True)]
            corner = [a + o for a, o in zip(start, offset, strict=True)]
            corner[rows] += first
            target, extent = self._target(band, offset)
            place = int(places[at])
            if place < 0:
                target[...] = self.volume.fill
                continue
            reason = self._chunk(place, target, extent, scratch, buffer)
            if reason:
                target[...] = self.volume.fill
                bad.append(BadChunk(tuple(corner), reason))
        return bad

    def _announce(self, places: NDArray[np.int64]) -> None:
        """Tell the kernel what is read next, so that the disk works while the first chunk is decoded."""
        for place in places.ravel()[:64]:
            if place >= 0:
                os.posix_fadvise(
                    self.fd,
                    int(self.index.offsets[place]),
                    int(self.index.sizes[place]),
                    os.POSIX_FADV_WILLNEED,
                )

    def _target(
        self, band: NDArray[Any], offset: list[int]
    ) -> tuple[NDArray[Any], tuple[int, ...]]:
        """(the chunk's part of the band in dataset order, its extent): chunks at the edge stick out."""
        order = self.address.order
        inverse = np.argsort(order)
        view = band.transpose(inverse)
        extent = tuple(
            min(c, n - o)
            for c, n, o in zip(self.volume.grid.chunks, view.shape, offset, strict=True)
        )
        box = tuple(slice(o, o + e) for o, e in zip(offset, extent, strict=True))
        return view[box], extent

    def _chunk(
        self,
        place: int,
        target: NDArray[Any],
        extent: tuple[int, ...],
        scratch: Sequence[NDArray[np.uint8]],
        buffer: Callable[[str, int], NDArray[np.uint8]],
    ) -> str:
        """Decode one stored chunk into `target`; returns why that failed, or an empty string."""
        volume, grid = self.volume, self.volume.grid
        began = time.perf_counter()
        stored = int(self.index.sizes[place])
        if stored > 2 * grid.chunk_bytes + 65536:
            return f"it claims {stored} stored bytes, more than it can hold"
        raw = buffer("raw", stored)
        count = os.preadv(self.fd, [raw.data], int(self.index.offsets[place]))
        read = time.perf_counter()
        try:
            if count != stored:
                return "it is cut short"
            mask = int(self.index.masks[place])
            values = codecs.decode(raw, volume.pipeline, mask, grid.chunk_bytes, scratch)
            whole = values.view(volume.dtype).reshape(grid.chunks)
            np.copyto(target, whole[tuple(slice(e) for e in extent)])
        except codecs.Damaged as damage:
            return str(damage)
        finally:
            self.clock.add(read - began, time.perf_counter() - read)
        return ""


def _sides(volume: Volume, address: BrickAddress) -> list[tuple[int, int, int]]:
    return list(zip(address.start, address.stop, volume.grid.chunks, strict=True))


def open_source(library: Library, volume: Volume) -> tuple[int, Any]:
    """A descriptor of the file that holds the chunks, in the state that the volume was described in."""
    library.verify(volume)
    own = library.catalog.path(volume.address.file)
    if volume.path == own:
        fd, fingerprint = library.catalog.open(volume.address.file)
        if fingerprint != volume.address.fingerprint:
            os.close(fd)
            raise errors.Changed(f"{volume.address.file!r} changed; open it again.")
        return fd, fingerprint
    try:
        return os.open(volume.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), None
    except OSError:
        raise errors.NotFound("The linked file is gone.") from None


def read_by_child(
    library: Library, volume: Volume, address: BrickAddress, out: os.PathLike[str]
) -> None:
    """Have a child read the brick through libhdf5 into the file `out`, which has its full length."""
    size = address.nbytes(volume.dtype.itemsize)
    library.verify(volume)
    try:
        with meter("decode"):
            library.children.ask(
                "brick",
                volume.path,
                dataset=volume.inner,
                start=list(address.start),
                stop=list(address.stop),
                order=list(address.order),
                numpy=volume.dtype.str,
                out=os.fspath(out),
                seconds=10.0 + size / CHILD_BYTES_PER_S,
            )
    except (ChildFailed, Unreadable) as error:
        library.verify(volume)
        box = ", ".join(f"{a}:{b}" for a, b in zip(address.start, address.stop, strict=True))
        raise errors.CannotShow(
            f"{volume.address.dataset!r} of {volume.address.file!r} cannot be read at [{box}]: {error.message}"
        ) from error
    library.verify(volume)
