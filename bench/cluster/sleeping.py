"""Decoding that takes its time without a processor, so that two cores are enough for ten nodes.

All else of a node is real. A chunk is not read and decoded: its thread sleeps for its share of what a brick took,
while it holds one of the node's cores, and then copies a chunk that is always the same.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.catalog.volume_file import VolumeFile
from dashboard.codecs.batches import Stream
from dashboard.codecs.verdict import Verdict
from dashboard.decoding.buffers import Bytes
from dashboard.decoding.chunk_reader import ChunkReader
from dashboard.decoding.decode_pool import DecodePool
from dashboard.decoding.decoder import Decoder

# A core is given to the next one who waits for it this often, as the kernel does.
TURN_S: Final = 0.025


@dataclass(frozen=True)
class DecodeTime:
    """A thread sleeps for `seconds_a_byte`; `cores` is a folder with a file for each core of the node."""

    seconds_a_byte: float
    cores: Path

    def sleep(self, nbytes: int) -> None:
        """Sleep for as long as so many decoded bytes take, with a core of the node."""
        core = self._core()
        end = nbytes * self.seconds_a_byte
        while end > 0.0:
            turn = min(end, TURN_S)
            fcntl.flock(core, fcntl.LOCK_EX)
            try:
                time.sleep(turn)
            finally:
                fcntl.flock(core, fcntl.LOCK_UN)
            end -= turn

    def _core(self) -> int:
        """The core of this thread: the first thread of each process shares one, the second another one."""
        return _opened(self.cores / threading.current_thread().name.rpartition("_")[2])


@cache
def _opened(core: Path) -> int:
    return os.open(core, os.O_CREAT | os.O_RDWR, 0o600)


@cache
def _values(nbytes: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, nbytes, dtype=np.uint8)


class _Progress:
    """A chunk that is slept for in several calls."""

    fed = 0

    def __init__(self) -> None:
        self.depth = 0


@dataclass(frozen=True)
class SleepingReader(ChunkReader):
    """A `ChunkReader` that sleeps."""

    decode_time: DecodeTime | None = None

    def _take(self, out: Bytes, first: int, last: int) -> None:
        assert self.decode_time is not None
        began = time.perf_counter()
        self.decode_time.sleep(last - first)
        np.copyto(out[first:last], _values(self.volume.grid.chunk_bytes)[first:last])
        self.clock.add(decode=time.perf_counter() - began)

    def decode(self, position: int, out: Bytes | None = None) -> tuple[NDArray[Any] | None, str]:
        size = self.volume.grid.chunk_bytes
        values = self.buffers.get("scratch0", size) if out is None else out[:size]
        self._take(values, 0, size)
        return values.view(self.volume.dtype).reshape(self.volume.grid.chunks), ""

    def stream(self, position: int) -> Stream:
        return _Progress()

    def decode_together(
        self,
        positions: Sequence[int],
        outs: Sequence[Bytes],
        streams: Sequence[Stream] | None = None,
        until: int = 0,
    ) -> dict[int, Verdict]:
        for number in range(len(positions)):
            stream = None if streams is None else streams[number]
            if isinstance(stream, _Progress):
                self._take(outs[number], stream.depth, until)
                stream.depth = until
            else:
                self._take(outs[number], 0, self.volume.grid.chunk_bytes)
        return dict.fromkeys(range(len(positions)), Verdict.OK)


class SleepingDecoder(Decoder):
    """A `Decoder` of bricks that sleeps; samples for the window are decoded, since they are no bricks."""

    def __init__(self, pool: DecodePool, decode_time: DecodeTime) -> None:
        super().__init__(pool)
        self._decode_time = decode_time
        self._sampling = threading.local()

    def sample(self, file: VolumeFile, seed: int) -> NDArray[Any]:
        self._sampling.here = True
        try:
            return super().sample(file, seed)
        finally:
            self._sampling.here = False

    @contextmanager
    def reading(self, file: VolumeFile) -> Iterator[ChunkReader]:
        with super().reading(file) as reader:
            if getattr(self._sampling, "here", False):
                yield reader
            else:
                given = {field.name: getattr(reader, field.name) for field in fields(reader)}
                yield SleepingReader(**given, decode_time=self._decode_time)
