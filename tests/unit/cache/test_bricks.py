"""Bricks in the cache: their values, their story, their bounds, and what is planted there."""

from __future__ import annotations

import gc
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.cache import bricks as module
from dashboard.cache.bricks import BrickStore, FileBrick, PlaneBrick, Purpose, Story, story_bytes
from dashboard.storage.disk import Adopted, BytesCache, open_cache
from dashboard.storage.room import Room
from dashboard.volumes.address import BrickAddress, Fingerprint, VolumeAddress
from dashboard.volumes.chunkread import BadChunk
from tests.parts import Counts

VOLUME = VolumeAddress("data/a.h5", "/x", Fingerprint(1, 2, 3, 4))
DTYPE = np.dtype("u2")
SIDE = 20


def brick_at(plane: int) -> BrickAddress:
    """A brick of four planes of 20 × 20."""
    return BrickAddress(VOLUME, 1, 2, (plane, 0, 0), (plane + 4, SIDE, SIDE))


def values_of(address: BrickAddress) -> Any:
    first = address.start[0] * 1000
    return np.arange(first, first + 4 * SIDE * SIDE, dtype=DTYPE).reshape(4, SIDE, SIDE)


FILE_BYTES = 4 * SIDE * SIDE * 2 + story_bytes(4)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[BytesCache]:
    opened = open_cache(tmp_path / "bricks")
    yield opened
    opened.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Counts]:
    counts = Counts(open_cache(tmp_path / "ledger"))
    yield counts
    counts.close()


