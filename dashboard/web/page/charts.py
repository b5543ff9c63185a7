"""The panels' charts: pure functions from the ledger's statistics over time to Plotly's figures.

Backgrounds are transparent, and the style sheet gives text and lines the theme's colours, so that one
figure serves both themes. The ranges of the time axes stand still and round steps of the value axes keep
them from jumping with every poll. The page puts the clock time of a step before its hover text (`panels.mjs`): the
server does not know the viewer's time zone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from dashboard.addressing.outcomes import Outcome
from dashboard.telemetry.series import Series
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.web.page.panels import (
    OUTCOME_COLORS,
    OUTCOME_LABELS,
    OUTCOME_PATTERNS,
    STAGE_COLORS,
)

SPAN_S: Final = 300.0
STEP_S: Final = 10.0

# The scale of latencies reaches this quantile of the steps.
SCALE_SHARE: Final = 0.98

# The hover text of a step names this many stages at most, the longest, since a panel is not high.
MAX_STAGES_NAMED: Final = 5

# Outcomes without waiting for decoding.
SERVED: Final = (Outcome.RING, Outcome.HIT, Outcome.PREFETCHED)

# Responses to a viewer's demands, by status; those from 400 on are errors.
_DEMANDS: Final = "requests.demand_"

Figure = dict[str, Any]
Values = Sequence[float | None]


def latency(series: Series) -> Figure:
    """Mean time of a slice by stage (ms), stacked, and the 95th percentile of the perceived time as a line.

    Means add up to the mean of the whole slice; medians of stages with different slices would not. What is higher
    than the scale is cut.
    """
    layers: dict[str, list[float]] = {
        stage: [
            1e3 * total / n if n else 0.0
            for total, n in zip(series.stages[stage].total_s, series.slices, strict=True)
        ]
        for stage in STAGE_NAMES
        if stage in series.stages
    }
    heights = _heights(layers, len(series.times))
    p95 = series.perceived.p95_ms
    peaks = [max(height, high or 0.0) for height, high in zip(heights, p95, strict=True)]
    top = nice_ceiling(_quantile([peak for peak in peaks if peak], SCALE_SHARE))
    texts = [
        _latency_text(n, height, high, {name: values[i] for name, values in layers.items()})
        for i, (n, height, high) in enumerate(zip(series.slices, heights, p95, strict=True))
    ]
    edges = _minutes_ago(series.times)
    traces = [
        *(_layer(edges, name, values, STAGE_COLORS[name]) for name, values in layers.items()),
        _line(edges, p95),
        _unfinished(edges, heights, top),
        _cut(edges, peaks, top),
        _hover(series.times, edges, [min(peak, top) for peak in peaks], texts),
    ]
    return {"data": traces, "layout": _layout([0, top], "ms")}


def outcomes(series: Series) -> Figure:
    """Shares of the outcomes (%), stacked, and the hit rate as a line.

    A cross marks steps in which slices were skipped or failed.
    """
    counts: list[dict[str, int]] = [
        dict(zip(OUTCOMES, step, strict=True)) for step in _by_step(series)
    ]
    totals = [sum(step.values()) for step in counts]
    layers: dict[str, list[float]] = {
        name: [100.0 * step[name] / n if n else 0.0 for step, n in zip(counts, totals, strict=True)]
        for name in OUTCOMES
    }
    rates = [None if (rate := hit_rate(step)) is None else 100.0 * rate for step in counts]
    missing = [
        f"{skipped + errors:.0f} skipped or failed" if skipped + errors else ""
        for skipped, errors in zip(*unseen_steps(series), strict=True)
    ]
    texts = [
        _outcome_text(step, n, text) for step, n, text in zip(counts, totals, missing, strict=True)
    ]
    edges = _minutes_ago(series.times)
    heights = _heights(layers, len(series.times))
    places = [100.0 if n or text else 0.0 for n, text in zip(totals, missing, strict=True)]
    traces = [
        *(
            _layer(edges, name, values, OUTCOME_COLORS[name], OUTCOME_PATTERNS.get(name))
            for name, values in layers.items()
        ),
        _line(edges, rates),
        _unfinished(edges, heights, 100.0),
        _marks(edges, missing),
        _hover(series.times, edges, places, texts),
    ]
    layout = _layout([0, 108], "%")
    layout["yaxis"]["tickvals"] = [0, 50, 100]
    return {"data": traces, "layout": layout}


def unseen_steps(series: Series) -> tuple[Sequence[float], Sequence[float]]:
    """Slices that were skipped, and viewers' demands that failed, of each step."""
    nothing = [0.0] * len(series.times)
    errors = [
        values
        for name, values in series.counts.items()
        if name.startswith(_DEMANDS) and name.removeprefix(_DEMANDS) >= "400"
    ]
    failed = [sum(step) for step in zip(*errors, strict=True)] if errors else nothing
    return series.counts.get("page.skipped", nothing), failed


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
    """Whether there is nothing to be seen in a figure: no step has a text."""
    return not any(figure["data"][-1]["text"])


