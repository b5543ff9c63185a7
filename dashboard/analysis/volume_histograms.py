"""Histograms of whole volumes: added up from bricks that are in the cache anyway, a little with each request.

Nothing is decoded, and no brick counts as used. Each chunk is counted once, whatever the orientation of the brick
that has it; contiguous datasets are read from the file. What was counted is in the metadata cache, so that all
processes continue with it, also after a restart.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import combinations
from math import ceil, prod
from typing import Final

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from pydantic import TypeAdapter

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress, digest
from dashboard.analysis.analyzer import Analyzer
from dashboard.analysis.histogram import Histogram
from dashboard.analysis.interpretation import Interpretation
from dashboard.analysis.volume_slabs import PIECE_VOXELS, add_run, tally_of
from dashboard.analysis.volume_tally import StoredTally, Tally, pieces_in
from dashboard.bricks.coverage import Coverage
from dashboard.bricks.store import BrickStore
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import MAX_BRICKS, MAX_CHUNKS, ReadPath, Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.quantize import Norm, Window
from dashboard.frames.window import WINDOWS_VERSION, VolumeWindows

log = logging.getLogger(__name__)

# To be raised when tallies are made differently.
TALLIES_VERSION: Final = "3"
# Time that one request counts; the last piece may exceed it.
BUDGET_S: Final = 0.05
# Bricks that the cache is asked for at a time.
LOOKUP_BRICKS: Final = 256
MAX_KEPT: Final = 8
# A growing file has another tally after each of its changes.
GROWING_S: Final = 3_600.0

TALLY: Final = TypeAdapter(StoredTally)


class VolumeHistograms:
    """Counts the values of volumes, and makes histograms of what has been counted.

    Counting stops as soon as `is_idle` says that a viewer waits; `clock` gives seconds.
    """

    def __init__(
        self,
        metadata: MetadataService,
        bricks: BrickStore,
        contiguous: ContiguousPlanes,
        windows: VolumeWindows,
        analyzer: Analyzer,
        is_idle: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metadata = metadata
        self._bricks = bricks
        self._contiguous = contiguous
        self._windows = windows
        self._analyzer = analyzer
        self._is_idle = is_idle
        self._clock = clock
        self._lock = threading.Lock()
        self._known: LRUCache[str, Tally] = LRUCache(MAX_KEPT)
        self._counting: set[str] = set()
        # Where the search for bricks goes on, by key of the tally.
        self._next_layer: LRUCache[str, int] = LRUCache(256)

    def histogram(
        self, source: Interpretation, bins: int, range_: tuple[float, float] | None
    ) -> Histogram:
        """The histogram of what has been seen of a volume, after more of it has been counted for a moment.

        Of types of more than 16 bits, a range is widened to the next of the fixed edges. Raises `TooLarge` for too
        many chunks to keep account of, and the errors of reading a sample for the contrast window.
        """
        volume = source.volume
        with VolumeFile(self._metadata, volume) as file:
            tally = self._continued(file, source)
            voxels, total = tally.voxels, prod(volume.shape)
            window = None if voxels == total else self._window(file, source)
            return tally.histogram(source, bins, range_, window, voxels / total)

    def begin(self, file: VolumeFile, source: Interpretation) -> tuple[Tally, Window | None]:
        """What is known of a volume, to be continued elsewhere, and the window that its edges are of, if any.

        Raises as `histogram`.
        """
        window = None if source.has_codes else self._window(file, source)
        pieces = _pieces(source.volume)
        with self._lock:
            known = self._known.get(_key(source))
        return self._latest(_key(source), file, source, pieces, known).copy(), window

    def keep(self, source: Interpretation, tally: Tally) -> None:
        """Keep what was counted elsewhere, unless more of it is known."""
        key = _key(source)
        stored, known = self._metadata.cache.get(key, TALLY), 0
        if stored is not None:
            with suppress(ValueError):
                known = pieces_in(stored, len(tally.seen))
        if known < np.count_nonzero(tally.seen):
            expire = None if source.volume.swmr_index is None else GROWING_S
            self._metadata.cache.set(key, TALLY, tally.pack(), expire)

    def _window(self, file: VolumeFile, source: Interpretation) -> Window:
        return self._windows.window(file, source.part, Norm.LINEAR, source.packing)

    def _continued(self, file: VolumeFile, source: Interpretation) -> Tally:
        """The tally of a volume, with what could be counted now."""
        key, pieces = _key(source), _pieces(source.volume)
        with self._lock:
            known = self._known.get(key)
            if known is not None and (key in self._counting or known.seen.all()):
                return known
            is_alone = key not in self._counting
            self._counting.add(key)
        if not is_alone:
            return self._latest(key, file, source, pieces, known)
        try:
            tally = self._latest(key, file, source, pieces, known).copy()
            before = tally.voxels
            self._count(file, source, tally, key)
            if tally.voxels > before:
                self.keep(source, tally)
            with self._lock:
                self._known[key] = tally
            return tally
        finally:
            with self._lock:
                self._counting.discard(key)

    def _latest(
        self, key: str, file: VolumeFile, source: Interpretation, pieces: int, known: Tally | None
    ) -> Tally:
        """What this process knows or another one has stored, whichever has seen more."""
        found = tally_of(source, pieces, None if source.has_codes else self._window(file, source))
        stored = self._metadata.cache.get(key, TALLY)
        if stored is not None:
            try:
                found.unpack(stored)
            except ValueError:
                log.warning("stored counts of a volume are unreadable; counted again")
        return found if known is None or found.voxels > known.voxels else known

    def _count(self, file: VolumeFile, source: Interpretation, tally: Tally, key: str) -> None:
        """Add what there is to a tally, until the time is over or a viewer waits."""
        end = self._clock() + BUDGET_S

        def is_over() -> bool:
            return self._clock() >= end or not self._is_idle()

        volume = source.volume
        mask = None if source.mask is None else self._analyzer.masked_pixels(source.mask)
        if volume.read_path is ReadPath.CONTIGUOUS:
            self._count_file(file, source, tally, mask, is_over)
            return
        for address in self._cached_bricks(volume, tally, key, is_over):
            if is_over():
                break
            self._count_brick(source, tally, address, mask, is_over)

    def _count_file(
        self,
        file: VolumeFile,
        source: Interpretation,
        tally: Tally,
        mask: NDArray[np.bool_] | None,
        is_over: Callable[[], bool],
    ) -> None:
        total = prod(source.volume.shape)
        for number in np.flatnonzero(~tally.seen):
            if is_over():
                break
            add_run(source, file, self._contiguous, int(number), total, mask, tally)
            tally.seen[number] = True
        # Raises where the values may be those of another version: then nothing of them is kept.
        file.ensure_unchanged()

    def _cached_bricks(
        self, volume: Volume, tally: Tally, key: str, is_over: Callable[[], bool]
    ) -> Iterator[BrickAddress]:
        """Bricks of all orientations that are in the cache, of whole chunks of which some were not seen.

        The search goes on where that of the last request ended.
        """
        layers = _Layers(volume)
        with self._lock:
            first = self._next_layer.get(key, 0)
        batch: list[BrickAddress] = []
        for number in range(first + 1, first + len(layers) + 1):
            batch += [
                brick
                for brick in layers.bricks((number - 1) % len(layers))
                if volume.grid.has_whole_chunks(brick)
                and not tally.seen[volume.grid.chunk_numbers(brick)].all()
            ]
            if len(batch) < LOOKUP_BRICKS and number < first + len(layers):
                continue
            present = self._bricks.existing([brick.key for brick in batch])
            yield from (brick for brick in batch if brick.key in present)
            if is_over():
                return
            batch = []
            with self._lock:
                self._next_layer[key] = number % len(layers)

    def _count_brick(
        self,
        source: Interpretation,
        tally: Tally,
        address: BrickAddress,
        mask: NDArray[np.bool_] | None,
        is_over: Callable[[], bool],
    ) -> None:
        """Add the chunks of a brick that were not seen, without damaged ones."""
        brick = self._bricks.peek(address, source.volume.memory_dtype)
        if brick is None:
            return
        # One that does not match its checksum is removed when a viewer needs it.
        if not all(not is_over() and brick.sound(plane) for plane in range(address.planes)):
            return
        grid, order = source.volume.grid, address.order
        extent = [ceil(n / c) for n, c in zip(address.extent, grid.chunks, strict=True)]
        numbers = grid.chunk_numbers(address).reshape(extent).transpose(order)
        damaged = [
            np.ravel_multi_index(
                tuple(at // c for at, c in zip(chunk.origin, grid.chunks, strict=True)), grid.counts
            )
            for chunk in brick.damaged_chunks
        ]
        missing = ~tally.seen[numbers] & ~np.isin(numbers, damaged)
        values = brick.planes.reshape(address.shape)
        sides = [grid.chunks[dim] for dim in order]
        most = max(PIECE_VOXELS // prod(sides), 1)
        for at in np.ndindex(missing.shape[:-1]):
            for first, last in _runs(missing[at], most):
                if is_over():
                    return
                box = [
                    *(
                        slice(n * side, (n + 1) * side)
                        for n, side in zip(at, sides[:-1], strict=True)
                    ),
                    slice(first * sides[-1], last * sides[-1]),
                ]
                piece = values[tuple(box)]
                left_out = None if mask is None else _left_out(mask, address, box, piece.shape)
                tally.add(source, piece, left_out)
                tally.seen[numbers[at][first:last]] = True


class _Layers:
    """The bricks of a volume of all orientations, numbered by layers."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        dims = range(len(volume.shape))
        self._coverages = []
        self._ends = []
        end = 0
        for plane in combinations(dims, 2):
            coverage = Coverage(volume, tuple(dim for dim in dims if dim not in plane))
            count = prod(map(len, coverage.positions))
            # Planes of more bricks are refused.
            if len(coverage) <= MAX_BRICKS * count:
                end += count
                self._coverages.append(coverage)
                self._ends.append(end)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def bricks(self, number: int) -> list[BrickAddress]:
        """The bricks of one layer."""
        which = bisect_right(self._ends, number)
        coverage = self._coverages[which]
        number -= self._ends[which - 1] if which else 0
        position = {}
        for dim, indexes in zip(
            reversed(coverage.fixed), reversed(coverage.positions), strict=True
        ):
            number, index = divmod(number, len(indexes))
            position[dim] = indexes[index]
        return self._volume.bricks_at(position, *coverage.plane)


