"""Open bricks: closed when they leave the cache or are no longer used."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dashboard.bricks.open_handles import OpenBrickCache
from dashboard.bricks.store import BrickStore
from dashboard.storage.bytes_cache import BytesCache
from dashboard.storage.eviction import IN_USE_S
from tests import database
from tests.bricks import DTYPE, FILE_BYTES, brick_at, put, values_of
from tests.clock import Clock
from tests.descriptors import open_files


class Door:
    """A brick as far as it can be open."""

    def __init__(self) -> None:
        self.here = True

    def is_intact(self) -> bool:
        return self.here


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_is_used_stays_open(clock: Clock) -> None:
    opened, one, other = OpenBrickCache[Door](4, clock), Door(), Door()
    opened.put("one", one)
    opened.put("other", other)
    clock.pass_(IN_USE_S)
    assert opened.get("one") is one
    clock.pass_(0.1)
    opened.evict_idle()
    assert opened.get("one") is one
    assert opened.get("other") is None


def test_what_has_left_the_cache_is_not_open(clock: Clock) -> None:
    opened, one, other = OpenBrickCache[Door](4, clock), Door(), Door()
    opened.put("one", one)
    opened.put("other", other)
    one.here = other.here = False
    assert opened.get("one") is None
    opened.evict_idle()
    one.here = other.here = True
    assert opened.get("one") is None
    assert opened.get("other") is None


def test_there_are_only_so_many(clock: Clock) -> None:
    opened, doors = OpenBrickCache[Door](2, clock), [Door() for _ in range(3)]
    opened.put("0", doors[0])
    opened.put("1", doors[1])
    assert opened.get("0") is doors[0]
    opened.put("2", doors[2])
    assert opened.get("1") is None
    assert opened.get("0") is doors[0]
    none = OpenBrickCache[Door](0, clock)
    none.put("0", doors[0])
    assert none.get("0") is None


def file_of(cache: BytesCache) -> Path:
    ((name,),) = database.execute(cache, "SELECT filename FROM Cache")
    return Path(cache.directory) / name


def test_an_open_brick_is_found_without_its_row(
    make_store: Callable[..., BrickStore], cache: BytesCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, address = make_store(keep_open=4), brick_at(8)
    put(store, address)
    first = store.get(address, DTYPE)
    assert first is not None
    assert first.mark_accessed(2).first_plane_access
    monkeypatch.setattr(cache, "get", None)
    again = store.get(address, DTYPE)
    assert again is first
    np.testing.assert_array_equal(again.plane(3), values_of(address)[3])
    assert not again.mark_accessed(2).first_plane_access


def test_the_use_of_an_open_brick_is_noted(
    make_store: Callable[..., BrickStore], cache: BytesCache
) -> None:
    store = make_store(keep_open=4)
    put(store, brick_at(0))
    store.get(brick_at(0), DTYPE)
    store.access_log.flush()
    database.touch(cache, 5.0)
    store.get(brick_at(0), DTYPE)
    store.access_log.flush()
    (row,) = cache.rows_by_eviction_order()
    assert row.used > 5.0


def test_an_open_brick_that_another_process_evicts_is_a_miss(
    make_store: Callable[..., BrickStore], cache: BytesCache
) -> None:
    store, address = make_store(keep_open=4), brick_at(0)
    put(store, address)
    in_use = store.get(address, DTYPE)
    assert in_use is not None
    assert cache.delete(address.key)
    assert store.get(address, DTYPE) is None
    np.testing.assert_array_equal(in_use.plane(1), values_of(address)[1])


def test_a_brick_that_was_stored_anew_is_opened_anew(
    make_store: Callable[..., BrickStore], cache: BytesCache
) -> None:
    store, address = make_store(keep_open=4), brick_at(0)
    put(store, address)
    before = store.get(address, DTYPE)
    put(store, address)
    after = store.get(address, DTYPE)
    assert before is not None
    assert after is not None
    assert after is not before
    assert after.is_intact()
    assert not before.is_intact()


@pytest.mark.parametrize("length", [0, FILE_BYTES - 1, FILE_BYTES + 1])
def test_an_open_brick_whose_file_changes_its_length_is_a_miss(
    make_store: Callable[..., BrickStore], cache: BytesCache, length: int
) -> None:
    store, address = make_store(keep_open=4), brick_at(0)
    put(store, address)
    assert store.get(address, DTYPE) is not None
    os.truncate(file_of(cache), length)
    assert store.get(address, DTYPE) is None
    assert not store.has(address)


def test_an_open_brick_of_another_type_is_a_miss(make_store: Callable[..., BrickStore]) -> None:
    store = make_store(keep_open=4)
    put(store, brick_at(0))
    assert store.get(brick_at(0), DTYPE) is not None
    assert store.get(brick_at(0), np.dtype("i2")) is None


def bricks_open(folder: Path) -> list[str]:
    """The files in a folder that are open, databases aside."""
    return [path for path in open_files(f"{folder}/") if ".db" not in path]


def test_an_evicted_brick_gives_its_bytes_back(
    make_store: Callable[..., BrickStore], cache: BytesCache, tmp_path: Path
) -> None:
    store = make_store(limit=FILE_BYTES, keep_open=4)
    gc.collect()
    before = bricks_open(tmp_path)
    put(store, brick_at(0))
    assert store.get(brick_at(0), DTYPE) is not None
    assert len(bricks_open(tmp_path)) > len(before)
    put(store, brick_at(4))
    assert bricks_open(tmp_path) == before
    assert cache.totals() == (FILE_BYTES, 1)
