"""Counts are written once, through failures, forks, compaction and reuse of row numbers."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

import diskcache
import pytest

from dashboard.storage.rows import DiskRows
from dashboard.telemetry.aggregates import Totals, decode_row
from dashboard.telemetry.compaction import BASE, ROW
from dashboard.telemetry.history import KEEP_S, MINUTES
from dashboard.telemetry.ledger import COMPACT_S, VIEWERS_A_ROW, Ledger
from dashboard.telemetry.processes import PROCESS, rss_bytes
from dashboard.telemetry.statistics import Stats
from tests.clock import Clock


def rows(cache: DiskRows, prefix: str = ROW) -> list[bytes]:
    return [value for _, key, value in cache.rows_after(0) if key.startswith(prefix)]


def summed(cache: DiskRows) -> Totals:
    totals = Totals()
    for value in rows(cache, ROW) + rows(cache, BASE):
        totals.merge(decode_row(value).totals)
    return totals


def test_a_flush_writes_one_row_of_differences(
    ledger: Ledger, cache: DiskRows, clock: Clock
) -> None:
    ledger.demand("hit")
    ledger.demand("hit")
    ledger.demand("miss")
    ledger.stages({"decode": 0.3, "index": 0.0})
    ledger.count("bricks.decoded")
    ledger.count("bricks.decoded_bytes", 1000)
    ledger.viewer("viewer-1")
    ledger.viewer("viewer-1")
    ledger.flush()
    ledger.demand("hit")
    clock.now += 1
    ledger.flush()
    first, second = (decode_row(value) for value in rows(cache))
    assert first.t == 1_000_000.0
    assert first.totals.demand == {"hit": 2, "miss": 1}
    assert first.totals.stages["decode"].total_s == pytest.approx(0.3)
    assert first.totals.stages["index"].count == 1
    assert first.totals.counts == {"bricks.decoded": 1, "bricks.decoded_bytes": 1000}
    assert first.viewers == ("viewer-1",)
    assert second.totals == Totals(demand={"hit": 1})
    assert first.process == second.process


def test_nothing_new_writes_no_row(ledger: Ledger, cache: DiskRows) -> None:
    level = 5.0
    ledger.gauge("bricks.bytes", lambda: level)
    ledger.flush()
    assert [decode_row(value).gauges for value in rows(cache)] == [{"bricks.bytes": 5.0}]
    ledger.flush()
    assert len(rows(cache)) == 1
    level = 6.0
    ledger.flush()
    assert len(rows(cache)) == 2


def test_the_process_record_is_refreshed(ledger: Ledger, cache: DiskRows, clock: Clock) -> None:
    ledger.gauge("prefetch.planned", lambda: 3.0)
    ledger.flush()
    clock.now += 1
    ledger.flush()
    (key,) = cache.keys_with_prefix(PROCESS)
    record = json.loads(cache.get(key))
    assert key == f"{PROCESS}web-0"
    assert record["pid"] == os.getpid()
    assert record["role"] == "web"
    assert record["heartbeat"] == 1_000_001.0
    assert record["rss_bytes"] == pytest.approx(rss_bytes(), rel=0.5)
    assert record["gauges"] == {"prefetch.planned": 3.0}
    _, expires = cache.cache.get(key, expire_time=True)
    assert expires is not None


def test_wrong_names_are_the_callers_mistake(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="Outcome"):
        ledger.demand("stolen")
    with pytest.raises(ValueError, match="Stage"):
        ledger.stages({"decode": 1.0, "lunch": 1.0})
    with pytest.raises(ValueError, match="counter"):
        ledger.count("a b")
    with pytest.raises(ValueError, match="counter"):
        ledger.count("bricks.decoded", float("nan"))
    with pytest.raises(ValueError, match="gauge"):
        ledger.gauge("", lambda: 1.0)


def test_what_browsers_make_up_is_left_out(ledger: Ledger, cache: DiskRows) -> None:
    ledger.stages({"draw": float("nan"), "display": -1.0, "convert": float("inf")})
    ledger.viewer("<script>")
    ledger.viewer("")
    for i in range(VIEWERS_A_ROW + 50):
        ledger.viewer(f"v{i}")
    ledger.flush()
    (row,) = map(decode_row, rows(cache))
    assert row.totals == Totals()
    assert len(row.viewers) == VIEWERS_A_ROW


def test_a_failing_gauge_does_not_stop_the_others(ledger: Ledger, cache: DiskRows) -> None:
    def broken() -> float:
        raise OSError("gone")

    ledger.gauge("bricks.bytes", broken)
    ledger.gauge("bricks.limit", lambda: float("nan"))
    ledger.gauge("bricks.entries", lambda: 2.0)
    ledger.flush()
    assert decode_row(rows(cache)[0]).gauges == {"bricks.entries": 2.0}


def test_a_gauge_that_always_fails_is_logged_once(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.gauge("bricks.bytes", lambda: float("x"))
    for _ in range(30):
        ledger.flush()
    assert caplog.text.count("gauge bricks.bytes failed") == 1


def test_a_failed_write_keeps_the_differences(
    ledger: Ledger, cache: DiskRows, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    other = sqlite3.connect(tmp_path / "ledger" / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.demand("hit")
    ledger.flush()
    ledger.demand("hit")
    ledger.flush()
    assert rows(cache) == []
    other.execute("ROLLBACK")
    other.close()
    ledger.demand("miss")
    ledger.flush()
    assert summed(cache).demand == {"hit": 2, "miss": 1}
    said = [record.message for record in caplog.records if "kept" in record.message]
    assert len(said) == 1
    assert "can be written again" in caplog.text


@pytest.mark.parametrize("when", ["inside", "after"])
def test_a_write_that_fails_midway_counts_once(
    ledger: Ledger, cache: DiskRows, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Whether the failed transaction got through or not, the row is there once in the end."""
    disk = cache.cache
    transact, put = disk.transact, disk.set

    class Torn:
        def __enter__(self) -> None:
            self.inner = transact()
            self.inner.__enter__()

        def __exit__(self, *exc: Any) -> bool:
            self.inner.__exit__(*exc)
            raise diskcache.Timeout("the commit went through and its answer was lost")

    ledger.demand("hit")
    if when == "after":
        monkeypatch.setattr(disk, "transact", Torn)
    else:
        monkeypatch.setattr(disk, "set", lambda *a, **k: put(*a, **k) and False)
    ledger.flush()
    monkeypatch.undo()
    ledger.demand("hit")
    ledger.flush()
    ledger.flush()
    assert summed(cache).demand == {"hit": 2}


