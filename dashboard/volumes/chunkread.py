"""One stored chunk: read at its offset, decoded, and judged."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.volumes import codecs
from dashboard.volumes.chunks import ChunkIndex
from dashboard.volumes.inflate import Inflater
from dashboard.volumes.library import Library
from dashboard.volumes.volume import Volume

Bytes = NDArray[np.uint8]

# A thread's buffer that is this many times larger than what is needed now is given back.
GENEROUS = 8
SMALL_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BadChunk:
    """A chunk that could not be decoded: its first voxel and the reason."""

    corner: tuple[int, ...]
    reason: str


@dataclass
class Clock:
    """Seconds that threads spent reading and decoding, added up."""

    read: float = 0.0
    decode: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, read: float, decode: float) -> None:
        """Add what one thread measured."""
        with self.lock:
            self.read += read
            self.decode += decode

    def shares(self, wall: float) -> dict[str, float]:
        """The two stages scaled to the wall time (s) that they took together."""
        busy = self.read + self.decode
        if busy <= 0:
            return {}
        return {"read": wall * self.read / busy, "decode": wall * self.decode / busy}


class Buffers:
    """Each thread's memory, kept from chunk to chunk.

    Memory that was written before costs no page faults; a fresh buffer for each chunk would.
    """

    def __init__(self) -> None:
        self._kept = threading.local()

    def get(self, name: str, size: int) -> Bytes:
        """This thread's buffer of that name with `size` bytes; made anew only when it does not fit."""
        held: Bytes | None = getattr(self._kept, name, None)
        if held is None or len(held) < size or len(held) > GENEROUS * max(size, SMALL_BYTES):
            held = np.empty(size, np.uint8)
            setattr(self._kept, name, held)
        return held[:size]


@dataclass(frozen=True)
class ChunkReader:
    """Reads chunks of one volume through one descriptor; safe between threads."""

    volume: Volume
    index: ChunkIndex
    fd: int
    buffers: Buffers
    clock: Clock

    def decoded(self, place: int, out: Bytes | None = None) -> tuple[NDArray[Any] | None, str]:
        """(the chunk at `place` in the index in its own type and shape, "") or (None, the reason).

        The array lies in this thread's buffers until the next call, or in `out` where that is
        given.
        """
        grid, began = self.volume.grid, time.perf_counter()
        read = began
        try:
            raw = self._stored(place, 0, int(self.index.sizes[place]))
            read = time.perf_counter()
            mask = int(self.index.masks[place])
            pipeline = self.volume.pipeline
            buffers = self._scratch() if out is None else self._into(out, mask)
            values = codecs.decode(raw, pipeline, mask, grid.chunk_bytes, buffers)
            if out is not None and not np.shares_memory(values, out):
                np.copyto(out[: grid.chunk_bytes], values)
                values = out[: grid.chunk_bytes]
            return values.view(self.volume.dtype).reshape(grid.chunks), ""
        except codecs.Damaged as damage:
            return None, str(damage)
        finally:
            self.clock.add(read - began, time.perf_counter() - read)

    def inflater(self, place: int) -> Inflater:
        """What inflates the chunk at `place` part by part."""
        return Inflater(int(self.index.sizes[place]))

    def inflated(self, place: int, inflater: Inflater, out: Bytes, until: int) -> str:
        """Inflate a chunk on to its first `until` bytes; returns why that failed, or an empty string."""
        began, read = time.perf_counter(), 0.0

        def fetch(at: int, count: int) -> Bytes:
            nonlocal read
            since = time.perf_counter()
            raw = self._stored(place, at, count)
            read += time.perf_counter() - since
            return raw

        try:
            inflater.advance(fetch, out, until)
        except codecs.Damaged as damage:
            return str(damage)
        else:
            return ""
        finally:
            self.clock.add(read, time.perf_counter() - began - read)

    def _stored(self, place: int, at: int, count: int) -> Bytes:
        """`count` of a chunk's bytes as they are stored, in this thread's buffer; raises `Damaged`."""
        stored = int(self.index.sizes[place])
        if stored > 2 * self.volume.grid.chunk_bytes + 65536:
            raise codecs.Damaged(f"it claims {stored} stored bytes, more than it can hold")
        raw = self.buffers.get("raw", count)
        try:
            found = os.preadv(self.fd, [raw.data], int(self.index.offsets[place]) + at)
        except OSError as error:
            # Not handed on: an OSError from here on means that the cache's disk has no room.
            raise codecs.Damaged(f"it cannot be read ({error.strerror})") from None
        if found != count:
            raise codecs.Damaged("it is cut short")
        return raw

    def announce(self, places: Sequence[int] | NDArray[np.int64]) -> None:
        """Tell the kernel what is read next, so that the disk works while others are decoded."""
        for place in places:
            if place >= 0:
                offset, size = int(self.index.offsets[place]), int(self.index.sizes[place])
                os.posix_fadvise(self.fd, offset, size, os.POSIX_FADV_WILLNEED)

    def _scratch(self) -> list[Bytes]:
        size = codecs.scratch_bytes(self.volume.grid.chunk_bytes)
        count = codecs.scratch_count(self.volume.pipeline)
        return [self.buffers.get(f"scratch{n}", size) for n in range(count)]

    def _into(self, out: Bytes, mask: int) -> list[Bytes]:
        """Scratch buffers such that the last decoder writes into `out`, if that has room for it."""
        buffers = self._scratch()
        if any(number == codecs.FLETCHER32 for number, _ in self.volume.pipeline):
            return buffers  # between two filters a chunk may carry a checksum besides
        last = codecs.last_buffer(self.volume.pipeline, mask)
        if last is not None and last < len(buffers):
            buffers[last] = out
        return buffers


def open_source(library: Library, volume: Volume) -> tuple[int, Any]:
    """A descriptor of the file that holds the chunks, in the state that the volume was described in."""
    library.verify(volume)
    own = library.catalog.path(volume.address.file)
    if volume.path == own:
        fd, fingerprint = library.catalog.open(volume.address.file)
        if fingerprint != volume.state and volume.growing is None:
            os.close(fd)
            raise errors.Changed(f"{volume.address.file!r} changed; open it again.")
        return fd, fingerprint
    try:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(volume.path, flags), None
    except OSError:
        raise errors.NotFound("The linked file is gone.") from None
