"""The panels' charts."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from typing import Any

import pytest

from dashboard.addressing.outcomes import Outcome, Stage
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.series import Series, StageSeries
from dashboard.telemetry.stages import OUTCOMES, STAGES
from dashboard.telemetry.statistics import Stats
from dashboard.web.page import charts, panel_updates
from dashboard.web.page.panels import OUTCOME_COLORS, OUTCOME_PATTERNS, STAGE_COLORS
from tests.clock import Clock
from tests.rows import MemoryRows

STEPS = 30
MS = tuple[float | None, ...]


def fill(last: tuple[Any, ...], empty: Any) -> tuple[Any, ...]:
    """Five minutes in which the last steps are as given."""
    return (empty,) * (STEPS - len(last)) + last


def times(*ms: float | None) -> StageSeries:
    """A stage that occurs once in each of the last steps in which it has a time."""
    return StageSeries(
        count=fill(tuple(0 if v is None else 1 for v in ms), 0),
        p50_ms=fill(ms, None),
        p95_ms=fill(ms, None),
        total_s=fill(tuple((v or 0.0) / 1e3 for v in ms), 0.0),
    )


def a_series(
    *,
    slices: tuple[int, ...] = (1, 1),
    perceived: MS = (),
    counts: dict[str, tuple[float, ...]] | None = None,
    **stages: MS,
) -> Series:
    """Five minutes in which the last steps are as given."""
    return Series(
        step_s=10.0,
        times=tuple(1_000_000.0 + 10 * i for i in range(STEPS)),
        outcomes={o: fill((1, 3), 0) if o in ("hit", "miss") else fill((), 0) for o in OUTCOMES},
        stages={name: times(*values) for name, values in stages.items()},
        counts={name: fill(values, 0.0) for name, values in (counts or {}).items()},
        gauges={},
        perceived=times(*perceived),
        slices=fill(slices, 0),
    )


def layers(figure: charts.Figure) -> dict[str, charts.Figure]:
    return {trace["name"]: trace for trace in figure["data"] if "stackgroup" in trace}


def line(figure: charts.Figure) -> charts.Figure:
    (found,) = (trace for trace in figure["data"] if trace["mode"] == "lines")
    return found


def texts(figure: charts.Figure, mode: str) -> charts.Figure:
    return next(trace for trace in reversed(figure["data"]) if trace["mode"] == mode)


def plain(text: str) -> list[str]:
    return [re.sub("<.*?>", "", part) for part in text.split("<br>")]


def test_latency_stacks_the_stages_in_their_order() -> None:
    figure = charts.latency(a_series(draw=(20.0, None), decode=(300.0, 12.3456)))
    assert list(layers(figure)) == ["decode", "draw"]
    for name, layer in layers(figure).items():
        assert layer["fillcolor"] == STAGE_COLORS[name]
        assert layer["stackgroup"] == "layers"
    assert layers(figure)["decode"]["y"][-3:] == [300.0, 12.346, 12.346]
    assert figure["data"][-1]["y"][-3:] == [None, 320.0, 12.346]
    assert figure["layout"]["yaxis"]["range"] == [0, 400]


def test_means_of_the_stages_add_up_to_the_mean_of_the_slices() -> None:
    """Slices of different stages: of two, one is decoded; the third is in the page."""
    clock = Clock()
    rows = MemoryRows(clock)
    ledger, stats = Ledger(rows, "web", clock), Stats(rows, clock)
    slices: list[tuple[Outcome, dict[Stage, float]]] = [
        (Outcome.MISS, {Stage.READ: 0.2, Stage.DECODE: 0.61, Stage.OTHER: 0.01}),
        (Outcome.HIT, {Stage.CACHE: 0.001, Stage.ENCODE: 0.004}),
        (Outcome.RING, {}),
    ]
    browser = {Stage.WAITED: 0.003, Stage.TRANSFER: 0.02, Stage.DRAW: 0.002, Stage.DISPLAY: 0.0161}
    whole = 0.0
    for outcome, server in slices:
        ledger.demand(outcome)
        for part in (server, browser):
            ledger.stages(part)
        ledger.slice_perceived(outcome, sum(server.values()) + sum(browser.values()))
        whole += sum(server.values()) + sum(browser.values())
    ledger.flush()
    figure = charts.latency(stats.series(charts.SPAN_S, charts.STEP_S))
    height = sum(layer["y"][-1] for layer in layers(figure).values())
    assert height == pytest.approx(1e3 * whole / len(slices), rel=0.01)
    assert f"{charts.duration(height)} on average" in plain(figure["data"][-1]["text"][-1])


def test_the_95th_percentile_is_a_line_with_gaps() -> None:
    figure = charts.latency(
        a_series(decode=(10.0, 10.0, 10.0), slices=(1, 1, 1), perceived=(30.0, None, 50.0))
    )
    x, y = line(figure)["x"], line(figure)["y"]
    assert len(x) == len(y) == 2 * STEPS
    assert y[-6:] == [30.0, 30.0, None, None, 50.0, 50.0]
    assert all(a <= b for a, b in pairwise(x))
    assert (x[0], x[-1]) == (-5, 0)


def test_steps_above_the_scale_are_cut_with_an_arrow_and_their_number() -> None:
    values = (4000.0, *[10.0] * (STEPS - 1))
    figure = charts.latency(a_series(decode=values, slices=(1,) * STEPS))
    cut = texts(figure, "text")
    # The 98th percentile of 30 steps is between the highest and the second: 10 + 0.42 · 3990.
    assert figure["layout"]["yaxis"]["range"] == [0, 2000]
    assert (cut["text"], cut["y"]) == (["▲ 4.0 s"], [2000.0])
    assert cut["x"] == figure["data"][-1]["x"][:1]
    assert max(y for y in figure["data"][-1]["y"] if y) == 2000
    # A line that is higher than the scale is cut as a bar is.
    line_only = charts.latency(
        a_series(decode=(10.0,) * STEPS, perceived=values, slices=(1,) * STEPS)
    )
    assert texts(line_only, "text")["text"] == ["▲ 4.0 s"]
    even = charts.latency(a_series(decode=(10.0,) * STEPS, slices=(1,) * STEPS))
    assert texts(even, "text")["text"] == []


def test_the_unfinished_step_is_hatched() -> None:
    def hatched(figure: charts.Figure) -> charts.Figure:
        (found,) = (trace for trace in figure["data"] if trace.get("fill") == "tozeroy")
        return found

    figure = charts.latency(a_series(decode=(10.0, 20.0)))
    assert hatched(figure)["y"] == [20.0, 20.0]
    assert hatched(figure)["x"] == [round(-charts.STEP_S / 60, 4), 0]
    assert hatched(figure)["fillpattern"]["shape"]
    assert hatched(charts.latency(a_series(decode=(10.0, None))))["y"] == []


def test_shares_of_the_outcomes_are_always_all_there_in_one_order() -> None:
    figure = charts.outcomes(a_series())
    assert list(layers(figure)) == list(OUTCOMES)
    for name, layer in layers(figure).items():
        assert layer["fillcolor"] == OUTCOME_COLORS[name]
        assert layer.get("fillpattern", {}).get("shape") == OUTCOME_PATTERNS.get(name)
    assert layers(figure)["hit"]["y"][-3:] == [50, 50, 50]
    assert layers(figure)["miss"]["y"][0] == 0
    assert line(figure)["y"][-4:] == [50, 50, 50, 50]
    assert line(figure)["y"][0] is None


def test_skipped_and_failed_slices_are_marked() -> None:
    counts = {
        "page.skipped": (0.0, 2.0),
        "requests.demand_503": (1.0, 0.0),
        "requests.demand_200": (9.0, 9.0),
    }
    series = a_series(counts=counts)
    assert [sum(values) for values in charts.unseen_steps(series)] == [2, 1]
    marks = texts(charts.outcomes(series), "markers")
    assert len(marks["x"]) == 2
    assert plain(charts.outcomes(series)["data"][-1]["text"][-1])[-1] == "2 skipped or failed"
    assert texts(charts.outcomes(a_series()), "markers")["x"] == []
    failed = a_series(counts={"requests.ahead_503": (1.0,), "requests.demand_304": (1.0,)})
    assert [sum(values) for values in charts.unseen_steps(failed)] == [0, 0]


def test_a_step_tells_its_longest_stages_and_no_zeros() -> None:
    series = a_series(
        draw=(20.0, None), decode=(300.0, 12.34), index=(0.04, 0.06), perceived=(400.0, None)
    )
    hover = charts.latency(series)["data"][-1]
    assert plain(hover["text"][-2]) == [
        "1 slice", "320 ms on average", "p95 400 ms", "■ decode 300 ms", "■ draw 20 ms",
    ]  # fmt: skip
    assert plain(hover["text"][-1]) == [
        "1 slice",
        "12 ms on average",
        "■ decode 12 ms",
        "■ index 0.1 ms",
    ]
    assert set(hover["text"][:-2]) == {""}
    assert hover["customdata"] == list(series.times)
    many = {stage.name: (1.0,) for stage in STAGES}
    text = charts.latency(a_series(slices=(1,), **many))["data"][-1]["text"][-1]
    assert len(plain(text)) == 2 + charts.MAX_STAGES_NAMED
    counts = charts.outcomes(a_series())["data"][-1]["text"]
    assert plain(counts[-1]) == ["6 slices", "■ decoded 3", "■ cached 3"]


def test_time_runs_from_five_minutes_ago_to_now() -> None:
    figure = charts.outcomes(a_series())
    hover = figure["data"][-1]
    for layer in layers(figure).values():
        assert len(layer["x"]) == len(layer["y"]) == STEPS + 1
        assert layer["x"][0] == -5
        assert layer["x"][-1] == 0
    assert len(hover["x"]) == len(hover["y"]) == len(hover["text"]) == STEPS
    assert hover["x"][0] == pytest.approx(-5 + 5 / 60, abs=1e-3)
    axis = figure["layout"]["xaxis"]
    assert axis["range"] == [-5, 0]
    assert not axis["autorange"]
    assert axis["ticktext"] == ["−5 min", "−4", "−3", "−2", "−1", "now"]


def test_a_figure_without_anything_is_empty() -> None:
    none = StageSeries((), (), (), ())
    nothing = Series(5.0, (), {}, {}, {}, {}, none, ())
    assert charts.empty(charts.latency(nothing))
    assert charts.empty(charts.outcomes(nothing))
    assert charts.empty(charts.latency(a_series(slices=(), decode=())))
    assert not charts.empty(charts.outcomes(a_series()))
    assert not charts.empty(charts.latency(a_series(decode=(3.0,))))


def test_figures_serve_both_themes_and_are_json() -> None:
    for figure in (charts.latency(a_series(draw=(1.0,))), charts.outcomes(a_series())):
        assert figure["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
        assert figure["layout"]["plot_bgcolor"] == "rgba(0,0,0,0)"
        json.dumps(figure, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "top"),
    [
        (0, 1),
        (-1, 1),
        (math.nan, 1),
        (math.inf, 1),
        (0.7, 0.8),
        (1, 1),
        (1.2, 1.5),
        (99, 100),
        (301, 400),
    ],
)
def test_ceilings_are_round_and_above(value: float, top: float) -> None:
    assert charts.nice_ceiling(value) == pytest.approx(top)


def test_the_hit_rate_counts_what_nobody_waited_for() -> None:
    assert charts.hit_rate({}) is None
    assert (
        charts.hit_rate({"ring": 1, "hit": 2, "prefetched": 3, "coalesced": 1, "miss": 1}) == 0.75
    )


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0.04, "0.0 ms"),
        (9.94, "9.9 ms"),
        (9.96, "10 ms"),
        (999, "999 ms"),
        (1234, "1.2 s"),
        (123_456, "123 s"),
    ],
)
def test_durations_as_people_read_them(ms: float, text: str) -> None:
    assert charts.duration(ms) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (34_359_738_368, "34 GB"),
        (9_940_000_000, "9.9 GB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_sizes_as_people_read_them(count: float, text: str) -> None:
    assert panel_updates.size(count) == text
