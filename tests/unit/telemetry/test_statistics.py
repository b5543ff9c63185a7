"""Statistics of the ledger over windows and processes, through compaction, whatever its rows are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.addressing.outcomes import Outcome
from dashboard.log_limit import LINES
from dashboard.storage.rows import DiskRows, RowsUnavailable, open_rows
from dashboard.telemetry.aggregates import Totals
from dashboard.telemetry.compaction import ROW
from dashboard.telemetry.groups import Demand
from dashboard.telemetry.history import KEEP_S
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.processes import PROCESS
from dashboard.telemetry.statistics import MAX_CACHED, Stats
from tests.clock import Clock

T0 = 1_000_000.0
NONE_EVICTED = {kind: {"count": 0, "mean_age_s": None} for kind in ("used", "unused")}


def test_an_empty_ledger_has_the_whole_shape(stats: Stats) -> None:
    snapshot = stats.snapshot(None)
    assert json.loads(json.dumps(snapshot)) == snapshot
    assert snapshot["demand"] == dict.fromkeys(
        ("ring", "hit", "prefetched", "coalesced", "miss"), 0
    )
    assert snapshot["stages"] == {}
    empty = {"bytes": 0, "limit": 0, "entries": 0, "evictions": 0}
    assert snapshot["caches"] == {"bricks": empty | {"evicted": NONE_EVICTED}, "frames": empty}
    assert snapshot["viewers"] == 0
    assert snapshot["processes"] == []
    assert snapshot["worker"] == {"state": "none", "since_s": None}
    prefetch = snapshot["prefetch"]
    assert {prefetch[name] for name in ("planned", "in_flight", "decoded", "used")} == {0}
    assert prefetch["wasted_bytes"] == 0
    assert prefetch["accuracy"] is prefetch["coverage"] is prefetch["timeliness"] is None
    assert prefetch["moving"]["accuracy"] is prefetch["resting"]["accuracy"] is None


def test_figures_add_up_over_processes(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    web, worker = Ledger(cache, "web", clock), Ledger(cache, "worker", clock)
    web.gauge("bricks.bytes", lambda: 10.0)
    web.gauge("bricks.limit", lambda: 100.0)
    worker.gauge("bricks.bytes", lambda: 30.0)
    worker.gauge("prefetch.planned", lambda: 4.0)
    web.demand("hit")
    web.viewer("a")
    web.viewer("b")
    web.stages({"decode": 0.2})
    worker.stages({"decode": 0.4})
    worker.count("bricks.evictions", 2)
    web.flush()
    clock.now += 1
    worker.flush()
    snapshot = stats.snapshot(300)
    assert json.loads(json.dumps(snapshot)) == snapshot
    assert snapshot["demand"]["hit"] == 1
    assert snapshot["stages"]["decode"]["count"] == 2
    assert snapshot["stages"]["decode"]["total_s"] == pytest.approx(0.6)
    assert snapshot["stages"]["decode"]["p50_ms"] == pytest.approx(200, rel=0.1)
    assert snapshot["stages"]["decode"]["p99_ms"] == pytest.approx(400, rel=0.1)
    assert snapshot["caches"]["bricks"] == {
        "bytes": 30,
        "limit": 100,
        "entries": 0,
        "evictions": 2,
        "evicted": NONE_EVICTED,
    }
    assert snapshot["prefetch"]["planned"] == 4
    assert snapshot["viewers"] == 2
    by_role = {process["role"]: process for process in snapshot["processes"]}
    assert by_role["web"]["heartbeat_s"] == 1.0
    assert by_role["worker"]["heartbeat_s"] == 0.0
    assert by_role["web"]["rss_bytes"] > 1_000_000


def test_a_window_holds_what_happened_in_it(ledger: Ledger, stats: Stats, clock: Clock) -> None:
    for _ in range(10):
        ledger.demand("hit")
        ledger.viewer(f"v{clock.now:.0f}")
        ledger.flush()
        clock.now += 10
    # The last one is 10 s old, the one before 20 s.
    assert stats.snapshot(10)["demand"]["hit"] == 1
    assert stats.snapshot(35)["demand"]["hit"] == 3
    assert stats.snapshot(35)["viewers"] == 3
    assert stats.snapshot(None)["demand"]["hit"] == 10
    assert stats.snapshot(None)["viewers"] == 6
    assert stats.snapshot(KEEP_S)["demand"]["hit"] == 10
    clock.now += KEEP_S
    assert stats.snapshot(KEEP_S)["demand"]["hit"] == 0
    assert stats.snapshot(None)["demand"]["hit"] == 10


def test_it_is_computed_once_a_second(
    ledger: Ledger, stats: Stats, clock: Clock, cache: DiskRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    newer: Callable[..., Any] = cache.rows_after

    def watched(rowid: int, *prefixes: str) -> Any:
        looks.append(rowid)
        return newer(rowid, *prefixes)

    monkeypatch.setattr(cache, "rows_after", watched)
    first = stats.snapshot(300)
    clock.now += 0.5
    ledger.demand("hit")
    ledger.flush()
    looks.clear()
    assert stats.snapshot(300) is first
    assert stats.snapshot(None)["demand"]["hit"] == 0
    assert stats.series(60, 5).outcomes["hit"][-1] == 0
    assert looks == []
    clock.now += 1.0
    assert stats.snapshot(300)["demand"]["hit"] == 1
    assert len(looks) == 1


def test_rows_are_added_up_once_for_all_viewers(
    ledger: Ledger, stats: Stats, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for viewer in ("a", "b", "c"):
        ledger.demand("hit", demand=Demand("f:v", "0", "0,:,:", viewer))
        ledger.flush()
        clock.now += 1
    added = []
    merge = Totals.merge
    monkeypatch.setattr(Totals, "merge", lambda *two: (added.append(two), merge(*two)))
    stats.series(60, 1)
    once = len(added)
    assert once >= 3
    hits = {one: sum(stats.series(60, 1, one).outcomes["hit"]) for one in ("a", "b", "c")}
    assert hits == {"a": 1, "b": 1, "c": 1}
    assert len(added) == once


def test_any_number_of_windows_takes_bounded_memory(stats: Stats) -> None:
    windows = [float(window) for window in range(1, MAX_CACHED + 2)]
    snapshots = [stats.snapshot(window) for window in windows]
    series = [stats.series(60.0, window) for window in windows]
    # Those of the first window have been dropped, and the others are cached.
    assert stats.snapshot(windows[-1]) is snapshots[-1]
    assert stats.series(60.0, windows[-1]) is series[-1]
    assert stats.snapshot(windows[0]) is not snapshots[0]
    assert stats.series(60.0, windows[0]) is not series[0]


def test_compaction_neither_loses_nor_doubles(
    cache: DiskRows, ledger: Ledger, stats: Stats, clock: Clock
) -> None:
    for _ in range(3):
        ledger.demand("hit")
        ledger.flush()
        clock.now += 1
    assert stats.snapshot(None)["demand"]["hit"] == 3
    clock.now += KEEP_S + 120
    ledger.demand("hit")
    ledger.flush()  # compacts, too
    assert len(cache.keys_with_prefix(ROW)) == 1
    assert stats.snapshot(None)["demand"]["hit"] == 4
    assert Stats(cache, clock).snapshot(None)["demand"]["hit"] == 4
    assert stats.snapshot(300)["demand"]["hit"] == 1


def test_a_reused_row_number_is_not_taken_for_seen(
    cache: DiskRows, clock: Clock, stats: Stats
) -> None:
    """SQLite gives the number of a deleted last row to the next one."""
    ledger = Ledger(cache, "web", clock)
    ledger.demand("hit")
    ledger.flush()
    cache.set("elsewhere", b"")
    assert stats.snapshot(None)["demand"]["hit"] == 1
    top = cache.rows_after(0)[-1][0]
    cache.delete("elsewhere")
    ledger.demand("hit")
    ledger.flush()
    assert cache.rows_after(0)[-1][0] == top
    clock.now += 1
    assert stats.snapshot(None)["demand"]["hit"] == 2


def test_a_ledger_that_was_wiped_begins_anew(
    cache: DiskRows, ledger: Ledger, stats: Stats, clock: Clock
) -> None:
    ledger.demand("hit")
    ledger.flush()
    assert stats.snapshot(None)["demand"]["hit"] == 1
    cache.cache.clear()
    clock.now += 1
    assert stats.snapshot(None)["demand"]["hit"] == 0
    ledger.demand("miss")
    ledger.flush()
    clock.now += 1
    assert stats.snapshot(None)["demand"]["miss"] == 1


def test_what_others_planted_is_skipped(
    cache: DiskRows, ledger: Ledger, stats: Stats, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.demand("hit")
    ledger.flush()
    cache.set(ROW + "planted", b"{")
    cache.set(PROCESS + "1:planted", b'{"pid":"x"}')
    cache.set(PROCESS + "2:planted", b"[]")
    cache.set(PROCESS + "3:planted", b"\xff")
    snapshot = stats.snapshot(None)
    assert snapshot["demand"]["hit"] == 1
    assert len(snapshot["processes"]) == 1
    assert caplog.text.count("skipped") == 4


def test_rows_of_one_process_that_cannot_be_read_flood_no_log_and_hide_no_other_figures(
    cache: DiskRows, ledger: Ledger, stats: Stats, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        cache.set(f"{PROCESS}bad-{number}", b'{"pid": 1e999}')
        cache.set(f"{ROW}bad-{number}", b'{"t": 1, "p": "x", "d": {"hit": -1}}')
    for _ in range(20):
        ledger.demand("hit")
        ledger.flush()
        clock.now += 1
        stats.snapshot(None)
    assert stats.snapshot(None)["demand"]["hit"] == 20
    assert len(stats.processes()) == 1
    assert caplog.text.count("skipped") <= LINES


def test_a_ledger_that_cannot_be_read_leaves_the_figures(
    cache: DiskRows, ledger: Ledger, stats: Stats, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.demand("hit")
    ledger.flush()
    stats.snapshot(None)

    def broken(rowid: int, *_: str) -> Any:
        raise RowsUnavailable("malformed")

    monkeypatch.setattr(cache, "rows_after", broken)
    clock.now += 1
    assert stats.snapshot(None)["demand"]["hit"] == 1


def test_a_silent_process_leaves_the_list_with_its_own_gauges(
    ledger: Ledger, stats: Stats, clock: Clock
) -> None:
    ledger.gauge("prefetch.planned", lambda: 7.0)
    ledger.gauge("bricks.bytes", lambda: 9.0)
    ledger.flush()
    assert stats.snapshot(None)["prefetch"]["planned"] == 7
    assert len(stats.processes()) == 1
    clock.now += 20
    snapshot = stats.snapshot(None)
    assert snapshot["processes"] == []
    assert snapshot["prefetch"]["planned"] == 0
    assert snapshot["caches"]["bricks"]["bytes"] == 9


def test_series_by_step(ledger: Ledger, stats: Stats, clock: Clock) -> None:
    level = 1.0
    ledger.gauge("bricks.bytes", lambda: level)
    for i in range(4):
        level = float(i)
        ledger.demand("hit" if i % 2 else "miss")
        ledger.stages({"decode": 0.1 * (i + 1)})
        ledger.count("prefetch.decoded", i)
        ledger.flush()
        clock.now += 5
    series = stats.series(30, 5)
    assert series.times == tuple(T0 + 5 * i for i in range(-1, 5))
    assert series.outcomes["miss"] == (0, 1, 0, 1, 0, 0)
    assert series.outcomes["hit"] == (0, 0, 1, 0, 1, 0)
    assert set(series.outcomes) == {"ring", "hit", "prefetched", "coalesced", "miss"}
    assert series.counts == {"prefetch.decoded": (0, 0, 1, 2, 3, 0)}
    assert series.gauges == {"bricks.bytes": (None, 0, 1, 2, 3, 3)}
    decode = series.stages["decode"]
    assert decode.count == (0, 1, 1, 1, 1, 0)
    assert decode.p50_ms[0] is None
    assert decode.p95_ms[4] == pytest.approx(400, rel=0.1)
    assert decode.total_s == pytest.approx((0, 0.1, 0.2, 0.3, 0.4, 0))


def test_a_step_has_its_slices_whether_the_server_or_the_page_has_counted_them(
    ledger: Ledger, stats: Stats, clock: Clock
) -> None:
    ledger.demand("miss")
    ledger.demand("hit")
    ledger.flush()
    clock.now += 5
    ledger.slice_perceived(Outcome.MISS, 1.0)
    ledger.slice_perceived(Outcome.HIT, 0.2)
    ledger.slice_perceived(Outcome.RING, 0.01)
    ledger.demand("ring")
    ledger.flush()
    clock.now += 5
    series = stats.series(15, 5)
    assert series.slices == (2, 3, 0)
    assert series.perceived.count == (0, 3, 0)
    assert series.perceived.total_s == pytest.approx((0, 1.21, 0))
    assert series.perceived.p95_ms[1] == pytest.approx(1000, rel=0.1)
    assert series.perceived.p95_ms[0] is None


def test_a_gauge_that_never_changed_holds_throughout(
    ledger: Ledger, stats: Stats, clock: Clock
) -> None:
    ledger.gauge("bricks.limit", lambda: 100.0)
    ledger.flush()
    clock.now += KEEP_S + 10
    ledger.flush()
    assert stats.series(10, 5).gauges == {"bricks.limit": (100.0, 100.0)}


def test_own_gauges_of_a_dead_process_end(cache: DiskRows, stats: Stats, clock: Clock) -> None:
    dead, live = Ledger(cache, "worker", clock), Ledger(cache, "worker", clock)
    dead.gauge("prefetch.planned", lambda: 5.0)
    live.gauge("prefetch.planned", lambda: 2.0)
    dead.flush()
    live.flush()
    clock.now += 20
    live.flush()
    assert stats.series(25, 5).gauges["prefetch.planned"] == (7.0, 2.0, 2.0, 2.0, 2.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("count"), st.integers(0, 1)),
            st.tuples(st.just("flush"), st.integers(0, 1)),
            st.tuples(st.just("compact"), st.integers(0, 1)),
            st.tuples(st.just("look"), st.integers(0, 1)),
            st.tuples(st.just("close"), st.integers(0, 1)),
            st.tuples(st.just("wait"), st.sampled_from([1, 400, 1000])),
        ),
        max_size=30,
    )
)
def test_every_reader_always_sees_what_was_flushed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    clock = Clock()
    cache = open_rows(tmp_path_factory.mktemp("ledger"))
    ledgers = [Ledger(cache, "web", clock) for _ in range(2)]
    readers = [Stats(cache, clock) for _ in range(2)]
    pending, written = [0, 0], 0
    for what, which in steps:
        if what == "count":
            ledgers[which].demand("hit")
            pending[which] += 1
        elif what in ("flush", "close"):
            (ledgers[which].flush if what == "flush" else ledgers[which].close)()
            written += pending[which]
            pending[which] = 0
        elif what == "compact":
            ledgers[which].compact()
        elif what == "look":
            clock.now += 1
            assert readers[which].snapshot(None)["demand"]["hit"] == written
        else:
            clock.now += which
    clock.now += 1
    for reader in [*readers, Stats(cache, clock)]:
        assert reader.snapshot(None)["demand"]["hit"] == written
    cache.close()
