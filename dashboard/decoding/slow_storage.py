"""Storage whose reads take long, a network file system or a disk that seeks: many reads at the same time.

On fast storage, the thread that decodes a batch of chunks reads each of them just before, while it is in the
processor's cache afterwards. Where a read takes milliseconds, a slice of a thousand chunks would wait a thousand
times; there all of a batch is read at once, by threads that do nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial as bind
from math import ceil
from typing import Final

import numpy as np

from dashboard.decoding import timed_read
from dashboard.decoding.buffers import Bytes

# Storage is slow when a read takes longer than this (s), and until it takes less than a part of it.
SLOW_S: Final = 0.001
AGAIN_FAST: Final = 0.3
# Weight of the newest batch in the mean.
WEIGHT: Final = 0.5
READS_AT_ONCE: Final = 32
# Bytes between two chunks that are read along, which takes less time than another read.
GAP_BYTES: Final = 64 * 1024
MOST_TOGETHER_BYTES: Final = 1024 * 1024

# Offsets and lengths (bytes) in a file.
Spans = Sequence[tuple[int, int]]


class StorageSpeed:
    """How long reads take, by device; thread-safe. A device is slow only after reads of it were timed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mean_s: dict[int, float] = {}
        self._slow: set[int] = set()

    def note(self, device: int, seconds: float, reads: int) -> None:
        """Note that so many reads of a device took `seconds` in all."""
        if not reads:
            return
        with self._lock:
            newest = seconds / reads
            before = self._mean_s.get(device, newest)
            mean = self._mean_s[device] = WEIGHT * newest + (1.0 - WEIGHT) * before
            if mean > SLOW_S:
                self._slow.add(device)
            elif mean < AGAIN_FAST * SLOW_S:
                self._slow.discard(device)

    def is_slow(self, device: int) -> bool:
        """Whether reads of a device take long."""
        return device in self._slow


class ParallelReads:
    """Reads many spans of a file at the same time; the threads are started when they are first needed."""

    def __init__(self, speed: StorageSpeed | None = None) -> None:
        self.speed = speed or StorageSpeed()
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def read(self, fd: int, device: int, spans: Spans) -> tuple[list[Bytes | None], float]:
        """The bytes of each span of a file on `device`, in the given order; None where they cannot be read.

        With them, how long the storage took (s): the longest read, as often as each thread had one.
        """
        groups = adjoining(spans)
        results = list(self._threads().map(bind(_read, fd, spans), groups))
        times = [took for _, took in results]
        self.speed.note(device, sum(times), len(times))
        found: list[Bytes | None] = [None] * len(spans)
        for group, (data, _) in zip(groups, results, strict=True):
            begin = spans[group[0]][0]
            for number in group:
                offset, size = spans[number]
                part = data[offset - begin : offset - begin + size]
                found[number] = part if len(part) == size else None
        return found, max(times, default=0.0) * ceil(len(times) / READS_AT_ONCE)

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="read")
            return self._pool

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def adjoining(spans: Spans) -> list[list[int]]:
    """Numbers of spans that are read in one go, each group in the order of the file."""
    groups: list[list[int]] = []
    end = 0
    for number in sorted(range(len(spans)), key=lambda n: spans[n]):
        offset, size = spans[number]
        begin = spans[groups[-1][0]][0] if groups else 0
        if groups and offset - end <= GAP_BYTES and offset + size - begin <= MOST_TOGETHER_BYTES:
            groups[-1].append(number)
        else:
            groups.append([number])
            end = 0
        end = max(end, offset + size)
    return groups


def _read(fd: int, spans: Spans, group: Sequence[int]) -> tuple[Bytes, float]:
    """The bytes from the first span's begin to the last one's end, as far as there are any, and the time (s)."""
    begin = spans[group[0]][0]
    data = np.empty(max(sum(spans[n]) for n in group) - begin, np.uint8)
    (count,), took, _ = timed_read.read_into(fd, [begin], [data])
    return data[: max(count, 0)], took
