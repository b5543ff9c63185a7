"""The history of the ledger: minutes and hours have what seconds had, whatever clocks and other processes do."""

from __future__ import annotations

import os
import random
import uuid
from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import BadRequest
from dashboard.storage.rows import DiskRows, open_rows
from dashboard.telemetry.aggregates import (
    BOUNDS,
    Dimension,
    Group,
    Histogram,
    LedgerRow,
    Totals,
    decode_row,
)
from dashboard.telemetry.compaction import BASE, ROW
from dashboard.telemetry.groups import By
from dashboard.telemetry.history import DAY_S, HOURS, KEEP_S, MINUTES, VIEWERS, Retention, Sums
from dashboard.telemetry.ledger import COMPACT_S, Ledger
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.telemetry.statistics import Stats
from tests.clock import Clock

# What two days of minutes and 90 days of hours take where every minute has 600 slices of the most various times
# (measured: 26,984,448 bytes), and what one of its rows has (measured: 4,960 bytes).
HISTORY_BYTES = 28 * 2**20
ROW_BYTES = 5 * 1024


def kept(cache: DiskRows, prefix: str) -> list[LedgerRow]:
    return [decode_row(value) for _, _, value in cache.rows_after(0, prefix)]


def demands(cache: DiskRows, *prefixes: str) -> int:
    return sum(sum(row.totals.demand.values()) for p in prefixes for row in kept(cache, p))


def test_every_window_has_what_happened_in_it(cache: DiskRows, clock: Clock) -> None:
    ledgers = [Ledger(cache, "web", clock) for _ in range(2)]
    stats = Stats(cache, clock)
    chance = random.Random(1)  # no secret
    happened: list[float] = []
    began = clock.now
    while clock.now < began + 3.3 * DAY_S:
        clock.now += chance.choice([0.5, 7.0, 59.0, 300.0, 1800.0, 7000.0])
        chance.choice(ledgers).demand("hit")
        happened.append(clock.now)
        for ledger in ledgers:
            ledger.flush()
        if len(happened) % 10 == 0:
            clock.now += 1.0
            for window in (10, 300, 900, 1000, 3600, 86_400, 172_800, 250_000):
                found = stats.snapshot(window)
                assert clock.now - window - found["resolution_s"] < found["from"]
                assert found["from"] <= clock.now - window
                assert found["to"] == clock.now
                assert found["demand"]["hit"] == sum(t >= found["from"] for t in happened)
            assert stats.snapshot(None)["demand"]["hit"] == len(happened)
    assert min(demands(cache, prefix) for prefix in (ROW, MINUTES.prefix, HOURS.prefix)) > 0
    assert demands(cache, ROW, BASE) == len(happened)
    assert demands(cache, ROW, MINUTES.prefix, HOURS.prefix) == len(happened)


def test_the_resolution_is_as_fine_as_the_rows(stats: Stats) -> None:
    resolutions = {
        window: stats.snapshot(window)["resolution_s"]
        for window in (1, 900, 961, 2 * DAY_S, 2 * DAY_S + 3601, 90 * DAY_S)
    }
    assert list(resolutions.values()) == [1, 1, 60, 60, 3600, 3600]
    everything = stats.snapshot(None)
    assert (everything["from"], everything["resolution_s"]) == (None, None)


@pytest.mark.parametrize(
    ("days", "window", "text"),
    [(90, 90 * DAY_S + 1, "90 days"), (1, DAY_S + 1, "1 day"), (0, KEEP_S + 1, "15 minutes")],
)
def test_a_window_that_is_not_kept_is_refused(
    cache: DiskRows, clock: Clock, days: float, window: float, text: str
) -> None:
    stats = Stats(cache, clock, Retention(history_days=days))
    stats.snapshot(window - 1)
    with pytest.raises(BadRequest, match=f"^Statistics are kept for {text}.$"):
        stats.snapshot(window)


