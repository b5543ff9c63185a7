"""Quantization of values to the 255 steps of a colour scale, through window and norm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.codecs import compiled

# The last of the 256 codes marks missing cells.
MISSING_CODE = 255
MAX_CODE = 254

# Half-width of the part in which symlog and asinh are linear, as a share of the window's larger end.
LINEAR_SHARE = 0.01
# Height of symlog's linear part against one decade; Matplotlib's SymLogNorm with linscale 1, base
# 10 (matplotlib/scale.py, SymmetricalLogTransform: linscale / (1 - 1/base)).
LINEAR_HEIGHT = 1.0 / (1.0 - 1.0 / 10.0)

# Cells quantized at a time, such that their float64 copies fit the processor's cache.
BLOCK = 32_768
RAMP_BLOCK = 8 * BLOCK
# Steeper ramps overflow float32.
STEEPEST = 1e30
SMALLEST = 5e-324
_NIL, _MAX_CODE32 = np.float32(0), np.float32(MAX_CODE)

Window = tuple[float, float]
Codes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


class Norm(StrEnum):
    """Function applied to values before the window is mapped onto the colour scale."""

    LINEAR = "linear"
    LOG = "log"
    SYMLOG = "symlog"
    SQRT = "sqrt"
    ASINH = "asinh"


def in_domain(values: NDArray[Any], norm: Norm) -> NDArray[np.bool_]:
    """Mask of finite values in the norm's domain."""
    with np.errstate(invalid="ignore"):
        finite: NDArray[np.bool_] = np.isfinite(values)
        if norm is Norm.LOG:
            return finite & (values > 0)
        if norm is Norm.SQRT:
            return finite & (values >= 0)
    return finite


def normed(values: NDArray[np.float64], norm: Norm, window: Window) -> NDArray[np.float64]:
    """The norm applied to float64 values; NaN where it is not defined."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if norm is Norm.LOG:
            return np.where(values > 0, np.log10(values), np.nan)
        if norm is Norm.SQRT:
            return np.where(values >= 0, np.sqrt(values), np.nan)
        # Clamped, since a share of a subnormal number would round to zero.
        linear = max(LINEAR_SHARE * max(abs(window[0]), abs(window[1])), SMALLEST)
        if norm is Norm.ASINH:
            return np.arcsinh(values / linear)
        if norm is Norm.SYMLOG:
            size = np.abs(values)
            outer = np.sign(values) * linear * (LINEAR_HEIGHT + np.log10(size / linear))
            return np.where(size <= linear, values * LINEAR_HEIGHT, outer)
    return values


def quantize_u8(
    values: NDArray[Any], window: Window, norm: Norm, fill: np.generic | None = None
) -> NDArray[np.uint8]:
    """Codes 0…254 for values in the window, 255 for NaN and for `fill`; shape as `values`.

    A code is floor(254·t + 0.5), where t is the position of the normed value in the normed window, clipped to
    0…1; outside the norm's domain it is 0. Integers of one or two bytes use a lookup table, or a linear ramp in
    float32 that was verified to give the table's code for every value.
    """
    flat = np.ascontiguousarray(values).reshape(-1)
    if flat.dtype.kind in "biu" and flat.dtype.itemsize <= 2:
        if flat.dtype.kind == "b":
            flat = flat.view(np.uint8)
        index = flat.view(f"u{flat.dtype.itemsize}")
        if flat.size >= 2 ** (8 * flat.dtype.itemsize):
            line = exact_ramp(flat.dtype, window) if norm is Norm.LINEAR and fill is None else None
            if line is not None:
                return apply_ramp(line, flat).reshape(values.shape)
            table = _build_lut(flat.dtype, window, norm, None if fill is None else fill.item())
            return _apply_lut(table, index).reshape(values.shape)
    out = np.empty(flat.shape, np.uint8)
    for at in range(0, len(flat), BLOCK):
        out[at : at + BLOCK] = _quantize(flat[at : at + BLOCK], window, norm, fill)
    return out.reshape(values.shape)


@dataclass(frozen=True, slots=True)
class LinearRamp:
    """The codes of a linear window in float32: truncation of (value + shift) * slope + half.

    Values are clipped to `ends` first where these are given; else the product is clipped to 0 … MAX_CODE.
    """

    shift: np.float32
    slope: np.float32
    half: np.float32
    ends: tuple[int, int] | None


@lru_cache(maxsize=64)
def exact_ramp(dtype: np.dtype[Any], window: Window) -> LinearRamp | None:
    """The fastest ramp that gives every value of a small integer type its table's code, or None.

    float32 rounds some values at the border of two codes to the wrong side; then slightly different ramps are
    tried. Of 450 random windows, with integer ends and without, all had a ramp, and 430 one of the fastest kind.
    """
    low, high = window
    if not low < high:
        return None
    every = _all_values(dtype)
    codes = _build_lut(dtype, window, Norm.LINEAR, None)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        lines = list(_candidate_ramps(low, high, _ends(every, codes)))
    with np.errstate(over="raise", invalid="raise"):
        for line in lines:
            with suppress(FloatingPointError):
                if line.slope < STEEPEST and np.array_equal(apply_ramp(line, every), codes):
                    return line
    return None


def _candidate_ramps(low: float, high: float, ends: tuple[int, int]) -> Iterator[LinearRamp]:
    """Candidate ramps of a window, the fastest kind first."""
    slope = np.float32(MAX_CODE / (high - low))
    slopes = slope, np.nextafter(slope, np.float32(np.inf)), np.nextafter(slope, _NIL)
    halves = 0.5, 0.5 + 2.0**-18, 0.5 - 2.0**-18
    for half in halves:
        shift = np.float32(half * (high - low) / MAX_CODE - low)
        yield from (LinearRamp(shift, steep, _NIL, ends) for steep in slopes)
    for cut in (ends, None):
        for half in halves:
            yield from (LinearRamp(np.float32(-low), s, np.float32(half), cut) for s in slopes)


def _ends(every: NDArray[Any], codes: NDArray[np.uint8]) -> tuple[int, int]:
    """The largest value with the lowest code, and the smallest with the highest."""
    lowest, highest = every[codes == codes.min()], every[codes == codes.max()]
    first, last = int(lowest.max()), int(highest.min())
    return min(first, last), max(first, last)


def apply_ramp(line: LinearRamp, values: NDArray[Any]) -> Codes:
    """Apply a ramp, in C or block by block.

    Measured for 1360² uint16: 0.25 ms in C, 0.5 by NumPy and 0.6 where the product is clipped, 1.2 for the lookup
    table.
    """
    out = np.empty(len(values), np.uint8)
    if line.ends is not None and values.dtype.isnative and compiled.available():
        compiled.ramp(
            values, out, line.ends, line.shift.item(), line.slope.item(), line.half.item()
        )
        return out
    buffer = np.empty(min(RAMP_BLOCK, len(values)), np.float32)
    cut = np.empty(len(buffer) if line.ends else 0, values.dtype)
    for at in range(0, len(values), RAMP_BLOCK):
        block = values[at : at + RAMP_BLOCK]
        scaled = buffer[: len(block)]
        if line.ends is not None:
            block = np.clip(block, *line.ends, out=cut[: len(block)])
        np.copyto(scaled, block)
        scaled += line.shift
        scaled *= line.slope
        if line.ends is None:
            np.clip(scaled, _NIL, _MAX_CODE32, out=scaled)
        if line.half:
            scaled += line.half
        np.copyto(out[at : at + RAMP_BLOCK], scaled, casting="unsafe")
    return out


def with_opacity(codes: NDArray[np.uint8], values: NDArray[Any]) -> NDArray[np.uint8]:
    """Codes of three colours, and the fourth of `values`, the opacity, as 0…255 of its type's range or of 0…1."""
    opacity = values[..., 3:].astype(np.float64)
    if values.dtype.kind in "iu":
        opacity /= np.iinfo(values.dtype).max
    with np.errstate(invalid="ignore"):
        bytes_ = np.clip(np.nan_to_num(opacity), 0, 1) * 255 + 0.5
    return np.concatenate([codes, bytes_.astype(np.uint8)], axis=-1)


