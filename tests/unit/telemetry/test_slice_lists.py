"""The slowest slices of each day and the latest: exactly those, from all processes, in bounded space."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from dashboard.addressing.outcomes import Outcome, Provenance, Reason, Stage
from dashboard.errors import BadRequest, Busy
from dashboard.storage.rows import DiskRows, RowsUnavailable
from dashboard.telemetry.groups import Demand, volume_name
from dashboard.telemetry.history import DAY_S, Retention
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.served import JOIN_S, PageTimes, ServedSlice, as_json, joined
from dashboard.telemetry.slice_lists import Order, SliceLists
from dashboard.telemetry.slice_rows import LATEST, LATEST_S, PAINTED, RING, SERVED, SLOWEST
from tests.clock import Clock

MISS = Provenance(Outcome.MISS, Reason.EVICTED)
DAYS = SERVED.days


@pytest.fixture
def lists(cache: DiskRows, clock: Clock) -> SliceLists:
    return SliceLists(cache, clock)


def serve(ledger: Ledger, total_s: float, viewer: str = "v", name: str = "a.h5/x") -> None:
    demand = Demand(name, "0", "3,:,:", viewer, slice_bytes=400)
    moved = {Stage.READ: 900, Stage.DECODE: 4000}
    ledger.served(MISS, demand, {Stage.DECODE: total_s}, total_s, 100, moved)


def report(ledger: Ledger, perceived_s: float | None, outcome: Outcome = Outcome.MISS) -> None:
    demand = Demand("a.h5/x", "0", "3,:,:", "v")
    ledger.count("reports.accepted")
    ledger.slices.painted(demand, outcome, {Stage.WAITED: 0.01, Stage.DRAW: 0.04}, perceived_s)


def totals(found: Sequence[tuple[ServedSlice, PageTimes | None]]) -> list[float]:
    return [served.total_s for served, _ in found]


def test_a_slow_slice_has_all_that_is_known_of_it(
    ledger: Ledger, clock: Clock, lists: SliceLists
) -> None:
    serve(ledger, 0.25)
    ledger.served(Provenance(Outcome.HIT), None, {}, 9.0, 0)  # of nobody
    ledger.flush()
    clock.now += 10
    start, end, ((slow, page),) = lists.between(-60, 0, 10)
    assert (start, end) == (clock.now - 60, clock.now)
    assert as_json(slow, page) == {
        "time": clock.now - 10,
        "volume": "a.h5/x",
        "selection": "3,:,:",
        "outcome": "miss",
        "reason": "evicted",
        "viewer": "v",
        "bytes": 100,
        "read_bytes": 900,
        "decoded_bytes": 4000,
        "amplification": 10.0,
        "stages": {"decode": 250.0},
        "total_ms": 250.0,
        "page_stages": None,
        "perceived_ms": None,
    }


def test_the_slowest_of_each_day_are_known_whatever_process_served_them(
    cache: DiskRows, clock: Clock, lists: SliceLists
) -> None:
    clock.now = 20 * DAY_S
    chance = random.Random(5)  # no secret
    ledgers = [Ledger(cache, "web", clock) for _ in range(2)]
    served: dict[int, list[float]] = {0: [], 1: []}
    for day, times in served.items():
        for _ in range(600):
            times.append(round(chance.lognormvariate(-3, 1.5), 6))
            serve(chance.choice(ledgers), times[-1])
            clock.now += DAY_S / 601
            if len(times) % 7 == 0:
                for ledger in ledgers:
                    ledger.flush()
        clock.now = (21 + day) * DAY_S
        for ledger in ledgers:
            ledger.flush()
    while ledgers[0].compact():
        pass
    clock.now += 1
    for day, times in served.items():
        begin = (20 + day) * DAY_S
        _, _, found = lists.between(begin, begin + DAY_S - 1, SLOWEST)
        assert totals(found) == sorted(times, reverse=True)[:SLOWEST]
    _, _, most = lists.between(-2 * DAY_S, 0, 3)
    assert totals(most) == sorted(served[0] + served[1], reverse=True)[:3]
    values = [row.value for row in cache.rows_after(0, DAYS.prefix)]
    assert sum(map(len, values)) < 2 * 2 * SLOWEST * 300


def test_they_are_kept_for_as_long_as_names_are(cache: DiskRows, clock: Clock) -> None:
    clock.now = 20 * DAY_S
    ledger = Ledger(cache, "web", clock, Retention(names_days=3))
    serve(ledger, 1.0)
    ledger.flush()
    clock.now += 3 * DAY_S
    ledger.compact()
    lists = SliceLists(cache, clock, Retention(names_days=3))
    assert len(lists.between(-3 * DAY_S, 0, 10)[2]) == 1
    with pytest.raises(BadRequest, match="kept for 3 days"):
        lists.between(-4 * DAY_S, 0, 10)
    clock.now += DAY_S + 1
    assert ledger.compact()
    assert cache.keys_with_prefix(DAYS.prefix) == []


def test_without_names_there_are_none(cache: DiskRows, clock: Clock) -> None:
    nameless = Retention(names_days=0)
    ledger = Ledger(cache, "web", clock, nameless)
    serve(ledger, 1.0)
    ledger.flush()
    assert cache.keys_with_prefix(DAYS.prefix) == []
    with pytest.raises(BadRequest, match="keeps no single slices"):
        SliceLists(cache, clock, nameless).between(-60, 0, 10)


def test_switching_names_off_removes_them(cache: DiskRows, clock: Clock, ledger: Ledger) -> None:
    serve(ledger, 1.0)
    ledger.flush()
    clock.now += DAY_S
    Ledger(cache, "web", clock, Retention(names_days=0)).compact()
    assert cache.keys_with_prefix(DAYS.prefix) == []


def test_a_month_can_be_listed_at_most(cache: DiskRows, clock: Clock) -> None:
    clock.now = 400 * DAY_S
    lists = SliceLists(cache, clock, Retention(names_days=100))
    assert lists.between(-31 * DAY_S, 0, 10)[2] == []
    with pytest.raises(BadRequest, match="31 days"):
        lists.between(-32 * DAY_S, 0, 10)


def test_what_others_planted_is_skipped(
    cache: DiskRows,
    clock: Clock,
    ledger: Ledger,
    lists: SliceLists,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(ledger, 1.0)
    ledger.flush()
    for value in (b"{", b"[3]", b'[{"time": 1}]'):
        cache.set(DAYS.key(DAYS.number(clock.now) or 0), value)
    clock.now += 1
    assert len(lists.between(-60, 0, 10)[2]) == 1
    monkeypatch.setattr(cache, "rows_between", lambda *_: (_ for _ in ()).throw(RowsUnavailable()))
    with pytest.raises(Busy):
        lists.between(-60, 0, 10)


def test_names_of_any_length_fit_into_rows(ledger: Ledger, cache: DiskRows) -> None:
    for name in (volume_name("é" * 900, "/" + "ü" * 2000), "\x01" * 256):
        for number in range(50):
            demand = Demand(name, "0", '"' * 1000, "v" * 64)
            moved = {Stage.READ: 10**15, Stage.DECODE: 10**15}
            stages = dict.fromkeys(Stage, 1 / 3)
            ledger.served(MISS, demand, stages, float(number), 10**12, moved)
            ledger.slices.painted(demand, Outcome.MISS, stages, float(number))
    ledger.flush()
    for kind in (SERVED, PAINTED):
        rows = cache.rows_after(0, kind.days.prefix)
        assert sum(len(kind.decode(row.value)) for row in rows) == 100
        ring = cache.rows_after(0, kind.ring)
        assert 0 < len(ring) <= RING
        assert {one.volume for row in ring for one in kind.decode(row.value)} <= {
            volume_name("é" * 900, "/" + "ü" * 2000),
            "\x01" * 256,
        }


def test_a_row_reads_back_as_it_was(ledger: Ledger, cache: DiskRows) -> None:
    serve(ledger, 0.125)
    ledger.served(Provenance(Outcome.HIT), Demand("b.h5/y", "0", "1,:,:", "w"), {}, 0.01, 0)
    ledger.flush()
    (row,) = cache.rows_after(0, DAYS.prefix)
    first, second = SERVED.decode(row.value)
    (again,) = SERVED.encode_day(3, [second, first]).values()
    assert SERVED.decode(again) == [first, second]
    assert (second.read_bytes, second.decoded_bytes, second.amplification) == (0, 0, None)


def test_rows_of_earlier_versions_have_no_bytes(
    cache: DiskRows, clock: Clock, lists: SliceLists
) -> None:
    old = (
        f'[{{"time":{clock.now!r},"volume":"a","selection":"3","outcome":"hit","reason":null,'
        '"viewer":"v","bytes":1,"stages":{},"total_s":1.0}]'
    )
    cache.set(DAYS.key(DAYS.number(clock.now) or 0), old.encode())
    clock.now += 1
    ((slow, page),) = lists.between(-60, 0, 10)[2]
    shown = as_json(slow, page)
    assert [shown[name] for name in ("read_bytes", "decoded_bytes", "amplification")] == [None] * 3


def test_bytes_that_the_hdf5_library_reads_are_unknown(
    ledger: Ledger, clock: Clock, lists: SliceLists
) -> None:
    demand = Demand("a.h5/x", "0", "3,:,:", "v", slice_bytes=8)
    ledger.served(MISS, demand, {}, 1.0, 0, {Stage.DECODE: 16})
    ledger.flush()
    clock.now += 1
    ((slow, _),) = lists.between(-60, 0, 10)[2]
    assert (slow.read_bytes, slow.decoded_bytes, slow.amplification) == (None, 16, 2.0)


def test_the_latest_of_all_processes_are_known_in_order(
    cache: DiskRows, clock: Clock, lists: SliceLists
) -> None:
    ledgers = [Ledger(cache, "web", clock) for _ in range(2)]
    # Long ones first, so that the latest are not among the slowest.
    for number in range(1200):
        serve(ledgers[number % 2], 2.0 - number / 1000)
        clock.now += 0.25
        if number % 7 == 0:
            for ledger in ledgers:
                ledger.flush()
    for ledger in ledgers:
        ledger.flush()
    _, _, found = lists.between(-600, 0, LATEST, Order.LATEST)
    assert totals(found) == [round(2.0 - n / 1000, 6) for n in range(1199, 1199 - LATEST, -1)]
    assert len(cache.rows_after(0, SERVED.ring)) <= 2 * RING
    # Of one flush, no more than that are written.
    clock.now += 100
    for _ in range(3 * LATEST):
        serve(ledgers[0], 0.001)
        clock.now += 0.001
    ledgers[0].flush()
    assert totals(lists.between(-50, 0, 1000, Order.LATEST)[2]) == [0.001] * LATEST


def test_the_latest_expire(cache: DiskRows, clock: Clock, lists: SliceLists) -> None:
    clock.now = 20 * DAY_S
    ledger = Ledger(cache, "web", clock)
    for number in range(SLOWEST):
        serve(ledger, 2.0 + number)
        clock.now += 0.001
    ledger.flush()
    serve(ledger, 1.0)
    ledger.flush()
    clock.now += LATEST_S
    assert totals(lists.between(-3600, 0, 1, Order.LATEST)[2]) == [1.0]
    clock.now += 1
    # What was slow is known for longer.
    assert totals(lists.between(-3600, 0, 1, Order.LATEST)[2]) == [2.0 + SLOWEST - 1]
    expiring = cache.cache.select(
        "SELECT expire_time - store_time FROM Cache WHERE key >= ? AND key < ?",
        (SERVED.ring, SERVED.ring + "~"),
    )
    assert [seconds for (seconds,) in expiring] == [
        pytest.approx(LATEST_S, abs=0.1) for _ in expiring
    ]
    assert expiring


def test_a_failed_write_loses_no_slice(
    cache: DiskRows,
    clock: Clock,
    ledger: Ledger,
    lists: SliceLists,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(ledger, 1.0)
    with monkeypatch.context() as broken:
        broken.setattr(cache, "replace", lambda *_: (_ for _ in ()).throw(RowsUnavailable()))
        ledger.flush()
    clock.now += 1
    serve(ledger, 0.5)
    ledger.flush()
    clock.now += 1
    assert totals(lists.between(-60, 0, 10, Order.LATEST)[2]) == [0.5, 1.0]


def test_a_report_belongs_to_the_nearest_answer_before_it(
    ledger: Ledger, clock: Clock, lists: SliceLists
) -> None:
    for total_s in (0.3, 0.6):
        serve(ledger, total_s)
        clock.now += 2
    report(ledger, 0.65)
    clock.now += 1
    report(ledger, 0.9)  # a second one about the same answer
    clock.now += 1
    serve(ledger, 0.2)
    ledger.flush()
    clock.now += 1
    found = lists.between(-60, 0, 10)[2]
    assert totals(found) == [0.6, 0.3, 0.2]
    shown = [as_json(*pair) for pair in found]
    assert [one["perceived_ms"] for one in shown] == [650.0, None, None]
    assert shown[0]["page_stages"] == {"waited": 10.0, "draw": 40.0}
    assert [one["page_stages"] for one in shown[1:]] == [None, None]


@pytest.mark.parametrize(
    "other",
    [
        {"viewer": "w"},
        {"volume": "b.h5/x"},
        {"selection": "4,:,:"},
        {"outcome": Outcome.HIT},
        {"time": 99.0},
        {"time": 100.0 + JOIN_S + 1},
    ],
    ids=str,
)
def test_a_report_of_something_else_is_not_joined(other: dict[str, object]) -> None:
    same = {
        "time": 100.0,
        "volume": "a.h5/x",
        "selection": "3,:,:",
        "viewer": "v",
        "outcome": Outcome.MISS,
        "stages": {},
    }
    served = ServedSlice(**same, reason=None, bytes=0, total_s=1.0)  # type: ignore[arg-type]
    its = PageTimes(**same, perceived_s=1.1)  # type: ignore[arg-type]
    assert joined([served], [its]) == [(served, its)]
    assert joined([served], [its.model_copy(update=other)]) == [(served, None)]


def test_reports_of_slow_slices_are_kept_as_long_as_they_are(
    cache: DiskRows, clock: Clock, lists: SliceLists
) -> None:
    clock.now = 20 * DAY_S
    # One process answers, another one receives the reports.
    web, other = (Ledger(cache, "web", clock) for _ in range(2))
    serve(web, 9.0)
    clock.now += 1
    report(other, 9.05)
    # Later reports of fast slices displace it in the ring, not among the slowest.
    for _ in range(1000):
        report(other, 0.06, Outcome.HIT)
        other.flush()
    web.flush()
    clock.now += LATEST_S + 1
    while web.compact():
        clock.now += 1
    ((slow, page),) = lists.between(-3600, 0, 10)[2]
    assert as_json(slow, page)["perceived_ms"] == 9050.0


def test_nothing_of_reports_is_kept_without_names(cache: DiskRows, clock: Clock) -> None:
    ledger = Ledger(cache, "web", clock, Retention(names_days=0))
    serve(ledger, 1.0)
    report(ledger, 1.0)
    ledger.flush()
    assert [cache.keys_with_prefix(prefix) for prefix in ("latest:", "painted:", "slow:")] == [
        [],
        [],
        [],
    ]