def test_rows_are_bounded_in_number_and_the_sum_loses_nothing(
    cache: DiskRows, clock: Clock
) -> None:
    ledger = Ledger(cache, "web", clock, Retention(history_days=3))
    for _ in range(8 * 24):
        ledger.demand("miss")
        ledger.viewer("v")
        ledger.flush()
        clock.now += 3600
    assert len(kept(cache, ROW)) <= 1
    assert 48 <= len(kept(cache, MINUTES.prefix)) <= 50
    assert 24 <= len(kept(cache, HOURS.prefix)) <= 2 * 24
    assert len(kept(cache, VIEWERS.prefix)) <= 2
    assert demands(cache, ROW, BASE) == 8 * 24


def test_without_a_history_there_are_seconds_alone(cache: DiskRows, clock: Clock) -> None:
    ledger = Ledger(cache, "web", clock, Retention(history_days=0, names_days=0))
    for _ in range(3):
        ledger.demand("miss")
        ledger.viewer("v")
        ledger.flush()
        clock.now += KEEP_S + 120
    for tier in (MINUTES, HOURS, VIEWERS):
        assert kept(cache, tier.prefix) == []
    assert demands(cache, ROW, BASE) == 3


def test_a_setting_that_is_lowered_shortens_the_history(cache: DiskRows, clock: Clock) -> None:
    ledger = Ledger(cache, "web", clock)
    for _ in range(4 * 24):
        ledger.demand("miss")
        ledger.flush()
        clock.now += 3600
    shorter = Ledger(cache, "web", clock, Retention(history_days=1))
    while shorter.compact():
        pass
    assert demands(cache, MINUTES.prefix, HOURS.prefix) <= 49
    assert demands(cache, ROW, BASE) == 4 * 24


def test_a_clock_that_jumps_neither_loses_nor_doubles(cache: DiskRows, clock: Clock) -> None:
    ledgers = [Ledger(cache, "web", clock) for _ in range(2)]
    stats = Stats(cache, clock)
    clock.now += 400 * DAY_S
    count = 0
    for jump in (1, 3600, -7200, 400, -400, DAY_S, -DAY_S, 5 * DAY_S, -5 * DAY_S, 1e8, -1e8, 600):
        for _ in range(4):
            ledgers[count % 2].demand("hit")
            count += 1
            for ledger in ledgers:
                ledger.flush()
            clock.now += 200
            assert stats.snapshot(None)["demand"]["hit"] == count
        clock.now += jump
        # What clocks that were ahead have counted is in no window before its time comes.
        assert stats.snapshot(86_400)["demand"]["hit"] <= count
    assert Stats(cache, clock).snapshot(None)["demand"]["hit"] == count
    clock.now += 200 * DAY_S
    while ledgers[0].compact():
        pass
    assert {key.partition(":")[0] for key in cache.keys_with_prefix("")} <= {"base", "process"}
    assert demands(cache, BASE) == count


def test_minutes_of_a_future_that_never_comes_do_not_stay(cache: DiskRows, clock: Clock) -> None:
    clock.now += 1e8
    ahead = Ledger(cache, "web", clock)
    ahead.demand("hit")
    ahead.flush()
    clock.now += KEEP_S + 120
    assert ahead.compact()
    assert len(kept(cache, MINUTES.prefix)) == 1
    clock.now -= 1e8
    Ledger(cache, "web", clock).compact()
    assert kept(cache, MINUTES.prefix) == []
    assert demands(cache, BASE) == 1


