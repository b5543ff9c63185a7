"""Reference implementation of slices, from the contract, with NumPy and plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
Window = tuple[float, float]


def pooled(values: Values, rows: int, cols: int, how: str) -> Values:
    """k×k blocks, cut at the edges, NaN ignored; a mean is float32."""
    if how == "nearest":
        return values[::rows, ::cols]
    if rows == cols == 1:
        return values
    height, width = -(-values.shape[0] // rows), -(-values.shape[1] // cols)
    out = np.empty((height, width), np.float32 if how == "mean" else values.dtype)
    for r in range(height):
        for c in range(width):
            block = values[r * rows : (r + 1) * rows, c * cols : (c + 1) * cols].ravel()
            kept = block[~np.isnan(block)] if block.dtype.kind == "f" else block
            if not len(kept):
                out[r, c] = np.nan
            elif how == "max":
                out[r, c] = kept.max()
            else:
                out[r, c] = _mean([float(v) for v in kept])
    return out


def _mean(values: list[float]) -> np.float32:
    infinite = {v for v in values if math.isinf(v)}
    if len(infinite) == 2:
        return np.float32(np.nan)
    mean = infinite.pop() if infinite else math.fsum(values) / len(values)
    with np.errstate(over="ignore"):
        return np.float32(mean)


def own_window(values: Values, norm: str, fill: Any = None) -> Window:
    """The slice's own minimum and maximum, of what has a value in the norm's domain."""
    kept = [
        float(v)
        for v in values.ravel()
        if math.isfinite(v) and not (fill is not None and v == fill)
    ]
    if norm == "log":
        kept = [v for v in kept if v > 0]
    if norm == "sqrt":
        kept = [v for v in kept if v >= 0]
    return (min(kept), max(kept)) if kept else ((1.0, 10.0) if norm == "log" else (0.0, 1.0))


def _normed(norm: str, window: Window) -> Callable[[float], float | None]:
    """The norm as a function; None outside its domain."""
    linear = 0.01 * max(abs(window[0]), abs(window[1]))

    def symlog(v: float) -> float:
        # Matplotlib's, with one decade as high as the linear part would be.
        if abs(v) <= linear:
            return v / 0.9
        return math.copysign(linear * (1 / 0.9 + math.log10(abs(v) / linear)), v)

    def log(v: float) -> float | None:
        return math.log10(v) if v > 0 else None

    def sqrt(v: float) -> float | None:
        return math.sqrt(v) if v >= 0 else None

    def asinh(v: float) -> float:
        # Matplotlib's AsinhNorm with this linear width, which divides both sides.
        return math.asinh(v / linear)

    return {"linear": lambda v: v, "log": log, "sqrt": sqrt, "symlog": symlog, "asinh": asinh}[norm]


def codes(values: Values, window: Window, norm: str, fill: Any = None) -> tuple[Values, Values]:
    """(floor(254·t + 0.5) with 255 for gaps, whether a cell lies so near a step that ±1 is right too)."""
    function = _normed(norm, window)
    low, high = function(window[0]), function(window[1])
    assert low is not None
    assert high is not None
    out = np.empty(values.shape, np.uint8)
    near = np.zeros(values.shape, bool)
    for at in np.ndindex(values.shape):
        value = values[at]
        if value != value or (fill is not None and value == fill):  # NaN
            out[at] = 255
            continue
        place = function(float(value))
        if place is None:
            out[at] = 0
            continue
        if high == low:
            # No width: what lies above it is at its upper end.
            out[at] = 254 if place > low else 0
            continue
        t = min(max((place - low) / (high - low), 0.0), 1.0)
        step = 254 * t + 0.5
        out[at] = math.floor(step)
        near[at] = abs(step - round(step)) < 1e-9
    return out, near


def check_codes(found: Values, expected: Values, near: Values) -> None:
    """That codes are as expected, but for one step where rounding decides."""
    away = np.abs(found.astype(int) - expected.astype(int))
    assert (away[~near] == 0).all()
    assert (away[near] <= 1).all()
