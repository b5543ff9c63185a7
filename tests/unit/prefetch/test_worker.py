"""The worker: what it decodes next, for whom, and that nothing stops it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard import errors
from dashboard.cache.bricks import Purpose
from dashboard.prefetch.board import FLIGHT_S, Board, ViewerPlan
from dashboard.prefetch.planner import Geometry, Moment, Wanted
from dashboard.prefetch.worker import (
    ALONE_S,
    ASIDE_S,
    BELIEVED_S,
    BUSY_S,
    FAILED_S,
    LONG_REST_S,
    PATIENCE_S,
    POLL_S,
    SWEEP_S,
    Worker,
)
from dashboard.storage.disk import open_cache
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.stats import Stats
from dashboard.volumes.address import BrickAddress, Fingerprint, VolumeAddress

CHUNK, PLANES = 68, 2160
BRICK_BYTES = 1000


class World:
    """A board, a cache that is a set, and a clock that goes on while a brick is decoded."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_700_000_000.0
        self.board_store, self.ledger_store = (
            open_cache(folder / "board"),
            open_cache(folder / "ledger"),
        )
        self.board = Board(
            self.board_store, plan_seconds=30.0, budget_bytes=8 * BRICK_BYTES, clock=self.clock
        )
        self.ledger = Ledger(self.ledger_store, "worker", self.clock)
        self.stats = Stats(self.ledger_store, self.clock)
        self.cached: set[str] = set()
        self.keeps = True
        self.is_quiet = True
        self.takes_s = 0.5
        self.decoded: list[tuple[str, int, Purpose]] = []
        self.looked = 0
        self.resolved = 0
        self.during: Callable[[BrickAddress], None] = lambda address: None
        self.worker = Worker(self.board, self.resolve, self, self.ledger, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def address(self, file: str, index: int) -> BrickAddress:
        volume = VolumeAddress(file, "/volume", Fingerprint(1, 2, 3, 4))
        start = index // CHUNK * CHUNK
        return BrickAddress(volume, 1, 2, (start, 0, 0), (min(start + CHUNK, PLANES), 1360, 1360))

    def resolve(self, plan: ViewerPlan, wanted: Wanted) -> list[BrickAddress]:
        self.resolved += 1
        return [self.address(plan.file, wanted.position[0])]

    def has(self, address: BrickAddress) -> bool:
        self.looked += 1
        return address.key in self.cached

    def quiet(self) -> bool:
        return self.is_quiet

    def get_or_decode(self, address: BrickAddress, purpose: Purpose) -> object:
        self.during(address)
        self.now += self.takes_s
        self.decoded.append((address.volume.file, address.start[0] // CHUNK, purpose))
        if self.keeps:
            self.cached.add(address.key)
        return None

    def look(self, viewer: str, index: int) -> None:
        """Each viewer has a file of its own."""
        self.board.note(
            viewer=viewer,
            file=f"{viewer}.h5",
            dataset="/volume",
            fingerprint=[1, 2, 3, 4],
            selection=f"{index},:,:",
            plane=(1, 2),
            position=(index,),
            geometry=Geometry((PLANES,), (CHUNK,), BRICK_BYTES),
            lead_s=0.5,
        )

    def leaf(self, viewer: str, start: int, count: int, step: int = 1) -> int:
        for i in range(count):
            self.now += 1 / 30
            self.look(viewer, start + i * step)
        return start + (count - 1) * step

    def work(self, most: int = 100) -> list[int]:
        """Turns until the worker idles; the numbers of the bricks decoded."""
        before = len(self.decoded)
        for _ in range(most):
            if self.worker.turn() > 0:
                break
        return [brick for _, brick, _ in self.decoded[before:]]

    def figures(self) -> tuple[int, int, int]:
        """(planned, in_flight, failed)"""
        self.now += 1
        self.ledger.flush()
        prefetch = self.stats.snapshot(None)["prefetch"]
        return prefetch["planned"], prefetch["in_flight"], prefetch["failed"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.board_store.close()
    made.ledger_store.close()


def test_nobody_there(world: World) -> None:
    assert world.worker.turn() == ALONE_S
    assert world.decoded == []


def test_bricks_are_decoded_soonest_first(world: World) -> None:
    at = world.leaf("ann", 1000, 20)
    here = at // CHUNK
    world.takes_s = 0.1
    assert world.work(3) == [here, here + 1, here + 2]
    assert {purpose for _, _, purpose in world.decoded} == {Purpose.AHEAD}


def test_nothing_is_begun_while_somebody_waits(world: World) -> None:
    world.leaf("ann", 1000, 3)
    world.is_quiet = False
    assert world.worker.turn() == ASIDE_S
    assert world.decoded == []
    # By then the viewer has turned round for good, and what lay before it is no longer wanted.
    for index in range(1002, 960, -1):
        world.leaf("ann", index, 1)
    world.is_quiet = True
    world.takes_s = 0.1
    assert world.work(2) == [961 // CHUNK, 961 // CHUNK - 1]


def test_at_rest_it_says_so(world: World) -> None:
    world.leaf("ann", 1000, 20)
    world.now += 5
    here, *others = world.work()
    assert [brick - here for brick in others] == [1, -1, 2, -2, 3, -3, 4]
    assert {purpose for _, _, purpose in world.decoded} == {Purpose.RESTING}
    assert world.worker.turn() == POLL_S


def test_what_is_cached_is_left_alone(world: World) -> None:
    for brick in range(14, 40):
        world.cached.add(world.address("ann.h5", brick * CHUNK).key)
    world.leaf("ann", 1000, 20)
    assert world.work() == []


def test_idling_is_cheap(world: World) -> None:
    world.look("ann", 1000)
    world.work()
    world.now += 2 * BELIEVED_S
    world.worker.turn()
    looked, resolved = world.looked, world.resolved
    for _ in range(15):
        world.now += POLL_S
        assert world.worker.turn() == POLL_S
    assert (world.looked, world.resolved) == (looked, resolved)
    world.now += BELIEVED_S
    world.worker.turn()
    assert world.resolved > resolved


def test_a_replaced_plan_takes_effect_before_the_next_brick(world: World) -> None:
    world.leaf("ann", 1000, 20)

    def jump(address: BrickAddress) -> None:
        world.during = lambda address: None
        world.look("ann", 200)

    world.during = jump
    assert world.work(2) == [1019 // CHUNK, 200 // CHUNK]


def always(world: World, monkeypatch: pytest.MonkeyPatch, due: dict[str, float]) -> None:
    """Each viewer's plan has any number of bricks, always due so many seconds from now."""
    bricks = iter(range(10_000))

    def plans() -> list[ViewerPlan]:
        return [
            ViewerPlan(
                viewer=viewer,
                file=f"{viewer}.h5",
                dataset="/volume",
                fingerprint=(1, 2, 3, 4),
                selection="0,:,:",
                plane=(1, 2),
                geometry=Geometry((10_000 * CHUNK,), (CHUNK,), BRICK_BYTES),
                lead_s=0.5,
                noted_at=world.now,
                movement=(Moment(world.now, (0,)),),
                state="moving",
                wanted=(Wanted((next(bricks) * CHUNK,), world.now + seconds),),
            )
            for viewer, seconds in due.items()
        ]

    monkeypatch.setattr(world.board, "plans", plans)


def served(world: World, turns: int) -> str:
    """The initials of the viewers, in the order in which they were served."""
    world.work(turns)
    return "".join(file[0] for file, _, _ in world.decoded)


def test_viewers_take_turns_when_bricks_are_due_at_the_same_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(world, monkeypatch, {"ann": 1.2, "bob": 1.0, "cid": 1.1})
    assert served(world, 9) == "abcabcabc"


def test_who_is_due_earlier_comes_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    always(world, monkeypatch, {"ann": 2.9, "bob": 1.0})
    assert served(world, 4) == "bbbb"


@pytest.mark.parametrize("overdue_s", [0.0, 60.0])
def test_a_long_sweep_does_not_starve_another_viewer(
    world: World, monkeypatch: pytest.MonkeyPatch, overdue_s: float
) -> None:
    """Ann's bricks are always due now, Bob's never; he gets a turn when his patience ends."""
    always(world, monkeypatch, {"ann": -overdue_s, "bob": 60.0})
    turns = int(PATIENCE_S / world.takes_s)
    order = served(world, 4 * turns + 4)
    gaps = [len(gap) for gap in order.split("b")]
    assert order.count("b") >= 3
    assert all(turns - 1 <= gap <= turns for gap in gaps[:-1])


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


def test_gauges(world: World) -> None:
    seen = []
    world.during = lambda address: seen.append((world.figures(), world.board.in_flight(), address))
    world.look("ann", 1000)
    world.worker.turn()
    ((figures, flying, address),) = seen
    assert figures == (8, 1, 0)
    assert flying == {address.key}
    assert world.board.in_flight() == frozenset()
    world.during = lambda address: None
    world.work()
    assert world.figures() == (0, 0, 0)


def test_a_long_flight_is_said_again(world: World) -> None:
    seen = []

    def slow(address: BrickAddress) -> None:
        for _ in range(4):
            world.now += FLIGHT_S / 3
            world.worker.refresh_flight()
        seen.append(world.board.in_flight())

    world.during = slow
    world.look("ann", 1000)
    world.worker.turn()
    assert seen == [{world.address("ann.h5", 1000).key}]
    world.worker.refresh_flight()
    assert world.board.in_flight() == frozenset()


def test_a_brick_that_lands_while_its_flight_is_said_again_has_landed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_off = world.board.take_off

    def slow(brick: str) -> None:
        world.worker._flight = None
        world.board.land(brick)
        take_off(brick)

    world.worker._flight = "aaaa"
    monkeypatch.setattr(world.board, "take_off", slow)
    world.worker.refresh_flight()
    assert world.board.in_flight() == frozenset()


def test_expired_rows_are_swept_now_and_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps: list[float] = []
    monkeypatch.setattr(world.board, "sweep", lambda: sweeps.append(world.now))
    for _ in range(10):
        world.worker.turn()
        world.now += SWEEP_S / 4
    assert len(sweeps) == 3


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


def test_a_long_rest_looks_at_the_other_axes(world: World) -> None:
    other = BrickAddress(world.address("ann", 0).volume, 0, 2, (0, 680, 0), (PLANES, 748, 1360))
    asked: list[str] = []

    def elsewhere(plan: ViewerPlan) -> list[BrickAddress]:
        asked.append(plan.viewer)
        return [other]

    world.worker = Worker(
        world.board, world.resolve, world, world.ledger, elsewhere=elsewhere, clock=world.clock
    )
    world.takes_s = 0.0
    world.look("ann", 700)
    world.work()
    assert other.key not in world.cached
    assert asked == []
    world.now += LONG_REST_S + BELIEVED_S
    world.work()
    assert other.key in world.cached
    assert world.decoded[-1][2] is Purpose.RESTING
    count = len(world.decoded)
    world.now += LONG_REST_S + BELIEVED_S
    world.work()
    assert len(world.decoded) == count
