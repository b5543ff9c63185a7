"""The plan store: one row per viewer, replaced as a whole, expiring, whatever other rows there are."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from dashboard.prefetch import planner
from dashboard.prefetch.plan_store import FLIGHT_S, MAX_PLANS, PlanStore
from dashboard.prefetch.planner import MAX_SAMPLES, REST_AFTER_S, Geometry
from dashboard.prefetch.viewer_plan import PREFIX
from dashboard.storage.followed_rows import ALL_EVERY_S
from dashboard.storage.rows import DiskRows, open_rows
from tests.clock import Clock
from tests.rows import MemoryRows
from tests.unit.prefetch.plans import only, view, viewers


def test_a_movement_is_gathered_and_planned_for(board: PlanStore, clock: Clock) -> None:
    for index in range(1000, 1020):
        clock.now += 1 / 30
        assert view(board, index)
    plan = only(board)
    assert plan.viewer == "ann"
    assert (plan.file, plan.dataset, plan.fingerprint) == ("scan.h5", "/volume", (1, 2, 3, 4))
    assert plan.selection == "1019,0:1360:1,0:1360:1"
    assert plan.plane == (1, 2)
    assert plan.position == (1019,)
    assert plan.last_request_at == clock.now
    assert [moment.position[0] for moment in plan.trajectory] == list(range(1000, 1020))
    assert plan.state == "moving"
    assert [brick.position for brick in plan.bricks[:3]] == [(1019,), (1020,), (1088,)]


def test_what_is_kept_of_a_movement_is_bounded(board: PlanStore, clock: Clock) -> None:
    for index in range(100):
        clock.now += 0.01
        view(board, index)
    plan = only(board)
    assert len(plan.trajectory) == MAX_SAMPLES
    assert plan.position == (99,)


def test_a_new_plan_replaces_the_old_one(board: PlanStore, cache: DiskRows, clock: Clock) -> None:
    view(board, 100)
    clock.now += 0.1
    view(board, 2000)
    assert len(cache.keys_with_prefix(PREFIX)) == 1
    assert only(board).bricks[0].position == (2000,)


@pytest.mark.parametrize(
    "other",
    [
        {"file": "other.h5"},
        {"dataset": "/other"},
        {"fingerprint": [9, 2, 3, 4]},
        {"plane": (0, 2)},
        {"geometry": Geometry((1360,), (43,), 1000)},
    ],
)
def test_another_volume_or_orientation_starts_afresh(
    board: PlanStore, clock: Clock, other: dict[str, Any]
) -> None:
    for index in range(100, 110):
        clock.now += 0.05
        view(board, index)
    view(board, 500, **other)
    plan = only(board)
    assert [moment.position for moment in plan.trajectory] == [(500,)]
    assert plan.state == "resting"


def test_zooming_in_goes_on(board: PlanStore, clock: Clock) -> None:
    view(board, 100)
    clock.now += 0.1
    view(board, 101, geometry=Geometry((2160,), (68,), 250), selection="101,0:10:1,0:10:1")
    assert len(only(board).trajectory) == 2
    assert only(board).geometry.brick_bytes == 250


def test_the_same_slice_again_is_no_movement_but_a_sign_of_life(
    board: PlanStore, clock: Clock
) -> None:
    view(board, 100)
    clock.now += 20
    view(board, 100)
    clock.now += 20
    assert len(only(board).trajectory) == 1


def test_moments_are_in_order_whoever_writes_first(board: PlanStore, clock: Clock) -> None:
    view(board, 100, at=clock.now)
    view(board, 101, at=clock.now - 0.5)
    times = [moment.t for moment in only(board).trajectory]
    assert times == sorted(times)
    assert only(board).last_request_at == clock.now


def test_who_stops_moving_is_planned_for_as_resting(board: PlanStore, clock: Clock) -> None:
    for index in range(1000, 1020):
        clock.now += 1 / 30
        view(board, index)
    clock.now += REST_AFTER_S
    plan = only(board)
    assert plan.state == "resting"
    assert {brick.position[0] // 68 for brick in plan.bricks} >= {13, 14, 15}
    assert only(board) is plan, "a plan that was not replaced should be the same one"


def test_plans_expire(board: PlanStore, clock: Clock) -> None:
    view(board, 100)
    view(board, 200, viewer="bob")
    clock.now += 29
    view(board, 201, viewer="bob")
    assert viewers(board) == ["ann", "bob"]
    clock.now += 1
    assert viewers(board) == ["bob"]


def test_a_plan_from_the_future_is_not_live(board: PlanStore, clock: Clock) -> None:
    view(board, 100, at=clock.now + 3600)
    assert board.plans() == []


def test_the_budget_is_kept(cache: DiskRows, clock: Clock) -> None:
    board = PlanStore(cache, budget_bytes=3_999, clock=clock)
    view(board, 1000)
    assert len(only(board).bricks) == 3


def test_no_more_plans_than_bounded(board: PlanStore) -> None:
    for number in range(MAX_PLANS + 10):
        view(board, 100, viewer=f"v{number}")
    assert len(board.plans()) == MAX_PLANS


def test_bricks_in_flight(board: PlanStore, cache: DiskRows, clock: Clock) -> None:
    board.mark_in_flight("aaaa")
    board.mark_in_flight("bbbb")
    cache.set("flight:planted", b"{")
    cache.set("flight:forever", b"1e18")
    assert board.in_flight() == {"aaaa", "bbbb"}
    board.clear_in_flight("aaaa")
    assert board.in_flight() == {"bbbb"}
    clock.now += FLIGHT_S / 2
    board.mark_in_flight("bbbb")
    clock.now += FLIGHT_S / 2 + 1
    assert board.in_flight() == {"bbbb"}
    clock.now += FLIGHT_S
    assert board.in_flight() == frozenset()


def test_one_viewer_in_many_threads_loses_no_moment(cache: DiskRows, clock: Clock) -> None:
    """What requests add at once is all there."""
    patient = open_rows(Path(cache.cache.directory), timeout_s=10.0)
    board = PlanStore(patient, clock=clock)

    def browse(first: int) -> None:
        for index in range(first, first + 7):
            assert view(board, index)
        patient.close()

    threads = [threading.Thread(target=browse, args=(100 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(only(board).trajectory) == 28
    patient.close()


def test_it_knows_which_dimension_was_moved_along_last(board: PlanStore, clock: Clock) -> None:
    geometry = Geometry((10, 100), (1, 10), 1000)
    for position in ((3, 50), (4, 50), (4, 51), (4, 51)):
        clock.now += 0.1
        view(board, 0, position=position, geometry=geometry)
    assert only(board).last_moved_axis == 1
    clock.now += 0.1
    view(board, 0, position=(5, 51), geometry=geometry)
    assert only(board).last_moved_axis == 0


def test_who_has_not_moved_may_move_along_any_dimension(board: PlanStore) -> None:
    view(board, 7)
    assert only(board).last_moved_axis == 0


def test_ids_that_a_caller_makes_up_do_not_crowd_out_a_viewer_that_moves(
    board: PlanStore, clock: Clock
) -> None:
    view(board, 100, viewer="zoe")
    for number in range(MAX_PLANS + 10):
        view(board, 7, viewer=f"-{number}")
        if number % 10 == 0:
            view(board, 100 + number, viewer="zoe")
    assert "zoe" in viewers(board)


def test_bricks_are_found_when_somebody_asks_for_them(
    board: PlanStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several machines, one decodes for a viewer, and all read its plan."""
    made: list[float] = []
    plan = planner.plan

    def counted(*given: Any) -> Any:
        made.append(given[-1])
        return plan(*given)

    monkeypatch.setattr(planner, "plan", counted)
    for index in (700, 701):
        clock.now += 0.1
        view(board, index)
    noted_at = clock.now
    clock.now += 0.2
    first = only(board)
    assert made == []
    assert (first.state, first.bricks) == ("moving", only(board).bricks)
    assert made == [noted_at]
    clock.now += REST_AFTER_S
    assert only(board).state == "resting"
    assert made == [noted_at, clock.now]