@pytest.mark.parametrize("committed", [False, True])
def test_a_compaction_that_is_killed_is_done_or_not(
    cache: DiskRows, clock: Clock, ledger: Ledger, committed: bool
) -> None:
    for _ in range(3):
        ledger.demand("hit")
        ledger.flush()
        clock.now += 40
    clock.now += KEEP_S
    cache.close()
    child = os.fork()
    if child == 0:
        store, left = cache.cache.set, [1]

        def killed(*arguments: Any, **more: Any) -> Any:
            return store(*arguments, **more) if left.pop() else os._exit(0)

        class Killed:
            def __init__(self) -> None:
                self.inner = transact()

            def __enter__(self) -> None:
                self.inner.__enter__()

            def __exit__(self, *exc: Any) -> None:
                self.inner.__exit__(*exc)
                os._exit(0)

        transact = cache.cache.transact
        if committed:
            cache.cache.transact = Killed
        else:
            cache.cache.set, left[:] = killed, [0, 1]
        ledger.compact()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (demands(cache, BASE) > 0) is committed
    assert demands(cache, ROW, BASE) == demands(cache, ROW, MINUTES.prefix) == 3
    ledger.compact()
    clock.now += 1
    assert Stats(cache, clock).snapshot(3600)["demand"]["hit"] == 3


def test_a_minute_that_gets_late_rows_has_one_row(cache: DiskRows, clock: Clock) -> None:
    ledger = Ledger(cache, "web", clock)
    then = clock.now
    for _ in range(3):
        clock.now = then
        ledger.demand("hit")
        ledger.flush()
        clock.now = then + KEEP_S + 120
        assert ledger.compact()
    (minute,) = kept(cache, MINUTES.prefix)
    assert minute.totals.demand == {"hit": 3}


def test_a_ledger_of_an_earlier_version_is_read_on(cache: DiskRows, clock: Clock) -> None:
    base = b'{"t":0.0,"p":"","d":{"hit":7},"s":{"decode":[0.30000000000000004,{"50":7}]},"c":{"a.b":0.1}}'
    row = f'{{"t":{clock.now - 100},"p":"1:a","d":{{"miss":2}},"g":{{"bricks.bytes":5.0}}}}'
    cache.set(BASE + uuid.uuid4().hex, base)
    cache.set(ROW + uuid.uuid4().hex, row.encode())
    stats, ledger = Stats(cache, clock), Ledger(cache, "web", clock)
    assert stats.snapshot(None)["demand"] == {
        **dict.fromkeys(OUTCOMES, 0),
        "hit": 7,
        "miss": 2,
    }
    assert stats.snapshot(300)["demand"]["miss"] == 2
    clock.now += KEEP_S + 120
    assert ledger.compact()
    assert stats.snapshot(3600)["demand"]["miss"] == 2
    assert stats.snapshot(None)["demand"]["hit"] == 7
    assert stats.series(3600, 60).gauges["bricks.bytes"][-1] == 5.0


