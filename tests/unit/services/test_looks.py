"""What viewers look at becomes plans, and what is planned is spared."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard import services as module
from dashboard.prefetch.planner import Wanted
from dashboard.services import Services
from dashboard.volumes.selection import parse
from tests.services import SHAPE, later, look


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
