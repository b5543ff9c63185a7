"""The panels' charts: pure functions from the ledger's statistics over time to Plotly's figures.

Backgrounds are transparent, and the style sheet gives text and lines the theme's colours, so that one
figure serves both themes. The ranges of the time axes stand still and round steps of the value axes keep
them from jumping with every poll.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Protocol

from dashboard.addressing.outcomes import Outcome
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.web.page.panels import OUTCOME_COLORS, STAGE_COLORS

SPAN_S: Final = 300.0
STEP_S: Final = 5.0

# Outcomes without waiting for decoding.
SERVED: Final = (Outcome.RING, Outcome.HIT, Outcome.PREFETCHED)

Figure = dict[str, Any]


class StageSteps(Protocol):
    """One stage, step by step; medians in ms, None where it did not occur."""

    @property
    def p50_ms(self) -> Sequence[float | None]:
        """Median of each step."""
        ...


class Steps(Protocol):
    """What is drawn of `dashboard.telemetry.statistics.Series`."""

    @property
    def times(self) -> Sequence[float]:
        """Beginnings of the steps (Unix time, s)."""
        ...

    @property
    def outcomes(self) -> Mapping[str, Sequence[int]]:
        """Demands of each outcome."""
        ...

    @property
    def stages(self) -> Mapping[str, StageSteps]:
        """Stages that occur."""
        ...


def latency(series: Steps) -> Figure:
    """Medians of all stages (ms), stacked: they are as high as a typical slice of that time took."""
    layers: dict[str, list[float | None]] = {
        stage: [None if v is None else round(v, 3) for v in series.stages[stage].p50_ms]
        for stage in STAGE_NAMES
        if stage in series.stages
    }
    return _figure(series.times, layers, STAGE_COLORS, 1, "ms")


def outcomes(series: Steps) -> Figure:
    """Demands by how they ended, stacked."""
    layers: dict[str, list[float | None]] = {
        name: list(series.outcomes.get(name, ())) for name in OUTCOMES
    }
    return _figure(series.times, layers, OUTCOME_COLORS, 0, "slices")


def hit_rate(demand: Mapping[str, int]) -> float | None:
    """The share of demands (0…1) without decoding; None without demands."""
    total = sum(demand.get(outcome, 0) for outcome in OUTCOMES)
    return sum(demand.get(outcome, 0) for outcome in SERVED) / total if total else None


def nice_ceiling(value: float) -> float:
    """The next round number that is not below `value`; 1 for nothing."""
    if not value > 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        m * power
        for m in (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
        if m * power >= value * (1 - 1e-9)
    )


def empty(figure: Figure) -> bool:
    """Whether there is nothing to be seen in a figure."""
    return not any(value for trace in figure["data"] for value in trace["y"])


def _figure(
    times: Sequence[float],
    layers: Mapping[str, Sequence[float | None]],
    colors: Mapping[str, str],
    decimals: int,
    unit: str,
) -> Figure:
    """Layers on top of each other and, over them, what is said of each step when it is pointed at."""
    edges = _minutes_ago(times)
    texts = _hover_texts(layers, colors, decimals, "" if unit == "slices" else f" {unit}")
    heights = [sum(v or 0.0 for v in stack) for stack in zip(*layers.values(), strict=True)]
    traces = [
        {
            "type": "scatter",
            "mode": "none",
            "stackgroup": "layers",
            "name": name,
            "x": edges,
            # The last step ends where the next would begin.
            "y": [*values, *values[-1:]],
            # One element of the page for each layer: as bars, 660 of them took Plotly 28 ms.
            "line": {"shape": "hv", "width": 0},
            "fillcolor": colors[name],
            "hoverinfo": "skip",
        }
        for name, values in layers.items()
    ]
    hover = {
        "type": "scatter",
        "mode": "none",
        "x": [round((a + b) / 2, 4) for a, b in pairwise(edges)],
        "y": [
            round(height, 3) if text else None for height, text in zip(heights, texts, strict=True)
        ],
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
    }
    top = nice_ceiling(max(heights, default=0.0))
    # Below two, an axis of slices would have marks at halves of one.
    return {
        "data": [*traces, hover],
        "layout": _layout(max(2.0, top) if unit == "slices" else top, unit),
    }


def _hover_texts(
    layers: Mapping[str, Sequence[float | None]],
    colors: Mapping[str, str],
    decimals: int,
    unit: str,
) -> list[str]:
    """A line for each layer, the highest first, without layers that round to zero."""
    least = 0.5 * 10.0**-decimals
    lines = [
        [
            f'<span style="color:{colors[name]}">■</span> {name} {value:.{decimals}f}{unit}'
            if value is not None and value >= least
            else ""
            for value in values
        ]
        for name, values in reversed(list(layers.items()))
    ]
    return ["<br>".join(filter(None, step)) for step in zip(*lines, strict=True)]


def _minutes_ago(times: Sequence[float]) -> list[float]:
    """Places of the steps' ends, the first one's beginning before them: minutes before now, below zero."""
    if not times:
        return []
    step = times[1] - times[0] if len(times) > 1 else STEP_S
    end = times[-1] + step
    return [round((time - end) / 60.0, 4) for time in (*times, end)]


def _layout(top: float, unit: str) -> dict[str, Any]:
    minutes = SPAN_S / 60.0
    ticks = [-minutes + i for i in range(int(minutes) + 1)]
    font = {"size": 10}
    return {
        "template": {"layout": {}},
        "showlegend": False,
        "autosize": True,
        "margin": {"l": 38, "r": 14, "t": 4, "b": 20, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x",
        "hoverlabel": {
            "bgcolor": "#22282d",
            "bordercolor": "#56616a",
            "font": {"size": 10, "color": "#ffffff"},
            "align": "left",
        },
        "dragmode": False,
        "uirevision": "panels",
        "xaxis": {
            "range": [-minutes, 0],
            "autorange": False,
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "tickvals": ticks,
            "ticktext": ["now" if tick == 0 else f"−{-tick:.0f} min" for tick in ticks],
            "tickfont": font,
            "ticklabelstandoff": 3,
            "hoverformat": ".1f",
            # Of the place that is pointed at; the ticks have texts of their own.
            "ticksuffix": " min",
        },
        "yaxis": {
            "range": [0, top],
            "autorange": False,
            "fixedrange": True,
            "showgrid": True,
            "zeroline": False,
            "nticks": 4,
            "tickfont": font,
            "ticksuffix": "",
            "title": {"text": unit, "font": font, "standoff": 2},
            "tickformat": "~s" if top >= 10_000 else "",
        },
    }
