"""The panels' charts."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest

from dashboard.telemetry.series import Series, StageSeries
from dashboard.telemetry.stages import OUTCOMES
from dashboard.web.page import charts, panel_callbacks
from dashboard.web.page.panels import OUTCOME_COLORS, STAGE_COLORS

STEPS = 60

NOTHING = StageSeries((0,) * STEPS, (None,) * STEPS, (None,) * STEPS, (0.0,) * STEPS)


def a_series(**stages: tuple[float | None, ...]) -> Series:
    """Five minutes in which the last steps are as given."""

    def fill(last: tuple[Any, ...], empty: Any) -> tuple[Any, ...]:
        return (empty,) * (STEPS - len(last)) + last

    return Series(
        step_s=5.0,
        times=tuple(1_000_000.0 + 5 * i for i in range(STEPS)),
        outcomes={o: fill((1, 2), 0) if o in ("hit", "miss") else (0,) * STEPS for o in OUTCOMES},
        stages={
            name: StageSeries(
                count=tuple(0 if v is None else 1 for v in fill(values, None)),
                p50_ms=fill(values, None),
                p95_ms=fill(values, None),
                total_s=tuple((v or 0.0) / 1e3 for v in fill(values, None)),
            )
            for name, values in stages.items()
        },
        counts={},
        gauges={},
        perceived=NOTHING,
        slices=fill((1, 1), 0),
    )


def test_latency_stacks_the_stages_in_their_order() -> None:
    figure = charts.latency(a_series(draw=(20.0, None), decode=(300.0, 12.3456)))
    *layers, hover = figure["data"]
    assert [trace["name"] for trace in layers] == ["decode", "draw"]
    assert [trace["fillcolor"] for trace in layers] == [
        STAGE_COLORS["decode"],
        STAGE_COLORS["draw"],
    ]
    assert figure["data"][0]["y"][-3:] == [300.0, 12.346, 12.346]
    assert {trace["stackgroup"] for trace in layers} == {"layers"}
    assert "stackgroup" not in hover
    assert hover["y"][-3:] == [None, 320.0, 12.346]
    assert figure["layout"]["yaxis"]["range"] == [0, 400]


def test_outcomes_are_always_all_there_in_one_order() -> None:
    figure = charts.outcomes(a_series())
    layers = figure["data"][:-1]
    assert [trace["name"] for trace in layers] == list(OUTCOMES)
    assert [trace["fillcolor"] for trace in layers] == list(OUTCOME_COLORS.values())
    assert layers[1]["y"][-3:] == [1, 2, 2]
    assert layers[1]["y"][0] == 0
    assert figure["layout"]["yaxis"]["range"] == [0, 4]


def test_a_step_tells_its_layers_the_highest_first_and_no_zeros() -> None:
    figure = charts.latency(a_series(draw=(20.0, None), decode=(300.0, 12.34), index=(0.04, 0.06)))
    texts = [re.sub("<span[^>]*>■</span> ", "", text) for text in figure["data"][-1]["text"]]
    assert texts[-2:] == ["draw 20.0 ms<br>decode 300.0 ms", "index 0.1 ms<br>decode 12.3 ms"]
    assert set(texts[:-2]) == {""}
    assert STAGE_COLORS["draw"] in figure["data"][-1]["text"][-2]
    counts = charts.outcomes(a_series())["data"][-1]["text"]
    assert [re.sub("<.*?>", "", text) for text in counts[-2:]] == [
        "■ miss 1■ hit 1",
        "■ miss 2■ hit 2",
    ]


def test_a_step_with_next_to_nothing_in_it_has_nothing_to_tell() -> None:
    figure = charts.latency(a_series(index=(0.01, 3.0)))
    hover = figure["data"][-1]
    assert [re.sub("<.*?>", "", text) for text in hover["text"][-2:]] == ["", "■ index 3.0 ms"]
    assert hover["y"][-2:] == [None, 3.0]
    assert not charts.empty(charts.latency(a_series(index=(0.01,))))


def test_time_runs_from_five_minutes_ago_to_now() -> None:
    figure = charts.outcomes(a_series())
    *layers, hover = figure["data"]
    for layer in layers:
        assert len(layer["x"]) == len(layer["y"]) == STEPS + 1
        assert layer["x"][0] == -5
        assert layer["x"][-1] == 0
    assert len(hover["x"]) == len(hover["y"]) == len(hover["text"]) == STEPS
    assert hover["x"][0] == pytest.approx(-5 + 2.5 / 60, abs=1e-3)
    assert hover["x"][-1] == pytest.approx(-2.5 / 60, abs=1e-3)
    axis = figure["layout"]["xaxis"]
    assert axis["range"] == [-5, 0]
    assert not axis["autorange"]
    assert axis["ticktext"][0] == "−5 min"
    assert axis["ticktext"][-1] == "now"


def test_a_figure_without_anything_is_empty() -> None:
    nothing = Series(5.0, (), {}, {}, {}, {}, StageSeries((), (), (), ()), ())
    assert charts.empty(charts.latency(nothing))
    assert charts.empty(charts.outcomes(nothing))
    assert not charts.empty(charts.outcomes(a_series()))


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
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (34_359_738_368, "34.4 GB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_sizes_as_people_read_them(count: float, text: str) -> None:
    assert panel_callbacks.size(count) == text


def test_every_stage_and_outcome_has_a_colour_of_its_own() -> None:
    assert len(set(STAGE_COLORS.values())) == len(STAGE_COLORS)
    assert tuple(OUTCOME_COLORS) == OUTCOMES


def test_stage_colours_stand_out_from_both_backgrounds() -> None:
    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        light, dark = sorted((luminance(one), luminance(other)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for color in (*STAGE_COLORS.values(), *OUTCOME_COLORS.values()):
        assert contrast(color, "#ffffff") >= 2.9
        assert contrast(color, "#191e22") >= 3
