"""The slowest slices of each day: exactly those, from all processes, in bounded space."""

from __future__ import annotations

import random

import pytest

from dashboard.addressing.outcomes import Outcome, Provenance, Reason, Stage
from dashboard.errors import BadRequest, Busy
from dashboard.storage.rows import DiskRows, RowsUnavailable
from dashboard.telemetry.groups import Demand, volume_name
from dashboard.telemetry.history import DAY_S, Retention
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.slow import DAYS, SLOWEST, decode, encode
from dashboard.telemetry.statistics import Stats
from tests.clock import Clock

MISS = Provenance(Outcome.MISS, Reason.EVICTED)


def serve(ledger: Ledger, total_s: float, viewer: str = "v", name: str = "a.h5/x") -> None:
    demand = Demand(name, "0", "3,:,:", viewer)
    ledger.served(MISS, demand, {Stage.DECODE: total_s}, total_s, 100)


def test_a_slow_slice_has_all_that_is_known_of_it(
    ledger: Ledger, clock: Clock, stats: Stats
) -> None:
    serve(ledger, 0.25)
    ledger.served(Provenance(Outcome.HIT), None, {}, 9.0, 0)  # of nobody
    ledger.flush()
    clock.now += 10
    start, end, (slow,) = stats.slow(-60, 0, 10)
    assert (start, end) == (clock.now - 60, clock.now)
    assert slow.as_json() == {
        "time": clock.now - 10,
        "volume": "a.h5/x",
        "selection": "3,:,:",
        "outcome": "miss",
        "reason": "evicted",
        "viewer": "v",
        "bytes": 100,
        "stages": {"decode": 250.0},
        "total_ms": 250.0,
    }


def test_the_slowest_of_each_day_are_known_whatever_process_served_them(
    cache: DiskRows, clock: Clock, stats: Stats
) -> None:
    clock.now = 20 * DAY_S
    chance = random.Random(5)  # no secret
    ledgers = [Ledger(cache, "web", clock) for _ in range(2)]
    served: dict[int, list[float]] = {0: [], 1: []}
    for day, totals in served.items():
        for _ in range(600):
            totals.append(round(chance.lognormvariate(-3, 1.5), 6))
            serve(chance.choice(ledgers), totals[-1])
            clock.now += DAY_S / 601
            if len(totals) % 7 == 0:
                for ledger in ledgers:
                    ledger.flush()
        clock.now = (21 + day) * DAY_S
        for ledger in ledgers:
            ledger.flush()
    while ledgers[0].compact():
        pass
    clock.now += 1
    for day, totals in served.items():
        begin = (20 + day) * DAY_S
        _, _, found = stats.slow(begin, begin + DAY_S - 1, SLOWEST)
        assert [slow.total_s for slow in found] == sorted(totals, reverse=True)[:SLOWEST]
    _, _, most = stats.slow(-2 * DAY_S, 0, 3)
    assert [s.total_s for s in most] == sorted(served[0] + served[1], reverse=True)[:3]
    values = [row.value for row in cache.rows_after(0, DAYS.prefix)]
    assert sum(map(len, values)) < 2 * 2 * SLOWEST * 250


def test_they_are_kept_for_as_long_as_names_are(cache: DiskRows, clock: Clock) -> None:
    clock.now = 20 * DAY_S
    ledger = Ledger(cache, "web", clock, Retention(names_days=3))
    serve(ledger, 1.0)
    ledger.flush()
    clock.now += 3 * DAY_S
    ledger.compact()
    stats = Stats(cache, clock, Retention(names_days=3))
    assert len(stats.slow(-3 * DAY_S, 0, 10)[2]) == 1
    with pytest.raises(BadRequest, match="kept for 3 days"):
        stats.slow(-4 * DAY_S, 0, 10)
    clock.now += DAY_S + 1
    assert ledger.compact()
    assert cache.keys_with_prefix(DAYS.prefix) == []


def test_without_names_there_are_none(cache: DiskRows, clock: Clock) -> None:
    nameless = Retention(names_days=0)
    ledger = Ledger(cache, "web", clock, nameless)
    serve(ledger, 1.0)
    ledger.flush()
    assert cache.keys_with_prefix(DAYS.prefix) == []
    with pytest.raises(BadRequest, match="does not keep slow slices"):
        Stats(cache, clock, nameless).slow(-60, 0, 10)


def test_switching_names_off_removes_them(cache: DiskRows, clock: Clock, ledger: Ledger) -> None:
    serve(ledger, 1.0)
    ledger.flush()
    clock.now += DAY_S
    Ledger(cache, "web", clock, Retention(names_days=0)).compact()
    assert cache.keys_with_prefix(DAYS.prefix) == []


def test_a_month_can_be_listed_at_most(cache: DiskRows, clock: Clock) -> None:
    clock.now = 400 * DAY_S
    stats = Stats(cache, clock, Retention(names_days=100))
    assert stats.slow(-31 * DAY_S, 0, 10)[2] == []
    with pytest.raises(BadRequest, match="31 days"):
        stats.slow(-32 * DAY_S, 0, 10)


def test_what_others_planted_is_skipped(
    cache: DiskRows, clock: Clock, ledger: Ledger, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(ledger, 1.0)
    ledger.flush()
    for value in (b"{", b"[3]", b'[{"time": 1}]'):
        cache.set(DAYS.key(DAYS.number(clock.now) or 0), value)
    clock.now += 1
    assert len(stats.slow(-60, 0, 10)[2]) == 1
    monkeypatch.setattr(cache, "rows_between", lambda *_: (_ for _ in ()).throw(RowsUnavailable()))
    with pytest.raises(Busy):
        stats.slow(-60, 0, 10)


def test_names_of_any_length_fit_into_rows(ledger: Ledger, cache: DiskRows) -> None:
    name = volume_name("é" * 900, "/" + "ü" * 2000)
    for number in range(50):
        demand = Demand(name, "0", "9" * 1000, "v" * 64)
        ledger.served(MISS, demand, dict.fromkeys(Stage, 1 / 3), float(number), 10**12)
    ledger.flush()
    rows = cache.rows_after(0, DAYS.prefix)
    assert sum(len(decode(row.value)) for row in rows) == 50


def test_a_row_reads_back_as_it_was(ledger: Ledger, cache: DiskRows) -> None:
    serve(ledger, 0.125)
    ledger.flush()
    (row,) = cache.rows_after(0, DAYS.prefix)
    (again,) = encode(3, decode(row.value)).values()
    assert again == row.value
