"""The planner: invariants for any movement, and plans for movements of real viewers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.prefetch.planner import (
    BRICKS_A_DIRECTION,
    MAX_SAMPLES,
    REST_AFTER_S,
    Geometry,
    Plan,
    PositionSample,
    Trajectory,
    departure,
    plan,
)

# The reference volume across its first axis: 32 bricks of 68 planes, 251 MB each, half a second to decode.
REFERENCE = Geometry((2160,), (68,), 251_000_000)
LEAD_S = 0.5
BUDGET = 2 * 2**30
PLENTY = 2**60
T0 = 1_700_000_000.0


def walk(start: int, step: int, every_s: float, count: int, t: float = T0) -> list[PositionSample]:
    return [PositionSample(t + i * every_s, (start + i * step,)) for i in range(count)]


def planned(
    movement: Trajectory,
    geometry: Geometry = REFERENCE,
    *,
    lead_s: float = LEAD_S,
    budget: int = BUDGET,
    wait_s: float = 0.0,
) -> Plan:
    return plan(movement, geometry, lead_s, budget, movement[-1].t + wait_s)


def bricks(found: Plan, geometry: Geometry = REFERENCE) -> list[int]:
    return [geometry.brick(entry.position)[0] for entry in found.bricks]


# What holds for any movement


@st.composite
def scenes(
    draw: st.DrawFn, whole_bricks: bool = False
) -> tuple[list[PositionSample], Geometry, float, float]:
    """(movement, geometry, lead_s, now)"""
    rank = draw(st.integers(1, 3))
    chunk = tuple(draw(st.lists(st.integers(1, 70), min_size=rank, max_size=rank)))
    count = draw(st.lists(st.integers(1, 60), min_size=rank, max_size=rank))
    extent = tuple(c * n for c, n in zip(chunk, count, strict=True))
    if not whole_bricks:
        extent = tuple(draw(st.integers(1, n)) for n in extent)
    t, moments = T0, []
    position = [draw(st.integers(0, n - 1)) for n in extent]
    for _ in range(draw(st.integers(1, MAX_SAMPLES))):
        moments.append(PositionSample(t, tuple(position)))
        t += draw(st.sampled_from([0.0, 0.001, 0.033, 0.1, 0.5, 0.8, 30.0]))
        dim = draw(st.integers(0, rank - 1))
        step = draw(st.sampled_from([0, 1, 1, -1, 10, -10, 100, -1000]))
        position[dim] = min(max(position[dim] + step, 0), extent[dim] - 1)
    now = moments[-1].t + draw(st.sampled_from([0.0, 0.05, 0.6, 0.7, 5.0]))
    return moments, Geometry(extent, chunk, 1000), draw(st.sampled_from([0.0, 0.02, 0.5, 5.0])), now


@given(scenes(), st.integers(-1, 200))
def test_any_plan_is_sound(
    scene: tuple[list[PositionSample], Geometry, float, float], bricks_allowed: int
) -> None:
    movement, geometry, lead_s, now = scene
    found = plan(movement, geometry, lead_s, bricks_allowed * 1000 + 999, now)
    positions = [entry.position for entry in found.bricks]
    for position in positions:
        assert len(position) == len(geometry.extent)
        assert all(0 <= x < n for x, n in zip(position, geometry.extent, strict=True))
    numbers = [geometry.brick(position) for position in positions]
    assert len(set(numbers)) == len(numbers)
    deadlines = [entry.deadline for entry in found.bricks]
    assert deadlines == sorted(deadlines)
    assert all(math.isfinite(deadline) and deadline >= now for deadline in deadlines)
    assert len(positions) <= max(0, bricks_allowed)
    here = geometry.brick(movement[-1].position)
    if bricks_allowed > 0:
        assert numbers[0] == here
    for dim in range(len(here)):
        for side in (1, -1):
            assert sum((n[dim] - here[dim]) * side > 0 for n in numbers) <= BRICKS_A_DIRECTION


@given(scenes(whole_bricks=True))
def test_a_mirrored_movement_has_the_mirrored_plan(
    scene: tuple[list[PositionSample], Geometry, float, float],
) -> None:
    movement, geometry, lead_s, now = scene
    last = tuple(n - 1 for n in geometry.extent)

    def mirror(position: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(n - x for x, n in zip(position, last, strict=True))

    mirrored = [PositionSample(t, mirror(position)) for t, position in movement]
    here = plan(movement, geometry, lead_s, PLENTY, now)
    there = plan(mirrored, geometry, lead_s, PLENTY, now)
    assert here.state == there.state
    assert {w.position: w.deadline for w in here.bricks} == {
        mirror(w.position): w.deadline for w in there.bricks
    }


@given(scenes(), st.integers(1, 100))
def test_a_smaller_budget_keeps_what_is_soonest(
    scene: tuple[list[PositionSample], Geometry, float, float], most: int
) -> None:
    movement, geometry, lead_s, now = scene
    everything = plan(movement, geometry, lead_s, PLENTY, now)
    assert plan(movement, geometry, lead_s, most * 1000, now).bricks == everything.bricks[:most]


# What it does with movements that people make


@pytest.mark.parametrize("direction", [1, -1])
def test_leafing_on_plans_ahead_and_not_behind(direction: int) -> None:
    found = planned(walk(1000, direction, 1 / 30, 25))
    here, *others = bricks(found)
    assert found.state == "moving"
    assert here == (1000 + 24 * direction) // 68
    assert others[:2] == [here + direction, here + 2 * direction]
    assert all((brick - here) * direction > 0 for brick in others)


@pytest.mark.parametrize("at", range(0, 68, 5))
def test_a_steady_scroll_is_one_brick_ahead(at: int) -> None:
    """At 10 slices a second and 0.5 s for a brick, the one after the next is 7 s away and can wait."""
    here, *others = bricks(planned(walk(680 + at - 40, 1, 0.1, 41)))
    assert here == (680 + at) // 68
    assert here + 1 in others
    assert set(others) <= {here - 1, here + 1}


def test_the_deadline_is_when_the_brick_is_reached() -> None:
    movement = walk(1000, 1, 1 / 30, 25)  # at 1024, 30 a second; the next brick begins at 1088
    found = planned(movement)
    assert found.bricks[1].deadline - movement[-1].t == pytest.approx(64 / 30, rel=0.1)


def test_a_reversal_reverses_the_plan() -> None:
    there = walk(960, 1, 1 / 30, 25)
    back = walk(983, -1, 1 / 30, 5, there[-1].t + 1 / 30)
    found = planned(there + back)
    assert bricks(found)[1] == bricks(found)[0] - 1


def test_a_fresh_start_is_not_sure_of_its_direction() -> None:
    found = bricks(planned(walk(1000, 1, 0.05, 2)))
    assert found[0] + 1 in found
    assert found[0] - 1 in found


@pytest.mark.parametrize("wait_s", [REST_AFTER_S, 20.0])
def test_at_rest_both_sides_alternate_nearest_first(wait_s: float) -> None:
    found = planned(walk(1000, 1, 1 / 30, 25), wait_s=wait_s)
    here, *others = bricks(found)
    assert found.state == "resting"
    assert [brick - here for brick in others] == [-1, 1, -2, 2, -3, 3, -4]


def test_just_before_rest_it_still_moves() -> None:
    assert planned(walk(1000, 1, 1 / 30, 25), wait_s=REST_AFTER_S - 0.01).state == "moving"


def test_the_first_position_is_rest() -> None:
    found = planned(walk(1000, 0, 1.0, 1))
    assert found.state == "resting"
    assert len(found.bricks) == BUDGET // REFERENCE.brick_bytes


def test_showing_the_same_slice_again_is_no_movement() -> None:
    leafing = walk(1000, 1, 1 / 30, 25)
    again = walk(1024, 0, 0.3, 5, leafing[-1].t + 0.3)
    assert planned(leafing + again).state == "resting"


@pytest.mark.parametrize(
    ("target", "around"), [(1500, [-2, -1, 1, 2]), (100, [-1, 1, 2]), (0, [1, 2])]
)
def test_a_jump_looks_to_both_sides(target: int, around: list[int]) -> None:
    leafing = walk(700, 1, 1 / 30, 20)
    found = planned([*leafing, PositionSample(leafing[-1].t + 0.05, (target,))])
    here, *others = bricks(found)
    assert found.state == "moving"
    assert here == target // 68
    assert sorted(brick - here for brick in others) == around
    assert abs(others[0] - here) == 1


@pytest.mark.parametrize(
    ("came", "voxels", "near"),
    [
        *[(True, 0, 2), (True, 30, 2), (True, 70, 4), (True, 3 * 68, 16), (True, 6 * 68, 32)],
        *[(False, 0, 2), (False, 70, 4)],
    ],
)
def test_at_rest_bricks_are_due_later_than_a_viewer_is_likely_to_go(
    came: bool, voxels: int, near: int
) -> None:
    """It has jumped here or opened the volume here, and gone on by some voxels."""
    long = Geometry((68_000,), (68,), 1)
    before = walk(100, 1, 1.0, 3) if came else []
    moved = [PositionSample(T0 + 5 + i, (34_000 + i * voxels // 8,)) for i in range(9)]
    found = planned([*before, *moved], long, wait_s=5.0)
    here = moved[-1].position[0]
    soon = {
        entry.position[0] // 68 - here // 68
        for entry in found.bricks
        if entry.deadline - (moved[-1].t + 5.0) < 2.1 + abs(entry.position[0] - here) / 10
    }
    assert soon == set(range(-near, near + 1))
    assert len(found.bricks) == 1 + 2 * BRICKS_A_DIRECTION


def test_what_was_before_a_jump_is_forgotten() -> None:
    leafing = walk(100, 1, 1 / 30, 10)
    after = walk(1500, -1, 1 / 30, 12, leafing[-1].t + 1 / 30)
    assert planned(leafing + after) == planned(after)


def test_a_steady_sweep_is_no_jump() -> None:
    """Ten slices a step, through bricks of one slice each: the ones between are left out."""
    thin = Geometry((2000,), (1,), 3_700_000)
    found = planned(walk(100, 10, 0.1, 12), thin, lead_s=0.02)
    here, *others = bricks(found, thin)
    assert others[:5] == [here + 10 * (i + 1) for i in range(5)]
    assert all((brick - here) % 10 == 0 for brick in others)


def test_after_uneven_leaps_no_single_brick_is_likely() -> None:
    thin = Geometry((2000,), (1,), 3_700_000)
    leaps = [0, 30, 70, 95, 140, 171, 200, 240]
    movement = [PositionSample(T0 + 0.1 * i, (100 + x,)) for i, x in enumerate(leaps)]
    found = bricks(planned(movement, thin, lead_s=0.02, budget=PLENTY), thin)
    assert found == [340, 341, 339]


def test_the_first_step_after_a_rest_shows_the_direction() -> None:
    found = planned([*walk(1085, 1, 1.0, 1), *walk(1086, 1, 1.0, 1, T0 + 100)])
    assert bricks(found)[1] == 16
    assert found.bricks[1].deadline - (T0 + 100) == pytest.approx(0.5, abs=0.2)


def test_what_takes_long_to_decode_is_planned_earlier() -> None:
    quick = planned(walk(100, 1, 1 / 30, 25), lead_s=0.1, budget=PLENTY)
    slow = planned(walk(100, 1, 1 / 30, 25), lead_s=2.0, budget=PLENTY)
    assert max(bricks(slow)) > max(bricks(quick))


def test_what_is_passed_before_it_is_ready_is_left_out() -> None:
    """300 slices a second cross a brick in 0.23 s, and one takes 0.5 s to decode."""
    found = planned(walk(700, 10, 1 / 30, 20))
    assert found.bricks[1].deadline + 68 / 300 >= T0 + 19 / 30 + LEAD_S
    assert bricks(found)[1] > bricks(found)[0] + 1


def test_a_backlog_that_is_served_in_a_burst_does_not_end_planning() -> None:
    """Single steps faster than any screen are what waited for a miss: the next brick is needed all the same."""
    burst = walk(10, 1, 1 / 250, 30)
    assert bricks(planned(burst, lead_s=0.6))[:2] == [0, 1]


def test_single_steps_now_and_then_plan_both_sides() -> None:
    found = planned(walk(970, 1, 0.5, 10))
    here = bricks(found)[0]
    assert set(bricks(found)[1:3]) == {here + 1, here - 1}


def test_the_dimension_moved_along_comes_first_at_rest() -> None:
    film = Geometry((200, 90), (1, 30), 1000)
    movement = [PositionSample(T0 + 0.1 * i, (100, 40 + i)) for i in range(5)]
    found = plan(movement, film, 0.1, 5000, T0 + 60)
    assert [w.position for w in found.bricks[:3]] == [(100, 44), (100, 29), (100, 60)]
    leafed = [PositionSample(T0 + 0.1 * i, (100 + i, 44)) for i in range(5)]
    found = plan(leafed, film, 0.1, 5000, T0 + 60)
    assert [w.position[0] - 104 for w in found.bricks] == [0, 1, -1, 2, -2]


def test_at_the_end_there_is_only_the_way_back() -> None:
    assert bricks(planned(walk(2130, 1, 1 / 30, 30))) == [31, 30]


def test_no_budget_no_plan() -> None:
    assert planned(walk(0, 1, 0.1, 5), budget=REFERENCE.brick_bytes - 1).bricks == ()
    assert plan([], REFERENCE, 0.5, BUDGET, T0) == Plan("resting", ())


def test_messages_that_arrive_at_once_are_no_infinite_speed() -> None:
    at_once = walk(1000, 1, 0.0, 10)
    assert all(math.isfinite(w.deadline) for w in planned(at_once, lead_s=0.0).bricks)


@pytest.mark.parametrize(
    ("movement", "target", "expected"),
    [
        (walk(1000, 1, 0.1, 5), 1068, None),
        (walk(1000, 1, 0.1, 5), 1800, "jumped"),
        (walk(1000, 1, 0.1, 5), 200, "jumped"),
        (walk(1000, 1, 0.1, 5), 990, "turned"),
        (walk(1000, -1, 0.1, 5), 1068, "turned"),
        # Steps of that length are how it moves.
        (walk(0, 300, 0.1, 4), 1200, None),
        (walk(1000, 0, 0.1, 1), 1010, None),
        (walk(1000, 0, 0.1, 1), 1700, "jumped"),
    ],
)
def test_a_departure_is_a_jump_or_a_turn(
    movement: Trajectory, target: int, expected: str | None
) -> None:
    assert departure(movement, (target,), REFERENCE) == expected
