"""The Prometheus exposition parses, follows the naming rules, and has exact buckets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboard import __version__
from dashboard.errors import Busy
from dashboard.storage.rows import RowsUnavailable, open_rows
from dashboard.telemetry.aggregates import BOUNDS
from dashboard.telemetry.ledger import PREFETCH_LEAD, Ledger
from dashboard.telemetry.prometheus import BUCKETS, exposition
from dashboard.telemetry.stages import STAGE_NAMES
from dashboard.telemetry.statistics import Stats
from tests.clock import Clock

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Ledger, Stats]]:
    cache = open_rows(tmp_path / "ledger")
    yield Ledger(cache, "web", lambda: 1e6), Stats(cache, lambda: 1e6)
    cache.close()


def scrape(stats: Stats) -> Samples:
    body, content_type = exposition(stats)
    assert content_type.startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def label(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_all_names_are_ours(pair: tuple[Ledger, Stats]) -> None:
    ledger, stats = pair
    ledger.count("custom.thing", 2)
    ledger.gauge("custom.level", lambda: 3)
    ledger.flush()
    samples = scrape(stats)
    assert all(name.startswith("lamella_") for name, _ in samples)
    assert samples["lamella_custom_thing_total", label()] == 2
    assert samples["lamella_custom_level", label()] == 3


def test_nothing_counted_is_zero_and_there(pair: tuple[Ledger, Stats]) -> None:
    samples = scrape(pair[1])
    assert samples["lamella_demand_total", label(outcome="ring")] == 0
    assert samples["lamella_prefetch_decoded_total", label()] == 0
    assert samples["lamella_bricks_bytes", label()] == 0
    for stage in STAGE_NAMES:
        assert samples["lamella_stage_seconds_count", label(stage=stage)] == 0


def test_figures(pair: tuple[Ledger, Stats]) -> None:
    ledger, stats = pair
    ledger.demand("miss")
    ledger.demand("miss")
    ledger.viewer("a")
    # Evicted bricks, in a row of an earlier version and in one of today; and one that was used after all.
    ledger.count("prefetch.wasted_bytes", 70)
    ledger.count("wasted_bytes.evicted", 7)
    ledger.count("wasted_bytes.turned", 5)
    ledger.count("recovered_bytes.turned", 5)
    ledger.count("prefetch.saved_seconds", 1.5)
    ledger.count("prefetch.spent_seconds", 2.5)
    ledger.count_all({}, {PREFETCH_LEAD: 0.3})
    ledger.gauge("frames.bytes", lambda: 12)
    ledger.flush()
    samples = scrape(stats)
    assert samples["lamella_demand_total", label(outcome="miss")] == 2
    wasted = "lamella_prefetch_wasted_bytes_total"
    assert samples[wasted, label(cause="evicted")] == 77
    assert samples[wasted, label(cause="turned")] == 5
    assert samples[wasted, label(cause="left")] == 0
    assert (wasted, label()) not in samples
    assert samples["lamella_prefetch_recovered_bytes_total", label(cause="turned")] == 5
    assert samples["lamella_prefetch_saved_seconds_total", label()] == 1.5
    assert samples["lamella_prefetch_spent_seconds_total", label()] == 2.5
    assert samples["lamella_prefetch_lead_seconds_bucket", label(le="0.5")] == 1
    assert samples["lamella_prefetch_lead_seconds_bucket", label(le="0.25")] == 0
    assert samples["lamella_frames_bytes", label()] == 12
    assert samples["lamella_viewers", label()] == 1
    (rss,) = [v for (name, _), v in samples.items() if name == "lamella_process_rss_bytes"]
    assert rss > 0
    assert any(name == "lamella_process_heartbeat_seconds" for name, _ in samples)


def test_buckets_are_cumulative_and_exact(pair: tuple[Ledger, Stats]) -> None:
    assert set(BUCKETS) <= set(BOUNDS)
    ledger, stats = pair
    times = [0.00005, 0.0005, 0.00051, 0.3, 0.5, 9.99, 10.0, 11.0]
    for seconds in times:
        ledger.stages({"decode": seconds})
    ledger.flush()
    samples = scrape(stats)
    for bound in BUCKETS:
        found = samples["lamella_stage_seconds_bucket", label(stage="decode", le=str(bound))]
        assert found == sum(seconds <= bound for seconds in times)
    assert samples["lamella_stage_seconds_bucket", label(stage="decode", le="+Inf")] == len(times)
    assert samples["lamella_stage_seconds_count", label(stage="decode")] == len(times)
    assert samples["lamella_stage_seconds_sum", label(stage="decode")] == pytest.approx(sum(times))


def test_processes_have_names_that_a_restart_keeps(pair: tuple[Ledger, Stats]) -> None:
    ledger, stats = pair
    Ledger(ledger.rows, "worker", lambda: 1e6).flush()
    ledger.flush()
    Ledger(ledger.rows, "web", lambda: 1e6).flush()
    samples = scrape(stats)
    names = [dict(found) for name, found in samples if name == "lamella_process_rss_bytes"]
    assert names == [
        {"process": "web-0", "role": "web"},
        {"process": "web-1", "role": "web"},
        {"process": "worker-0", "role": "worker"},
    ]


def test_the_worker_is_up_while_it_is_heard_of(pair: tuple[Ledger, Stats]) -> None:
    ledger, stats = pair
    assert scrape(stats)["lamella_worker_up", label()] == 0
    clock = Clock(1e6 - 30)
    worker = Ledger(ledger.rows, "worker", clock)
    worker.flush()
    assert scrape(stats)["lamella_worker_up", label()] == 0
    clock.now = 1e6 - 5
    worker.flush()
    assert scrape(stats)["lamella_worker_up", label()] == 1


def test_the_queue_the_threads_and_the_version(pair: tuple[Ledger, Stats]) -> None:
    ledger, stats = pair
    for queued_s in (0.0, 0.02, 0.3):
        ledger.request("demand_200", queued_s)
    ledger.gauge("threads.busy", lambda: 1.5)
    ledger.flush()
    samples = scrape(stats)
    assert samples["lamella_queue_seconds_count", label()] == 3
    assert samples["lamella_queue_seconds_bucket", label(le="0.025")] == 2
    assert samples["lamella_queue_seconds_sum", label()] == pytest.approx(0.32)
    assert samples["lamella_requests_total", label(kind="demand", code="200")] == 3
    assert samples["lamella_threads_busy", label()] == 1.5
    assert samples["lamella_build_info", label(version=__version__)] == 1


def test_scrapes_of_several_processes_never_go_back(tmp_path: Path) -> None:
    """Each process reads at other moments, and adds what it reads in another order."""
    cache = open_rows(tmp_path / "ledger")
    clock = Clock()
    ledgers = [Ledger(cache, "web", clock) for _ in range(3)]
    readers = [Stats(cache, clock) for _ in range(3)]
    chance = random.Random(6)  # no secret
    before: Samples = {}
    for turn in range(30):
        for ledger in ledgers:
            ledger.stages({"decode": chance.random() / 3, "read": chance.random() / 7})
            ledger.count("prefetch.saved_s", chance.random())
            ledger.demand("hit")
            ledger.flush()
        clock.now += chance.choice([0.2, 0.9, 200.0])
        if turn % 10 == 9:
            readers[turn % 3] = Stats(cache, clock)
        for reader in readers:
            found = {
                key: value
                for key, value in scrape(reader).items()
                if key[0].endswith(("_total", "_sum", "_count", "_bucket"))
            }
            assert all(value >= before.get(key, 0.0) for key, value in found.items())
            before = found
    assert before["lamella_demand_total", label(outcome="hit")] == 90
    cache.close()


def test_a_scrape_that_cannot_read_the_ledger_fails(
    pair: tuple[Ledger, Stats], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RowsUnavailable("malformed")

    ledger, stats = pair
    monkeypatch.setattr(ledger.rows, "rows_after", broken)
    with pytest.raises(Busy):
        exposition(stats)
