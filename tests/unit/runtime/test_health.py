"""Readiness and degradation, each from what it depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.runtime.health import Health, Part
from dashboard.storage.disk_space import DiskSpace
from dashboard.telemetry.ledger_reader import WORKER_AWAY_S, ProcessStats, WorkerStats


def beat(role: str, age_s: float) -> ProcessStats:
    return {"pid": 1, "role": role, "rss_bytes": 0, "heartbeat_s": age_s}


@pytest.fixture
def processes() -> list[ProcessStats]:
    return []


@pytest.fixture
def space(tmp_path: Path) -> DiskSpace:
    return DiskSpace(tmp_path, 0)


@pytest.fixture
def health(tmp_path: Path, space: DiskSpace, processes: list[ProcessStats]) -> Health:
    for name in ("data", "more", "cache"):
        (tmp_path / name).mkdir()
    roots = (tmp_path / "data", tmp_path / "more")
    return Health(
        roots,
        tmp_path / "cache",
        space,
        lambda: processes,
        lambda: {"state": "up", "since_s": 1.0},
        lambda: None,
    )


def test_readiness_takes_a_worker_that_beats(health: Health, processes: list[ProcessStats]) -> None:
    assert health.readiness() == {"roots": True, "cache": True, "worker": False}
    processes += [beat("web", 0.1), beat("worker", WORKER_AWAY_S + 1)]
    assert not health.readiness()["worker"]
    processes.append(beat("worker", 1.0))
    assert health.readiness() == {"roots": True, "cache": True, "worker": True}


def test_readiness_takes_every_root_and_the_cache(health: Health, tmp_path: Path) -> None:
    (tmp_path / "more").rename(tmp_path / "away")
    (tmp_path / "cache").rmdir()
    assert health.readiness() == {"roots": False, "cache": False, "worker": False}


def test_a_full_disk_degrades_and_is_still_ready(health: Health, space: DiskSpace) -> None:
    assert health.degraded() is None
    space.report_full()
    assert "disk of the cache is full" in (health.degraded() or "")
    assert health.readiness()["cache"]


def test_parts_work_or_not(health: Health, space: DiskSpace, tmp_path: Path) -> None:
    assert all(part.works for part in health.parts())
    space.report_full()
    (tmp_path / "more").rename(tmp_path / "away")
    failing = {part.part: part.sentence for part in health.parts() if not part.works}
    assert set(failing) == {Part.FILES, Part.CACHE}
    assert "1 of 2" in failing[Part.FILES]
    (tmp_path / "cache").rmdir()
    (cache,) = (part for part in health.parts() if part.part is Part.CACHE)
    assert "missing" in cache.sentence


@pytest.mark.parametrize(
    ("state", "since_s", "sentence"),
    [
        ("away", 12.3, "has been silent for 12 s:"),
        ("ended", 60.0, "has not run for 1 minute:"),
        ("ended", 200_000.0, "has not run for 2 days:"),
        ("none", None, "No prefetch worker runs:"),
    ],
)
def test_a_worker_that_is_missing(
    tmp_path: Path, space: DiskSpace, state: str, since_s: float | None, sentence: str
) -> None:
    health = Health(
        (), tmp_path, space, list, lambda: {"state": state, "since_s": since_s}, lambda: True
    )
    (found,) = (part for part in health.parts() if part.part is Part.PREFETCHING)
    assert not found.works
    assert sentence in found.sentence


def test_of_several_machines_the_ledger_is_read_where_the_worker_is_silent(
    tmp_path: Path, space: DiskSpace
) -> None:
    read: list[None] = []
    alive = True

    def ledger() -> WorkerStats:
        read.append(None)
        return {"state": "ended", "since_s": 60.0}

    health = Health(
        *((), tmp_path, space, list, ledger, lambda: True),
        shared=lambda: True,
        worker_is_alive=lambda: alive,
    )
    assert all(part.works for part in health.parts())
    assert not read
    alive = False
    (failing,) = (part for part in health.parts() if not part.works)
    assert failing.part is Part.PREFETCHING
    assert "has not run for 1 minute" in failing.sentence
    assert len(read) == 1


@pytest.mark.parametrize(
    ("people", "provider", "sentence"),
    [
        (True, True, "People can sign in."),
        (True, False, "The identity provider does not answer as it should: nobody can"),
        (False, True, "The list of people cannot be used"),
        (False, False, "The list of people cannot be used"),
    ],
)
def test_signing_in(
    tmp_path: Path, space: DiskSpace, people: bool, provider: bool, sentence: str
) -> None:
    health = Health(
        (),
        tmp_path,
        space,
        list,
        lambda: {"state": "up", "since_s": 1.0},
        lambda: True,
        people=lambda: people,
        provider=lambda: provider,
    )
    (found,) = (part for part in health.parts() if part.part is Part.SIGN_IN)
    assert found.works == (people and provider)
    assert found.sentence.startswith(sentence)
