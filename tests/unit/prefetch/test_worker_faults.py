"""No fault of a brick, a file or the plan store stops the prefetch worker."""

from __future__ import annotations

import logging
import threading

import pytest

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.prefetch.plan_resolver import ResolvedPlan
from dashboard.prefetch.planner import Geometry
from dashboard.prefetch.viewer_plan import ViewerPlan
from dashboard.prefetch.worker import (
    BUSY_S,
    CACHED_TTL_S,
    FAILED_S,
    IDLE_BEFORE_OTHER_AXES_S,
    IDLE_POLL_S,
    POLL_S,
    Worker,
)
from tests.prefetching import BRICK_BYTES, CHUNK, PLANES, World


def test_a_bad_brick_is_said_counted_and_left_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = 1000 // CHUNK

    def fail(address: BrickAddress) -> None:
        if address.start[0] // CHUNK == damaged:
            raise errors.CannotShow("This part is damaged.")

    world.during = fail
    world.view("ann", 1000)
    assert world.work() == [15, 13, 16, 12, 17, 11, 18]
    assert caplog.text.count("damaged") == 1
    assert world.figures() == (0, 0, 1)
    world.during = lambda address: None
    world.now += FAILED_S
    world.view("ann", 1000)
    assert damaged in world.work()


def test_any_exception_of_a_brick_is_survived(world: World) -> None:
    def fail(address: BrickAddress) -> None:
        raise RuntimeError("a bug")

    world.during = fail
    world.view("ann", 1000)
    assert world.work() == []
    assert world.figures()[2] == 8
    assert world.board.in_flight() == frozenset()


def test_a_full_cache_is_no_failure(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    full = True

    def fail(address: BrickAddress) -> None:
        if full:
            raise errors.Busy("The cache has no space for a prefetched brick.")

    world.during = fail
    world.view("ann", 1000)
    assert world.work() == []
    assert world.figures() == (0, 0, 0)
    full = False
    world.now += BUSY_S
    assert len(world.work()) == 8


def test_a_volume_that_is_gone_is_left_alone(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(plan: ViewerPlan) -> ResolvedPlan:
        if plan.viewer == "ann":
            raise errors.NotFound("There is no such file.")
        return world.resolve(plan)

    worker = Worker(world.board, gone, world, world.ledger, clock=world.clock)
    monkeypatch.setattr(world, "worker", worker)
    world.view("ann", 1000)
    world.view("bob", 1000)
    assert len(world.work()) == 8
    assert {file for file, _, _ in world.decoded} == {"bob.h5"}
    assert caplog.text.count("no such file") == 1


def test_a_cache_that_is_too_small_is_not_filled_round_and_round(world: World) -> None:
    world.keeps = False
    world.view("ann", 1000)
    assert len(world.work()) == 8
    world.now += 2 * CACHED_TTL_S
    assert world.work() == []


def test_running_continues_after_an_error_and_stops_on_request(
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
    plans = world.board.own_plans
    troubles = [OSError("the board is gone")]

    def flaky() -> list[ViewerPlan]:
        if troubles:
            raise troubles.pop()
        return plans()

    monkeypatch.setattr(world.board, "own_plans", flaky)
    world.view("ann", 1000)
    worker.run(stop)
    assert len(world.decoded) == 8
    assert waits == [IDLE_POLL_S, POLL_S, POLL_S]
    assert "The prefetch worker failed" in caplog.text


def across_fails_for_ann(world: World) -> None:
    """The worker, where the bricks across the other axes cannot be resolved for one viewer's plan."""

    def elsewhere(resolved: ResolvedPlan) -> list[BrickAddress]:
        if resolved.plan.viewer == "ann":
            raise IndexError("tuple index out of range")
        return []

    world.worker = Worker(
        world.board,
        world.resolve,
        world,
        world.ledger,
        other_axis_bricks=elsewhere,
        clock=world.clock,
    )


def test_a_plan_that_fails_at_rest_delays_no_other_viewer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    across_fails_for_ann(world)
    world.view("ann", 1000)
    world.work()
    world.now += IDLE_BEFORE_OTHER_AXES_S + CACHED_TTL_S
    for index in range(200, 220):
        world.now += 0.5
        world.view("bob", index)
        world.work()
    assert {file for file, _, _ in world.decoded[8:]} == {"bob.h5"}
    assert len(world.decoded) > 8
    assert caplog.text.count("Traceback") == 1


def test_what_fails_for_one_viewer_is_decoded_for_another_with_the_same_volume(
    world: World,
) -> None:
    def resolve(plan: ViewerPlan) -> ResolvedPlan:
        if plan.viewer == "ann":
            raise ValueError("zip() argument 2 is shorter than argument 1")
        return world.resolve(plan)

    world.worker = Worker(world.board, resolve, world, world.ledger, clock=world.clock)
    for viewer in ("ann", "bob"):
        world.board.record_position(
            viewer=viewer,
            file="bob.h5",
            dataset="/volume",
            fingerprint=[1, 2, 3, 4],
            selection="1000,:,:",
            plane=(1, 2),
            position=(1000,),
            geometry=Geometry((PLANES,), (CHUNK,), BRICK_BYTES),
            decode_s=0.5,
        )
    assert len(world.work()) == 8
    assert world.figures()[2] == 1


def test_a_plan_that_fails_is_tried_again_later_and_less_and_less_often(world: World) -> None:
    tried: list[float] = []
    began = world.now

    def resolve(plan: ViewerPlan) -> ResolvedPlan:
        tried.append(world.now - began)
        raise errors.NotFound("There is no such file.")

    world.worker = Worker(world.board, resolve, world, world.ledger, clock=world.clock)
    for _ in range(200):
        world.view("ann", 1000)
        world.worker.run_once()
        world.now += 1.0
    assert tried == [0.0, 5.0, 15.0, 35.0, 75.0, 135.0, 195.0]


def test_a_file_that_takes_long_to_fail_gets_a_tenth_of_the_time(world: World) -> None:
    def hang(address: BrickAddress) -> None:
        if address.volume.file == "ann.h5":
            world.now += 10.0
            raise errors.CannotShow("The child took too much processor time.")

    world.during = hang
    world.takes_s = 0.1
    began, index = world.now, 0
    while world.now < began + 330.0:
        world.view("ann", 1000 + index)
        world.view("bob", 200 + index)
        index += 1
        if world.worker.run_once() > 0.0:
            world.now += 0.5
    failed = world.figures()[2]
    assert 2 <= failed <= 4
    assert len(world.decoded) > 5