def duration(ms: float) -> str:
    """A time as people read it."""
    if ms >= 1000:
        return f"{ms / 1000:.1f} s" if ms < 99_950 else f"{ms / 1000:.0f} s"
    return f"{ms:.1f} ms" if ms < 9.95 else f"{ms:.0f} ms"


def _by_step(series: Series) -> list[tuple[int, ...]]:
    nothing = [0] * len(series.times)
    return list(zip(*(series.outcomes.get(name, nothing) for name in OUTCOMES), strict=True))


def _heights(layers: Mapping[str, Sequence[float]], steps: int) -> list[float]:
    return [sum(values[i] for values in layers.values()) for i in range(steps)]


def _quantile(values: Sequence[float], share: float) -> float:
    """A quantile of the values, interpolated between the two nearest ones; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (place % 1.0) * (high - low)


def _layer(
    edges: Sequence[float],
    name: str,
    values: Sequence[float],
    color: str,
    pattern: str | None = None,
) -> Figure:
    layer: Figure = {
        "type": "scatter",
        "mode": "none",
        "stackgroup": "layers",
        "name": name,
        "x": edges,
        # The last step ends where the next would begin.
        "y": [round(value, 3) for value in (*values, *values[-1:])],
        # One element of the page for each layer: bars, of which there are hundreds, take Plotly longer.
        "line": {"shape": "hv", "width": 0},
        "fillcolor": color,
        "hoverinfo": "skip",
    }
    if pattern is not None:
        layer["fillpattern"] = {
            "shape": pattern, "bgcolor": color, "fgcolor": "rgba(255,255,255,.6)", "size": 5, "solidity": 0.25,
        }  # fmt: skip
    return layer


def _line(edges: Sequence[float], values: Values) -> Figure:
    """A line of steps, with gaps where there is no value; the style sheet gives it the colour of text."""
    x: list[float | None] = []
    y: list[float | None] = []
    for (start, end), value in zip(pairwise(edges), values, strict=True):
        x += [start, end]
        y += [None, None] if value is None else [round(value, 3)] * 2
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"width": 1.2, "color": "#707b84"},
        "hoverinfo": "skip",
    }


def _unfinished(edges: Sequence[float], heights: Sequence[float], top: float) -> Figure:
    """Hatching over the last step, which is still being counted."""
    shown = bool(heights) and heights[-1] > 0
    return {
        "type": "scatter",
        "mode": "none",
        "fill": "tozeroy",
        "x": [*edges[-2:]] if shown else [],
        "y": [min(heights[-1], top)] * 2 if shown else [],
        "fillcolor": "rgba(0,0,0,0)",
        "fillpattern": {
            "shape": "x", "bgcolor": "rgba(0,0,0,0)", "fgcolor": "#ffffff", "size": 4, "solidity": 0.3,
        },
        "hoverinfo": "skip",
    }  # fmt: skip


def _cut(edges: Sequence[float], peaks: Sequence[float], top: float) -> Figure:
    """An arrow and the number at steps that are higher than the scale."""
    places = [(_middle(edges, i), peak) for i, peak in enumerate(peaks) if peak > top * (1 + 1e-9)]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [x for x, _ in places],
        "y": [top] * len(places),
        "text": [f"▲ {duration(peak)}" for _, peak in places],
        "textposition": [
            "bottom right" if x < -0.8 * SPAN_S / 60 else "bottom left" for x, _ in places
        ],
        "textfont": {"size": 10, "color": "#707b84"},
        "hoverinfo": "skip",
    }


def _marks(edges: Sequence[float], texts: Sequence[str]) -> Figure:
    """A red cross above the steps that have a text."""
    places = [_middle(edges, i) for i, text in enumerate(texts) if text]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": places,
        "y": [104] * len(places),
        "marker": {"symbol": "x-thin-open", "size": 6, "color": "#e0483c", "line": {"width": 1.5}},
        "hoverinfo": "skip",
    }


def _hover(
    times: Sequence[float], edges: Sequence[float], heights: Sequence[float], texts: Sequence[str]
) -> Figure:
    """What is said of each step when it is pointed at; `customdata` are the steps' beginnings (Unix time, s)."""
    return {
        "type": "scatter",
        "mode": "none",
        "x": [_middle(edges, i) for i in range(len(texts))],
        "y": [
            round(height, 3) if text else None for height, text in zip(heights, texts, strict=True)
        ],
        "text": list(texts),
        "customdata": list(times),
        "hovertemplate": "%{text}<extra></extra>",
    }


