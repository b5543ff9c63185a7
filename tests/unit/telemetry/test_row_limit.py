"""Rows per second and viewer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.telemetry.row_limit import ROWS_PER_SECOND, VIEWERS, WINDOW_S, RowLimit
from tests.clock import Clock


@given(reports=st.lists(st.tuples(st.floats(0.0, 0.7), st.integers(0, 200)), max_size=60))
def test_no_second_has_more_rows_than_admitted(reports: list[tuple[float, int]]) -> None:
    clock = Clock()
    limit = RowLimit(clock)
    admitted: list[tuple[float, int]] = []
    for pause, rows in reports:
        clock.now += pause
        count = limit.admit("v", rows)
        assert 0 <= count <= rows
        admitted.append((clock.now, count))
        within = sum(n for at, n in admitted if clock.now - at < WINDOW_S)
        assert within <= ROWS_PER_SECOND
        # Nothing is refused while there is room.
        assert count == rows or within == ROWS_PER_SECOND


def test_viewers_have_limits_of_their_own() -> None:
    limit = RowLimit(Clock())
    assert limit.admit("a", 1000) == ROWS_PER_SECOND
    assert limit.admit("a", 1) == 0
    assert limit.admit("b", 5) == 5


def test_a_page_that_paints_sixty_slices_a_second_is_never_refused() -> None:
    clock = Clock()
    limit = RowLimit(clock)
    for _ in range(100):
        clock.now += 50 / 60
        assert limit.admit("a", 50) == 50


def test_any_number_of_made_up_viewers_takes_bounded_memory() -> None:
    limit = RowLimit(Clock())
    for number in range(VIEWERS + 1):
        limit.admit(f"{number}", 1)
    # The least recently active viewer is forgotten, and so is what it was admitted.
    assert limit.admit("0", ROWS_PER_SECOND) == ROWS_PER_SECOND
    assert limit.admit(f"{VIEWERS}", ROWS_PER_SECOND) == ROWS_PER_SECOND - 1


def test_a_clock_that_is_set_back_refuses_nobody_for_ever() -> None:
    clock = Clock()
    limit = RowLimit(clock)
    limit.admit("a", 1000)
    clock.now -= 3600.0
    assert limit.admit("a", 5) == 5
