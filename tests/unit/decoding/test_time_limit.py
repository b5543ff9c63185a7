"""Decoding stops at the next chunk beyond its time limit, or when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hdf5plugin
import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks import in_flight
from dashboard.codecs import pipeline as codecs
from dashboard.codecs.filters import LZF
from dashboard.decoding import chunk_reader, decoder, time_limit
from dashboard.decoding.time_limit import BYTES_PER_S, PROCESSOR_S, WALL_S, TimeLimit, TooSlow
from tests import files
from tests.clock import Clock
from tests.parts import Parts


@pytest.fixture
def wall() -> Clock:
    return Clock()


@pytest.fixture
def processor() -> Clock:
    return Clock(0.0)


@pytest.fixture
def limit(wall: Clock, processor: Clock) -> TimeLimit:
    return TimeLimit(threading.Event(), wall, processor)


def test_processor_time_is_the_files_fault(limit: TimeLimit, wall: Clock, processor: Clock) -> None:
    with limit.checked() as check:
        for clock in (wall, processor):
            clock.pass_(PROCESSOR_S)
        check(0)
        for clock in (wall, processor):
            clock.pass_(0.1)
        with pytest.raises(
            TooSlow, match=r"stopped after 5 s of processor time and 0\.0 MB"
        ) as caught:
            check(1000)
    assert caught.value.status == 422
    # Nor does another thread of the same brick begin.
    with pytest.raises(TooSlow), limit.checked():
        raise AssertionError


def test_wall_time_alone_is_the_machines(limit: TimeLimit, wall: Clock) -> None:
    with limit.checked() as check:
        wall.pass_(WALL_S)
        check(0)
        wall.pass_(0.1)
        with pytest.raises(errors.Busy, match="try again"):
            check(0)


def test_what_is_decoded_earns_time(limit: TimeLimit, wall: Clock, processor: Clock) -> None:
    with limit.checked() as check:
        for _ in range(1000):
            for clock in (wall, processor):
                clock.pass_(1.0)
            check(int(BYTES_PER_S))


def test_the_time_of_all_threads_counts_together(limit: TimeLimit, processor: Clock) -> None:
    for _ in range(5):
        with limit.checked():
            processor.pass_(1.0)
    with limit.checked():
        processor.pass_(0.1)
    with pytest.raises(TooSlow), limit.checked():
        raise AssertionError


def test_time_spent_letting_others_pass_does_not_count(limit: TimeLimit, wall: Clock) -> None:
    limit.unlimited(partial(wall.pass_, 10 * WALL_S))()
    with limit.checked() as check:
        wall.pass_(1.0)
        check(0)


def test_a_process_that_is_to_end_stops(wall: Clock) -> None:
    stopping = threading.Event()
    limit = TimeLimit(stopping, wall)
    with limit.checked() as check:
        stopping.set()
        wall.pass_(1.0)
        with pytest.raises(errors.Busy, match="stopping"):
            check(0)


SIDE, CHUNKS = 160, 100
VALUES = (np.arange(8 * SIDE * SIDE) // 9).astype("<u2").reshape(8, SIDE, SIDE)
HOW: dict[str, Any] = {"chunks": (2, 16, 16), "compression": "gzip"}


def before_reading(monkeypatch: pytest.MonkeyPatch, seen: Callable[[int], object]) -> None:
    """Call `seen` with the number of chunks before they are read, one by one or together."""
    reader = chunk_reader.ChunkReader
    one, several = reader.read_stored, reader.decode_together

    def read_one(self: Any, position: int, *more: Any) -> Any:
        seen(1)
        return one(self, position, *more)

    def read_several(self: Any, positions: Any, *more: Any) -> Any:
        seen(len(positions))
        return several(self, positions, *more)

    monkeypatch.setattr(reader, "read_stored", read_one)
    monkeypatch.setattr(reader, "decode_together", read_several)


@pytest.fixture(params=["whole bricks", "planes first"])
def slow(
    request: pytest.FixtureRequest,
    data: Path,
    make_parts: Callable[..., Parts],
    monkeypatch: pytest.MonkeyPatch,
) -> Parts:
    """Parts whose chunks take ten seconds each by the clock of the processor."""
    files.write(data / "a.h5", x=(VALUES, HOW))
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 0)
    monkeypatch.setattr(time_limit, "CHECK_S", 0.0)
    clock = Clock(0.0)
    monkeypatch.setattr(decoder, "TimeLimit", partial(TimeLimit, processor=clock))
    before_reading(monkeypatch, lambda count: clock.pass_(10.0 * count))
    return make_parts(arena_bytes=2**20 if request.param == "planes first" else 0, threads=1)


def test_a_slow_brick_leaves_nothing_behind(
    slow: Parts, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    before_reading(monkeypatch, read.append)
    with pytest.raises(TooSlow, match="damaged or hostile"):
        slow.frame("data/a.h5", "x", "3,:,:")
    # No more were begun than are decoded together.
    assert 0 < sum(read) <= chunk_reader.MAX_BATCH < CHUNKS
    assert list((slow.home / "locks").iterdir()) == []
    assert list((slow.home / "partial").iterdir()) == []
    assert slow.disk.totals() == (0, 0)
    # It is not tried again at once, for any purpose.
    read.clear()
    for purpose in (Purpose.DEMAND, Purpose.PREFETCH_MOVING, Purpose.WARMUP):
        with pytest.raises(TooSlow, match="damaged or hostile"):
            slow.frame("data/a.h5", "x", "5,:,:", purpose=purpose)
    assert not read


def test_a_file_in_another_state_is_tried_again(slow: Parts, data: Path) -> None:
    with pytest.raises(TooSlow):
        slow.frame("data/a.h5", "x", "3,:,:")
    files.write(data / "a.h5", x=VALUES)
    assert slow.frame("data/a.h5", "x", "3,:,:").frame.body == VALUES[3].tobytes()


def test_a_decoder_that_was_stopped_begins_nothing(here: Parts, data: Path) -> None:
    files.write(data / "a.h5", x=(VALUES, HOW))
    here.readers.stop()
    with pytest.raises(errors.Busy, match="stopping"):
        here.frame("data/a.h5", "x", "3,:,:")


@pytest.mark.parametrize("arena_bytes", [0, 2**20])
def test_what_is_being_decoded_ends_at_the_next_chunk(
    make_parts: Callable[..., Parts],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    arena_bytes: int,
) -> None:
    files.write(data / "a.h5", x=(VALUES, {"chunks": (2, 16, 16), **hdf5plugin.Zstd()}))
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 0)
    monkeypatch.setattr(time_limit, "CHECK_S", 0.0)
    here = make_parts(arena_bytes=arena_bytes, threads=1)
    read: list[int] = []

    def stopped(count: int) -> None:
        read.append(count)
        here.readers.stop()

    before_reading(monkeypatch, stopped)
    with pytest.raises(errors.Busy, match="stopping"):
        here.frame("data/a.h5", "x", "3,:,:")
    assert sum(read) == 1 < CHUNKS
    assert list((here.home / "locks").iterdir()) == []
    assert list((here.home / "partial").iterdir()) == []


@pytest.mark.parametrize(
    "raised", [OverflowError, RuntimeError, ValueError, KeyError, ZeroDivisionError, BufferError]
)
def test_whatever_a_decoder_raises_is_a_damaged_chunk(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch, raised: type[Exception]
) -> None:
    def failing(*_: Any) -> Any:
        raise raised

    files.write(data / "a.h5", x=(VALUES, {"chunks": (2, SIDE, SIDE), "compression": "lzf"}))
    monkeypatch.setitem(codecs.DECODERS, LZF, failing)
    with pytest.raises(errors.CannotShow, match=f"cannot be decoded .{raised.__name__}."):
        here.frame("data/a.h5", "x", "3,:,:")


def test_no_memory_is_no_verdict_on_the_file(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise MemoryError

    files.write(data / "a.h5", x=(VALUES, {"chunks": (2, SIDE, SIDE), "compression": "lzf"}))
    with monkeypatch.context() as patch:
        patch.setitem(codecs.DECODERS, LZF, failing)
        with pytest.raises(errors.Busy, match="short of memory"):
            here.frame("data/a.h5", "x", "3,:,:")
    assert here.frame("data/a.h5", "x", "3,:,:").frame.body == VALUES[3].tobytes()