def test_old_rows_merge_into_a_base(ledger: Ledger, cache: DiskRows, clock: Clock) -> None:
    clock.now = 1_000_000.0  # 20 seconds before the end of a minute
    for _ in range(5):
        ledger.demand("hit")
        ledger.stages({"decode": 0.25})
        ledger.count("prefetch.decoded", 2)
        ledger.flush()
        clock.now += 8
    before = summed(cache)
    assert not ledger.compact()
    clock.now += KEEP_S + 60
    assert ledger.compact()
    assert len(rows(cache)) == 2
    assert len(rows(cache, BASE)) == 1
    clock.now += KEEP_S
    assert ledger.compact()
    assert not ledger.compact()
    assert rows(cache) == []
    assert len(rows(cache, BASE)) == 1
    assert summed(cache) == before


def test_flushing_compacts_now_and_then(ledger: Ledger, cache: DiskRows, clock: Clock) -> None:
    ledger.demand("hit")
    ledger.flush()
    clock.now += KEEP_S + COMPACT_S
    ledger.demand("hit")
    ledger.flush()
    assert len(rows(cache)) == 1
    assert summed(cache).demand == {"hit": 2}


def test_a_row_from_the_future_does_not_stay(ledger: Ledger, cache: DiskRows, clock: Clock) -> None:
    clock.now += 10 * KEEP_S
    ledger.demand("hit")
    ledger.flush()
    clock.now -= 10 * KEEP_S
    assert ledger.compact()
    assert rows(cache) == []
    assert summed(cache).demand == {"hit": 1}


def test_compaction_leaves_no_row_number_free_at_the_top(
    ledger: Ledger, cache: DiskRows, clock: Clock
) -> None:
    ledger.demand("hit")
    ledger.flush()
    top = cache.rows_after(0)[-1][0]
    clock.now += KEEP_S + 120
    assert ledger.compact()
    assert all(row.number > top for row in cache.rows_after(0, BASE))


def test_rows_that_two_compact_at_a_time_are_merged_once(
    ledger: Ledger, cache: DiskRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.demand("hit")
    ledger.flush()
    clock.now += KEEP_S + 120
    replace = cache.replace

    def meanwhile(*changes: Any) -> bool:
        monkeypatch.undo()
        assert Ledger(cache, "web", clock).compact()
        return replace(*changes)

    monkeypatch.setattr(cache, "replace", meanwhile)
    assert not ledger.compact()
    assert len(rows(cache, BASE)) == 1
    assert summed(cache).demand == {"hit": 1}
    (minute,) = cache.rows_after(0, MINUTES.prefix)
    assert decode_row(minute.value).totals.demand == {"hit": 1}


def test_compaction_drops_what_is_no_row(
    ledger: Ledger, cache: DiskRows, caplog: pytest.LogCaptureFixture
) -> None:
    cache.set(ROW + "planted", b'{"d":{"hit":1000}}')
    cache.set("elsewhere", b"kept")
    assert ledger.compact()
    assert "planted" in caplog.text
    assert rows(cache) == []
    assert cache.get("elsewhere") == b"kept"


def test_closing_writes_the_rest_and_leaves_the_list(ledger: Ledger, cache: DiskRows) -> None:
    ledger.start()
    for _ in range(100):
        ledger.demand("hit")
    ledger.close()
    assert summed(cache).demand == {"hit": 100}
    assert Stats(cache).processes() == []


def test_a_forked_child_does_not_write_the_parents_rows(
    ledger: Ledger, cache: DiskRows, clock: Clock
) -> None:
    ledger.demand("hit")
    cache.close()  # no connection may cross a fork
    child = os.fork()
    if child == 0:
        ledger.demand("miss")
        ledger.flush()
        ledger.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    ledger.flush()
    assert summed(cache).demand == {"hit": 1, "miss": 1}
    assert len({decode_row(value).process for value in rows(cache)}) == 2
