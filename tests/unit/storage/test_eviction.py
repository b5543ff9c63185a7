"""Byte limits of caches: which entries are evicted, and that access times are written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.storage import eviction as module
from dashboard.storage.access_log import AccessLog
from dashboard.storage.bytes_cache import BytesCache, CacheRow, open_cache
from dashboard.storage.eviction import IN_USE_S, LruEvictor, OnEvict
from dashboard.storage.file_lock import file_lock
from tests import database

NOW = 1e9


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def fill(cache: BytesCache, sizes: dict[str, int]) -> None:
    """Entries that were used long ago, one after the other."""
    for at, (key, size) in enumerate(sizes.items()):
        cache.set(key, bytes(size))
        database.touch(cache, 1000.0 + at, key)


def keys(cache: BytesCache) -> set[str]:
    return {row.key for row in cache.rows_by_eviction_order()}


def make(cache: BytesCache, limit: int, lock: Path) -> LruEvictor:
    return LruEvictor(cache, limit, lock, clock=lambda: NOW)


def note_in(left: list[str]) -> OnEvict:
    """Notes what is evicted, afterwards."""
    return lambda row: lambda: left.append(row.key)


def test_nothing_is_evicted_below_the_limit(cache: BytesCache, lock: Path) -> None:
    fill(cache, {"a": 40, "b": 40})
    assert make(cache, 100, lock).evict_for(20) == 0
    assert keys(cache) == {"a", "b"}


def test_the_oldest_leave_until_it_fits(cache: BytesCache, lock: Path) -> None:
    fill(cache, {"a": 40, "b": 10, "c": 40, "d": 10})
    evictor = make(cache, 100, lock)
    left: list[str] = []
    assert evictor.evict_for(45, on_evict=note_in(left)) == 2
    assert left == ["a", "b"]
    assert keys(cache) == {"c", "d"}


def test_a_full_cache_is_not_scanned_for_each_entry(
    cache: BytesCache, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, {f"k{n:03}": 1 for n in range(200)})
    rows_read: list[str] = []
    by_age = cache.rows_by_eviction_order

    def watched() -> Iterator[CacheRow]:
        for row in by_age():
            rows_read.append(row.key)
            yield row

    monkeypatch.setattr(cache, "rows_by_eviction_order", watched)
    assert make(cache, 200, lock).evict_for(2) == 2
    assert rows_read == ["k000", "k001", "k002"]


def test_what_never_fits_pushes_nothing_out(cache: BytesCache, lock: Path) -> None:
    fill(cache, {"a": 40})
    assert make(cache, 100, lock).evict_for(101) is None
    assert keys(cache) == {"a"}


def test_a_limit_that_shrank_is_kept_at_the_next_store(cache: BytesCache, lock: Path) -> None:
    fill(cache, {"a": 40, "b": 40, "c": 40})
    assert make(cache, 60, lock).evict_for(0) == 2
    assert keys(cache) == {"c"}


def test_a_limit_of_zero_keeps_nothing(cache: BytesCache, lock: Path) -> None:
    assert make(cache, 0, lock).evict_for(1) is None
    assert make(cache, 0, lock).evict_for(0) == 0


def test_what_is_protected_is_asked_for_only_when_something_has_to_leave(
    cache: BytesCache, lock: Path
) -> None:
    asked = []

    def protected() -> set[str]:
        asked.append(True)
        return set()

    fill(cache, {"a": 40})
    evictor = make(cache, 100, lock)
    assert evictor.evict_for(20, protected=protected) == 0
    with evictor.reserve(60, protected=protected) as gone:
        assert gone == 0
    assert not asked
    assert evictor.evict_for(80, protected=protected) == 1
    assert asked


def test_what_is_protected_stays_even_if_it_is_oldest(cache: BytesCache, lock: Path) -> None:
    fill(cache, {"a": 40, "b": 40, "c": 20})
    evictor = make(cache, 100, lock)
    assert evictor.evict_for(20, protected=lambda: {"a"}) == 1
    assert keys(cache) == {"a", "c"}
    assert evictor.evict_for(90, protected=lambda: {"a", "c"}) is None
    assert keys(cache) == {"a", "c"}, "something left although it was of no use"


def test_what_is_protected_goes_last_when_it_may(cache: BytesCache, lock: Path) -> None:
    fill(cache, {"a": 40, "b": 40, "c": 20})
    evictor = make(cache, 100, lock)
    left: list[str] = []
    gone = evictor.evict_for(
        55,
        protected=lambda: {"a"},
        evict_protected_last=True,
        on_evict=note_in(left),
    )
    assert gone == len(left) == 2
    assert left == ["b", "c"]
    assert (
        evictor.evict_for(
            100,
            protected=lambda: {"a"},
            evict_protected_last=True,
            on_evict=note_in(left),
        )
        == 1
    )
    assert left == ["b", "c", "a"]


@pytest.mark.parametrize(("ago", "stays"), [(IN_USE_S / 2, True), (IN_USE_S * 2, False)])
def test_what_is_on_somebody_s_screen_stays(
    cache: BytesCache, lock: Path, ago: float, stays: bool
) -> None:
    cache.set("a", bytes(90))
    database.touch(cache, NOW - ago)
    evictor = make(cache, 100, lock)
    assert (evictor.evict_for(20) is None) == stays
    assert (keys(cache) == {"a"}) == stays


def test_who_cannot_get_the_lock_stores_nothing(
    cache: BytesCache, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, {"a": 90})

    def impatient(path: Path, timeout_s: float) -> object:
        return file_lock(path, 0.0)

    monkeypatch.setattr(module, "file_lock", impatient)
    with file_lock(lock, 1.0):
        assert make(cache, 100, lock).evict_for(20) is None
    assert keys(cache) == {"a"}
    assert make(cache, 100, lock).evict_for(20) == 1


@pytest.mark.parametrize("error", [sqlite3.OperationalError("I/O"), OSError(5, "I/O")])
def test_a_disk_error_evicts_nothing(
    cache: BytesCache, lock: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fill(cache, {"a": 90})

    def fail() -> None:
        raise error

    monkeypatch.setattr(cache, "totals", fail)
    assert make(cache, 100, lock).evict_for(20) is None


def test_what_cannot_be_deleted_is_not_counted_as_gone(
    cache: BytesCache, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, {"a": 30, "b": 30, "c": 30})
    delete = cache.delete
    monkeypatch.setattr(cache, "delete", lambda key: key != "a" and delete(key))
    assert make(cache, 100, lock).evict_for(30) == 1
    assert keys(cache) == {"a", "c"}


@given(st.data())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_after_eviction_the_entry_fits(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("room")
    cache = open_cache(folder / "cache")
    sizes = {f"k{n}": size for n, size in enumerate(data.draw(st.lists(st.integers(0, 50))))}
    fill(cache, sizes)
    protected = set(data.draw(st.lists(st.sampled_from(sorted(sizes) or ["-"]))))
    limit = data.draw(st.integers(0, 300))
    need = data.draw(st.integers(0, 120))
    may = data.draw(st.booleans())
    gone = make(cache, limit, folder / "lock").evict_for(
        need, protected=lambda: protected, evict_protected_last=may
    )
    left = keys(cache)
    used = sum(sizes[key] for key in left)
    assert cache.totals() == (used, len(left))
    if gone is None:
        assert left == set(sizes)
        free = sum(size for key, size in sizes.items() if may or key not in protected)
        assert need > limit or sum(sizes.values()) - free + need > limit
    else:
        assert used + need <= limit
        assert gone == len(sizes) - len(left)
        if not may:
            assert left >= protected & set(sizes)
    cache.close()


def test_uses_are_written_down_in_one_go(cache: BytesCache) -> None:
    fill(cache, {"a": 1, "b": 1, "c": 1})
    now = [NOW]
    uses = AccessLog(cache, clock=lambda: now[0])
    uses.touch("b")
    now[0] += 5
    uses.touch("a")
    uses.touch("gone")
    assert [row.key for row in cache.rows_by_eviction_order()] == ["a", "b", "c"], (
        "reading became a write"
    )
    uses.flush()
    assert [(row.key, row.used) for row in cache.rows_by_eviction_order()] == [
        ("c", 1002.0),
        ("b", NOW),
        ("a", NOW + 5),
    ]
    uses.flush()


def test_a_use_log_on_a_busy_database_is_no_error(cache: BytesCache) -> None:
    fill(cache, {"a": 1})
    blocker = sqlite3.connect(Path(cache.directory) / "cache.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    uses = AccessLog(cache, clock=lambda: NOW)
    uses.touch("a")
    uses.flush()
    blocker.execute("ROLLBACK")
    blocker.close()
    uses.touch("a")
    uses.flush()
    assert [row.used for row in cache.rows_by_eviction_order()] == [NOW]
