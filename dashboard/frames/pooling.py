"""Levels of detail: pooling of blocks of voxels to cells by nearest, mean or maximum."""

from __future__ import annotations

from enum import StrEnum
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.frames import integer_moments

# Sums of this many 16-bit integers are below 2**24, so float32 holds them exactly.
MAX_EXACT_BLOCK = 2**8


class PoolMode(StrEnum):
    """Pooling rule of a block: its first voxel, its mean, or its maximum."""

    NEAREST = "nearest"
    MEAN = "mean"
    MAX = "max"


def pooled_dtype(dtype: np.dtype[Any], pool: PoolMode, rows: int, cols: int) -> np.dtype[Any]:
    """Result type of pooling by `rows` × `cols`: float32 for a mean, else the type itself."""
    if pool is PoolMode.MEAN and (rows > 1 or cols > 1):
        return np.dtype(np.float32)
    return dtype


def pool_blocks(values: NDArray[Any], rows: int, cols: int, pool: PoolMode) -> NDArray[Any]:
    """Pool a 2-D array of real numbers in blocks of `rows` × `cols`, smaller at the lower and right edge.

    NaN is ignored; a block of only NaN stays NaN. Means are computed in float64 and returned as float32.
    """
    if pool is PoolMode.NEAREST:
        return values[::rows, ::cols]
    if rows == 1 and cols == 1:
        return values
    if pool is PoolMode.MAX:
        # fmax ignores NaN; for other types it is maximum.
        return _reduce_blocks(_reduce_blocks(values, rows, np.fmax).T, cols, np.fmax).T
    return _mean(values, rows, cols)


def _mean(values: NDArray[Any], rows: int, cols: int) -> NDArray[np.float32]:
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2 and rows * cols <= MAX_EXACT_BLOCK:
        return _mean_of_small(values, rows, cols)
    sums = _sums(values, rows, cols, np.dtype(np.float64))
    counts = np.outer(_lengths(values.shape[0], rows), _lengths(values.shape[1], cols))
    if values.dtype.kind == "f" and np.isnan(sums).any():
        gaps = np.isnan(values)
        sums = _sums(np.where(gaps, 0, values), rows, cols, np.dtype(np.float64))
        counts = counts - _sums(gaps, rows, cols, np.dtype(np.int64))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean: NDArray[np.float32] = (sums / counts).astype(np.float32)
    return mean


def _mean_of_small(values: NDArray[Any], rows: int, cols: int) -> NDArray[np.float32]:
    """Means in float32, which holds these sums exactly; the quotient of two exact numbers rounds to the same
    float32 with or without float64 in between (Figueroa 1995, "When is double rounding innocuous?").
    """
    out = _reduce_blocks(_sums_of_rows(values, rows).T, cols, np.add).T.astype(np.float32)
    tall, wide = _lengths(values.shape[0], rows), _lengths(values.shape[1], cols)
    # Blocks at the lower and right edge are divided by the number of their voxels.
    bottom, right = len(out) - (tall[-1] < rows), out.shape[1] - (wide[-1] < cols)
    out[:bottom, :right] /= np.float32(rows * cols)
    out[bottom:] /= tall[bottom:, np.newaxis] * wide
    out[:bottom, right:] /= tall[:bottom, np.newaxis] * wide[right:]
    return out


def _sums_of_rows(values: NDArray[Any], step: int) -> NDArray[np.int32]:
    """Sums of every `step` rows of integers of up to two bytes; the last group may be smaller."""
    if not (integer_moments.available() and values.dtype.isnative):
        return _reduce_blocks(values, step, np.add, np.dtype(np.int32))
    sums = np.zeros((ceil(len(values) / step), values.shape[1]), np.int32)
    whole = len(values) // step
    integer_moments.add([values[n : whole * step : step] for n in range(step)], 1, sums[:whole])
    integer_moments.add(
        [values[n : n + 1] for n in range(whole * step, len(values))], 1, sums[whole:]
    )
    return sums


def _sums(values: NDArray[Any], rows: int, cols: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """Sums of blocks: whole rows are added first, which vectorises."""
    with np.errstate(invalid="ignore", over="ignore"):
        down = _reduce_blocks(values, rows, np.add, kind)
        return _reduce_blocks(down.T, cols, np.add).T


def _reduce_blocks(
    values: NDArray[Any], step: int, fold: np.ufunc, kind: np.dtype[Any] | None = None
) -> NDArray[Any]:
    """Reduce every `step` rows to one; the last group may be smaller."""
    out: NDArray[Any] = values[::step].astype(kind or values.dtype)
    for first in range(1, min(step, len(values))):
        part = values[first::step]
        fold(out[: len(part)], part, out=out[: len(part)])
    return out


def _lengths(length: int, step: int) -> NDArray[np.int64]:
    """Number of voxels of each block along a side of this length."""
    starts = np.arange(0, length, step, dtype=np.int64)
    return np.minimum(starts + step, length) - starts