def _key(source: Interpretation) -> str:
    """The key of a tally; codes are counted alike whatever they stand for."""
    volume = source.volume
    growth = [] if volume.swmr_index is None else [volume.fingerprint.as_list(), *volume.shape]
    meant: list[object] = [] if source.mask is None else [source.mask.address.key]
    if not source.has_codes:
        meant += [WINDOWS_VERSION, source.part if volume.dtype.kind == "c" else None]
        meant += [] if source.packing is None else source.packing.key
    return digest("tally", TALLIES_VERSION, volume.address.key, growth, meant)


def check_countable(volume: Volume) -> None:
    """Raise `TooLarge` for too many chunks to keep account of."""
    _pieces(volume)


def _pieces(volume: Volume) -> int:
    """The number of pieces that are counted as a whole: chunks, or parts of a contiguous file."""
    if volume.read_path is ReadPath.CONTIGUOUS:
        return ceil(prod(volume.shape) / PIECE_VOXELS)
    chunks = prod(volume.grid.counts)
    if chunks > MAX_CHUNKS:
        raise errors.TooLarge(
            f"The dataset has {chunks:,} chunks, and at most {MAX_CHUNKS:,} are counted; ask for slices."
        )
    return chunks


def _left_out(
    mask: NDArray[np.bool_], address: BrickAddress, box: list[slice], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which voxels of a box in a brick, in the brick's order, a mask of the last two dimensions leaves out."""
    rank = len(shape)
    axes = [address.order.index(dim) for dim in (rank - 2, rank - 1)]
    rows, cols = (
        slice(
            address.start[dim] + box[axis].start, address.start[dim] + box[axis].start + shape[axis]
        )
        for dim, axis in zip((rank - 2, rank - 1), axes, strict=True)
    )
    part = mask[rows, cols] if axes[0] < axes[1] else mask[rows, cols].T
    along = [shape[axis] if axis in axes else 1 for axis in range(rank)]
    return np.broadcast_to(part.reshape(along), shape)


def _runs(flags: NDArray[np.bool_], most: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges of True, of at most so many."""
    padded = np.concatenate(([False], flags, [False]))
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    for first, last in changes.reshape(-1, 2).tolist():
        for at in range(first, last, most):
            yield at, min(at + most, last)
