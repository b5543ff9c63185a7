"""Frames through flask-caching on our backend: bytes only, bounded, write-behind."""

from __future__ import annotations

import logging
import os
import pickle
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import pytest
from flask_caching import Cache

from dashboard.frames import cache as module
from dashboard.frames.cache import DiskcacheBackend, FrameCache
from dashboard.storage.bytes_cache import BytesCache, HeadedBytes, open_cache
from dashboard.storage.disk_space import DiskSpace
from dashboard.storage.eviction import LruEvictor
from dashboard.web.frame_cache import flask_cache
from tests import database
from tests.parts import Counts

FRAME, PACKED = HeadedBytes(b"{}", b"x"), HeadedBytes(b"{}", b"packed")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[BytesCache]:
    opened = open_cache(tmp_path / "frames")
    yield opened
    opened.close()


@pytest.fixture
def make_backend(
    tmp_path: Path, disk: BytesCache, ledger: Counts
) -> Callable[..., DiskcacheBackend]:
    def make(limit: int = 2**20, free: int = 2**40, now: float = 4e9) -> DiskcacheBackend:
        evictor = LruEvictor(disk, limit, tmp_path / "room.lock", clock=lambda: now)
        space = DiskSpace(tmp_path, 0, probe=lambda _: free)
        return DiskcacheBackend(disk, evictor, space, ledger)

    return make


@pytest.fixture
def cache(tmp_path: Path, disk: BytesCache, ledger: Counts) -> Cache:
    """flask-caching as the application has it."""
    evictor = LruEvictor(disk, 2**20, tmp_path / "room.lock")
    backend = DiskcacheBackend(disk, evictor, DiskSpace(tmp_path, 0), ledger)
    return flask_cache(flask.Flask(__name__), backend)


@pytest.fixture
def kept(cache: Cache, disk: BytesCache, ledger: Counts) -> Iterator[FrameCache]:
    frames = FrameCache(cache)
    yield frames
    frames.close()