def test_what_was_not_written_meanwhile_is_not_read_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = MemoryRows(clock)
    board, writer = (PlanStore(rows, clock=clock) for _ in range(2))
    view(writer, 100)
    view(writer, 100, viewer="bob")
    assert viewers(board) == ["ann", "bob"]
    listed: list[str] = []
    changes = rows.changes

    def reading(*asked: Any) -> Any:
        found = changes(*asked)
        listed.extend(key for key, _ in found.rows)
        return found

    monkeypatch.setattr(rows, "changes", reading)
    assert viewers(board) == ["ann", "bob"]
    assert listed == []
    view(writer, 101, viewer="bob")
    assert [plan.position for plan in board.plans()] == [(100,), (101,)]
    assert listed == ["plan:bob"]
    # A row that was removed is noticed after a while.
    rows.delete("plan:ann")
    clock.now += ALL_EVERY_S
    assert viewers(board) == ["bob"]


def test_a_viewer_that_has_paused_prefetching_has_no_plan(board: PlanStore, clock: Clock) -> None:
    view(board, 700)
    view(board, 700, viewer="bob")
    assert board.pause("ann", 300.0)
    assert [plan.viewer for plan in board.plans()] == ["bob"]
    clock.now += 1
    view(board, 701)
    assert [plan.viewer for plan in board.plans()] == ["bob"]
    # Its trajectory goes on; nothing in it is planned.
    paused = board.plan_of("ann")
    assert paused is not None
    assert paused.bricks == ()
    assert len(paused.trajectory) == 2
    assert board.pause("ann", 0.0)
    clock.now += 1
    view(board, 702)
    (plan,) = (plan for plan in board.plans() if plan.viewer == "ann")
    assert plan.bricks
    assert len(plan.trajectory) == 3


