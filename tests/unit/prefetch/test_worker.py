"""The prefetch worker: the order in which it decodes, and its fairness between viewers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.prefetch.plan_resolver import ResolvedPlan
from dashboard.prefetch.plan_store import FLIGHT_S
from dashboard.prefetch.planner import (
    BROWSE_RATE,
    RESUME_DELAY_S,
    Geometry,
    Plan,
    PlannedBrick,
    PositionSample,
    horizon_s,
)
from dashboard.prefetch.viewer_plan import ViewerPlan
from dashboard.prefetch.worker import (
    CACHED_TTL_S,
    DEMAND_POLL_S,
    IDLE_BEFORE_OTHER_AXES_S,
    IDLE_POLL_S,
    MAX_STARVATION_S,
    POLL_S,
    Task,
    Worker,
)
from tests.prefetching import BRICK_BYTES, CHUNK, PLANES, World


def test_nobody_there(world: World) -> None:
    assert world.worker.run_once() == IDLE_POLL_S
    assert world.decoded == []


def test_bricks_are_decoded_soonest_first(world: World) -> None:
    at = world.leaf("ann", 1000, 20)
    here = at // CHUNK
    world.takes_s = 0.1
    assert world.work(3) == [here, here + 1, here + 2]
    assert {purpose for _, _, purpose in world.decoded} == {Purpose.PREFETCH_MOVING}


def test_nothing_is_begun_while_somebody_waits(world: World) -> None:
    world.leaf("ann", 1000, 3)
    world.is_quiet = False
    assert world.worker.run_once() == DEMAND_POLL_S
    assert world.decoded == []
    # By then the viewer has reversed for good, and the bricks that lay ahead are no longer planned.
    for index in range(1002, 960, -1):
        world.leaf("ann", index, 1)
    world.is_quiet = True
    world.takes_s = 0.1
    assert world.work(2) == [961 // CHUNK, 961 // CHUNK - 1]


def test_plans_are_read_now_and_then_while_a_request_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.leaf("ann", 1000, 3)
    world.is_quiet = False
    read_at: list[float] = []
    plans = world.board.own_plans

    def own_plans() -> list[ViewerPlan]:
        read_at.append(world.now)
        return plans()

    monkeypatch.setattr(world.board, "own_plans", own_plans)
    for _ in range(100):
        assert world.worker.run_once() == DEMAND_POLL_S
        world.now += DEMAND_POLL_S
    assert 4 <= len(read_at) <= 5
    # What is planned is decoded as soon as no request waits.
    world.is_quiet = True
    assert world.work(1)


def test_at_rest_it_says_so(world: World) -> None:
    world.leaf("ann", 1000, 20)
    world.now += 5
    here, *others = world.work()
    assert [brick - here for brick in others] == [1, -1, 2, -2, 3, -3, 4]
    assert {purpose for _, _, purpose in world.decoded} == {Purpose.PREFETCH_IDLE}
    assert world.worker.run_once() == POLL_S


def test_what_is_cached_is_left_alone(world: World) -> None:
    for brick in range(14, 40):
        world.cached.add(world.address("ann.h5", brick * CHUNK).key)
    world.leaf("ann", 1000, 20)
    assert world.work() == []


def test_idling_is_cheap(world: World) -> None:
    world.view("ann", 1000)
    world.work()
    world.now += 2 * CACHED_TTL_S
    world.worker.run_once()
    probes, resolved = world.probes, world.resolved
    for _ in range(15):
        world.now += POLL_S
        assert world.worker.run_once() == POLL_S
    assert (world.probes, world.resolved) == (probes, resolved)
    world.now += CACHED_TTL_S
    world.worker.run_once()
    assert world.resolved > resolved


def test_a_replaced_plan_takes_effect_before_the_next_brick(world: World) -> None:
    world.leaf("ann", 1000, 20)

    def jump(address: BrickAddress) -> None:
        world.during = lambda address: None
        world.view("ann", 200)

    world.during = jump
    assert world.work(2) == [1019 // CHUNK, 200 // CHUNK]


def always(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    due: dict[str, float],
    people: dict[str, str] | None = None,
) -> None:
    """Each viewer's plan has any number of bricks, always due in a constant number of seconds."""
    bricks = iter(range(10_000))

    def plan_of(viewer: str, seconds: float) -> ViewerPlan:
        plan = ViewerPlan(
            viewer=viewer,
            file=f"{viewer}.h5",
            dataset="/volume",
            fingerprint=(1, 2, 3, 4),
            selection="0,:,:",
            plane=(1, 2),
            geometry=Geometry((10_000 * CHUNK,), (CHUNK,), BRICK_BYTES),
            decode_s=0.5,
            last_request_at=world.now,
            trajectory=(PositionSample(world.now, (0,)),),
            made_at=world.now,
            budget_bytes=BRICK_BYTES,
            person=(people or {}).get(viewer, ""),
        )
        # In the place of what its trajectory would have it need.
        brick = PlannedBrick((next(bricks) * CHUNK,), world.now + seconds)
        vars(plan)["_made"] = Plan("moving", (brick,))
        return plan

    def plans() -> list[ViewerPlan]:
        return [plan_of(viewer, seconds) for viewer, seconds in due.items()]

    monkeypatch.setattr(world.board, "own_plans", plans)


