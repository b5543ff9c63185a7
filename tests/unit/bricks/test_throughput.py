"""Decode throughput: measured by one process, shared with all."""

from __future__ import annotations

import pytest

from dashboard.bricks.throughput import (
    DEFAULT_BYTES_PER_S,
    MAX_CACHED,
    PUBLISH_INTERVAL_S,
    READ_TTL_S,
    DecodeThroughput,
)
from tests.clock import Clock
from tests.rows import MemoryRows


@pytest.fixture
def rows() -> MemoryRows:
    return MemoryRows()


def test_until_it_was_measured_it_is_guessed(rows: MemoryRows) -> None:
    assert DecodeThroughput(rows).estimate_s("v", 1000) == 1000 / DEFAULT_BYTES_PER_S


def test_the_newest_measurement_counts_for_a_third(rows: MemoryRows) -> None:
    measured = DecodeThroughput(rows)
    measured.record("v", 1000, 2.0)
    assert measured.estimate_s("v", 500) == pytest.approx(1.0)
    measured.record("v", 1000, 5.0)
    assert measured.estimate_s("v", 1000) == pytest.approx(3.0)
    assert measured.estimate_s("w", 1000) == 1000 / DEFAULT_BYTES_PER_S


def test_another_process_hears_of_it(rows: MemoryRows) -> None:
    clock = Clock()
    mine, theirs = DecodeThroughput(rows, clock), DecodeThroughput(rows, clock)
    assert mine.estimate_s("v", 1000) == 1000 / DEFAULT_BYTES_PER_S
    theirs.record("v", 1000, 2.0)
    assert mine.estimate_s("v", 1000) == 1000 / DEFAULT_BYTES_PER_S
    clock.now += READ_TTL_S
    assert mine.estimate_s("v", 1000) == pytest.approx(2.0)


def test_throughput_is_published_once_a_second_at_most(rows: MemoryRows) -> None:
    clock = Clock()
    mine = DecodeThroughput(rows, clock)
    mine.record("v", 1000, 2.0)
    mine.record("v", 1000, 5.0)
    mine.record("w", 1000, 7.0)
    assert mine.estimate_s("v", 1000) == pytest.approx(3.0)
    assert DecodeThroughput(rows, clock).estimate_s("v", 1000) == pytest.approx(2.0)
    assert DecodeThroughput(rows, clock).estimate_s("w", 1000) == pytest.approx(7.0)
    clock.now += PUBLISH_INTERVAL_S
    mine.record("v", 1000, 3.0)
    assert DecodeThroughput(rows, clock).estimate_s("v", 1000) == pytest.approx(3.0)


@pytest.mark.parametrize("planted", [b"null", b"nonsense", b"-1", b"NaN", b"[1]", b"1e9"])
def test_a_planted_figure_is_none(rows: MemoryRows, planted: bytes) -> None:
    DecodeThroughput(rows).record("v", 1000, 2.0)
    for key in rows.keys_with_prefix(""):
        rows.set(key, planted)
    assert DecodeThroughput(rows).estimate_s("v", 1000) == 1000 / DEFAULT_BYTES_PER_S


def test_what_is_remembered_is_bounded(rows: MemoryRows) -> None:
    throughput = DecodeThroughput(rows)
    for number in range(MAX_CACHED + 10):
        throughput.record(str(number), 1, 0.1)
    assert len(throughput) == MAX_CACHED
