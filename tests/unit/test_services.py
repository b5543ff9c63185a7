"""The parts put together: limits, readiness, what viewers do, house-keeping and the end."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import numpy as np
import pytest

from dashboard import errors
from dashboard import services as module
from dashboard.cache.bricks import Purpose
from dashboard.prefetch.planner import Wanted
from dashboard.services import Services, brick_limit, build_services, frame_limit
from dashboard.settings import Settings
from dashboard.slices.reader import SliceAddress
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.posted import parse as read_report
from dashboard.volumes.selection import parse
from tests import files

GIB = 2**30
SHAPE = (24, 40, 40)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    values = np.arange(np.prod(SHAPE), dtype="<u4").reshape(SHAPE)
    how = {"chunks": (4, 20, 20), "compression": "gzip"}
    files.write(
        tmp_path / "data" / "a.h5",
        x=(values, how),
        flat=values,
        plane=(values[0], {"chunks": (20, 20)}),
    )
    return tmp_path / "data"


@pytest.fixture
def make(
    data: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Services]]:
    """Services of a process over `data`, with frames, not started."""
    made: list[Services] = []

    def build(role: Any = "web", **given: Any) -> Services:
        settings = make_settings(data=(str(data),), free_floor_bytes=0, children=1, **given)
        built = build_services(settings, role)
        built.serve_frames(flask.Flask(__name__))
        made.append(built)
        return built

    yield build
    for built in made:
        built.close()


def later(services: Services) -> None:
    """Wait until all is done that was put off until after the answer."""
    services._later.submit(lambda: None).result(60)


def look(services: Services, text: str, viewer: str = "v", dataset: str = "x") -> None:
    volume = services.library.volume("data/a.h5", dataset)
    services.moved(viewer, volume, parse(text, volume.shape))
    later(services)


@pytest.mark.parametrize(
    ("given", "free", "used", "limit"),
    [
        (None, 80 * GIB, 0, 20 * GIB),
        (None, 80 * GIB, 40 * GIB, 30 * GIB),
        (None, 1000 * GIB, 0, 32 * GIB),
        (None, 0, 0, 0),
        ("5GiB", 1000 * GIB, 0, 5 * GIB),
        ("0", 1000 * GIB, 0, 0),
    ],
)
def test_the_limit_of_bricks(
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    free: int,
    used: int,
    limit: int,
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _: free)
    settings = make_settings(**({} if given is None else {"brick_cache_bytes": given}))
    assert brick_limit(settings, Path("/"), used) == limit


@pytest.mark.parametrize(
    ("free", "used", "limit"),
    [(80 * GIB, 0, GIB), (4 * GIB, 0, GIB // 2), (3 * GIB, GIB, GIB // 2)],
)
def test_the_limit_of_frames(
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    used: int,
    limit: int,
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _: free)
    assert frame_limit(make_settings(), Path("/"), used) == limit


def test_roots_and_cache_are_checked_first(
    tmp_path: Path, data: Path, make_settings: Callable[..., Settings]
) -> None:
    with pytest.raises(errors.SetupError, match="does not exist"):
        build_services(make_settings(data=(str(tmp_path / "missing"),)), "web")
    (tmp_path / "taken").touch()
    with pytest.raises(errors.SetupError, match="is a file"):
        build_services(make_settings(data=(str(data),), cache_dir=tmp_path / "taken"), "web")


def test_the_caches_are_the_owner_s_alone(make: Callable[..., Services], tmp_path: Path) -> None:
    make()
    home = tmp_path / "cache"
    assert home.stat().st_mode & 0o777 == 0o700
    for path in home.iterdir():
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir(), path


def test_ready_is_roots_cache_and_a_worker(
    make: Callable[..., Services], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    assert services.checks() == {"roots": True, "cache": True, "worker": False}
    beats: list[dict[str, Any]] = [{"role": "web", "heartbeat_s": 0.1}]
    monkeypatch.setattr(services.stats, "processes", lambda: beats)
    assert not services.checks()["worker"]
    beats.append({"role": "worker", "heartbeat_s": module.HEARTBEAT_S + 1})
    assert not services.checks()["worker"]
    beats.append({"role": "worker", "heartbeat_s": 1.0})
    assert all(services.checks().values())
    data.rename(tmp_path / "away")
    assert services.checks() == {"roots": False, "cache": True, "worker": True}
    (tmp_path / "away").rename(data)


def test_a_full_disk_is_still_ready(
    make: Callable[..., Services], make_settings: Callable[..., Settings]
) -> None:
    services = make()
    assert services.degraded() is None
    services.space.note_full()
    assert "disk of the cache is full" in (services.degraded() or "")
    assert services.checks()["cache"]


def test_a_look_becomes_a_plan(make: Callable[..., Services]) -> None:
    services = make()
    for index in (0, 1, 2):
        look(services, f"{index},:,:")
    (plan,) = services.board.plans()
    assert (plan.viewer, plan.file, plan.dataset) == ("v", "data/a.h5", "/x")
    assert plan.position == (2,)
    assert plan.geometry.extent == (24,)
    assert plan.geometry.chunk == (4,)
    assert plan.geometry.brick_bytes == 4 * 40 * 40 * 4
    volume = services.library.volume("data/a.h5", "x")
    assert plan.fingerprint == tuple(volume.address.fingerprint.as_list())
    assert plan.wanted
    for wanted in plan.wanted:
        (address,) = services.addresses(plan, wanted)
        assert address.start[0] <= wanted.position[0] < address.stop[0]
        assert address.key in services.coming()


def test_the_plan_of_an_older_state_stands_for_nothing(
    make: Callable[..., Services], data: Path
) -> None:
    services = make()
    look(services, "3,:,:")
    (plan,) = services.board.plans()
    os.utime(data / "a.h5")
    assert services.addresses(plan, plan.wanted[0] if plan.wanted else Wanted((0,), 0.0)) == []
    assert services.coming() == set()
    (data / "a.h5").unlink()
    assert services.coming() == set()


def test_what_lies_in_the_file_as_it_is_needs_no_plan(make: Callable[..., Services]) -> None:
    services = make()
    look(services, "3,:,:", dataset="flat")
    assert services.board.plans() == []
    look(services, ":,:,3", dataset="flat")
    assert len(services.board.plans()) == 1


def test_a_volume_of_rank_two_is_planned_for_without_trouble(
    make: Callable[..., Services], caplog: pytest.LogCaptureFixture
) -> None:
    services = make()
    with caplog.at_level(logging.INFO):
        look(services, ":,:", dataset="plane")
    assert "a look was not noted" not in caplog.text


def test_trouble_with_a_plan_is_a_log_line(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services = make()

    def fail(**_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(services.board, "note", fail)
    look(services, "3,:,:")
    assert "a look was not noted" in caplog.text
    monkeypatch.undo()
    look(services, "3,:,:")
    assert len(services.board.plans()) == 1


def test_looks_do_not_pile_up(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    volume = services.library.volume("data/a.h5", "x")
    begun, go_on, noted = threading.Event(), threading.Event(), []

    def slow(**given: Any) -> None:
        begun.set()
        assert go_on.wait(60)
        noted.append(given["position"])

    monkeypatch.setattr(services.board, "note", slow)
    for n in range(module.MOVEMENTS_WAITING + 50):
        services.moved("v", volume, parse(f"{n % 24},:,:", SHAPE))
    assert begun.wait(60)
    go_on.set()
    later(services)
    assert len(noted) == module.MOVEMENTS_WAITING
    services.moved("v", volume, parse("5,:,:", SHAPE))
    later(services)
    assert noted[-1] == (5,)


def report(*selections: str, source: str = "ring", file: str = "data/a.h5") -> Any:
    """What a page posts of slices that it painted."""
    slices = [
        {"file": file, "dataset": "/x", "selection": text, "source": source, "draw_ms": 2.0}
        for text in selections
    ]
    return read_report(flask.json.dumps({"viewer": "v", "slices": slices}).encode())


def figures(services: Services) -> dict[str, Any]:
    services.ledger.flush()
    services.stats._read_at = float("-inf")
    services.stats._snapshots.clear()
    return services.stats.snapshot(None)


def test_slices_out_of_the_ring_are_demands_and_movement(make: Callable[..., Services]) -> None:
    services = make()
    services.painted(report("3,:,:", "4,:,:", "5,:,:"))
    later(services)
    found = figures(services)
    assert found["demand"]["ring"] == 3
    assert found["stages"]["draw"]["count"] == 3
    assert found["viewers"] == 1
    (plan,) = services.board.plans()
    assert plan.position == (5,)


def test_other_painted_slices_are_stages_alone(make: Callable[..., Services]) -> None:
    services = make()
    services.painted(report("3,:,:", source="bricks"))
    later(services)
    found = figures(services)
    assert sum(found["demand"].values()) == 0
    assert found["stages"]["draw"]["count"] == 1
    assert services.board.plans() == []


@pytest.mark.parametrize(
    "given",
    [{"file": "data/gone.h5"}, {"file": "../x"}, {"selection": "99,:,:"}, {"selection": "x"}],
)
def test_a_report_of_what_is_gone_is_still_a_demand(
    make: Callable[..., Services], given: dict[str, str]
) -> None:
    services = make()
    text = given.get("selection", "3,:,:")
    services.painted(report(text, file=given.get("file", "data/a.h5")))
    later(services)
    assert figures(services)["demand"]["ring"] == 1
    assert services.board.plans() == []


def test_what_the_ring_shows_was_not_decoded_ahead_in_vain(make: Callable[..., Services]) -> None:
    services = make()
    volume = services.library.volume("data/a.h5", "x")
    chosen = parse("5,:,:", SHAPE)
    (address,) = volume.bricks(chosen)
    services.supply.get_or_decode(address, Purpose.AHEAD)
    services.reader.frame(SliceAddress(volume, chosen), counted=False, purpose=Purpose.AHEAD)
    assert services.bricks.unwanted(address)
    services.painted(report("5,:,:"))
    later(services)
    assert not services.bricks.unwanted(address)
    found = figures(services)["prefetch"]
    assert found["used"] == found["decoded"] == 1
    assert found["accuracy"] == found["coverage"] == found["timeliness"] == 1.0


def test_a_ring_slice_whose_brick_is_gone_decodes_nothing(make: Callable[..., Services]) -> None:
    services = make()
    services.painted(report("5,:,:"))
    later(services)
    assert services.frame_disk.totals() == (0, 0)
    volume = services.library.volume("data/a.h5", "x")
    assert not any(services.bricks.has(b) for b in volume.bricks(parse("5,:,:", SHAPE)))


def test_bricks_that_are_planned_are_spared(make: Callable[..., Services]) -> None:
    size = 4 * 40 * 40 * 4 + 100
    services = make(brick_cache_bytes=2 * size, prefetch_bytes=2 * size)
    volume = services.library.volume("data/a.h5", "x")

    def brick(plane: int) -> Any:
        (address,) = volume.bricks(parse(f"{plane},:,:", SHAPE))
        return address

    for plane in (0, 16):
        services.supply.get_or_decode(brick(plane))
    services.bricks._cache._sql("UPDATE Cache SET access_time = 5.0 + rowid")
    look(services, "0,:,:")
    assert brick(0).key in services.coming()
    assert brick(16).key not in services.coming()
    services.supply.get_or_decode(brick(20))
    assert services.bricks.has(brick(0))
    assert not services.bricks.has(brick(16))


def test_the_point_looked_at_has_bricks_across_the_other_axes(
    make: Callable[..., Services],
) -> None:
    services = make()
    look(services, "6,10:20,:")
    (plan,) = services.board.plans()
    bricks = services.elsewhere(plan)
    assert {b.rows for b in bricks} | {b.cols for b in bricks} == {0, 1, 2}
    for brick in bricks:
        (fixed,) = ({0, 1, 2}) - {brick.rows, brick.cols}
        assert brick.start[fixed] <= {1: 15, 2: 20}[fixed] < brick.stop[fixed]
    small = make(prefetch_bytes=1)
    assert small.elsewhere(plan) == []


def test_house_is_kept(
    make: Callable[..., Services], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    volume = services.library.volume("data/a.h5", "x")
    (address,) = volume.bricks(parse("0,:,:", SHAPE))
    services.supply.get_or_decode(address)
    services.bricks._cache._sql("UPDATE Cache SET access_time = 5.0")
    services.supply.get_or_decode(address)
    half, lock = tmp_path / "cache" / "partial" / "half", services.locks / "old.lock"
    for path in (half, lock):
        path.touch()
        os.utime(path, (1, 1))
    rounds = iter([False, True])
    monkeypatch.setattr(
        services, "_stop", SimpleNamespace(wait=lambda _: next(rounds), set=lambda: None)
    )
    services._keep_house()
    assert not half.exists()
    assert not lock.exists()
    (row,) = services.bricks._cache.by_age()
    assert row.used > 5.0


def test_trouble_does_not_end_the_house_keeping(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services = make()
    rounds = iter([False, False, True])
    monkeypatch.setattr(
        services, "_stop", SimpleNamespace(wait=lambda _: next(rounds), set=lambda: None)
    )
    swept = []

    def fail() -> None:
        swept.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(services.bricks, "sweep", fail)
    services._keep_house()
    assert swept
    assert "housekeeping failed" in caplog.text


def test_slices_go_on_without_the_cache_s_folder(
    make: Callable[..., Services], tmp_path: Path
) -> None:
    services = make()
    volume = services.library.volume("data/a.h5", "x")
    expected = np.arange(np.prod(SHAPE), dtype="<u4").reshape(SHAPE)

    def seen(text: str) -> Any:
        address = SliceAddress(volume, parse(text, SHAPE))
        answer = services.reader.frame(address, counted=True, purpose=Purpose.DEMAND)
        return np.frombuffer(answer.frame.body, "<u4").reshape(answer.frame.shape)

    np.testing.assert_array_equal(seen("0,:,:"), expected[0])
    for name in ("bricks", "frames", "partial", "locks", "mapped"):
        shutil.rmtree(tmp_path / "cache" / name)
    for plane in (0, 1, 7, 23):
        np.testing.assert_array_equal(seen(f"{plane},:,:"), expected[plane])
    np.testing.assert_array_equal(seen(":,5,:"), expected[:, 5])


def test_the_end_keeps_what_was_on_its_way(make: Callable[..., Services], tmp_path: Path) -> None:
    services = make()
    volume = services.library.volume("data/a.h5", "x")
    address = SliceAddress(volume, parse("2,:,:", SHAPE))
    services.reader.frame(address, counted=True, purpose=Purpose.DEMAND)
    services.ledger.demand("miss")
    services.moved("v", volume, address.selection)
    threads = threading.active_count()
    services.close()
    assert threading.active_count() < threads
    again = make()
    answer = again.reader.frame(address, counted=True, purpose=Purpose.DEMAND)
    assert answer.from_frames
    assert figures(again)["demand"]["miss"] == 1
    assert len(again.board.plans()) == 1


def test_what_runs_beside_the_requests_ends_with_them(make: Callable[..., Services]) -> None:
    before = set(threading.enumerate())
    services = make()
    services.start()
    services.warm()
    assert isinstance(services.ledger, Ledger)
    services.close()
    left = [t.name for t in set(threading.enumerate()) - before if not t.daemon]
    assert left == []