def test_what_others_planted_in_the_history_is_skipped_and_removed(
    cache: DiskRows, clock: Clock, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.demand("hit")
    ledger.flush()
    minute = MINUTES.number(clock.now) or 0
    cache.set(MINUTES.key(minute), b"{")
    cache.set(f"{MINUTES.prefix}none", b"")
    cache.set(f"{HOURS.prefix}9999999999:x", b"")
    clock.now += 1000
    ledger.compact()
    assert Stats(cache, clock).snapshot(3600)["demand"]["hit"] == 1
    assert len(cache.keys_with_prefix(MINUTES.prefix)) == 1
    assert cache.keys_with_prefix(HOURS.prefix) == []
    assert "dropped" in caplog.text


def test_one_process_compacts_for_all(
    cache: DiskRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers = [Ledger(cache, "web", clock) for _ in range(4)]
    replaced = []
    replace = cache.replace

    def counted(removed: Any, stored: Any) -> bool:
        replaced.append(any(key.startswith(BASE) for key in stored))
        return replace(removed, stored)

    monkeypatch.setattr(cache, "replace", counted)
    for _ in range(60):
        for ledger in ledgers:
            ledger.demand("hit")
            ledger.flush()
            clock.now += 7
    assert sum(replaced) <= 60 * 4 * 7 / COMPACT_S


def test_levels_of_the_past_are_those_of_its_minutes(cache: DiskRows, clock: Clock) -> None:
    clock.now = 1_000_020.0
    web, worker = Ledger(cache, "web", clock), Ledger(cache, "worker", clock)
    level = 1.0
    web.gauge("bricks.bytes", lambda: level)
    for ledger in (web, worker):
        ledger.gauge("threads.busy", lambda: 2.0 * level)
    for level in (1.0, 2.0, 3.0):  # noqa: B007  # the gauges read it
        web.flush()
        worker.flush()
        clock.now += 60
    clock.now += KEEP_S + 120
    assert web.compact()
    series = Stats(cache, clock).between(1_000_020.0, 1_000_199.0, 60)
    assert series.gauges["bricks.bytes"] == (1.0, 2.0, 3.0)
    assert series.gauges["threads.busy"] == (4.0, 8.0, 12.0)


def test_viewers_are_known_for_an_hour(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    ledger = Ledger(cache, "web", clock)
    for number in range(9):
        ledger.viewer(f"v{number}")
        ledger.demand("hit")
        ledger.flush()
        clock.now += 600
    # The last one is 600 s old.
    assert stats.snapshot(900)["viewers"] == 1
    assert stats.snapshot(1900)["viewers"] == 3
    assert stats.snapshot(86_400)["viewers"] == 6


def busy_totals(chance: random.Random) -> Totals:
    """What 600 slices a minute leave, from times that vary by a factor of ten in either direction."""

    def times() -> Histogram:
        made = Histogram()
        middle = chance.uniform(-9.0, -2.0)
        for _ in range(600):
            made.add(min(2.0 ** chance.gauss(middle, 1.7), BOUNDS[-1]))
        return made

    def group() -> Group:
        return Group({outcome: chance.randrange(1000) for outcome in OUTCOMES}, 12.3, 10**9)

    return Totals(
        demand={outcome: chance.randrange(1000) for outcome in OUTCOMES},
        stages={stage: times() for stage in STAGE_NAMES},
        counts={f"counter.number_{n}": float(chance.randrange(10**9)) for n in range(30)},
        server={outcome: times() for outcome in OUTCOMES},
        perceived={outcome: times() for outcome in OUTCOMES},
        times={"queue": times()},
        groups={
            Dimension.VOLUME: {f"folder/scan_{n}.h5/entry/data": group() for n in range(8)},
            Dimension.AXIS: {f"{n}": group() for n in range(3)},
        },
    )


def test_two_days_and_ninety_days_have_their_size(tmp_path: Path, clock: Clock) -> None:
    rows = open_rows(tmp_path / "size")
    retention = Retention()
    chance = random.Random(2)  # no secret
    samples = [
        list(Sums(busy_totals(chance), {"bricks.bytes": 1e10}, clock.now).encode(HOURS, 0).values())
        for _ in range(4)
    ]
    counts = {
        MINUTES: int(retention.minutes_s // 60) + 60,
        HOURS: int((retention.hours_s - retention.minutes_s) // 3600) + 24,
    }
    for tier, count in counts.items():
        stored = {tier.key(n): piece for n in range(count) for piece in samples[n % 4]}
        assert rows.replace((), stored)
    assert max(sum(map(len, pieces)) for pieces in samples) < ROW_BYTES
    rows.close()
    size = (tmp_path / "size" / "cache.db").stat().st_size
    assert size < HISTORY_BYTES


def test_by_viewer_there_is_an_hour(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    with pytest.raises(BadRequest, match="By viewer, statistics are kept for 1 hour"):
        stats.snapshot(3601, By.VIEWER)
    with pytest.raises(BadRequest, match="By viewer"):
        stats.snapshot(None, By.VIEWER)
    silent = Stats(cache, clock, Retention(names_days=0))
    with pytest.raises(BadRequest, match="no statistics by viewer"):
        silent.snapshot(300, By.VIEWER)
