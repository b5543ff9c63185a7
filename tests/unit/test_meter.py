"""Stages have their self time and add up to the total, also with errors."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.addressing.outcomes import Stage
from dashboard.meter import count_bytes, meter, reattribute, recording
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nested_time_is_counted_once(clock: Clock) -> None:
    with recording("cache", clock) as rec:
        clock.pass_(1)
        with meter("decode"):
            clock.pass_(2)
            with meter("read"):
                clock.pass_(4)
            clock.pass_(8)
        clock.pass_(16)
        with meter("read"):
            clock.pass_(32)
    assert rec.seconds == {"cache": 17, "decode": 10, "read": 36}
    assert rec.total_s == 63


def test_bytes_are_summed_by_stage_for_the_thread_of_the_recording() -> None:
    count_bytes(Stage.READ, 1)  # nobody listens
    with recording(Stage.OTHER) as rec:
        count_bytes(Stage.READ, 0)
        count_bytes(Stage.DECODE, 5)
        context = contextvars.copy_context()
        other = threading.Thread(target=context.run, args=(count_bytes, Stage.DECODE, 7))
        other.start()
        other.join()
        count_bytes(Stage.DECODE, 8)
    count_bytes(Stage.READ, 2)
    assert rec.nbytes == {Stage.READ: 0, Stage.DECODE: 13}


def test_the_root_may_change_on_the_way(clock: Clock) -> None:
    with recording("cache", clock) as rec:
        clock.pass_(1)
        with meter("decode"):
            clock.pass_(2)
            rec.root("encode")
            clock.pass_(2)
        clock.pass_(5)
    assert rec.seconds == {"cache": 1, "decode": 4, "encode": 5}


def test_time_is_kept_when_the_work_fails(clock: Clock) -> None:
    def tear() -> None:
        with meter("decode"):
            clock.pass_(3)
            raise ValueError("torn")

    with recording("cache", clock) as rec:
        clock.pass_(1)
        with pytest.raises(ValueError, match="torn"):
            tear()
    assert rec.seconds == {"cache": 1, "decode": 3}
    assert rec.total_s == 4


def test_what_is_metered_outside_of_a_recording_is_in_none(clock: Clock) -> None:
    with meter("decode"):
        clock.pass_(1)
        reattribute({"read": 1.0})
    with recording("cache", clock) as rec:
        clock.pass_(2)
    assert rec.seconds == {"cache": 2}


def test_total_runs_until_the_end_and_stays(clock: Clock) -> None:
    with recording("cache", clock) as rec:
        clock.pass_(2)
        assert rec.total_s == 2
    clock.pass_(5)
    rec.end()
    rec.root("encode")
    assert rec.total_s == 2
    assert rec.seconds == {"cache": 2}


def test_charge_takes_from_the_enclosing_stage(clock: Clock) -> None:
    with recording("cache", clock) as rec:
        clock.pass_(1)
        with meter("wait"):
            clock.pass_(10)
            reattribute({"read": 3.0, "decode": 6.0, "index": 0.0})
        clock.pass_(1)
    assert rec.seconds == {"cache": 2, "wait": 1, "read": 3, "decode": 6}


def test_charge_never_books_more_than_there_was(clock: Clock) -> None:
    with recording("cache", clock) as rec:
        clock.pass_(5)
        with meter("wait"):
            clock.pass_(4)
            reattribute({"read": 2.0, "decode": 6.0})
            reattribute({"decode": 6.0})
        reattribute({})
    assert rec.seconds == {"cache": 5, "wait": 0, "read": 1, "decode": 3}
    assert rec.total_s == 9


def test_an_inner_recording_listens_alone(clock: Clock) -> None:
    with recording("cache", clock) as outer:
        with recording("wait", clock) as inner, meter("decode"):
            clock.pass_(2)
        with meter("index"):
            clock.pass_(1)
    assert inner.seconds == {"wait": 0, "decode": 2}
    assert outer.seconds == {"cache": 2, "index": 1}


def test_a_copied_context_in_another_thread_books_nothing(clock: Clock) -> None:
    def work() -> None:
        with meter("decode"):
            reattribute({"read": 1.0})

    with recording("cache", clock) as rec:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        thread.join()
        clock.pass_(1)
    assert rec.seconds == {"cache": 1}


def test_a_generator_left_late_does_no_harm(clock: Clock) -> None:
    def rows() -> Generator[int, None, None]:
        with meter("encode"):
            yield 1

    with recording("cache", clock) as rec:
        with meter("index"):
            late = rows()
            next(late)
            clock.pass_(1)
        clock.pass_(2)
    late.close()
    assert rec.seconds == {"cache": 2, "index": 0, "encode": 1}


Tree = list[tuple[str, float, "Tree"]]
names = st.sampled_from(["read", "decode", "index"])
ticks = st.integers(0, 1000).map(float)
trees: st.SearchStrategy[Tree] = st.recursive(
    st.just([]),
    lambda below: st.lists(st.tuples(names, ticks, below), max_size=3),
    max_leaves=12,
)


@given(trees, st.lists(st.tuples(names, ticks), max_size=4))
def test_the_parts_are_the_whole(tree: Tree, booked: list[tuple[str, float]]) -> None:
    clock = Clock()

    def walk(level: Tree) -> None:
        for stage, seconds, below in level:
            with meter(stage):
                clock.pass_(seconds)
                walk(below)
        for stage, seconds in booked:
            reattribute({stage: seconds})

    with recording("cache", clock) as rec:
        walk(tree)
    assert sum(rec.seconds.values()) == pytest.approx(rec.total_s)
    assert all(seconds >= 0.0 for seconds in rec.seconds.values())


def test_the_queue_is_part_of_wait_and_of_the_total(clock: Clock) -> None:
    with recording("other", clock, queued_s=3.0) as rec:
        clock.pass_(1)
        with meter("wait"):
            clock.pass_(2)
    assert rec.seconds == {"other": 1, "wait": 5}
    assert rec.total_s == 6
