"""Series: one aggregation behind panels, statistics, metrics and CSV, in responses of bounded size."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboard.addressing.outcomes import Outcome, Provenance
from dashboard.errors import BadRequest
from dashboard.storage.rows import DiskRows
from dashboard.telemetry.aggregates import (
    Dimension,
    Group,
    Histogram,
    LedgerRow,
    Totals,
    encode_row,
)
from dashboard.telemetry.compaction import ROW
from dashboard.telemetry.distributions import BUCKET_NAMES
from dashboard.telemetry.groups import By
from dashboard.telemetry.history import DAY_S, KEEP_S, MINUTES, Sums
from dashboard.telemetry.ledger import BRICK_WRITE, QUEUE, Ledger
from dashboard.telemetry.prometheus import exposition
from dashboard.telemetry.series import as_csv, as_json
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.telemetry.statistics import MAX_STEPS, Stats
from tests.clock import Clock

RESPONSE_BYTES = 30_000


def browse(ledger: Ledger, clock: Clock, seconds: int) -> None:
    """Slices of all outcomes, a few a second, with some pauses."""
    chance = random.Random(3)  # no secret
    for _ in range(seconds):
        for _ in range(chance.randrange(4)):
            outcome = chance.choice(OUTCOMES)
            stages = {stage: chance.lognormvariate(-5, 2) for stage in STAGE_NAMES}
            ledger.served(
                Provenance(Outcome(outcome)), None, stages, chance.lognormvariate(-4, 2), 1000
            )
            ledger.slice_perceived(outcome, chance.lognormvariate(-3, 2))
            ledger.count("bricks.decoded_bytes", chance.randrange(10**6))
            ledger.count("misses.evicted")
        ledger.flush()
        clock.now += 1


def samples(stats: Stats) -> dict[tuple[str, str], float]:
    body, _ = exposition(stats)
    return {
        (sample.name, "".join(v for k, v in sample.labels.items() if k != "le")): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.labels.get("le", "+Inf") == "+Inf"
    }


def test_all_that_is_said_of_one_moment_agrees(
    cache: DiskRows, ledger: Ledger, clock: Clock, stats: Stats
) -> None:
    browse(ledger, clock, 300)
    clock.now += 1000
    browse(ledger, clock, 100)
    ledger.compact()
    everything, day = stats.snapshot(None), stats.snapshot(DAY_S)
    assert everything["demand"] == day["demand"]
    assert everything["server"] == day["server"]
    assert everything["stages"] == day["stages"]
    series = stats.between(-DAY_S, 0)
    shown = as_json(series)
    table = list(csv.DictReader(io.StringIO(as_csv(series))))
    metrics = samples(stats)
    assert len(table) == len(shown["times"]) == len(series.times)
    for outcome in OUTCOMES:
        count = day["demand"][outcome]
        assert sum(series.outcomes[outcome]) == sum(shown["demand"][outcome]) == count
        assert sum(int(line[f"demand.{outcome}"]) for line in table) == count
        assert metrics["lamella_demand_total", outcome] == count
        assert metrics["lamella_slice_seconds_count", outcome] == day["server"][outcome]["count"]
    for stage in STAGE_NAMES:
        whole = day["stages"][stage]
        assert sum(shown["stages"][stage]["count"]) == whole["count"]
        assert sum(series.stages[stage].total_s) == whole["total_s"]
        assert metrics["lamella_stage_seconds_sum", stage] == whole["total_s"]
        lines = [float(line[f"stages.{stage}.total_s"]) for line in table]
        assert sum(lines) == pytest.approx(whole["total_s"], rel=1e-5)
    decoded = metrics["lamella_bricks_decoded_bytes_total", ""]
    assert sum(shown["counters"]["bricks.decoded_bytes"]) == decoded
    assert sum(series.server.count) == sum(stats["count"] for stats in [day["server"]["all"]])


def test_panels_and_the_interface_have_the_same_series(
    ledger: Ledger, clock: Clock, stats: Stats
) -> None:
    browse(ledger, clock, 400)
    panels = stats.series(300, 5)
    series = stats.between(panels.times[0], clock.now, 5)
    assert series == panels
    assert as_json(series)["from"] == panels.times[0]


def test_a_step_is_chosen_for_every_time_span(stats: Stats) -> None:
    for span in (1, 10, 300, 900, 1000, 3600, 6 * 3600, DAY_S, 2 * DAY_S, 7 * DAY_S, 90 * DAY_S):
        series = stats.between(-span, 0)
        assert 1 <= len(series.times) <= MAX_STEPS
        assert series.step_s % series.resolution_s == 0
        assert all(t % series.step_s == 0 for t in series.times)
        assert series.times[0] <= 1e6 - span < series.times[0] + series.step_s
        assert series.times[-1] <= 1e6 < series.times[-1] + series.step_s
    assert stats.between(-300, 0).step_s == 5
    assert stats.between(-3600, 0).step_s == 60
    assert stats.between(-DAY_S, 0).step_s == 900


def test_absolute_times_of_the_past(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    clock.now = 1_000_020.0
    ledger = Ledger(cache, "web", clock)
    for _ in range(60):
        ledger.demand("hit")
        ledger.flush()
        clock.now += 60
    series = stats.between(1_000_020, 1_000_020 + 599, 120)
    assert series.times == (999_960, 1_000_080, 1_000_200, 1_000_320, 1_000_440, 1_000_560)
    assert series.outcomes["hit"] == (1, 2, 2, 2, 2, 2)


@pytest.mark.parametrize(
    ("start", "end", "step", "text"),
    [
        (-300, -400, None, "ends before it begins"),
        (2e6, 0, None, "lies in the future"),
        (-91 * DAY_S, 0, None, "kept for 90 days"),
        (1, 2, None, "kept for 90 days") if 91 * DAY_S < 1e6 else (-8e6, 0, 60, "90 days"),
        (-300, 0, 1, "at most 100 steps"),
        (-3600, 0, 90, "multiples of 60 seconds"),
        (-7 * DAY_S, 0, 60, "multiples of 3600 seconds"),
    ],
)
def test_impossible_series_are_refused(
    stats: Stats, start: float, end: float, step: int | None, text: str
) -> None:
    with pytest.raises(BadRequest, match=text):
        stats.between(start, end, step)


def groups_of(chance: random.Random, names: list[str]) -> dict[str, Group]:
    return {
        name: Group({o: chance.randrange(300) for o in OUTCOMES}, chance.random() * 9, 10**8)
        for name in names
    }


def test_the_largest_responses_are_small(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    """Nothing of a series repeats, and each step has other volumes and viewers."""
    chance = random.Random(4)  # no secret

    def times() -> Histogram:
        made = Histogram()
        for _ in range(chance.randrange(1, 30)):
            made.add(chance.lognormvariate(-4, 2.5))
        return made

    for step in range(61):
        totals = Totals(
            demand={o: chance.randrange(60) for o in OUTCOMES},
            stages={stage: times() for stage in STAGE_NAMES},
            counts={f"some.counter_{n}": float(chance.randrange(10**7)) for n in range(25)},
            server={o: times() for o in OUTCOMES},
            perceived={o: times() for o in OUTCOMES},
            times={name: times() for name in (QUEUE, BRICK_WRITE)},
            groups={
                Dimension.VOLUME: groups_of(
                    chance, [f"folder/scan_{chance.randrange(50):03d}.h5/data" for _ in range(40)]
                ),
                Dimension.AXIS: groups_of(chance, ["0", "1", "2"]),
                Dimension.FORMAT: groups_of(chance, ["raw", "u8", "png"]),
                Dimension.VIEWER: groups_of(
                    chance, [f"{chance.randrange(100):032x}" for _ in range(40)]
                ),
            },
        )
        gauges = {f"some.level_{n}": chance.random() * 1e10 for n in range(10)}
        row = LedgerRow(clock.now, "1:a", totals, gauges)
        cache.replace((), {f"{ROW}{step}.{n}": v for n, v in enumerate(encode_row(row))})
        clock.now += 5
    for by, histogram in ((None, False), (None, True), *((by, False) for by in By)):
        series = stats.between(-300, 0, by=by)
        body = json.dumps(as_json(series, histogram), separators=(",", ":"))
        for text in (body, as_csv(series, histogram)):
            assert len(gzip.compress(text.encode(), 6)) < RESPONSE_BYTES, (by, histogram)


def test_a_breakdown_over_time_adds_up(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    def put(second: int, counts: dict[str, int]) -> None:
        groups = {name: Group({OUTCOMES[1]: count}, 0.5, 10) for name, count in counts.items()}
        row = LedgerRow(clock.now + second, "1:a", Totals(groups={Dimension.VOLUME: groups}))
        cache.set(f"{ROW}{second}", encode_row(row)[0])

    put(0, {f"a.h5/{n}": n for n in range(1, 33)})
    put(5, {f"b.h5/{n}": 2 * n for n in range(1, 33)})
    clock.now += 9
    found = as_json(stats.between(-9, 0, 5, By.VOLUME))
    assert len(found["groups"]) == 33
    names = list(found["groups"])
    assert (names[0], names[-1]) == ("b.h5/32", "other")
    counts = [group["count"] for group in found["groups"].values()]
    steps = [sum(column) for column in zip(*counts, strict=True)]
    assert steps == [528, 1056]
    assert found["groups"]["b.h5/32"] == {
        "count": [0, 64],
        "demand": {"hit": [0, 64]},
        "server_s": [0, 0.5],
    }
    assert "stages" not in found
    header = as_csv(stats.between(-9, 0, 5, By.VOLUME)).splitlines()[0]
    assert "groups.b.h5/32.demand.hit" in header


def test_reasons_and_outcomes_are_breakdowns_too(
    ledger: Ledger, clock: Clock, stats: Stats
) -> None:
    for outcome, reason in (("miss", "first"), ("miss", "evicted"), ("coalesced", "first")):
        ledger.served(Provenance(Outcome(outcome)), None, {}, 0.25, 1000)
        ledger.count(f"misses.{reason}")
    ledger.flush()
    assert stats.snapshot(300, By.REASON)["groups"] == {
        "evicted": {"count": 1},
        "first": {"count": 2},
    }
    assert stats.snapshot(None, By.OUTCOME)["groups"]["miss"] == {
        "count": 2,
        "demand": {"miss": 2},
        "server_s": 0.5,
    }
    found: dict[str, Any] = as_json(stats.between(-5, 0, 5, By.REASON))
    assert found["groups"] == {"evicted": {"count": [0, 1]}, "first": {"count": [0, 2]}}


def test_seconds_before_now_and_steps_beyond_the_seconds(
    cache: DiskRows, clock: Clock, stats: Stats
) -> None:
    row = Sums(Totals(demand={OUTCOMES[0]: 3}), {}, clock.now)
    cache.replace((), row.encode(MINUTES, MINUTES.number(clock.now - KEEP_S - 600) or 0))
    assert sum(stats.between(-KEEP_S - 900, 0).outcomes["ring"]) == 3


def test_distributions_are_those_of_the_metrics_and_add_up(
    ledger: Ledger, clock: Clock, stats: Stats
) -> None:
    browse(ledger, clock, 100)
    found = as_json(stats.between(-300, 0), histogram=True)["histogram"]
    assert found["bounds"] == BUCKET_NAMES
    snapshot = stats.snapshot(300)
    body, _ = exposition(stats)
    below: dict[tuple[str, str, str], float] = {
        (family.name, sample.labels["outcome"], sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name.endswith("_bucket") and "outcome" in sample.labels
    }
    for times, metric in (
        ("server", "lamella_slice_seconds"),
        ("perceived", "lamella_perceived_seconds"),
    ):
        for outcome, buckets in found[times].items():
            whole = sum(sum(steps) for steps in buckets.values())
            assert whole == snapshot[times][outcome]["count"]  # type: ignore[literal-required]
            upto = 0
            for bound in BUCKET_NAMES:
                upto += sum(buckets.get(bound, ()))
                assert below[metric, outcome, bound] == upto, (metric, outcome, bound)
    seen = stats.between(-300, 0).seen_at_once
    at_once = sum(below["lamella_perceived_seconds", outcome, "0.1"] for outcome in OUTCOMES)
    assert sum(seen) == at_once


def test_sums_between_two_times_are_those_of_their_steps(
    ledger: Ledger, clock: Clock, stats: Stats
) -> None:
    began = clock.now
    browse(ledger, clock, 200)
    clock.now += 3 * 3600
    ledger.compact()
    stats.refresh()
    part = stats.snapshot_between(began, began + 119)
    series = stats.between(began, began + 119, 60)
    assert part["resolution_s"] == 60
    assert part["demand"] == {o: sum(steps) for o, steps in series.outcomes.items()}
    assert part["perceived"]["all"]["count"] == sum(series.perceived.count) > 0
    assert part["from"] == series.times[0]
    assert part["to"] == series.times[-1] + 60
    after = stats.snapshot_between(began + 3600, began + 7200)
    assert sum(after["demand"].values()) == 0
    with pytest.raises(BadRequest):
        stats.snapshot_between(began, began - 60)