def served(world: World, rounds: int) -> str:
    """The initials of the viewers, in the order in which they were served."""
    world.work(rounds)
    return "".join(file[0] for file, _, _ in world.decoded)


def test_viewers_alternate_when_bricks_are_due_at_the_same_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(world, monkeypatch, {"ann": 1.2, "bob": 1.0, "cid": 1.1})
    assert served(world, 9) == "abcabcabc"


def test_people_alternate_however_many_tabs_each_has(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = dict.fromkeys(("ann", "bob", "cid", "dot"), 1.0)
    always(world, monkeypatch, due, dict.fromkeys(("ann", "bob", "cid"), "grace"))
    assert served(world, 12).count("d") == 6


def test_who_is_due_earlier_comes_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    always(world, monkeypatch, {"ann": 2.9, "bob": 1.0})
    assert served(world, 4) == "bbbb"


@pytest.mark.parametrize("overdue_s", [0.0, 60.0])
def test_a_long_sweep_does_not_starve_another_viewer(
    world: World, monkeypatch: pytest.MonkeyPatch, overdue_s: float
) -> None:
    """Ann's bricks are always due now, Bob's never; he gets a turn when his patience ends."""
    always(world, monkeypatch, {"ann": -overdue_s, "bob": 60.0})
    rounds = int(MAX_STARVATION_S / world.takes_s)
    order = served(world, 4 * rounds + 4)
    gaps = [len(gap) for gap in order.split("b")]
    assert order.count("b") >= 3
    assert all(rounds - 1 <= gap <= rounds for gap in gaps[:-1])


def test_gauges(world: World) -> None:
    seen = []
    world.during = lambda address: seen.append((world.figures(), world.board.in_flight(), address))
    world.view("ann", 1000)
    world.worker.run_once()
    ((figures, in_flight, address),) = seen
    assert figures == (8, 1, 0)
    assert in_flight == {address.key}
    assert world.board.in_flight() == frozenset()
    world.during = lambda address: None
    world.work()
    assert world.figures() == (0, 0, 0)


def test_a_long_flight_is_said_again(world: World) -> None:
    seen = []

    def slow(address: BrickAddress) -> None:
        for _ in range(4):
            world.now += FLIGHT_S / 3
            world.worker.renew_in_flight()
        seen.append(world.board.in_flight())

    world.during = slow
    world.view("ann", 1000)
    world.worker.run_once()
    assert seen == [{world.address("ann.h5", 1000).key}]
    world.worker.renew_in_flight()
    assert world.board.in_flight() == frozenset()


def test_a_brick_that_is_decoded_while_its_marker_is_renewed_has_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewing, decoded = threading.Event(), threading.Event()
    mark = world.board.mark_in_flight

    def slow(brick: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            renewing.set()
            assert decoded.wait(60)
        mark(brick)

    monkeypatch.setattr(world.board, "mark_in_flight", slow)
    beat = threading.Thread(target=world.worker.renew_in_flight)

    def during(address: BrickAddress) -> None:
        beat.start()
        assert renewing.wait(60)

    world.during = during
    world.view("ann", 1000)
    world.worker.run_once()
    assert world.decoded
    decoded.set()
    beat.join(60)
    assert world.board.in_flight() == frozenset()


def test_a_long_rest_looks_at_the_other_axes(world: World) -> None:
    other = BrickAddress(world.address("ann", 0).volume, 0, 2, (0, 680, 0), (PLANES, 748, 1360))
    asked: list[str] = []

    def elsewhere(resolved: ResolvedPlan) -> list[BrickAddress]:
        asked.append(resolved.plan.viewer)
        return [other]

    world.worker = Worker(
        world.board,
        world.resolve,
        world,
        world.ledger,
        other_axis_bricks=elsewhere,
        clock=world.clock,
    )
    world.takes_s = 0.0
    world.view("ann", 700)
    world.work()
    assert other.key not in world.cached
    assert asked == []
    world.now += IDLE_BEFORE_OTHER_AXES_S + CACHED_TTL_S
    world.work()
    assert other.key in world.cached
    assert world.decoded[-1][2] is Purpose.PREFETCH_IDLE
    count = len(world.decoded)
    world.now += IDLE_BEFORE_OTHER_AXES_S + CACHED_TTL_S
    world.work()
    assert len(world.decoded) == count


class Sent:
    """Takes what is planned for other machines: the numbers of the bricks."""

    def __init__(self) -> None:
        self.bricks: set[int] = set()

    def __call__(self, planned: Sequence[Task], now: float) -> list[Task]:
        self.bricks |= {task.address.start[0] // CHUNK for task in planned}
        return []

    def done(self, key: str) -> None:
        raise AssertionError("nothing is asked for here")


def test_bricks_go_to_other_machines_when_they_are_due_soon(world: World) -> None:
    sent = Sent()
    world.worker = Worker(
        world.board, world.resolve, world, world.ledger, exchange=sent, clock=world.clock
    )
    here = 14 * CHUNK + CHUNK // 2
    world.view("ann", here)
    farther_s = RESUME_DELAY_S + 1.5 * CHUNK / BROWSE_RATE - horizon_s(0.5)
    assert farther_s > CHUNK / BROWSE_RATE
    world.now += farther_s - 0.01
    world.worker.run_once()
    assert sent.bricks == {13, 14, 15}
    world.now += CACHED_TTL_S
    world.worker.run_once()
    assert sent.bricks == {12, 13, 14, 15, 16}
