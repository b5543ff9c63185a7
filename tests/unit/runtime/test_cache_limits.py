"""Cache limits follow the free space; limits of the smaller caches."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.runtime import cache_limits as module
from dashboard.runtime.cache_limits import LimitFollower, brick_limit, metadata_limit, next_limit
from dashboard.settings import Settings
from dashboard.storage.bytes_cache import open_cache
from dashboard.storage.eviction import LruEvictor

GIB = 2**30


def test_a_limit_rises_at_once_and_shrinks_step_by_step() -> None:
    assert next_limit(12 * 2**20, 20 * GIB) == 20 * GIB
    assert next_limit(16 * GIB, 0) == 15 * GIB
    limit = 32 * GIB
    for seconds in itertools.count():  # noqa: B007
        if limit == GIB:
            break
        assert limit > next_limit(limit, GIB) >= GIB
        limit = next_limit(limit, GIB)
    assert 30 < seconds < 120


def test_the_limit_of_bricks_follows_the_free_space(
    tmp_path: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = open_cache(tmp_path / "cache")
    evictor = LruEvictor(cache, 0, tmp_path / "lock")
    settings = make_settings()
    evicted: list[int] = []
    follower = LimitFollower(
        evictor, lambda used: brick_limit(settings, tmp_path, used), lambda: evicted.append(1)
    )
    # Started on a full disk, which is cleaned up later.
    for free, limit in ((48 * 2**20, 12 * 2**20), (80 * GIB, 20 * GIB), (64 * GIB, 18.75 * GIB)):
        monkeypatch.setattr(module, "free_bytes", lambda _, free=free: free)
        follower.follow()
        assert evictor.limit == limit
    assert not evicted
    evictor.beside = lambda: 40 * GIB
    follower.follow()
    assert evicted
    cache.close()


def test_descriptions_may_take_a_share_of_what_bricks_may() -> None:
    # The chunk indexes of a hundred volumes of 300,000 chunks take 600 MB.
    assert metadata_limit(32 * GIB) == 512 * 2**20
    assert metadata_limit(4 * GIB) == 256 * 2**20
    assert metadata_limit(0) == 64 * 2**20


def test_what_is_set_does_not_follow(
    tmp_path: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _: 0)
    assert brick_limit(make_settings(brick_cache_bytes="5GiB"), tmp_path, 0) == 5 * GIB


def test_notes_are_bounded_the_newest_stay(tmp_path: Path) -> None:
    mapped = ContiguousPlanes(tmp_path / "notes")
    for number in range(5):
        path = tmp_path / "notes" / str(number)
        path.write_bytes(bytes(4096))
        os.utime(path, (number, number))
    mapped.trim(3 * 4096)
    left = sorted(path.name for path in (tmp_path / "notes").iterdir())
    assert left in (["2", "3", "4"], ["3", "4"])
    (tmp_path / "notes").rename(tmp_path / "away")
    mapped.trim(0)
