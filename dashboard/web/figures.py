"""The panels' figures: pure functions from the ledger's figures over time to Plotly's.

Backgrounds are transparent, and the style sheet gives text and lines the theme's colours, so that one
figure serves both themes. The ranges of the time axes stand still and round steps of the value axes keep
them from jumping with every poll.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.web.panels import OUTCOME_COLORS, STAGE_COLORS

SPAN_S: Final = 300.0
STEP_S: Final = 5.0

# Outcomes for which nobody had to wait for decoding.
SERVED: Final = ("ring", "hit", "prefetched")

Figure = dict[str, Any]


class StageSteps(Protocol):
    """One stage, step by step; medians in ms, None where it did not occur."""

    @property
    def p50_ms(self) -> Sequence[float | None]:
        """Median of each step."""
        ...


class Steps(Protocol):
    """What is drawn of `dashboard.telemetry.stats.Series`."""

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
    """Medians of all stages (ms), stacked: a bar is as high as a typical slice of that time took."""
    ago = _ago(series.times)
    traces = [
        _bar(stage, ago, series.stages[stage].p50_ms, STAGE_COLORS[stage], "%{y:.1f} ms")
        for stage in STAGE_NAMES
        if stage in series.stages
    ]
    return {"data": traces, "layout": _layout(ceiling(_tops(traces)), "ms")}


def outcomes(series: Steps) -> Figure:
    """Demands by how they ended, stacked."""
    ago = _ago(series.times)
    traces = [
        _bar(outcome, ago, _some(series.outcomes.get(outcome, ())), OUTCOME_COLORS[outcome], "%{y}")
        for outcome in OUTCOMES
    ]
    # Below two, the axis would have marks at halves of a slice.
    return {"data": traces, "layout": _layout(max(2.0, ceiling(_tops(traces))), "slices")}


def hit_rate(demand: Mapping[str, int]) -> float | None:
    """The share of demands (0…1) that nobody had to decode anything for; None without demands."""
    total = sum(demand.get(outcome, 0) for outcome in OUTCOMES)
    return sum(demand.get(outcome, 0) for outcome in SERVED) / total if total else None


def ceiling(value: float) -> float:
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
    return _tops(figure["data"]) == 0


def _ago(times: Sequence[float]) -> list[float]:
    """Places of the bars' middles: minutes before now, below zero."""
    if not times:
        return []
    step = times[1] - times[0] if len(times) > 1 else STEP_S
    end = times[-1] + step
    return [round((time + step / 2 - end) / 60.0, 4) for time in times]


def _some(counts: Sequence[int]) -> list[int | None]:
    """Counts without the zeros, which would only make hover labels longer."""
    return [count or None for count in counts]


def _bar(
    name: str, x: Sequence[float], y: Sequence[float | None], color: str, value: str
) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": name,
        "x": list(x),
        "y": [None if v is None else round(v, 3) for v in y],
        "marker": {"color": color, "line": {"width": 0}},
        "hovertemplate": f"{name} {value}<extra></extra>",
    }


def _tops(traces: Sequence[Mapping[str, Any]]) -> float:
    """The height of the highest stack."""
    return max(
        (sum(v or 0.0 for v in stack) for stack in zip(*(t["y"] for t in traces), strict=True)),
        default=0.0,
    )


def _layout(top: float, unit: str) -> dict[str, Any]:
    minutes = SPAN_S / 60.0
    ticks = [-minutes + i for i in range(int(minutes) + 1)]
    font = {"size": 10}
    return {
        "template": {"layout": {}},
        "barmode": "stack",
        "bargap": 0.15,
        "showlegend": False,
        "autosize": True,
        "margin": {"l": 38, "r": 14, "t": 4, "b": 20, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": "#22282d",
            "bordercolor": "#56616a",
            "font": {"size": 11, "color": "#ffffff"},
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
            "unifiedhovertitle": {"text": "%{x:.1f} min"},
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
