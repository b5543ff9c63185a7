"""Statistics of prefetching, from the counters of the ledger."""

from __future__ import annotations

import pytest

from dashboard.telemetry.ledger import PREFETCH_LEAD, Ledger
from dashboard.telemetry.statistics import Stats
from tests.clock import Clock


def test_prefetch_shares(ledger: Ledger, stats: Stats) -> None:
    for name, amount in {
        "prefetch.decoded": 10,
        "prefetch.decoded_bytes": 1000,
        "prefetch.used": 8,
        "prefetch.used_bytes": 600,
        "prefetch.late": 2,
        "prefetch.wasted": 4,
        "prefetch.recovered": 1,
        "wasted_bytes.turned": 120,
        "recovered_bytes.turned": 100,
        "wasted_bytes.evicted": 80,
        "prefetch.not_begun": 3,
        "prefetch.saved_seconds": 12.5,
        "prefetch.spent_seconds": 30.0,
        "prefetch.resting_bytes": 400,
        "prefetch.resting_used": 2,
        "prefetch.resting_used_bytes": 100,
        "prefetch.resting_wasted": 2,
        "prefetch.resting_wasted_bytes": 150,
        "prefetch.resting_recovered": 1,
        "prefetch.resting_recovered_bytes": 100,
        "bricks.first_wanted": 16,
    }.items():
        ledger.count(name, amount)
    for seconds in (0.5, 2.0, 30.0):
        ledger.count_all({}, {PREFETCH_LEAD: seconds})
    ledger.flush()
    prefetch = stats.snapshot(None)["prefetch"]
    assert prefetch["decoded"] == 10
    assert prefetch["used"] == 8
    assert prefetch["wasted_bytes"] == 100
    assert prefetch["wasted"] == {
        "turned": 20,
        "jumped": 0,
        "left": 0,
        "too_deep": 0,
        "evicted": 80,
        "dropped": 0,
    }
    assert prefetch["undecided_bytes"] == 1000 - 600 - 100
    assert prefetch["accuracy"] == pytest.approx(6 / 7)
    assert (prefetch["saved_s"], prefetch["spent_s"]) == (12.5, 30.0)
    lead = prefetch["lead"]
    assert (lead["ready"], lead["joined"], lead["not_begun"]) == (6, 2, 3)
    assert lead["p50_s"] == pytest.approx(2.0, rel=0.1)
    assert prefetch["coverage"] == 0.5
    assert prefetch["timeliness"] == 0.75
    assert prefetch["moving"] == {
        "decoded_bytes": 600,
        "used_bytes": 500,
        "wasted_bytes": 50,
        "accuracy": pytest.approx(500 / 550),
    }
    assert prefetch["resting"] == {
        "decoded_bytes": 400,
        "used_bytes": 100,
        "wasted_bytes": 50,
        "accuracy": pytest.approx(2 / 3),
    }


def test_accuracy_is_not_known_below_three_decided_bricks(ledger: Ledger, stats: Stats) -> None:
    ledger.count_all({"prefetch.decoded": 10, "prefetch.decoded_bytes": 1000})
    ledger.count_all({"prefetch.used": 2, "prefetch.used_bytes": 200})
    ledger.count_all({"prefetch.wasted": 1, "wasted_bytes.left": 100})
    # Wasted, then used: one decided brick and not two.
    ledger.count_all({"prefetch.recovered": 1, "recovered_bytes.left": 100})
    ledger.flush()
    prefetch = stats.snapshot(None)["prefetch"]
    assert prefetch["accuracy"] is prefetch["moving"]["accuracy"] is None
    assert prefetch["wasted_bytes"] == 0
    ledger.count_all({"prefetch.wasted": 1, "wasted_bytes.jumped": 100})
    ledger.flush()
    stats.refresh()
    assert stats.snapshot(None)["prefetch"]["accuracy"] == pytest.approx(2 / 3)


def test_bytes_wasted_before_the_window_are_not_subtracted_twice(
    ledger: Ledger, stats: Stats, clock: Clock
) -> None:
    ledger.count_all({"prefetch.decoded_bytes": 100, "wasted_bytes.left": 100})
    ledger.flush()
    clock.now += 100
    ledger.count_all({"prefetch.used_bytes": 100, "recovered_bytes.left": 100})
    ledger.flush()
    recent, whole = (stats.snapshot(seconds)["prefetch"] for seconds in (50, None))
    assert (recent["wasted_bytes"], recent["undecided_bytes"]) == (0, 0)
    assert (whole["used_bytes"], whole["wasted_bytes"], whole["undecided_bytes"]) == (100, 0, 0)


def test_undecided_bytes_are_those_of_now_whatever_the_window(
    ledger: Ledger, stats: Stats, clock: Clock
) -> None:
    ledger.count_all({"prefetch.decoded_bytes": 100})
    ledger.flush()
    clock.now += 100
    ledger.count_all({"prefetch.decoded_bytes": 30, "prefetch.used_bytes": 60})
    ledger.count_all({"wasted_bytes.left": 10})
    ledger.flush()
    clock.now += 100
    spans = [stats.snapshot(seconds) for seconds in (50, 150, 300, None)]
    spans.append(stats.snapshot_between(-150, -50))
    assert [one["prefetch"]["undecided_bytes"] for one in spans] == [60] * 5


def test_evicted_bricks_have_a_mean_age(ledger: Ledger, stats: Stats) -> None:
    ledger.count_all({"evicted.used": 4, "evicted.used_age_seconds": 600})
    ledger.flush()
    assert stats.snapshot(None)["caches"]["bricks"]["evicted"] == {
        "used": {"count": 4, "mean_age_s": 150.0},
        "unused": {"count": 0, "mean_age_s": None},
    }


def test_no_share_is_above_one(ledger: Ledger, stats: Stats, clock: Clock) -> None:
    ledger.count("bricks.first_wanted", 10)
    ledger.flush()
    clock.now += 100
    ledger.count("bricks.first_wanted", 1)
    ledger.count("prefetch.used", 9)
    ledger.flush()
    assert stats.snapshot(50)["prefetch"]["coverage"] == 1.0
    assert stats.snapshot(300)["prefetch"]["coverage"] == pytest.approx(9 / 11)