def _apply_lut(table: NDArray[np.uint8], index: NDArray[np.unsignedinteger]) -> Codes:
    """table[index] block by block, because NumPy converts to 8-byte indices, which then fit the processor's cache.

    Measured for 1360² uint16: 1.2 ms against 2.2 ms without blocks.
    """
    out = np.empty(len(index), np.uint8)
    wide = np.empty(BLOCK, np.intp)
    for at in range(0, len(index), BLOCK):
        block = index[at : at + BLOCK]
        np.copyto(wide[: len(block)], block)
        # All indices are valid; "clip" avoids the bounds check of "raise".
        np.take(table, wide[: len(block)], out=out[at : at + BLOCK], mode="clip")
    return out


@lru_cache(maxsize=64)
def _build_lut(
    dtype: np.dtype[Any], window: Window, norm: Norm, fill: float | None
) -> NDArray[np.uint8]:
    """Lookup table of an integer type of one or two bytes, indexed by its bits as unsigned."""
    return _quantize(_all_values(dtype), window, norm, None if fill is None else dtype.type(fill))


def _all_values(dtype: np.dtype[Any]) -> NDArray[Any]:
    """All values of an integer type of one or two bytes, by their bits as unsigned."""
    return np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}").view(dtype)


def _quantize(
    values: NDArray[Any], window: Window, norm: Norm, fill: np.generic | None
) -> NDArray[np.uint8]:
    values64 = values.astype(np.float64)
    gaps = np.isnan(values64) if values.dtype.kind == "f" else None
    low, high = normed(np.array(window, np.float64), norm, window)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # In place from here on: allocating a temporary for each step takes longer than the step.
        t = normed(values64, norm, window)
        if not np.isfinite(high - low):
            # The width of the window overflows float64; halving all values preserves their positions.
            t, low, high = t * 0.5, low * 0.5, high * 0.5
        t -= low
        t /= high - low
        # fmax maps NaN, which marks values outside the norm's domain here, to 0.
        np.fmax(t, 0.0, out=t)
        np.fmin(t, 1.0, out=t)
        t *= MAX_CODE
        t += 0.5
        # The values are positive, so truncation rounds down.
        codes: NDArray[np.uint8] = t.astype(np.uint8)
    if gaps is not None and gaps.any():
        codes[gaps] = MISSING_CODE
    if fill is not None:
        codes[values == fill] = MISSING_CODE
    return codes