def test_a_pause_ends_by_itself(clock: Clock) -> None:
    board = PlanStore(MemoryRows(clock), plan_seconds=30.0, budget_bytes=8_000, clock=clock)
    board.pause("ann", 5.0)
    view(board, 700)
    assert board.plans() == []
    clock.now += 5.1
    view(board, 701)
    assert [plan.viewer for plan in board.plans()] == ["ann"]


def positions(board: PlanStore) -> list[int]:
    return [sample.position[0] for sample in only(board).trajectory]


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("together", [True, False])
def test_a_late_report_of_slices_on_the_way_is_no_reversal(
    board: PlanStore, clock: Clock, way: int, together: bool
) -> None:
    here = 1000
    view(board, here)
    clock.now += 0.5
    view(board, here + 5 * way)
    clock.now += 0.5
    late = [here + n * way for n in range(1, 5)]
    if together:
        view(board, late[-1], painted_before=[(index,) for index in late[:-1]])
        late = late[-1:]
    else:
        for index in late:
            view(board, index, painted_before=[])
    assert positions(board) == [here, *late, here + 5 * way]
    samples = only(board).trajectory
    assert samples[-2].t == pytest.approx(clock.now - 0.5 - 0.1)
    on = (here + 6 * way,)
    assert planner.departure(samples, on, only(board).geometry) is None
    assert only(board).position == (here + 5 * way,)
    assert only(board).selection.startswith(f"{here + 5 * way},")


def test_a_late_report_may_be_older_than_several_requests(board: PlanStore, clock: Clock) -> None:
    for index in (1000, 1005, 1006, 1007):
        view(board, index)
        clock.now += 0.05
    view(board, 1004, painted_before=[(1000,), (1001,), (1003,)])
    assert positions(board) == [1000, 1004, 1005, 1006, 1007]


@pytest.mark.parametrize(
    ("reported", "before"),
    [
        # Farther on, and farther back than the last two.
        (1006, []),
        (999, []),
        (1000, []),
        # Between them, but the page went back.
        (1003, [(1005,), (1004,)]),
        (1003, [(1004,)]),
        (1004, [(1001,), (1005,)]),
    ],
)
def test_a_report_of_where_the_viewer_went_is_the_newest_position(
    board: PlanStore, clock: Clock, reported: int, before: list[tuple[int, ...]]
) -> None:
    for index in (1000, 1005):
        view(board, index)
        clock.now += 0.5
    view(board, reported, painted_before=before)
    assert positions(board) == [1000, 1005, reported]


def test_a_request_is_always_the_newest_position(board: PlanStore, clock: Clock) -> None:
    for index in (1000, 1005, 1003):
        view(board, index)
        clock.now += 0.5
    assert positions(board) == [1000, 1005, 1003]


def test_planes_beside_each_other_move_on_by_themselves(board: PlanStore, clock: Clock) -> None:
    """The main picture stays, while a point moves through the two others at once."""
    view(board, 700)
    across = {"plane": (0, 2), "geometry": Geometry((1360,), (43,), 1000), "beside": True}
    along = {"plane": (0, 1), "geometry": Geometry((1360,), (43,), 1000), "beside": True}
    for index in range(100, 120):
        clock.now += 1 / 30
        view(board, index, **across)
        view(board, 2 * index, **along)
    main, *others = sorted(board.plans(), key=lambda plan: plan.name)
    assert (main.name, main.position, main.state) == ("ann", (700,), "resting")
    moved = {plan.plane: plan for plan in others}
    assert [sample.position[0] for sample in moved[0, 2].trajectory] == list(range(100, 120))
    assert [sample.position[0] for sample in moved[0, 1].trajectory] == list(range(200, 240, 2))
    assert {plan.state for plan in others} == {"moving"}
    # They share what the worker does for this viewer.
    assert {plan.sharer for plan in (main, *others)} == {"viewer:ann"}
    assert {plan.viewer for plan in others} == {"ann"}
    # The main picture goes on where it was, and the others end by themselves.
    clock.now += 29
    view(board, 701)
    clock.now += 2
    assert [plan.name for plan in board.plans()] == ["ann"]
    assert [sample.position for sample in only(board).trajectory] == [(700,), (701,)]


def test_a_pause_is_for_all_pictures_of_a_viewer(board: PlanStore) -> None:
    view(board, 700)
    view(board, 5, plane=(0, 2), beside=True)
    board.pause("ann", 60)
    assert board.plans() == []
