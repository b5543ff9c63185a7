"""Contrast windows: the value range that is mapped onto the colour scale."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from math import isfinite, prod
from typing import Any

import numpy as np
from cachetools import FIFOCache
from numpy.typing import NDArray

from dashboard.addressing.addresses import digest
from dashboard.addressing.chunk_grid import pseudo_chunks
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.decoding.decoder import Decoder, dataset_request
from dashboard.errors import BadRequest
from dashboard.frames.complex_part import ComplexPart, select_part
from dashboard.frames.quantize import Norm, Window, in_domain

PERCENTILES = (1.0, 99.0)
# Sample size: enough chunks for stable percentiles, few enough to be decoded within about 100 ms.
SAMPLE_CHUNKS = 48
SAMPLE_BYTES = 16 * 1024 * 1024
SAMPLE_BLOCK_BYTES = 256 * 1024
SAMPLE_VALUES = 500_000
MAX_CACHED = 256
# The difference of two values below this is finite.
LARGE = sys.float_info.max / 2
SEED = 20_260_101


def parse_window(text: str, norm: Norm) -> str | Window:
    """`volume`, `slice` or the two ends of `LO,HI`; `BadRequest` for anything else.

    The lower end is below the upper one, and both are in the domain of the norm.
    """
    if text in ("volume", "slice"):
        return text
    parts = text.split(",")
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise BadRequest("A window is 'volume', 'slice' or LO,HI with two numbers.") from None
    if not (isfinite(low) and isfinite(high)):
        raise BadRequest("The ends of a window are finite numbers.")
    if low >= high:
        raise BadRequest("The lower end of a window lies below the upper one.")
    if norm is Norm.LOG and low <= 0:
        raise BadRequest("A logarithmic norm needs a window above zero.")
    if norm is Norm.SQRT and low < 0:
        raise BadRequest("A square-root norm needs a window from zero upwards.")
    return low, high


def slice_window(values: NDArray[Any], norm: Norm, fill: np.generic | None) -> Window:
    """Minimum and maximum of the valid values in the norm's domain."""
    flat = values.reshape(-1)
    if flat.dtype.kind == "f" or norm is not Norm.LINEAR or fill is not None:
        keep = in_domain(flat, norm)
        if fill is not None:
            keep &= flat != fill
        flat = flat[keep]
    if not flat.size:
        return 1.0 if norm is Norm.LOG else 0.0, 10.0 if norm is Norm.LOG else 1.0
    return float(flat.min()), float(flat.max())


class VolumeWindows:
    """Windows of whole volumes: percentiles of a sample of chunks, cached by fingerprint."""

    def __init__(self, metadata: MetadataService, decoder: Decoder) -> None:
        self._metadata = metadata
        self._decoder = decoder
        self._known: FIFOCache[str, dict[str, Any]] = FIFOCache(MAX_CACHED)
        self._lock = threading.Lock()

    def window(self, volume: Volume, part: ComplexPart, norm: Norm) -> Window:
        """1st to 99th percentile of the sample's values in the norm's domain; the same in all processes."""
        key = digest("window", "2", volume.address.key, part)
        fact = self._known.get(key)
        if fact is None:
            fact = self._metadata.fact(key, lambda: self._sample_percentiles(volume, part))
            with self._lock:
                self._known[key] = fact
        low, high = fact[_norm_domain(norm)]
        return float(low), float(high)

    def _sample_percentiles(self, volume: Volume, part: ComplexPart) -> dict[str, Any]:
        values = self._sample_values(volume)
        if volume.fill_is_user_defined:
            values = values[values != volume.fill]
        values = select_part(values, part)
        if len(values) > SAMPLE_VALUES:
            values = values[:: -(-len(values) // SAMPLE_VALUES)]
        return {
            _norm_domain(norm): list(_percentiles(values, norm))
            for norm in (Norm.LINEAR, Norm.LOG, Norm.SQRT)
        }

    def _sample_values(self, volume: Volume) -> NDArray[Any]:
        """Values of a seeded sample of chunks, or of blocks where the dataset is not chunked."""
        grid = volume.grid
        if volume.contiguous_raw:
            # The grid of a contiguous dataset has thin runs; these blocks cover more of the volume.
            grid = replace(
                grid, chunks=pseudo_chunks(volume.shape, grid.itemsize, SAMPLE_BLOCK_BYTES)
            )
        count = max(1, min(SAMPLE_CHUNKS, SAMPLE_BYTES // max(grid.chunk_bytes, 1)))
        if volume.decodes_in_process:
            return self._decoder.sample(volume, count, SEED)
        total = prod(grid.counts)
        numbers = np.random.default_rng(SEED).choice(total, min(count, total), replace=False)
        boxes = []
        for number in sorted(int(n) for n in numbers):
            start = grid.chunk_origin(number)
            stop = tuple(
                min(a + c, n) for a, c, n in zip(start, grid.chunks, grid.shape, strict=True)
            )
            boxes.append((start, stop))
        _, body = self._metadata.ask(
            volume, "sample", "sample", **dataset_request(volume), boxes=boxes
        )
        self._metadata.ensure_unchanged(volume)
        return np.frombuffer(body, volume.memory_dtype)


def _norm_domain(norm: Norm) -> str:
    """Key of the norm's domain; norms of one domain share a window."""
    return {Norm.LOG: "positive", Norm.SQRT: "not negative"}.get(norm, "all")


def _percentiles(values: NDArray[Any], norm: Norm) -> Window:
    kept = values[in_domain(values, norm)].astype(np.float64)
    if not kept.size:
        return (1.0, 10.0) if norm is Norm.LOG else (0.0, 1.0)
    lowest, highest = float(kept.min()), float(kept.max())
    if max(-lowest, highest) > LARGE:
        # NumPy interpolates with the difference of two values, which can overflow; scaling by a power of two is
        # exact.
        low, high = (float(p) * 4.0 for p in np.percentile(kept * 0.25, PERCENTILES))
    else:
        low, high = (float(p) for p in np.percentile(kept, PERCENTILES))
    if low == high:
        # Mostly one value, as in a mask: the extremes are a better window.
        low, high = lowest, highest
    return (low, high) if low < high else _widened(low)


def _widened(value: float) -> Window:
    """A window of finite ends that starts at the only value, and ends there if no float64 is larger."""
    high = min(value + (abs(value) or 1.0), sys.float_info.max)
    return (value, high) if value < high else (value / 2.0, value)
