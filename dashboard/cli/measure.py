"""Cost of slices of a volume on this machine, measured on samples with the code that serves them.

Chunks of the file are decoded, and a plane of one of its bricks is rendered; the times are scaled to the whole
slice by the number of chunks or cells.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, prod
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.chunk_grid import AxisCost, ChunkIndex
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import SCRIPT
from dashboard.addressing.selection import Selection, Span
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.frames.complex_part import ComplexPart, select_part
from dashboard.frames.encode import Format
from dashboard.frames.quantize import Norm, Window
from dashboard.frames.renderer import FrameRenderer, SliceAddress
from dashboard.frames.window import slice_window
from dashboard.storage.bytes_cache import HeadedBytes

if TYPE_CHECKING:
    from dashboard.runtime.engine import Engine

# Samples grow from the first size until one takes long enough to be measured reliably; with a slow filter the
# first one is enough.
FIRST_BYTES, MOST_BYTES = 256 * 1024, 32 * 2**20
ENOUGH_S = 0.08
GROWTH = 8
REPEATS = 3
# Rendering takes milliseconds, so there is time for as many repetitions as a median needs.
FRAMES = 7
# Cells of the rendered part of a plane: more than a screen, some milliseconds.
MOST_CELLS = 4 * 2**20
SEED = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """What a slice across one axis costs, in seconds.

    `cold` when nothing of it is in a cache, `warm` and `warm_raw` as `u8` and `raw` when its brick is
    (None where no brick can be kept); for data that needs no brick, when it was read before.
    `sample_bytes` were read and decoded for it at a time, at `bytes_per_s`.
    """

    cold: float
    warm: float | None
    warm_raw: float | None
    sample_bytes: int
    bytes_per_s: float


class SliceBenchmark:
    """Measures volumes with an engine and caches of its own."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.perf_counter) -> None:
        self._engine = engine
        self._clock = clock
        self._random = np.random.default_rng(SEED)
        self._taken = 0
        self.most_cells = min(MOST_CELLS, engine.settings.max_cells)
        self._reader = FrameRenderer(
            engine.metadata,
            engine.loader,
            engine.contiguous,
            _NoFrames(),
            engine.windows,
            engine.settings.max_cells,
        )

    def prepare(self, volume: Volume) -> None:
        """List the chunks, which a server does once for each fingerprint of a file."""
        if volume.read_path is ReadPath.CHUNKS:
            self._index(volume)

    def axis(self, volume: Volume, axis: int, seconds: float) -> Measured:
        """Measure a slice across `axis` in about `seconds`, or the time of a chunk if that is longer.

        Raises the errors of reading the volume.
        """
        cost = volume.grid.axis_cost(axis)
        until = self._clock() + seconds
        if volume.reads_planes_directly(self._region(volume, cost)):
            return self._measure_contiguous(volume, cost, until)
        return self._bricks(volume, cost, until)

    def _measure_contiguous(self, volume: Volume, cost: AxisCost, until: float) -> Measured:
        """Planes that are taken out of the file: read at some places, and there once more."""
        times: dict[str, list[float]] = {"cold": [], "warm": [], "raw": []}
        region = self._region(volume, cost)
        window = _window(np.arange(2).astype(volume.memory_dtype))
        # The first round is for what is loaded and allocated once.
        for _ in range(1 + FRAMES):
            region = self._region(volume, cost)
            times["cold"].append(self._frame(volume, region, Format.U8, window))
            times["warm"].append(self._frame(volume, region, Format.U8, window))
            times["raw"].append(self._frame(volume, region, Format.RAW, window))
            if self._clock() >= until:
                break
        rows, cols = region.shape
        share = volume.shape[cost.rows] * volume.shape[cost.cols] / (rows * cols)
        size = rows * cols * volume.dtype.itemsize
        cold, warm, raw = (median(kept[1:] or kept) for kept in times.values())
        return Measured(cold * share, warm * share, raw * share, size, size / cold)

    def _bricks(self, volume: Volume, cost: AxisCost, until: float) -> Measured:
        """Parts of bricks, decoded as for the first viewer of a slice; then a brick that is there."""
        limit, took = FIRST_BYTES, dict[int, list[float]]()
        while True:
            box = self._box(volume, cost, limit)
            count = _chunks(volume, box)
            seconds, values = self.time_decoding(volume, box)
            repeats = took.setdefault(count, [])
            repeats.append(seconds)
            left = until - self._clock()
            if left < seconds or len(repeats) >= REPEATS:
                break
            larger = min(limit * GROWTH, MOST_BYTES)
            if seconds < ENOUGH_S and count < cost.chunks and left >= seconds * larger / limit:
                limit = larger
        decoding = median(took[count])
        size = count * volume.grid.chunk_bytes
        warm, raw = self._measure_warm(volume, cost, values)
        # A frame is rendered from the decoded values as well.
        cold = decoding * cost.chunks / count + (warm or 0.0)
        return Measured(cold, warm, raw, size, size / decoding)

    def time_decoding(self, volume: Volume, box: BrickAddress) -> tuple[float, NDArray[Any]]:
        """Seconds until a plane of an uncached box is available, and the plane."""
        # Under a name of its own, so that no sample is found in the cache as an earlier one.
        self._taken += 1
        box = replace(box, version=f"sample {self._taken}")
        plane = int(self._random.integers(box.planes))
        loader = self._engine.loader
        began = self._clock()
        brick = loader.load(volume, box, SCRIPT, plane=plane).brick
        values = brick.plane(plane)
        took = self._clock() - began
        # Waits for write-behind of the brick, so that it does not affect the next measurement.
        loader.load(volume, box, SCRIPT, plane=plane)
        return took, values

    def _measure_warm(
        self, volume: Volume, cost: AxisCost, values: NDArray[Any]
    ) -> tuple[float | None, float | None]:
        """Seconds for a slice as `u8` and as `raw` whose bricks are in the cache.

        The brick that is put there has the size of a real one, and holds the sampled `values` in the
        plane that is looked at.
        """
        region = self._region(volume, cost)
        (brick,) = volume.bricks(region)
        store = self._engine.bricks
        try:
            pending = store.begin(brick, volume.dtype.itemsize, Purpose.DEMAND)
            if pending is None:
                return None, None
            rows, cols = region.shape
            line = brick.shape[-1] * volume.dtype.itemsize
            at = brick.plane_number(region.fixed) * brick.shape[-2] * line
            try:
                os.pwrite(pending.fd, np.resize(values, (rows, cols)).tobytes(), at)
            except BaseException:
                pending.discard()
                raise
        except OSError:
            return None, None
        if store.commit(pending, volume.memory_dtype, []) is None:
            return None, None
        share = volume.shape[cost.rows] * volume.shape[cost.cols] / (rows * cols)
        window = _window(values)
        found = []
        for form in (Format.U8, Format.RAW):
            times = [self._frame(volume, region, form, window) for _ in range(1 + FRAMES)]
            found.append(median(times[1:]) * share)
        return found[0], found[1]

    def _frame(self, volume: Volume, region: Selection, form: Format, window: Window) -> float:
        """Time (s) for rendering a frame."""
        address = SliceAddress(volume, region, form, window)
        began = self._clock()
        self._reader.render(address, SCRIPT)
        return self._clock() - began

    def _region(self, volume: Volume, cost: AxisCost) -> Selection:
        """A plane at a sampled index, or the first part of a large one; it is part of one brick."""
        height, width = volume.grid.tile(cost.rows, cost.cols)
        if volume.read_path is ReadPath.CONTIGUOUS and cost.cols == len(volume.shape) - 1:
            height, width = volume.shape[cost.rows], volume.shape[cost.cols]
        width = min(width, self.most_cells)
        height = min(height, max(self.most_cells // width, 1))
        items: list[int | Span] = [int(self._random.integers(n)) for n in volume.shape]
        items[cost.rows], items[cost.cols] = Span(0, height), Span(0, width)
        return Selection(tuple(items))

    def _box(self, volume: Volume, cost: AxisCost, limit: int) -> BrickAddress:
        """Part of a brick somewhere with about `limit` bytes, at least a chunk; where something is stored."""
        grid = volume.grid
        plane = (cost.rows, cost.cols)
        tile = [ceil(n / grid.chunks[d]) for d, n in zip(plane, grid.tile(*plane), strict=True)]
        most = max(limit // grid.chunk_bytes, 1)
        wide = min(tile[1], most)
        spans = [1] * len(grid.shape)
        spans[cost.rows], spans[cost.cols] = min(tile[0], max(most // wide, 1)), wide
        corner = self._corner(volume)
        start, stop = [], []
        for length, chunk, span, count, at in zip(
            grid.shape, grid.chunks, spans, grid.counts, corner, strict=True
        ):
            first = min(at // chunk, count - span) * chunk
            start.append(first)
            stop.append(min(first + span * chunk, length))
        return BrickAddress(volume.address, *plane, tuple(start), tuple(stop))

    def _index(self, volume: Volume) -> ChunkIndex:
        with VolumeFile(self._engine.metadata, volume) as file:
            return file.index()

    def _corner(self, volume: Volume) -> tuple[int, ...]:
        """The first voxel of any chunk that is stored, or of any block that is no rest at the edge."""
        grid = volume.grid
        if volume.read_path is ReadPath.CHUNKS and len(stored := self._index(volume).numbers):
            return grid.chunk_origin(int(self._random.choice(stored)))
        return tuple(
            int(self._random.integers(max(n // c, 1))) * c
            for n, c in zip(grid.shape, grid.chunks, strict=True)
        )


class _NoFrames:
    """A frame store that keeps nothing, so that each frame is rendered."""

    def get(self, key: str) -> HeadedBytes | None:
        return None

    def put(self, *_: object, **__: object) -> None:
        return


def _chunks(volume: Volume, box: BrickAddress) -> int:
    return prod(ceil(n / c) for n, c in zip(box.extent, volume.grid.chunks, strict=True))


def _window(values: NDArray[Any]) -> Window:
    """A window for values of this kind; how long scaling takes does not depend on it."""
    low, high = slice_window(select_part(values, ComplexPart.ABS), Norm.LINEAR, None)
    return low, high if high > low else low + 1.0
