"""Maintenance beside the requests, and shutdown."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.addressing.selection import parse
from dashboard.frames.renderer import SliceAddress
from dashboard.runtime.container import Services
from dashboard.telemetry.ledger import Ledger
from tests import database
from tests.parts import requester
from tests.services import SHAPE, figures, load, view


def test_house_is_kept(
    make: Callable[..., Services], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    volume = services.metadata.volume("data/a.h5", "x")
    (address,) = volume.bricks(parse("0,:,:", SHAPE))
    load(services, address)
    database.touch(services.caches.bricks, 5.0)
    load(services, address)
    half, lock = tmp_path / "cache" / "partial" / "half", services.caches.locks / "old.lock"
    for path in (half, lock):
        path.touch()
        os.utime(path, (1, 1))
    services.maintenance.tick()
    assert not half.exists()
    assert not lock.exists()
    (row,) = services.caches.bricks.rows_by_eviction_order()
    assert row.used > 5.0


def test_a_brick_is_open_in_the_web_process_while_it_is_used(make: Callable[..., Services]) -> None:
    web, worker = make("web"), make("worker")
    volume = web.metadata.volume("data/a.h5", "x")
    (address,) = volume.bricks(parse("0,:,:", SHAPE))
    load(web, address)
    for services, is_open in ((web, True), (worker, False)):
        first = services.bricks.get(address, volume.memory_dtype)
        assert first is not None
        assert (services.bricks.get(address, volume.memory_dtype) is first) is is_open
    later = time.monotonic() + 60.0
    web.bricks.open_handles.clock = lambda: later
    web.maintenance.tick()
    assert web.bricks.open_handles.get(address.key) is None


def test_each_task_is_done_whatever_is_wrong_with_the_others(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services = make()
    done: set[str] = set()
    for task in services.maintenance.tasks:

        def fail(name: str = task.name) -> None:
            done.add(name)
            raise OSError(28, "No space left on device")

        task.work = fail
    services.maintenance.add("The last one", lambda: done.add("The last one"))
    services.maintenance.tick()
    assert done == {task.name for task in services.maintenance.tasks}
    assert len(done) >= 7
    assert caplog.text.count("No space left on device") >= 6


def test_slices_go_on_without_the_cache_s_folder(
    make: Callable[..., Services], tmp_path: Path
) -> None:
    services = make()
    volume = services.metadata.volume("data/a.h5", "x")
    expected = np.arange(np.prod(SHAPE), dtype="<u4").reshape(SHAPE)

    def seen(text: str) -> Any:
        address = SliceAddress(volume, parse(text, SHAPE))
        answer = services.renderer.render(address, requester())
        return np.frombuffer(answer.frame.body, "<u4").reshape(answer.frame.shape)

    np.testing.assert_array_equal(seen("0,:,:"), expected[0])
    for name in ("bricks", "frames", "partial", "locks", "mapped"):
        shutil.rmtree(tmp_path / "cache" / name)
    for plane in (0, 1, 7, 23):
        np.testing.assert_array_equal(seen(f"{plane},:,:"), expected[plane])
    np.testing.assert_array_equal(seen(":,5,:"), expected[:, 5])


def test_the_end_keeps_what_was_on_its_way(make: Callable[..., Services], tmp_path: Path) -> None:
    services = make()
    volume = services.metadata.volume("data/a.h5", "x")
    address = SliceAddress(volume, parse("2,:,:", SHAPE))
    services.renderer.render(address, requester())
    services.ledger.demand("miss")
    services.activity.viewed("v", volume, address.selection)
    threads = threading.active_count()
    services.close()
    assert threading.active_count() < threads
    again = make()
    answer = again.renderer.render(address, requester())
    assert answer.frame_cache_hit
    assert figures(again)["demand"]["miss"] == 1
    assert len(again.plans.plans()) == 1


def test_what_runs_beside_the_requests_ends_with_them(make: Callable[..., Services]) -> None:
    before = set(threading.enumerate())
    services = make()
    services.start()
    services.prestart()
    assert isinstance(services.ledger, Ledger)
    services.close()
    left = [t.name for t in set(threading.enumerate()) - before if not t.daemon]
    assert left == []


def seen(services: Services, text: str) -> Any:
    """A slice as the reader makes it."""
    volume = services.metadata.volume("data/a.h5", "x")
    address = SliceAddress(volume, parse(text, SHAPE))
    answer = services.renderer.render(address, requester())
    return np.frombuffer(answer.frame.body, "<u4").reshape(answer.frame.shape)


def test_a_cache_directory_that_is_deleted_is_made_again(
    make: Callable[..., Services], tmp_path: Path
) -> None:
    services = make()
    expected = np.arange(np.prod(SHAPE), dtype="<u4").reshape(SHAPE)
    view(services, "0,:,:")
    np.testing.assert_array_equal(seen(services, "0,:,:"), expected[0])
    home = tmp_path / "cache"
    before = {path.name for path in home.iterdir()}
    home.rename(tmp_path / "away")  # at once: removed name by name, it may be made again meanwhile
    shutil.rmtree(tmp_path / "away")
    assert services.health.degraded() is None
    for plane in (0, 1, 7):
        np.testing.assert_array_equal(seen(services, f"{plane},:,:"), expected[plane])
    services.maintenance.tick()
    view(services, "7,:,:")
    services.contiguous.mark_accessed(
        services.metadata.volume("data/a.h5", "flat"), parse("3,:,:", SHAPE)
    )
    assert all(services.health.readiness()[what] for what in ("roots", "cache"))
    # Bricks, frames, plans and figures are kept again.
    volume = services.metadata.volume("data/a.h5", "x")
    assert services.bricks.has(volume.bricks(parse("7,:,:", SHAPE))[0])
    services.frames.flush()
    assert services.caches.frames.totals()[1] >= 1
    assert [plan.viewer for plan in services.plans.plans()] == ["v"]
    services.ledger.demand("hit")
    assert figures(services)["demand"]["hit"] >= 1
    with services.loader.demand_signal.demand():
        assert not services.loader.no_demand_pending()
    assert before - {"demand.gate"} <= {path.name for path in home.iterdir()}
    for path in (home, *(path for path in home.rglob("*") if path.is_dir())):
        assert path.stat().st_mode & 0o777 == 0o700, path


def test_flipped_bytes_are_never_shown(make: Callable[..., Services], tmp_path: Path) -> None:
    expected = np.arange(np.prod(SHAPE), dtype="<u4").reshape(SHAPE)
    services = make()
    volume = services.metadata.volume("data/a.h5", "x")
    for _ in range(2):
        np.testing.assert_array_equal(seen(services, "2,:,:"), expected[2])
        services.frames.flush()
        # Each value's file, in the middle of plane 2, and all rows of the frame cache.
        for path in (tmp_path / "cache").rglob("*.val"):
            size = path.stat().st_size
            with path.open("r+b") as stream:
                stream.seek(size * 5 // 8)
                stream.write(b"????")
        database.execute(services.caches.frames, "UPDATE Cache SET value = zeroblob(length(value))")
        services = make()  # another process, which has verified nothing
        np.testing.assert_array_equal(seen(services, "2,:,:"), expected[2])
        value = services.voxels.read(volume, (2, 20, 20))
        assert value == expected[2, 20, 20]


@pytest.mark.parametrize("name", ["facts", "board", "frames", "ledger", "bricks"])
@pytest.mark.parametrize("running", [False, True])
def test_a_damaged_database_stops_neither_the_start_nor_the_service(
    make: Callable[..., Services],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    running: bool,
) -> None:
    services = make()
    expected = np.arange(np.prod(SHAPE), dtype="<u4").reshape(SHAPE)
    np.testing.assert_array_equal(seen(services, "3,:,:"), expected[3])
    view(services, "3,:,:")
    services.ledger.flush()
    services.frames.flush()
    database = tmp_path / "cache" / name / "cache.db"
    if not running:
        services.close()
    for path in database.parent.glob("cache.db*"):
        path.unlink()
    database.write_bytes(b"garbage " * 5000)
    caplog.clear()
    if not running:
        services = make()
    for plane in (3, 4, 9):
        np.testing.assert_array_equal(seen(services, f"{plane},:,:"), expected[plane])
        view(services, f"{plane},:,:")
    services.maintenance.tick()
    services.frames.flush()
    services.ledger.demand("hit")
    assert figures(services)["demand"]["hit"] >= 1
    assert services.plans.plans()
    assert services.bricks.has(
        services.metadata.volume("data/a.h5", "x").bricks(parse("9,:,:", SHAPE))[0]
    )
    anew = [r for r in caplog.records if "made anew" in r.getMessage()]
    assert [r.getMessage() for r in anew] == [
        f"the cache {name} was made anew: file is not a database"
    ]
    for disk in (services.caches.frames, services.caches.bricks):
        assert disk.check() == []
