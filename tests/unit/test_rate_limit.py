"""A sliding window by name."""

from __future__ import annotations

from dashboard.rate_limit import RateLimit
from tests.clock import Clock


def test_the_wait_is_until_the_oldest_event_leaves_the_window() -> None:
    clock = Clock()
    limit = RateLimit(2, 60.0, 8, clock)
    assert limit.wait_s("a") == 0.0
    assert limit.admit("a") == 1
    clock.pass_(10.0)
    assert limit.wait_s("a") == 0.0
    assert limit.admit("a") == 1
    assert limit.admit("a") == 0
    assert limit.wait_s("a") == 50.0
    assert limit.wait_s("b") == 0.0
    clock.pass_(50.0)
    assert limit.wait_s("a") == 0.0
    assert limit.admit("a", 5) == 1
    assert limit.wait_s("a") == 10.0


def test_names_that_are_asked_about_push_out_no_other() -> None:
    limit = RateLimit(1, 60.0, 8, Clock())
    limit.admit("a")
    for number in range(20):
        assert limit.wait_s(f"other-{number}") == 0.0
    assert limit.wait_s("a") == 60.0


def test_a_clock_that_is_set_back_forgets() -> None:
    clock = Clock()
    limit = RateLimit(1, 60.0, 8, clock)
    limit.admit("a")
    clock.pass_(-1000.0)
    assert limit.wait_s("a") == 0.0