@pytest.fixture
def slow_store(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> tuple[threading.Event, threading.Event]:
    """(storing has begun, it may go on): without the second, nothing is stored."""
    begun, go_on = threading.Event(), threading.Event()
    store = cache.set

    def slow(key: str, value: HeadedBytes) -> Any:
        begun.set()
        assert go_on.wait(60)
        return store(key, value)

    monkeypatch.setattr(cache, "set", slow)
    return begun, go_on


def test_flask_caching_works_on_it(cache: Cache, disk: BytesCache) -> None:
    assert cache.get("a") is None
    assert cache.set("a", b"one")
    assert cache.get("a") == b"one"
    assert disk.get("a") == b"one"
    assert cache.has("a")
    assert cache.add("a", b"two") is False
    assert cache.add("b", b"two")
    assert cache.get_many("a", "b", "c") == [b"one", b"two", None]
    assert cache.delete("a")
    assert not cache.has("a")
    assert cache.clear()
    assert disk.totals() == (0, 0)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_planted_pickle_is_a_miss_and_a_log_line(
    cache: Cache, disk: BytesCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.set("a", b"value")
    pickled = pickle.dumps(Bomb(tmp_path / "mark"))
    with sqlite3.connect(tmp_path / "frames" / "cache.db") as connection:
        connection.execute("UPDATE Cache SET mode = 4, value = ?", (pickled,))
    connection.close()
    with caplog.at_level(logging.WARNING):
        assert cache.get("a") is None
    assert "cache row refused" in caplog.text
    assert not (tmp_path / "mark").exists()


def test_it_keeps_within_its_bytes(
    make_backend: Callable[..., DiskcacheBackend], disk: BytesCache, ledger: Counts
) -> None:
    backend = make_backend(limit=1000)
    for n in range(20):
        assert backend.set(f"k{n}", bytes(300))
        assert disk.totals()[0] <= 1000
    assert disk.totals() == (900, 3)
    assert backend.get("k19") == bytes(300)
    assert backend.get("k0") is None
    assert ledger.counted["frames.evictions"] == 17
    assert backend.set("huge", bytes(1001)) is False
    assert disk.totals() == (900, 3)


def test_a_brick_in_use_stays(
    make_backend: Callable[..., DiskcacheBackend], disk: BytesCache
) -> None:
    backend = make_backend(limit=1000)
    for n in range(3):
        backend.set(f"k{n}", bytes(300))
    database.touch(disk, 5.0)
    assert backend.get("k0") == bytes(300)
    backend.access_log.flush()
    backend.set("k3", bytes(300))
    assert backend.has("k0")


def test_on_a_full_disk_nothing_is_stored(
    make_backend: Callable[..., DiskcacheBackend], disk: BytesCache
) -> None:
    assert make_backend(free=100).set("a", bytes(101)) is False
    assert disk.totals() == (0, 0)
    assert make_backend(free=200).set("a", bytes(101))


def test_a_write_that_fails_leaves_no_half_file(
    make_backend: Callable[..., DiskcacheBackend], disk: BytesCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    written: list[int] = []

    def full(fd: int, data: bytes) -> int:
        if written:
            raise OSError(28, "No space left on device")
        written.append(write(fd, data[:1000]))
        return written[0]

    backend = make_backend()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert backend.set("a", bytes(100_000)) is False
    assert written == [1000]
    found = [name for _, _, names in os.walk(disk.directory) for name in names]
    assert [name for name in found if name.endswith(".val")] == []
    assert backend.set("a", bytes(100_000))


def test_a_frame_is_there_before_it_is_stored(
    cache: Cache, kept: FrameCache, slow_store: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = slow_store
    assert kept.get("a") is None
    kept.put("a", lambda: PACKED, 6)
    assert begun.wait(60)
    assert cache.get("a") is None
    assert kept.get("a") == PACKED
    go_on.set()
    kept.flush()
    assert cache.get("a") == kept.get("a") == PACKED


def test_frames_that_waited_in_the_queue_do_not_wait_again(
    kept: FrameCache,
    slow_store: tuple[threading.Event, threading.Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on = slow_store
    kept.put("first", lambda: FRAME, 1)
    assert begun.wait(60)
    clock = [time.monotonic()]
    slept: list[float] = []
    monkeypatch.setattr(
        module, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=slept.append)
    )
    for n in range(5):
        kept.put(f"k{n}", lambda: FRAME, 1)
    clock[0] += module.WRITE_DELAY_S
    go_on.set()
    kept.flush()
    assert slept == [0.0] * 5
    kept.put("last", lambda: FRAME, 1)
    kept.flush()
    assert slept[5:] == [pytest.approx(module.WRITE_DELAY_S)]


def test_no_more_than_a_few_frames_wait(
    cache: Cache, kept: FrameCache, slow_store: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = slow_store
    kept.put("first", lambda: FRAME, 1)
    assert begun.wait(60)
    for n in range(100):
        kept.put(f"k{n}", lambda: FRAME, 1)
    waiting = [n for n in range(100) if kept.get(f"k{n}") is not None]
    # One more is being stored.
    assert waiting == list(range(module.MAX_PENDING - 1))
    go_on.set()
    kept.flush()
    assert cache.get("k0") == FRAME
    assert cache.get("k99") is None


def test_what_waits_is_bounded_in_bytes(
    cache: Cache, kept: FrameCache, slow_store: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = slow_store
    third = module.MAX_PENDING_BYTES // 3
    kept.put("first", lambda: FRAME, third)
    assert begun.wait(60)
    for key, size in (("a", third), ("b", 2 * third), ("c", third), ("d", third), ("e", 1)):
        kept.put(key, lambda: FRAME, size)
    # The one that is being stored takes its memory as well; what fits beside the others is kept.
    assert [key for key in "abcde" if kept.get(key) is not None] == ["a", "c", "e"]
    go_on.set()
    kept.flush()
    assert [key for key in "abcde" if cache.get(key) is not None] == ["a", "c", "e"]
    for key in "bd":
        kept.put(key, lambda: FRAME, 2 * third)
        kept.flush()
        assert cache.get(key) == FRAME


def test_a_frame_larger_than_all_that_may_wait_is_kept_alone(
    cache: Cache, kept: FrameCache, slow_store: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = slow_store
    huge = module.MAX_PENDING_BYTES + 1
    kept.put("a", lambda: FRAME, huge)
    assert begun.wait(60)
    kept.put("b", lambda: FRAME, huge)
    kept.put("c", lambda: FRAME, 1)
    assert [key for key in "abc" if kept.get(key) is not None] == ["a"]
    go_on.set()
    kept.flush()
    assert [key for key in "abc" if cache.get(key) is not None] == ["a"]


def test_a_frame_is_stored_once_all_its_checks_have_passed(cache: Cache, kept: FrameCache) -> None:
    checks: list[Future[bool]] = [Future(), Future()]
    kept.put("a", lambda: FRAME, 1, checks)
    checks[1].set_result(True)
    assert kept.get("a") is None
    checks[0].set_result(True)
    assert kept.get("a") == FRAME
    kept.flush()
    assert cache.get("a") == FRAME
    kept.put("b", lambda: FRAME, 1, checks)
    assert kept.get("b") == FRAME


@pytest.mark.parametrize("first", [True, False])
def test_a_frame_whose_checks_do_not_pass_is_not_stored(kept: FrameCache, first: bool) -> None:
    checks: list[Future[bool]] = [Future(), Future()]
    kept.put("a", lambda: FRAME, 1, checks)
    kept.put("b", lambda: FRAME, 1, checks[:1])
    checks[0].cancel()
    checks[1].set_result(first)
    kept.flush()
    assert [kept.get(key) for key in "ab"] == [None, None]
    kept.put("a", lambda: FRAME, 1)
    assert kept.get("a") == FRAME


def test_what_waits_for_its_checks_is_bounded(cache: Cache, kept: FrameCache) -> None:
    verified: Future[bool] = Future()
    for number in range(100):
        kept.put(f"k{number}", lambda: FRAME, 1, [verified])
    verified.set_result(True)
    kept.flush()
    stored = [number for number in range(100) if cache.get(f"k{number}") is not None]
    assert stored == list(range(module.MAX_PENDING))


def test_what_waits_for_its_checks_is_bounded_in_bytes(cache: Cache, kept: FrameCache) -> None:
    verified: Future[bool] = Future()
    half = module.MAX_PENDING_BYTES // 2
    for key, size in (("a", half), ("b", half + 1), ("c", half), ("d", 1)):
        kept.put(key, lambda: FRAME, size, [verified])
    kept.put("e", lambda: FRAME, 1)
    verified.set_result(True)
    kept.flush()
    assert [key for key in "abcde" if cache.get(key) is not None] == ["a", "c"]


def test_checks_do_not_keep_their_frames(kept: FrameCache) -> None:
    class Made:
        def pack(self) -> HeadedBytes:
            return FRAME

    verified: Future[bool] = Future()
    frame = Made()
    gone = weakref.ref(frame)
    kept.put("a", frame.pack, 1, [verified])
    verified.set_result(False)
    del frame
    assert gone() is None


def test_trouble_with_one_frame_does_not_end_the_storing(
    cache: Cache,
    kept: FrameCache,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> HeadedBytes:
        raise MemoryError

    def broken(key: str, value: HeadedBytes) -> None:
        raise sqlite3.OperationalError("no such table: Cache")

    kept.put("a", fail, 1)
    kept.flush()
    with monkeypatch.context() as patch:
        patch.setattr(cache, "set", broken)
        kept.put("b", lambda: FRAME, 1)
        kept.flush()
    assert "a frame was not stored" in caplog.text
    kept.put("c", lambda: FRAME, 1)
    kept.flush()
    assert [kept.get(key) for key in "abc"] == [None, None, FRAME]


def test_the_end_stores_what_waits(cache: Cache, disk: BytesCache, ledger: Counts) -> None:
    frames = FrameCache(cache)
    for n in range(5):
        frames.put(f"k{n}", lambda: FRAME, 1)
    frames.close()
    assert [disk.get(f"k{n}") for n in range(5)] == [FRAME] * 5


def test_frames_that_nobody_used_end_at_once(
    cache: Cache, disk: BytesCache, ledger: Counts
) -> None:
    FrameCache(cache).close()
    assert disk.totals() == (0, 0)
