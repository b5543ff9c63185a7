"""What becomes of bricks decoded ahead: each cause of waste, and when it is decided."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dashboard.addressing.outcomes import Waste
from dashboard.prefetch.fates import GRACE_S, REVIEW_S, BrickFates
from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.planner import Geometry
from dashboard.prefetch.viewer_plan import ViewerPlan
from tests.clock import Clock
from tests.unit.prefetch.plans import view

Decided = list[tuple[str, Waste]]


class Browsing:
    """Viewers with plans, and the worker's decisions; a brick is named by its viewer's planes and its number."""

    def __init__(self, board: PlanStore, clock: Clock) -> None:
        self.board = board
        self.clock = clock
        self.decided: Decided = []
        # Those that stay, where nobody moves.
        self.kept: list[ViewerPlan] | None = None
        self.fates = BrickFates(self.waste, self.keys_of, self.plans, clock=lambda: clock.now)

    def plans(self) -> list[ViewerPlan]:
        return self.board.plans() if self.kept is None else self.kept

    def waste(self, key: str, cause: Waste) -> None:
        self.decided.append((key, cause))

    @staticmethod
    def key(
        brick: int, plane: tuple[int, ...] = (1, 2), file: str = "scan.h5", state: int = 4
    ) -> str:
        return f"{file} {state} {plane} {brick}"

    def keys_of(self, plan: ViewerPlan) -> set[str]:
        volume = plan.plane, plan.file, plan.fingerprint[-1]
        return {self.key(planned.position[0] // 68, *volume) for planned in plan.bricks}

    def move(self, indexes: Sequence[int], viewer: str = "ann", **other: object) -> None:
        for index in indexes:
            self.clock.now += 0.2
            view(self.board, index, viewer, **other)

    def review(self) -> Decided:
        """The decisions that are new, a second later."""
        self.clock.now += REVIEW_S
        before = len(self.decided)
        self.fates.review()
        return self.decided[before:]

    def ahead(self, *bricks: int) -> None:
        """The worker decodes bricks of the current plan."""
        self.fates.review()
        for brick in bricks:
            assert self.key(brick) in self.keys_of(self.board.plans()[0])
            self.fates.decoded(self.key(brick), self.board.live_plan("ann"))


@pytest.fixture
def browsing(board: PlanStore, clock: Clock) -> Browsing:
    return Browsing(board, clock)


def after_grace(browsing: Browsing) -> Decided:
    """Decisions once the grace period is over; the plans stay, since nobody moves."""
    assert browsing.review() == []
    browsing.kept = browsing.board.plans()
    browsing.clock.now += GRACE_S
    before = len(browsing.decided)
    browsing.fates.review()
    browsing.kept = None
    return browsing.decided[before:]


def test_what_is_planned_is_undecided(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(16, 17)
    assert after_grace(browsing) == []


def test_turning_back_wastes_what_lay_ahead(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(19)
    browsing.move(range(1080, 600, -20))
    assert after_grace(browsing) == [(browsing.key(19), Waste.TURNED)]


def test_plans_for_volumes_of_which_nothing_is_undecided_are_not_resolved(
    browsing: Browsing, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[str] = []

    def keys_of(plan: ViewerPlan) -> set[str]:
        resolved.append(plan.file)
        return Browsing.keys_of(browsing, plan)

    browsing.fates = BrickFates(
        browsing.waste, keys_of, browsing.board.plans, clock=lambda: browsing.clock.now
    )
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(16)
    browsing.move([1000, 1020], viewer="bob", file="other.h5")
    resolved.clear()
    assert browsing.review() == []
    assert resolved == ["scan.h5"]


def test_a_viewer_that_jumps_wastes_what_lay_around(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(17)
    browsing.move([100])
    assert after_grace(browsing) == [(browsing.key(17), Waste.JUMPED)]


def test_another_axis_is_a_jump(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(17)
    browsing.move([5], plane=(0, 2), geometry=Geometry((1360,), (43,), 1000), selection=":,5,:")
    assert after_grace(browsing) == [(browsing.key(17), Waste.JUMPED)]


def test_what_a_movement_passed_was_planned_too_deep(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(16)
    browsing.move(range(1100, 1700, 20))
    assert after_grace(browsing) == [(browsing.key(16), Waste.TOO_DEEP)]


@pytest.mark.parametrize("how", ["closed", "paused", "another volume", "file changed"])
def test_a_viewer_that_leaves_wastes_its_bricks(browsing: Browsing, how: str) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(17)
    if how == "closed":
        browsing.clock.now += 31
    elif how == "paused":
        browsing.board.pause("ann", 300)
    elif how == "another volume":
        browsing.move([1000], file="other.h5")
    else:
        browsing.move([1000], fingerprint=[1, 2, 3, 5])
    assert after_grace(browsing) == [(browsing.key(17), Waste.LEFT)]


def test_a_brick_of_two_viewers_is_decided_by_the_last_of_them(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(17)
    browsing.clock.now += 29
    browsing.move(range(1000, 1100, 20), "bob")
    assert browsing.review() == []
    browsing.clock.now += 5
    assert [plan.viewer for plan in browsing.board.plans()] == ["bob"]
    assert after_grace(browsing) == []
    browsing.move([100], "bob")
    assert after_grace(browsing) == [(browsing.key(17), Waste.JUMPED)]


def test_a_brick_that_is_planned_again_within_the_grace_period_is_undecided(
    browsing: Browsing,
) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(17)
    browsing.move([100])
    assert browsing.review() == []
    browsing.clock.now += 0.3 * GRACE_S
    browsing.move([1090])
    assert browsing.review() == []
    browsing.move([100])
    assert browsing.review() == []
    browsing.clock.now += 0.3 * GRACE_S
    assert browsing.review() == []
    browsing.clock.now += 0.3 * GRACE_S
    assert browsing.review() == [(browsing.key(17), Waste.JUMPED)]


def test_the_first_departure_is_the_cause(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(19)
    # Both before the next review.
    browsing.move([*range(1080, 700, -20), 2000])
    assert after_grace(browsing) == [(browsing.key(19), Waste.TURNED)]


def test_a_brick_for_another_axis_is_planned_while_its_viewer_is_in_the_volume(
    browsing: Browsing,
) -> None:
    browsing.move([1000])
    browsing.fates.decoded(browsing.key(7, (0, 2)), browsing.board.live_plan("ann"))
    browsing.move(range(1000, 1400, 20))
    assert after_grace(browsing) == []
    browsing.move([1000], file="other.h5")
    assert after_grace(browsing) == [(browsing.key(7, (0, 2)), Waste.LEFT)]


def test_each_brick_is_decided_once(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(17)
    browsing.move([100])
    assert len(after_grace(browsing)) == 1
    browsing.clock.now += 60
    assert browsing.review() == []


def test_a_decision_that_fails_costs_no_other(browsing: Browsing) -> None:
    browsing.move(range(1000, 1100, 20))
    browsing.ahead(17, 18)
    record = browsing.waste

    def waste(key: str, cause: Waste) -> None:
        if key == browsing.key(17):
            raise OSError("no disk")
        record(key, cause)

    browsing.fates = BrickFates(
        waste, browsing.keys_of, browsing.plans, clock=lambda: browsing.clock.now
    )
    browsing.ahead(17, 18)
    browsing.move([100])
    assert after_grace(browsing) == [(browsing.key(18), Waste.JUMPED)]