class Clock:
    """Unix time that is told."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def make_store(tmp_path: Path, cache: BytesCache, ledger: Counts) -> Callable[..., BrickStore]:
    def make(limit: int = 2**30, clock: Clock | None = None, **given: Any) -> BrickStore:
        how = {} if clock is None else {"clock": clock}
        room = Room(cache, limit, tmp_path / "room.lock", **how)
        return BrickStore(cache, room, tmp_path / "partial", ledger, **given)

    return make


@pytest.fixture
def store(make_store: Callable[..., BrickStore]) -> BrickStore:
    return make_store()


def put(
    store: BrickStore, address: BrickAddress, purpose: Purpose = Purpose.DEMAND, **how: Any
) -> FileBrick:
    """Write a brick as a decoder would."""
    partial = store.begin(address, DTYPE.itemsize, purpose)
    assert partial is not None
    os.pwrite(partial.fd, values_of(address).tobytes(), 0)
    brick = store.keep(partial, DTYPE, how.pop("bad", ()))
    assert brick is not None
    return brick


def test_values_come_back_as_a_map_that_nobody_can_write(store: BrickStore) -> None:
    address = brick_at(8)
    fresh = put(store, address)
    assert store.has(address)
    again = store.get(address, DTYPE)
    assert again is not None
    for brick in (fresh, again):
        for number, plane in enumerate(values_of(address)):
            np.testing.assert_array_equal(brick.plane(number), plane)
            assert not brick.plane(number).flags.writeable
    with pytest.raises(IndexError):
        again.plane(4)


def test_damaged_chunks_are_kept_with_the_brick(store: BrickStore) -> None:
    bad = BadChunk((8, 4, 0), "its bytes cannot be decoded (DeflateError)")
    put(store, brick_at(8), bad=[bad])
    found = store.get(brick_at(8), DTYPE)
    assert found is not None
    assert found.bad == (bad,)


def test_a_brick_outlives_its_entry(store: BrickStore, cache: BytesCache) -> None:
    address = brick_at(0)
    put(store, address)
    found = store.get(address, DTYPE)
    assert found is not None
    assert cache.delete(address.key)
    assert not store.has(address)
    np.testing.assert_array_equal(found.plane(3), values_of(address)[3])
    assert found.want(3).first_of_plane


def test_nothing_is_there_before_it_is_finished(store: BrickStore, tmp_path: Path) -> None:
    address = brick_at(0)
    partial = store.begin(address, DTYPE.itemsize, Purpose.DEMAND)
    assert partial is not None
    assert not store.has(address)
    assert store.get(address, DTYPE) is None
    partial.discard()
    assert list((tmp_path / "partial").iterdir()) == []


def test_a_finished_brick_leaves_nothing_behind(
    store: BrickStore, cache: BytesCache, tmp_path: Path
) -> None:
    gc.collect()  # what earlier tests left open is closed now, and not in between
    before = len(os.listdir("/proc/self/fd"))
    put(store, brick_at(0))
    put(store, brick_at(0))
    assert store.get(brick_at(0), DTYPE) is not None
    assert len(os.listdir("/proc/self/fd")) == before
    assert list((tmp_path / "partial").iterdir()) == []
    assert cache.totals() == (FILE_BYTES, 1)
    assert cache.check() == []


def test_the_cache_is_kept_over_a_restart(
    make_store: Callable[..., BrickStore], tmp_path: Path, ledger: Counts
) -> None:
    put(make_store(), brick_at(4))
    other = open_cache(tmp_path / "bricks")
    room = Room(other, 2**30, tmp_path / "room.lock")
    found = BrickStore(other, room, tmp_path / "partial", ledger).get(brick_at(4), DTYPE)
    assert found is not None
    np.testing.assert_array_equal(found.plane(2), values_of(brick_at(4))[2])
    other.close()


def test_the_story_of_a_brick(store: BrickStore) -> None:
    address = brick_at(0)
    brick = put(store, address, Purpose.AHEAD)
    assert store.unwanted(address)
    first = brick.want(2)
    assert (first.purpose, first.first_of_brick, first.first_of_plane) == (
        Purpose.AHEAD,
        True,
        True,
    )
    assert not store.unwanted(address)
    again = store.get(address, DTYPE)
    assert again is not None
    second = again.want(2)
    assert (second.first_of_brick, second.first_of_plane) == (False, False)
    third = again.want(3)
    assert (third.purpose, third.first_of_brick, third.first_of_plane) == (
        Purpose.AHEAD,
        False,
        True,
    )


@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_purpose_is_remembered(store: BrickStore, purpose: Purpose) -> None:
    brick = put(store, brick_at(0), purpose)
    assert brick.story.purpose is purpose
    assert store.unwanted(brick_at(0)) == (purpose in (Purpose.AHEAD, Purpose.RESTING))


def test_a_brick_that_is_wanted_while_it_is_made(store: BrickStore) -> None:
    partial = store.begin(brick_at(0), DTYPE.itemsize, Purpose.DEMAND)
    assert partial is not None
    early = module.PlaneBrick(np.zeros((6, 5), DTYPE), 1, (), partial=partial)
    brick = store.keep(partial, DTYPE, ())
    assert brick is not None
    # By now the file is the cache's, and its story goes on.
    assert early.want(1) == module.Wanted(Purpose.DEMAND, True, True)
    assert brick.want(1).first_of_plane is False
    assert brick.want(0) == module.Wanted(Purpose.DEMAND, False, True)


def test_one_of_many_is_the_first(store: BrickStore) -> None:
    put(store, brick_at(0), Purpose.AHEAD)
    ready = threading.Barrier(8)
    told = []

    def want(number: int) -> None:
        brick = store.get(brick_at(0), DTYPE)
        assert brick is not None
        ready.wait()
        for _ in range(50):
            told.extend((n, brick.want(n)) for n in range(4))

    threads = [threading.Thread(target=want, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(wanted.first_of_brick for _, wanted in told) == 1
    for number in range(4):
        assert sum(w.first_of_plane for n, w in told if n == number) == 1


def test_an_unknown_purpose_counts_as_demand(tmp_path: Path) -> None:
    path = tmp_path / "story"
    path.write_bytes(bytes([99, 0, 0]))
    with path.open("r+b") as stream:
        story = Story(stream.fileno(), 0)
        assert story.purpose is Purpose.DEMAND
        assert story.want(0).purpose is Purpose.DEMAND


def test_one_plane_in_memory_is_that_plane(store: BrickStore) -> None:
    plane = np.arange(6).reshape(2, 3)
    brick = PlaneBrick(plane, 5, ())
    assert brick.plane(5) is plane
    assert brick.want(5).first_of_plane
    with pytest.raises(IndexError):
        brick.plane(4)


def entry(cache: BytesCache) -> dict[str, Any]:
    """The only row of the cache."""
    rows = cache._sql("SELECT key, filename, value, mode, size FROM Cache").fetchall()
    (row,) = rows
    return dict(zip(("key", "filename", "value", "mode", "size"), row, strict=True))


HEADERS: dict[str, Any] = {
    "no JSON": b"\xff\xfe",
    "a list": b"[]",
    "depths": b"[" * 50_000,
    "a number": b"3",
    "nothing": b"{}",
    "only damage": b'{"bad": []}',
    "another type": json.dumps({"dtype": "<f4", "bad": [], "data_bytes": 3200}).encode(),
    "odd damage": json.dumps({"dtype": "<u2", "bad": [[1, 2, 3]], "data_bytes": 3200}).encode(),
    "text": "text",
    "null": None,
}


@pytest.mark.parametrize("header", HEADERS, ids=list(HEADERS))
def test_a_planted_header_is_a_miss(
    store: BrickStore, cache: BytesCache, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    put(store, brick_at(0))
    cache._sql("UPDATE Cache SET value = ?", (HEADERS[header],))
    gc.collect()  # what earlier tests left open is closed now, and not in between
    before = len(os.listdir("/proc/self/fd"))
    with caplog.at_level(logging.WARNING):
        assert store.get(brick_at(0), DTYPE) is None
        assert store.unwanted(brick_at(0)) is False
    assert len(os.listdir("/proc/self/fd")) == before
    found = put(store, brick_at(0))
    np.testing.assert_array_equal(found.plane(0), values_of(brick_at(0))[0])


def test_a_planted_header_leaves_a_log_line(
    store: BrickStore, cache: BytesCache, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, brick_at(0))
    cache._sql("UPDATE Cache SET value = ?", (b"{}",))
    with caplog.at_level(logging.WARNING):
        store.get(brick_at(0), DTYPE)
    assert "brick refused" in caplog.text


@pytest.mark.parametrize("change", ["shorter", "longer", "empty", "gone", "a folder", "a link"])
def test_a_file_that_was_tampered_with_is_a_miss(
    store: BrickStore, cache: BytesCache, tmp_path: Path, change: str
) -> None:
    put(store, brick_at(0))
    path = Path(cache.directory) / entry(cache)["filename"]
    content = path.read_bytes()
    if change in ("gone", "a folder", "a link"):
        path.unlink()
    if change == "a folder":
        path.mkdir()
    elif change == "a link":
        (tmp_path / "elsewhere").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere")
    elif change != "gone":
        new = {"shorter": content[:-1], "longer": content + b"x", "empty": b""}[change]
        path.write_bytes(new)
    assert store.get(brick_at(0), DTYPE) is None
    put(store, brick_at(0))
    found = store.get(brick_at(0), DTYPE)
    assert found is not None
    np.testing.assert_array_equal(found.plane(0), values_of(brick_at(0))[0])


def test_a_row_that_leads_outside_is_a_miss(
    store: BrickStore, cache: BytesCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, brick_at(0))
    secret = tmp_path / "secret"
    secret.write_bytes((Path(cache.directory) / entry(cache)["filename"]).read_bytes())
    cache._sql("UPDATE Cache SET filename = '../secret'")
    with caplog.at_level(logging.WARNING):
        assert store.get(brick_at(0), DTYPE) is None
    assert "leads outside" in caplog.text
    assert secret.exists()


def test_an_entry_without_a_file_is_a_miss(store: BrickStore, cache: BytesCache) -> None:
    cache.set(brick_at(0).key, b"only bytes")
    assert store.get(brick_at(0), DTYPE) is None
    assert store.unwanted(brick_at(0)) is False


def test_what_cannot_be_mapped_is_a_miss_and_closes_each_descriptor_once(
    store: BrickStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(store, brick_at(0))

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(12, "Cannot allocate memory")

    twice: list[int] = []
    close = os.close

    def noted(fd: int) -> None:
        try:
            close(fd)
        except OSError:
            twice.append(fd)

    gc.collect()  # what earlier tests left open is closed now, and not in between
    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(module.mmap, "mmap", fail)
        patch.setattr(module.os, "close", noted)
        assert store.get(brick_at(0), DTYPE) is None
        partial = store.begin(brick_at(0), DTYPE.itemsize, Purpose.DEMAND)
        assert partial is not None
        assert store.keep(partial, DTYPE, ()) is None
    assert twice == []
    assert len(os.listdir("/proc/self/fd")) == before
    assert list((tmp_path / "partial").iterdir()) == []


def test_the_cache_keeps_within_its_bytes(
    make_store: Callable[..., BrickStore], cache: BytesCache, ledger: Counts
) -> None:
    clock = Clock()
    clock.now += 1e9
    store = make_store(limit=3 * FILE_BYTES + 10, clock=clock)
    for n in range(8):
        put(store, brick_at(4 * n))
        assert cache.totals()[0] <= 3 * FILE_BYTES + 10
    assert cache.totals() == (3 * FILE_BYTES, 3)
    assert [store.has(brick_at(4 * n)) for n in range(8)] == [False] * 5 + [True] * 3
    assert ledger.counted["bricks.evictions"] == 5
    assert cache.check() == []


def test_what_was_used_longest_ago_leaves_first(
    make_store: Callable[..., BrickStore], cache: BytesCache
) -> None:
    clock = Clock()
    store = make_store(limit=3 * FILE_BYTES, clock=clock)
    for n in range(3):
        put(store, brick_at(4 * n))
    cache._sql("UPDATE Cache SET access_time = 5.0")
    store.get(brick_at(0), DTYPE)
    store.uses.flush()
    clock.now += 1e9
    put(store, brick_at(12))
    assert store.has(brick_at(0))
    assert sum(store.has(brick_at(4 * n)) for n in range(3)) == 2


def test_a_brick_larger_than_the_cache_is_not_begun(
    make_store: Callable[..., BrickStore], tmp_path: Path
) -> None:
    store = make_store(limit=FILE_BYTES - 1)
    assert store.begin(brick_at(0), DTYPE.itemsize, Purpose.DEMAND) is None
    assert list((tmp_path / "partial").iterdir()) == []


def test_only_demand_pushes_out_what_is_planned_or_in_use(
    make_store: Callable[..., BrickStore], cache: BytesCache
) -> None:
    clock = Clock()
    planned = {brick_at(0).key}
    store = make_store(limit=2 * FILE_BYTES, clock=clock, protected=lambda: planned)
    put(store, brick_at(0))
    put(store, brick_at(4))
    # The second was used just now.
    cache._sql("UPDATE Cache SET access_time = ?", (clock.now,))
    assert store.begin(brick_at(8), DTYPE.itemsize, Purpose.AHEAD) is None
    assert store.begin(brick_at(8), DTYPE.itemsize, Purpose.RESTING) is None
    assert store.begin(brick_at(8), DTYPE.itemsize, Purpose.WARM) is None
    clock.now += 60
    put(store, brick_at(8), Purpose.AHEAD)
    assert [store.has(brick_at(n)) for n in (0, 4, 8)] == [True, False, True]
    planned.add(brick_at(8).key)
    put(store, brick_at(12), Purpose.DEMAND)
    assert store.has(brick_at(12))


def test_what_was_decoded_for_nothing_is_counted(
    make_store: Callable[..., BrickStore], ledger: Counts
) -> None:
    clock = Clock()
    clock.now += 1e9
    store = make_store(limit=3 * FILE_BYTES, clock=clock)
    put(store, brick_at(0), Purpose.AHEAD)
    put(store, brick_at(4), Purpose.AHEAD).want(0)
    put(store, brick_at(8), Purpose.RESTING)
    for n in range(3, 6):
        put(store, brick_at(4 * n))
    assert ledger.counted["bricks.evictions"] == 3
    assert ledger.counted["prefetch.wasted_bytes"] == 2 * (FILE_BYTES - story_bytes(4))


def test_what_killed_processes_left_is_swept(
    store: BrickStore, cache: BytesCache, tmp_path: Path
) -> None:
    put(store, brick_at(0))
    old = tmp_path / "partial" / "old"
    young = tmp_path / "partial" / "young"
    for path in (old, young):
        path.write_bytes(b"half a brick")
    os.utime(old, (1, 1))
    store.sweep()
    assert not old.exists()
    assert young.exists()
    assert store.get(brick_at(0), DTYPE) is not None


def test_present_tells_which_of_many_are_there(store: BrickStore) -> None:
    for n in (0, 4):
        put(store, brick_at(n))
    keys = [brick_at(4 * n).key for n in range(1200)]
    assert store.present(keys) == {brick_at(0).key, brick_at(4).key}
    assert store.present([]) == frozenset()


def test_a_broken_database_is_a_cache_that_keeps_nothing(
    store: BrickStore, cache: BytesCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, brick_at(0))

    def fail(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(type(cache), "_sql", property(lambda self: fail))
        assert not store.has(brick_at(0))
        assert store.get(brick_at(0), DTYPE) is None
        assert store.begin(brick_at(4), DTYPE.itemsize, Purpose.DEMAND) is None
        assert store.present([brick_at(0).key]) == frozenset()
    assert store.has(brick_at(0))


def test_a_name_that_is_taken_is_written_over(store: BrickStore, cache: BytesCache) -> None:
    path = Path(cache.directory).parent / "other"
    path.write_bytes(b"x")
    assert cache.set(brick_at(0).key, Adopted(path, b"{}"))
    assert store.get(brick_at(0), DTYPE) is None
    found = put(store, brick_at(0))
    np.testing.assert_array_equal(found.plane(1), values_of(brick_at(0))[1])
    assert cache.check() == []
