"""Nothing that goes wrong with a brick, a file or the board stops the worker."""

from __future__ import annotations

import logging
import threading

import pytest

from dashboard import errors
from dashboard.prefetch.board import ViewerPlan
from dashboard.prefetch.planner import Wanted
from dashboard.prefetch.worker import (
    ALONE_S,
    BELIEVED_S,
    BUSY_S,
    FAILED_S,
    POLL_S,
    Worker,
)
from dashboard.volumes.address import BrickAddress
from tests.prefetching import CHUNK, World


def test_a_bad_brick_is_said_counted_and_left_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad = 1000 // CHUNK

    def fail(address: BrickAddress) -> None:
        if address.start[0] // CHUNK == bad:
            raise errors.CannotShow("This part is damaged.")

    world.during = fail
    world.look("ann", 1000)
    assert world.work() == [15, 13, 16, 12, 17, 11, 18]
    assert caplog.text.count("damaged") == 1
    assert world.figures() == (0, 0, 1)
    world.during = lambda address: None
    world.now += FAILED_S
    world.look("ann", 1000)
    assert bad in world.work()


def test_any_exception_of_a_brick_is_survived(world: World) -> None:
    def fail(address: BrickAddress) -> None:
        raise RuntimeError("a bug")

    world.during = fail
    world.look("ann", 1000)
    assert world.work() == []
    assert world.figures()[2] == 8
    assert world.board.in_flight() == frozenset()


def test_no_room_is_no_failure(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    full = True

    def fail(address: BrickAddress) -> None:
        if full:
            raise errors.Busy("There is no room to decode ahead.")

    world.during = fail
    world.look("ann", 1000)
    assert world.work() == []
    assert world.figures() == (0, 0, 0)
    full = False
    world.now += BUSY_S
    assert len(world.work()) == 8


def test_a_volume_that_is_gone_is_left_alone(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(plan: ViewerPlan, wanted: Wanted) -> list[BrickAddress]:
        if plan.viewer == "ann":
            raise errors.NotFound("There is no such file.")
        return world.resolve(plan, wanted)

    worker = Worker(world.board, gone, world, world.ledger, clock=world.clock)
    monkeypatch.setattr(world, "worker", worker)
    world.look("ann", 1000)
    world.look("bob", 1000)
    assert len(world.work()) == 8
    assert {file for file, _, _ in world.decoded} == {"bob.h5"}
    assert caplog.text.count("no such file") == 1


def test_a_cache_that_is_too_small_is_not_filled_round_and_round(world: World) -> None:
    world.keeps = False
    world.look("ann", 1000)
    assert len(world.work()) == 8
    world.now += 2 * BELIEVED_S
    assert world.work() == []


def test_running_goes_on_after_trouble_and_stops_when_told(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    waits: list[float] = []

    def wait(event: threading.Event, seconds: float) -> bool:
        waits.append(seconds)
        world.now += seconds
        if len(waits) == 3:
            event.set()
        return event.is_set()

    worker = Worker(world.board, world.resolve, world, world.ledger, clock=world.clock, wait=wait)
    plans = world.board.plans
    troubles = [OSError("the board is gone")]

    def flaky() -> list[ViewerPlan]:
        if troubles:
            raise troubles.pop()
        return plans()

    monkeypatch.setattr(world.board, "plans", flaky)
    world.look("ann", 1000)
    worker.run(stop)
    assert len(world.decoded) == 8
    assert waits == [ALONE_S, POLL_S, POLL_S]
    assert "turn of the prefetch worker failed" in caplog.text
