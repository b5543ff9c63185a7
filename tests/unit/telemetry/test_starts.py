"""Starts of the service, and what had changed since the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.settings import Settings
from dashboard.storage.rows import DiskRows
from dashboard.telemetry import starts as module
from dashboard.telemetry.starts import Starts
from tests.clock import Clock


@pytest.fixture
def starts(cache: DiskRows, clock: Clock) -> Starts:
    return Starts(cache, clock)


def test_processes_that_start_together_are_one_start(starts: Starts, clock: Clock) -> None:
    first = clock.now
    for _ in range(3):
        starts.record("1.0", {"limit": 5})
        clock.now += 2.0
    clock.now += module.TOGETHER_S
    starts.record("1.0", {"limit": 5})
    assert [one.time for one in starts.between(0.0, clock.now)] == [first, clock.now]
    assert [one.time for one in starts.between(first + 1, clock.now)] == [clock.now]


def test_another_version_and_other_settings_are_named(starts: Starts, clock: Clock) -> None:
    for version, settings in (
        ("1.0", {"limit": 5, "old": True}),
        ("1.1", {"limit": 5, "old": True}),
        ("1.1", {"limit": 6, "new": 0.5}),
    ):
        starts.record(version, settings)
        clock.now += 1.0
    found = starts.between(0.0, clock.now)
    assert [one.version for one in found] == ["1.0", "1.1", "1.1"]
    assert found[0].changed == found[1].changed == {}
    assert found[2].changed == {"limit": (5, 6), "old": (True, None), "new": (None, 0.5)}


def test_paths_and_names_are_not_kept(
    starts: Starts, cache: DiskRows, clock: Clock, tmp_path: Path
) -> None:
    settings = Settings(data=(str(tmp_path / "secret.h5"),), cache_dir=tmp_path / "private")
    starts.record("1.0", settings.model_dump())
    value = cache.get(module.KEY)
    assert value is not None
    assert b"web_threads" in value
    assert b"secret" not in value
    assert b"private" not in value


def test_only_so_many_are_kept(starts: Starts, clock: Clock) -> None:
    for number in range(module.MOST + 5):
        starts.record("1.0", {"limit": number})
        clock.now += 60.0
    found = starts.between(0.0, clock.now)
    assert len(found) == module.MOST
    assert found[-1].changed == {"limit": (module.MOST + 3, module.MOST + 4)}


def test_a_damaged_row_is_none(starts: Starts, cache: DiskRows, clock: Clock) -> None:
    cache.set(module.KEY, b"{")
    assert starts.between(0.0, clock.now) == []
    starts.record("1.0", {})
    assert len(starts.between(0.0, clock.now)) == 1
