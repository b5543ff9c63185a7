"""Contrast windows: the value range that is mapped onto the colour scale."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from cachetools import FIFOCache
from numpy.typing import NDArray
from pydantic import TypeAdapter

from dashboard.addressing.addresses import digest
from dashboard.addressing.numbers import parse_number
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_readers import BrickReaders
from dashboard.decoding.sampling import SAMPLE_VALUES, sample_boxes, sample_runs
from dashboard.errors import BadRequest
from dashboard.frames.complex_part import ComplexPart, select_part
from dashboard.frames.quantize import Norm, Window, in_domain
from dashboard.frames.unpacking import Packing

PERCENTILES = (1.0, 99.0)
# Share of values from which on the largest one would be an end of the window.
FREQUENT = 0.01
# Version of the windows in the metadata cache; to be raised when they are computed differently.
WINDOWS_VERSION = "9"
MAX_CACHED = 256
SEED = 20_260_101


def parse_window(text: str, norm: Norm) -> str | Window:
    """`volume`, `slice` or the two ends of `LO,HI`; `BadRequest` for anything else.

    The lower end is below the upper one, and both are in the domain of the norm.
    """
    if text in ("volume", "slice"):
        return text
    try:
        low, high = map(parse_number, text.split(","))
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


def without_marks(values: NDArray[Any]) -> NDArray[Any]:
    """Values without the largest of their integer type where it is frequent: a mark of pixels without a value.

    It stays where there is nothing else but zero, as in a mask.
    """
    if values.dtype.kind not in "iu":
        return values
    is_mark = values == np.iinfo(values.dtype).max
    if np.count_nonzero(is_mark) <= FREQUENT * values.size:
        return values
    others = values[~is_mark]
    return others if others.any() else values


@dataclass(frozen=True, slots=True)
class _Percentiles:
    """The windows of a sample in each domain of values; norms of one domain share a window."""

    all: Window
    not_negative: Window
    positive: Window

    def of(self, norm: Norm) -> Window:
        """The window of a norm."""
        return {Norm.LOG: self.positive, Norm.SQRT: self.not_negative}.get(norm, self.all)


_WINDOWS = TypeAdapter(_Percentiles)


class VolumeWindows:
    """Windows of whole volumes: percentiles of a sample of chunks, cached by fingerprint."""

    def __init__(self, metadata: MetadataService, readers: BrickReaders) -> None:
        self._metadata = metadata
        self._readers = readers
        self._known: FIFOCache[str, _Percentiles] = FIFOCache(MAX_CACHED)
        self._lock = threading.Lock()

    def window(
        self, file: VolumeFile, part: ComplexPart, norm: Norm, packing: Packing | None = None
    ) -> Window:
        """1st to 99th percentile of the sample's values in the norm's domain; the same in all processes.

        Values are unpacked if `packing` is given; missing ones do not count, nor what is like a mark for them.
        """
        unpacked = [] if packing is None else packing.key
        key = digest("window", WINDOWS_VERSION, file.volume.address.key, part, *unpacked)
        windows = self._known.get(key)
        if windows is None:
            windows = self._metadata.cache.get_or_make(
                key, _WINDOWS, lambda: self._sample_percentiles(file, part, packing)
            )
            with self._lock:
                self._known[key] = windows
        return windows.of(norm)

    def _sample_percentiles(
        self, file: VolumeFile, part: ComplexPart, packing: Packing | None
    ) -> _Percentiles:
        volume = file.volume
        if packing is None or packing.mask is None:
            sampled = self._readers.of(volume).sample(file, SEED)
        else:
            sampled = self._sample_but(file, packing.mask)
        values = without_marks(sampled)
        if volume.fill_is_user_defined:
            values = values[values != volume.fill]
        values = select_part(values, part) if packing is None else packing.unpack(values)
        if len(values) > SAMPLE_VALUES:
            values = values[:: -(-len(values) // SAMPLE_VALUES)]
        # Sorted once, the valid values of each domain are those from an index on.
        values = np.sort(
            values[in_domain(values, Norm.LINEAR)],
            kind="stable" if values.itemsize <= 2 else None,  # a radix sort
        )
        return _Percentiles(
            all=_percentiles(values, Norm.LINEAR),
            not_negative=_percentiles(values[np.searchsorted(values, 0) :], Norm.SQRT),
            positive=_percentiles(values[np.searchsorted(values, 0, "right") :], Norm.LOG),
        )

    def _sample_but(self, file: VolumeFile, mask: Volume) -> NDArray[Any]:
        """Values of a sample of chunks, in a flat array, but for the pixels where the mask is not 0."""
        volume = file.volume
        kept: dict[tuple[int, ...], NDArray[Any]] = {}
        if volume.read_path is ReadPath.CONTIGUOUS:
            boxes = sample_runs(volume.grid, SEED)
        else:
            chunked = volume.read_path is ReadPath.CHUNKS
            stored = file.index().numbers if chunked else None
            boxes = sample_boxes(volume.grid, SEED, stored)
        valid = self._unmasked(mask)

        def take(start: Sequence[int], piece: NDArray[Any]) -> None:
            rows, cols = (
                slice(at, at + n) for at, n in zip(start[-2:], piece.shape[-2:], strict=True)
            )
            kept[tuple(start)] = piece[..., valid[rows, cols]].reshape(-1)

        self._readers.of(volume).read_boxes(file, boxes, take)
        # In one order, whichever thread was the first.
        parts = [kept[start] for start in sorted(kept)]
        return np.concatenate([np.empty(0, volume.memory_dtype), *parts], dtype=volume.memory_dtype)

    def _unmasked(self, mask: Volume) -> NDArray[np.bool_]:
        """Which pixels a mask leaves, an array (rows, columns)."""
        valid = np.ones(mask.shape, bool)

        def take(start: Sequence[int], piece: NDArray[Any]) -> None:
            here = tuple(slice(at, at + n) for at, n in zip(start, piece.shape, strict=True))
            valid[here] = piece == 0

        with VolumeFile(self._metadata, mask) as file:
            self._readers.of(mask).read_boxes(file, [((0, 0), mask.shape)], take)
        return valid


def _percentiles(ordered: NDArray[Any], norm: Norm) -> Window:
    """`PERCENTILES` of sorted finite values, interpolated linearly, as by `numpy.percentile`."""
    if not ordered.size:
        return (1.0, 10.0) if norm is Norm.LOG else (0.0, 1.0)
    low, high = (
        _interpolated(ordered, percent / 100 * (ordered.size - 1)) for percent in PERCENTILES
    )
    if low == high:
        # Mostly one value, as in a mask: the extremes are a better window.
        low, high = float(ordered[0]), float(ordered[-1])
    return (low, high) if low < high else _widened(low)


def _interpolated(ordered: NDArray[Any], position: float) -> float:
    index = int(position)
    below, above = float(ordered[index]), float(ordered[min(index + 1, ordered.size - 1)])
    share = position - index
    # The difference of two values may overflow; this sum of two equal values may be rounded.
    return below if below == above else below * (1 - share) + above * share


def _widened(value: float) -> Window:
    """A window of finite ends that starts at the only value, and ends there if no float64 is larger."""
    high = min(value + (abs(value) or 1.0), sys.float_info.max)
    return (value, high) if value < high else (value / 2.0, value)
