"""Starts of the service, and what had changed since the one before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard.settings import SERVICE, Settings, service_id
from dashboard.storage.rows import DiskRows
from dashboard.telemetry import starts as module
from dashboard.telemetry.starts import Starts
from tests.clock import Clock


@pytest.fixture
def starts(cache: DiskRows, clock: Clock) -> Starts:
    return Starts(cache, clock)


def test_the_processes_of_a_service_are_one_start_however_often_they_are_restarted(
    starts: Starts, clock: Clock
) -> None:
    first = clock.now
    for _ in range(3):
        starts.record("one", "1.0", {"limit": 5})
        clock.now += 3600.0
    starts.record("other", "1.0", {"limit": 5})
    second = clock.now
    clock.now += 1.0
    # Two services may have one cache directory.
    starts.record("one", "1.0", {"limit": 5})
    assert [one.time for one in starts.between(0.0, clock.now)] == [first, second]
    assert [one.time for one in starts.between(first + 1, clock.now)] == [second]


def test_a_restarted_process_with_other_settings_is_a_start(starts: Starts, clock: Clock) -> None:
    for limit in (5, 6, 6):
        starts.record("one", "1.0", {"limit": limit})
    found = starts.between(0.0, clock.now)
    assert [one.changed for one in found] == [{}, {"limit": (5, 6)}]


def test_settings_of_one_machine_are_not_compared_with_those_of_another(
    cache: DiskRows, clock: Clock
) -> None:
    machines = {name: Starts(cache, clock, name) for name in ("a", "b")}
    for turn in range(2):
        for port, (name, starts) in enumerate(machines.items()):
            starts.record(f"{name}{turn}", "1.0", {"port": port, "limit": turn})
    found = machines["a"].between(0.0, clock.now)
    assert [one.changed for one in found] == [{}, {}, {"limit": (0, 1)}, {"limit": (0, 1)}]


def test_a_service_is_named_by_its_supervisor_or_names_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SERVICE, "the supervisor's")
    assert service_id() == "the supervisor's"
    monkeypatch.delenv(SERVICE)
    own = service_id()
    # Processes that are forked from here on have it too.
    assert service_id() == os.environ[SERVICE] == own
    monkeypatch.delenv(SERVICE)
    assert service_id() != own


def test_another_version_and_other_settings_are_named(starts: Starts, clock: Clock) -> None:
    for version, settings in (
        ("1.0", {"limit": 5, "old": True}),
        ("1.1", {"limit": 5, "old": True}),
        ("1.1", {"limit": 6, "new": 0.5}),
    ):
        starts.record("one", version, settings)
        clock.now += 1.0
    found = starts.between(0.0, clock.now)
    assert [one.version for one in found] == ["1.0", "1.1", "1.1"]
    assert [one.version_before for one in found] == [None, "1.0", "1.1"]
    assert found[0].changed == found[1].changed == {}
    assert found[2].changed == {"limit": (5, 6), "old": (True, None), "new": (None, 0.5)}


def test_paths_and_names_are_not_kept(
    starts: Starts, cache: DiskRows, clock: Clock, tmp_path: Path
) -> None:
    settings = Settings(data=(str(tmp_path / "secret.h5"),), cache_dir=tmp_path / "private")
    starts.record("one", "1.0", settings.model_dump())
    value = cache.get(module.KEY)
    assert value is not None
    assert b"web_threads" in value
    assert b"secret" not in value
    assert b"private" not in value


def test_only_so_many_are_kept(starts: Starts, clock: Clock) -> None:
    for number in range(module.MOST + 5):
        starts.record("one", "1.0", {"limit": number})
        clock.now += 60.0
    found = starts.between(0.0, clock.now)
    assert len(found) == module.MOST
    assert found[-1].changed == {"limit": (module.MOST + 3, module.MOST + 4)}


def test_a_damaged_row_is_none(starts: Starts, cache: DiskRows, clock: Clock) -> None:
    cache.set(module.KEY, b"{")
    assert starts.between(0.0, clock.now) == []
    starts.record("one", "1.0", {})
    assert len(starts.between(0.0, clock.now)) == 1
