"""A failure stays in its compartment, is retried with a back-off, and does not flood the log."""

from __future__ import annotations

import logging

import pytest

from dashboard.bulkhead import Bulkhead
from dashboard.errors import Busy, NotFound
from dashboard.log_limit import LINES, LOG_EVERY_S, REMEMBERED
from tests.clock import Clock

log = logging.getLogger("bulkhead-test")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fail(error: Exception) -> int:
    raise error


def test_others_go_on(clock: Clock) -> None:
    bulkhead = Bulkhead(log, clock=clock)
    results = [
        bulkhead.run(name, lambda n=number: fail(ValueError()) if n == 1 else n, -1)  # type: ignore[misc]
        for number, name in enumerate("abc")
    ]
    assert results == [0, -1, 2]


def test_each_failure_in_a_row_doubles_the_pause(clock: Clock) -> None:
    bulkhead = Bulkhead(log, pause_s=1.0, longest_s=8.0, clock=clock)
    began = clock()
    tried: list[float] = []

    def work() -> None:
        tried.append(clock() - began)
        raise ValueError

    for _ in range(60):
        bulkhead.run("a", work, None)
        clock.now += 0.5
    assert tried == [0.0, 1.0, 3.0, 7.0, 15.0, 23.0]


def test_success_ends_the_back_off(clock: Clock) -> None:
    bulkhead = Bulkhead(log, pause_s=1.0, clock=clock)
    for _ in range(3):
        bulkhead.run("a", lambda: fail(ValueError()), 0)
        clock.now += 10.0
    assert bulkhead.run("a", lambda: 5, 0) == 5
    bulkhead.run("a", lambda: fail(ValueError()), 0)
    assert bulkhead.closed("a")
    clock.now += 1.0
    assert not bulkhead.closed("a")


def test_a_busy_machine_is_no_reason_to_wait_longer_each_time(clock: Clock) -> None:
    bulkhead = Bulkhead(log, pause_s=1.0, clock=clock)
    for _ in range(5):
        bulkhead.run("a", lambda: fail(Busy("Later.")), 0)
        assert bulkhead.closed("a")
        clock.now += 1.0
        assert not bulkhead.closed("a")


def test_a_clock_that_is_set_back_closes_nothing(clock: Clock) -> None:
    bulkhead = Bulkhead(log, clock=clock)
    bulkhead.run("a", lambda: fail(ValueError()), 0)
    clock.now -= 3600.0
    assert bulkhead.run("a", lambda: 5, 0) == 5


def test_what_ends_the_process_gets_through(clock: Clock) -> None:
    def leave() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        Bulkhead(log, clock=clock).run("a", leave, None)


def test_one_line_a_minute_and_a_traceback_where_no_cause_was_foreseen(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bulkhead = Bulkhead(log, pause_s=0.0, clock=clock)
    for _ in range(100):
        bulkhead.run("a", lambda: fail(NotFound("There is no file 'x'.")), 0)
    (record,) = caplog.records
    assert record.getMessage() == "a failed: There is no file 'x'."
    assert record.exc_info is None
    clock.now += LOG_EVERY_S
    bulkhead.run("a", lambda: fail(ValueError("a bug")), 0)
    assert "99 more" in caplog.records[-1].getMessage()
    assert caplog.records[-1].exc_info is not None


def test_names_that_callers_make_up_flood_neither_log_nor_memory(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bulkhead = Bulkhead(log, clock=clock)
    for number in range(2 * REMEMBERED):
        bulkhead.run(f"{number}" + "x" * 5000, lambda: fail(ValueError("y" * 5000)), 0)
    assert len(caplog.records) == LINES
    assert all(len(record.getMessage()) < 600 for record in caplog.records)
    # The pauses of all are the same; those of the first are forgotten.
    assert bulkhead.closed(f"{2 * REMEMBERED - 1}" + "x" * 5000)
    assert not bulkhead.closed("0" + "x" * 5000)


def test_trouble_with_the_disk_has_no_traceback(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bulkhead = Bulkhead(log, clock=clock)
    bulkhead.run("a", lambda: fail(NotADirectoryError("cache")), 0)
    bulkhead.run("b", lambda: fail(ValueError()), 0)
    assert [record.exc_info is not None for record in caplog.records] == [False, True]
