"""Eviction of bricks: which are evicted, which stay, and what remains on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.addressing.outcomes import Purpose, Waste
from dashboard.bricks.store import DEMANDED_LATELY_S, BrickStore
from dashboard.storage import eviction as eviction_module
from dashboard.storage.bytes_cache import BytesCache
from tests import database
from tests.bricks import DATA_BYTES, DTYPE, FILE_BYTES, brick_at, put
from tests.clock import Clock
from tests.parts import Counts


def test_the_cache_keeps_within_its_bytes(
    make_store: Callable[..., BrickStore], cache: BytesCache, ledger: Counts
) -> None:
    clock = Clock(1e9)
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
    clock = Clock(1e9)
    store = make_store(limit=3 * FILE_BYTES, clock=clock)
    for n in range(3):
        put(store, brick_at(4 * n))
    database.touch(cache, 5.0)
    # Access times are written once a second, and before something is evicted.
    store.get(brick_at(0), DTYPE)
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
    clock = Clock(1e9)
    planned = {brick_at(0).key}
    store = make_store(limit=2 * FILE_BYTES, clock=clock, protected=lambda: planned)
    put(store, brick_at(0))
    put(store, brick_at(4))
    # The second was used just now.
    database.touch(cache, clock.now)
    assert store.begin(brick_at(8), DTYPE.itemsize, Purpose.PREFETCH_MOVING) is None
    assert store.begin(brick_at(8), DTYPE.itemsize, Purpose.PREFETCH_IDLE) is None
    assert store.begin(brick_at(8), DTYPE.itemsize, Purpose.WARMUP) is None
    clock.now += 60
    put(store, brick_at(8), Purpose.PREFETCH_MOVING)
    assert [store.has(brick_at(n)) for n in (0, 4, 8)] == [True, False, True]
    planned.add(brick_at(8).key)
    put(store, brick_at(12), Purpose.DEMAND)
    assert store.has(brick_at(12))


def test_what_is_decoded_for_viewers_at_rest_replaces_nothing_that_was_demanded_lately(
    make_store: Callable[..., BrickStore], cache: BytesCache
) -> None:
    clock = Clock(1e9)
    store = make_store(limit=4 * FILE_BYTES, clock=clock)
    put(store, brick_at(0), Purpose.DEMAND)
    put(store, brick_at(4), Purpose.PREFETCH_MOVING).mark_accessed(0)
    put(store, brick_at(8), Purpose.WARMUP)
    put(store, brick_at(12), Purpose.PREFETCH_MOVING)
    database.touch(cache, clock.now)
    clock.now += 60.0
    # What nobody demanded makes room, and then nothing does.
    put(store, brick_at(16), Purpose.PREFETCH_IDLE).mark_accessed(0)
    there = [store.has(brick_at(n)) for n in (0, 4, 8, 12, 16)]
    assert there == [True, True, True, False, True]
    database.touch(cache, clock.now)
    clock.now += 60.0
    assert store.begin(brick_at(20), DTYPE.itemsize, Purpose.PREFETCH_IDLE) is None
    # For those that move, and after a while, something does.
    put(store, brick_at(20), Purpose.PREFETCH_MOVING)
    database.touch(cache, clock.now)
    clock.now += DEMANDED_LATELY_S + 1.0
    put(store, brick_at(24), Purpose.PREFETCH_IDLE)
    assert cache.totals()[1] == 4


def test_what_was_decoded_for_nothing_is_counted(
    make_store: Callable[..., BrickStore], ledger: Counts
) -> None:
    clock = Clock(1e9)
    clock.now += 1e9
    store = make_store(limit=3 * FILE_BYTES, clock=clock)
    put(store, brick_at(0), Purpose.PREFETCH_MOVING)
    put(store, brick_at(4), Purpose.PREFETCH_MOVING).mark_accessed(0)
    put(store, brick_at(8), Purpose.PREFETCH_IDLE)
    for n in range(3, 6):
        put(store, brick_at(4 * n))
    assert ledger.counted["bricks.evictions"] == 3
    assert ledger.counted["wasted_bytes.evicted"] == 2 * DATA_BYTES
    assert ledger.counted["prefetch.wasted"] == 2
    assert ledger.counted["prefetch.resting_wasted_bytes"] == DATA_BYTES


def test_evicted_bricks_have_an_age_by_whether_they_were_used(
    make_store: Callable[..., BrickStore], cache: BytesCache, ledger: Counts
) -> None:
    clock = Clock(2e9)
    store = make_store(limit=4 * FILE_BYTES, clock=clock)
    put(store, brick_at(0), Purpose.PREFETCH_MOVING).mark_accessed(0)
    put(store, brick_at(4), Purpose.PREFETCH_MOVING)
    put(store, brick_at(8), Purpose.DEMAND)
    put(store, brick_at(12), Purpose.WARMUP)
    database.touch(cache, 5.0)
    for n in range(4, 8):
        put(store, brick_at(4 * n))
    found = {name: n for name, n in ledger.counted.items() if name.startswith("evicted.")}
    assert found == {
        "evicted.used": 2,
        "evicted.used_age_seconds": 2 * (2e9 - 5),
        "evicted.unused": 2,
        "evicted.unused_age_seconds": 2 * (2e9 - 5),
    }


def test_a_brick_is_wasted_once_and_recovered_by_its_first_access(
    make_store: Callable[..., BrickStore], ledger: Counts
) -> None:
    store, other = make_store(), make_store()
    brick = put(store, brick_at(0), Purpose.PREFETCH_IDLE)
    store.waste(brick_at(0).key, Waste.TURNED)
    other.waste(brick_at(0).key, Waste.LEFT)
    assert ledger.counted["prefetch.wasted"] == 1
    assert ledger.counted["wasted_bytes.turned"] == DATA_BYTES
    assert store.is_unused_prefetch(brick_at(0))
    access = brick.mark_accessed(1)
    assert (access.first_brick_access, access.waste) == (True, Waste.TURNED)
    store.account.used(access, brick.decoded, DATA_BYTES, None)
    assert ledger.counted["recovered_bytes.turned"] == DATA_BYTES
    assert ledger.counted["prefetch.recovered"] == ledger.counted["prefetch.used"] == 1
    assert ledger.counted["prefetch.resting_recovered_bytes"] == DATA_BYTES
    # By now it is used, whatever happens to it.
    assert brick.mark_accessed(2).waste is None
    store.waste(brick_at(0).key, Waste.EVICTED)
    assert ledger.counted["prefetch.wasted"] == 1


def test_only_what_was_prefetched_is_wasted(store: BrickStore, ledger: Counts) -> None:
    for n, purpose in enumerate((Purpose.DEMAND, Purpose.WARMUP)):
        put(store, brick_at(4 * n), purpose)
        store.waste(brick_at(4 * n).key, Waste.LEFT)
    assert store.waste(brick_at(40).key, Waste.LEFT) is None
    assert "prefetch.wasted" not in ledger.counted


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


def test_what_is_being_written_counts_and_stays_however_old_it_is(
    make_store: Callable[..., BrickStore], cache: BytesCache, tmp_path: Path
) -> None:
    store, other = make_store(limit=2 * FILE_BYTES), make_store(limit=2 * FILE_BYTES)
    put(store, brick_at(0))
    database.touch(cache, 5.0)
    first = store.begin(brick_at(4), DTYPE.itemsize, Purpose.DEMAND)
    assert first is not None
    assert store.has(brick_at(0))
    os.utime(first.path, (1, 1))
    second = other.begin(brick_at(8), DTYPE.itemsize, Purpose.DEMAND)
    assert second is not None
    assert not store.has(brick_at(0)), "two files that are written had the same bytes"
    # Whatever is in the cache, no third one fits.
    assert store.begin(brick_at(12), DTYPE.itemsize, Purpose.DEMAND) is None
    assert first.path.exists()
    first.discard()
    second.close()
    os.utime(second.path, (1, 1))
    # Its writer is gone: so is the file, as soon as another brick needs its bytes.
    third = store.begin(brick_at(12), DTYPE.itemsize, Purpose.DEMAND)
    assert third is not None
    assert list((tmp_path / "partial").iterdir()) == [third.path]
    third.discard()


def test_the_folder_of_unfinished_bricks_is_made_again(store: BrickStore, tmp_path: Path) -> None:
    (tmp_path / "partial").rmdir()
    store.sweep()
    put(store, brick_at(0))
    assert (tmp_path / "partial").stat().st_mode & 0o777 == 0o700


def test_entries_count_with_what_they_take_beside_their_bytes(
    make_store: Callable[..., BrickStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eviction_module, "UNCOUNTED_BYTES", 0)
    store = make_store(limit=3 * (FILE_BYTES + eviction_module.ENTRY_BYTES), clock=Clock(4e9))
    for n in range(5):
        put(store, brick_at(4 * n))
    assert sum(store.has(brick_at(4 * n)) for n in range(5)) == 3
