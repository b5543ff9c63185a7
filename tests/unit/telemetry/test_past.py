"""Reading the history: once, while others compact, and without keeping short windows waiting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dashboard.errors import Busy
from dashboard.storage.rows import DiskRows, RowsUnavailable
from dashboard.telemetry.aggregates import LedgerRow, Totals, compress_row, encode_row
from dashboard.telemetry.history import DAY_S, KEEP_S, MINUTES
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.stages import OUTCOMES
from dashboard.telemetry.statistics import Stats
from tests.clock import Clock


def compact_before(
    cache: DiskRows, method: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compact the ledger right before the next call of a method of the rows."""
    called = getattr(cache, method)

    def meanwhile(*ranges: Any) -> Any:
        monkeypatch.undo()
        assert ledger.compact()
        return called(*ranges)

    monkeypatch.setattr(cache, method, meanwhile)


def test_a_history_that_cannot_be_read_is_said_so(
    cache: DiskRows, clock: Clock, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RowsUnavailable("malformed")

    stats.snapshot(None)
    monkeypatch.setattr(cache, "keys_between", broken)
    assert stats.snapshot(900)["demand"]["hit"] == 0
    with pytest.raises(Busy, match="cannot be read"):
        stats.snapshot(3600)


def test_a_compaction_between_two_reads_counts_nothing_twice(
    cache: DiskRows, clock: Clock, ledger: Ledger, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.demand("hit")
    ledger.flush()
    clock.now += KEEP_S + 120
    assert stats.snapshot(3600)["demand"]["hit"] == 1
    compact_before(cache, "keys_between", ledger, monkeypatch)
    assert stats.snapshot(7200)["demand"]["hit"] == 1
    assert stats.snapshot(None)["demand"]["hit"] == 1


def test_the_history_is_read_once_until_the_ledger_is_compacted(
    cache: DiskRows, clock: Clock, ledger: Ledger, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    between = cache.rows_between
    monkeypatch.setattr(cache, "rows_between", lambda *r: reads.append(r) or between(*r))
    for _ in range(20):
        stats.series(86_400, 900)
        clock.now += 2
        ledger.demand("hit")
        ledger.flush()
    assert sum(stats.series(86_400, 900).outcomes["hit"]) == 20
    assert len(reads) <= 2  # the second where a step ended


def test_a_compaction_between_keys_and_rows_counts_nothing_twice(
    cache: DiskRows, clock: Clock, ledger: Ledger, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        clock.now = 1_000_000.0
        ledger.demand("hit")
        ledger.flush()
        clock.now += KEEP_S + 120
        ledger.compact()
    ledger.demand("hit")
    ledger.flush()
    clock.now = 1_000_000.0
    ledger.demand("hit")
    ledger.flush()
    clock.now += KEEP_S + 120
    compact_before(cache, "rows_between", ledger, monkeypatch)
    assert stats.snapshot(7200)["demand"]["hit"] == 4


def test_after_a_compaction_what_has_other_rows_is_read_alone(
    cache: DiskRows, clock: Clock, ledger: Ledger, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.now = 10 * DAY_S
    rows = {
        MINUTES.key((MINUTES.number(clock.now) or 0) - 20 - n): compress_row(
            encode_row(LedgerRow(clock.now, "", Totals(demand={OUTCOMES[1]: 1})))[0]
        )
        for n in range(1400)
    }
    cache.replace((), rows)
    assert stats.snapshot(DAY_S)["demand"]["hit"] == 1400
    assert sum(stats.between(-DAY_S, 0).outcomes["hit"]) == 1400
    ledger.demand("hit")
    ledger.flush()
    clock.now += KEEP_S + 180
    assert ledger.compact()
    read: list[str] = []
    between = cache.rows_between

    def watched(*ranges: Any) -> Any:
        found = between(*ranges)
        read.extend(row.key for row in found)
        return found

    monkeypatch.setattr(cache, "rows_between", watched)
    assert stats.snapshot(DAY_S)["demand"]["hit"] == 1401
    assert sum(stats.between(-DAY_S, 0).outcomes["hit"]) == 1401
    assert len(read) < 100


def test_short_windows_do_not_wait_for_a_long_one(
    cache: DiskRows, clock: Clock, ledger: Ledger, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.demand("hit")
    ledger.flush()
    clock.now += KEEP_S + 120
    ledger.compact()
    waited: list[int] = []
    between = cache.rows_between

    def slow(*ranges: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            waited.append(pool.submit(stats.snapshot, 300).result(timeout=60)["demand"]["hit"])
        return between(*ranges)

    monkeypatch.setattr(cache, "rows_between", slow)
    assert stats.snapshot(3600)["demand"]["hit"] == 1
    assert waited[0] == 0
