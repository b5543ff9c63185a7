"""What is new in the panels, from the ledger's statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dashboard.addressing.outcomes import Outcome, Reason, Stage, Waste
from dashboard.settings import Settings
from dashboard.telemetry.aggregates import Totals
from dashboard.telemetry.groups import Demand
from dashboard.telemetry.history import DEFAULT_RETENTION, Retention
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.ledger_reader import WorkerStats
from dashboard.telemetry.prefetching import PrefetchStats, prefetch_stats
from dashboard.telemetry.statistics import Stats
from dashboard.web.page import layout, panel_updates
from tests.clock import Clock
from tests.rows import MemoryRows

MB = 1_000_000


class Counted:
    """A ledger and its statistics."""

    def __init__(self, retention: Retention = DEFAULT_RETENTION) -> None:
        clock = Clock()
        rows = MemoryRows(clock)
        self.ledger = Ledger(rows, "web", clock, retention)
        self.stats = Stats(rows, clock, retention)

    def demands(self, viewer: str | None = None, **counts: int) -> None:
        demand = None if viewer is None else Demand("a.h5/x", "0", "0,:,:", viewer)
        for outcome, count in counts.items():
            for _ in range(count):
                self.ledger.demand(Outcome(outcome), demand=demand)

    def shown(
        self, update: Callable[..., panel_updates.PanelUpdate], *arguments: Any
    ) -> panel_updates.PanelUpdate:
        self.ledger.flush()
        self.stats.refresh()
        return update(self.stats, *arguments)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def ahead(**numbers: Any) -> PrefetchStats:
    """Prefetch statistics that are zero but for these."""
    stats: Any = {
        name: 0 for name in PrefetchStats.__annotations__ if name not in ("moving", "resting")
    }
    return {**stats, **numbers}


def test_the_hit_rate_is_rounded_down(counted: Counted) -> None:
    assert counted.shown(panel_updates.hit_rate)["texts"]["hit-rate-value"] == "–"
    counted.demands(hit=1, miss=2)
    assert counted.shown(panel_updates.hit_rate)["texts"]["hit-rate-value"] == "33.3 %"
    texts = panel_updates.demand({"hit": 3999, "ring": 1000, "miss": 1})
    assert texts["hit-rate-value"] == "99.9 %"
    assert texts["outcome-hit"] == "3,999"
    assert texts["outcome-coalesced"] == "0"
    assert panel_updates.demand({"hit": 3, "miss": 1})["hit-rate-value"] == "75 %"
    assert panel_updates.demand({"hit": 3})["hit-rate-value"] == "100 %"
    assert panel_updates.demand({"hit": 10**9, "miss": 1})["hit-rate-value"] == "99.9 %"


def test_the_hit_rate_of_one_viewer_is_without_those_of_others(counted: Counted) -> None:
    counted.demands("me", hit=1, ring=1)
    counted.demands("other", miss=5, hit=3)
    counted.ledger.demand(Outcome.MISS, ["misses.late"], Demand("a.h5/x", "0", "1,:,:", "me"))
    counted.ledger.count("page.skipped", 2, "me")
    counted.ledger.count("page.skipped", 7, "other")
    counted.ledger.request("demand_503", 0.0, "me")
    counted.ledger.request("demand_503", 0.0, "other")
    mine = counted.shown(panel_updates.hit_rate, "me")
    assert mine["texts"]["hit-rate-value"] == "66.6 %"
    assert mine["texts"]["outcome-miss"] == "1"
    assert mine["texts"]["hit-rate-unseen"] == "2 skipped · 1 failed"
    assert mine["texts"]["hit-rate-reasons"] == "Why: 1 planned but not ready."
    assert mine["hidden"]["hit-rate-whose"] is False
    everyone = counted.shown(panel_updates.hit_rate)
    assert everyone["texts"]["outcome-miss"] == "6"
    assert everyone["texts"]["hit-rate-unseen"] == "9 skipped · 2 failed"
    assert counted.shown(panel_updates.hit_rate, "nobody")["texts"]["hit-rate-value"] == "–"


def test_without_names_of_viewers_the_hit_rate_is_everyone_s() -> None:
    counted = Counted(Retention(names_days=0))
    counted.demands("me", hit=1)
    counted.demands("other", miss=1)
    shown = counted.shown(panel_updates.hit_rate, "me")
    assert shown["texts"]["hit-rate-value"] == "50 %"
    assert shown["hidden"]["hit-rate-whose"] is True


def test_skipped_and_failed_slices_are_counted(counted: Counted) -> None:
    counted.demands(hit=1)
    assert counted.shown(panel_updates.hit_rate)["texts"]["hit-rate-unseen"] == ""
    counted.ledger.count("page.skipped", 3)
    counted.ledger.count("requests.demand_503")
    counted.ledger.count("requests.demand_200", 8)
    texts = counted.shown(panel_updates.hit_rate)["texts"]
    assert texts["hit-rate-unseen"] == "3 skipped · 1 failed"


def test_reasons_are_a_sentence_as_soon_as_they_are_counted(counted: Counted) -> None:
    counted.demands(miss=4)
    assert counted.shown(panel_updates.hit_rate)["texts"]["hit-rate-reasons"] == ""
    for name, count in {"first": 5, "evicted": 7, "late": 1, "jumped": 2, "turned": 1}.items():
        counted.ledger.count(f"misses.{name}", count)
    assert counted.shown(panel_updates.hit_rate)["texts"]["hit-rate-reasons"] == (
        "Why: 7 evicted from the cache meanwhile, 5 for the first time, 2 after a jump,"
        " 2 for other reasons."
    )
    assert tuple(panel_updates.REASONS) == tuple(Reason)


def test_outcomes_of_two_kinds_say_how_many_there_are_of_each(counted: Counted) -> None:
    counted.ledger.demand(Outcome.COALESCED, ["coalesced.own"])
    counted.ledger.demand(Outcome.COALESCED, ["coalesced.shared"])
    counted.ledger.demand(Outcome.PREFETCHED, ["prefetched.warmed"])
    assert counted.shown(panel_updates.hit_rate)["titles"] == {
        "outcome-coalesced": "1 for a decode of your own page, 1 for others",
        "outcome-prefetched": "1 of them decoded by lamella warm",
    }


def test_the_pipeline_has_percentiles_of_stages_and_of_whole_slices(counted: Counted) -> None:
    counted.demands(miss=2)
    for seconds in (0.2, 0.4):
        counted.ledger.stages({Stage.DECODE: seconds})
        counted.ledger.slice_perceived(Outcome.MISS, 2 * seconds)
    shown = counted.shown(panel_updates.pipeline)
    decode, whole = shown["stages"]["decode"], shown["slices"]["all"]
    assert (decode["count"], whole["count"]) == (2, 2)
    assert decode["p95_ms"] == pytest.approx(400, rel=0.1)
    assert whole["p95_ms"] == pytest.approx(800, rel=0.1)
    assert shown["slices"]["miss"] == whole
    (spark,) = shown["sparks"].values()
    assert spark[-1] == pytest.approx(whole["p50_ms"], rel=0.01)


def test_latency_has_the_95th_percentile_in_its_head(counted: Counted) -> None:
    shown = counted.shown(panel_updates.latency)
    assert shown["texts"]["latency-value"] == "–"
    assert shown["hidden"] == {"latency-empty": False}
    counted.demands(miss=1)
    counted.ledger.stages({Stage.DECODE: 1.0})
    counted.ledger.slice_perceived(Outcome.MISS, 1.2)
    shown = counted.shown(panel_updates.latency)
    assert shown["texts"]["latency-value"] == "p95 1.2 s"
    assert shown["hidden"] == {"latency-empty": True}


@pytest.mark.parametrize(
    ("worker", "numbers", "state", "bad"),
    [
        ({"state": "none", "since_s": None}, {}, "worker never started", True),
        ({"state": "away", "since_s": 12.3}, {"planned": 4}, "worker away for 12 s", True),
        ({"state": "ended", "since_s": 600.0}, {}, "worker ended 10 min ago", True),
        ({"state": "up", "since_s": 9.0}, {}, "idle", False),
        (
            {"state": "up", "since_s": 9.0},
            {"planned": 20, "in_flight": 2},
            "2 of 20 planned",
            False,
        ),
    ],
)
def test_the_state_of_prefetching(
    worker: WorkerStats, numbers: dict[str, int], state: str, bad: bool
) -> None:
    assert panel_updates.worker_state(ahead(**numbers), worker) == (state, bad)


@pytest.mark.parametrize("silent_s", [1.0, 6.0, 9.0, 12.0, 16.0, 7200.0])
def test_the_panel_says_of_a_stopped_worker_what_the_statistics_say(silent_s: float) -> None:
    clock = Clock()
    rows = MemoryRows(clock)
    Ledger(rows, "worker", clock).flush()
    clock.now += silent_s
    stats = Stats(rows, clock)
    text = panel_updates.prefetch(stats)["texts"]["prefetch-state"]
    state = stats.snapshot()["worker"]["state"]
    assert text.startswith("idle" if state == "up" else f"worker {state} for")


def test_bytes_decoded_ahead_are_used_wasted_or_undecided() -> None:
    counts = {
        "prefetch.decoded_bytes": 10.0 * MB,
        "prefetch.used_bytes": 6.0 * MB,
        "wasted_bytes.left": 1.0 * MB,
    }
    totals = Totals(counts=counts)
    stats = prefetch_stats(totals, {}, totals)
    assert panel_updates.fates_of(stats) == {
        "used": 6 * MB,
        "undecided": 3 * MB,
        "wasted": 1 * MB,
    }
    # Nothing was decoded in the window, but before it.
    stats = prefetch_stats(Totals(counts={"prefetch.used_bytes": 5.0 * MB}), {}, totals)
    assert panel_updates.fates_of(stats)["undecided"] == 3 * MB


def test_wasted_bytes_have_their_causes_in_words() -> None:
    wasted = {"turned": 2 * MB, "jumped": 0, "left": 5 * MB, "too_deep": 0, "evicted": 0}
    wasted["dropped"] = 0
    assert panel_updates.causes(ahead(wasted=wasted)) == (
        "5.0 MB after leaving the volume, 2.0 MB after turning back"
    )
    assert panel_updates.causes(ahead(wasted=dict.fromkeys(Waste, 0))) == ""
    assert set(panel_updates.CAUSES) == set(Waste)


def test_the_panel_has_what_the_statistics_have(counted: Counted) -> None:
    shown = counted.shown(panel_updates.prefetch)["texts"]
    assert shown["prefetch-accuracy"] == "–"
    assert (shown["prefetch-saved"], shown["prefetch-spent"]) == ("0 s", "0 s")
    counted.ledger.count_all(
        {"prefetch.decoded": 5, "prefetch.decoded_bytes": 5 * MB}
        | {"prefetch.used": 2, "prefetch.used_bytes": 2 * MB, "prefetch.wasted": 1}
        | {"wasted_bytes.turned": MB, "bricks.first_wanted": 4}
        | {"prefetch.saved_seconds": 0.25, "prefetch.spent_seconds": 100.5}
    )
    update = counted.shown(panel_updates.prefetch)
    stats = counted.stats.snapshot(None)["prefetch"]
    texts = update["texts"]
    assert stats["accuracy"] == pytest.approx(2 / 3)
    assert (texts["prefetch-accuracy"], texts["prefetch-coverage"]) == ("66.6 %", "50 %")
    assert (stats["saved_s"], texts["prefetch-saved"]) == (0.25, "250 ms")
    assert (stats["spent_s"], texts["prefetch-spent"]) == (100.5, "100 s")
    sizes = [texts[f"prefetch-{fate}"] for fate in ("used", "undecided", "wasted")]
    assert sizes == ["2.0 MB", "2.0 MB", "1.0 MB"]
    assert update["titles"]["prefetch-wasted"] == "1.0 MB after turning back"


def test_what_is_new_is_written_into_elements_that_exist(
    counted: Counted, make_settings: Callable[..., Settings]
) -> None:
    # A component iterates over the ids below it.
    found = set(layout.build(make_settings()))
    counted.demands(miss=1)
    counted.ledger.count("prefetch.decoded")
    counted.ledger.count("prefetch.decoded_bytes", MB)
    for update in (
        panel_updates.pipeline,
        panel_updates.latency,
        panel_updates.hit_rate,
        panel_updates.prefetch,
    ):
        shown: Any = counted.shown(update)
        for group in ("texts", "shares", "titles", "alerts", "sparks", "hidden"):
            assert set(shown.get(group, {})) <= found
    texts = counted.shown(panel_updates.prefetch)["texts"]
    assert texts["prefetch-accuracy"] == "not decided yet"
    assert texts["prefetch-undecided"] == "1.0 MB"
    assert texts["prefetch-bricks"] == "0 B of 0 B"


def test_a_graph_without_anything_leaves_the_one_before() -> None:
    nothing = {"data": [{"text": [""]}], "layout": {}}
    assert panel_updates.graph(nothing, "latency-empty") == {"hidden": {"latency-empty": False}}
    some = {"data": [{"text": ["", "1 slice"]}], "layout": {}}
    assert panel_updates.graph(some, "latency-empty") == {
        "figure": some,
        "hidden": {"latency-empty": True},
    }