def _latency_text(n: int, mean: float, p95: float | None, stages: Mapping[str, float]) -> str:
    if not n or mean < 0.05:
        return ""
    longest = sorted((name for name in stages if stages[name] >= 0.05), key=lambda s: -stages[s])
    return "<br>".join(
        [
            _slices(n),
            f"<b>{duration(mean)}</b> on average",
            *([] if p95 is None else [f"p95 {duration(p95)}"]),
            *(
                f'<span style="color:{STAGE_COLORS[name]}">■</span> {name} {duration(stages[name])}'
                for name in longest[:MAX_STAGES_NAMED]
            ),
        ]
    )


def _outcome_text(counts: Mapping[str, int], n: int, missing: str) -> str:
    lines = [
        f'<span style="color:{OUTCOME_COLORS[name]}">■</span> {OUTCOME_LABELS[name]} {counts[name]}'
        for name in reversed(OUTCOMES)
        if counts[name]
    ]
    return (
        "<br>".join([_slices(n), *lines, *([missing] if missing else [])]) if n or missing else ""
    )


def _slices(n: int) -> str:
    return f"{n} slice{'' if n == 1 else 's'}"


def _middle(edges: Sequence[float], step: int) -> float:
    return round((edges[step] + edges[step + 1]) / 2, 4)


def _minutes_ago(times: Sequence[float]) -> list[float]:
    """Places of the steps' ends, the first one's beginning before them: minutes before now, below zero."""
    if not times:
        return []
    step = times[1] - times[0] if len(times) > 1 else STEP_S
    end = times[-1] + step
    return [round((time - end) / 60.0, 4) for time in (*times, end)]


def _layout(scale: list[float], unit: str) -> dict[str, Any]:
    minutes = SPAN_S / 60.0
    ticks = [-minutes + i for i in range(int(minutes) + 1)]
    font = {"size": 10}
    return {
        "template": {"layout": {}},
        "showlegend": False,
        "autosize": True,
        "margin": {"l": 34, "r": 12, "t": 4, "b": 19, "pad": 0},
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
            "ticktext": [f"−{minutes:.0f} min", *(f"−{-tick:.0f}" for tick in ticks[1:-1]), "now"],
            "tickfont": font,
            "ticklabelstandoff": 4,
            "tickangle": 0,
        },
        "yaxis": {
            "range": scale,
            "autorange": False,
            "fixedrange": True,
            "showgrid": True,
            "zeroline": False,
            "nticks": 4,
            "tickfont": font,
            "title": {"text": unit, "font": font, "standoff": 1},
            "tickformat": "~s" if scale[1] >= 10_000 else "",
        },
    }
