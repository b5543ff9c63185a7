"""The Prometheus exposition parses, follows the naming rules, and has exact buckets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboard.storage.rows import open_rows
from dashboard.telemetry.aggregates import BOUNDS
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.prometheus import BUCKETS, exposition
from dashboard.telemetry.stages import STAGE_NAMES
from dashboard.telemetry.statistics import Stats

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
    ledger.count("prefetch.wasted_bytes", 77)
    ledger.gauge("frames.bytes", lambda: 12)
    ledger.flush()
    samples = scrape(stats)
    assert samples["lamella_demand_total", label(outcome="miss")] == 2
    assert samples["lamella_prefetch_wasted_bytes_total", label()] == 77
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
