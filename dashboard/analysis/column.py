"""Columns: the values along an axis through a voxel, or figures of a region at each index, from a start outwards.

begin ─▶ kept columns (metadata cache) ─▶ lines
  └────▶ waves of layers of chunks, the nearest first ─▶ read past the brick cache, or from bricks ─▶ lines
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.addresses import digest
from dashboard.addressing.requester import Requester
from dashboard.analysis.analyzer import Analyzer
from dashboard.analysis.column_source import (
    CachedBricks,
    decoded_bytes,
    layer_box,
    thickness,
)
from dashboard.analysis.column_values import ColumnValues, PointValues, RegionValues
from dashboard.analysis.interpretation import Interpretation
from dashboard.blocking import about_to_block
from dashboard.bricks.brick import FileBrick
from dashboard.bricks.loader import BrickLoader
from dashboard.bricks.store import BrickStore
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_reader import Box, Take
from dashboard.decoding.brick_readers import BrickReaders
from dashboard.decoding.chunk_reader import DamagedChunk, damage_error
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.plane_reader import MAX_DECODED_BYTES
from dashboard.frames.unpacking import Packing
from dashboard.once import cached_property
from dashboard.storage.rows import Rows

# Version of the kept columns; to be raised when they are computed differently.
COLUMNS_VERSION: Final = "1"
MAX_INDICES: Final = 1_000_000
# Longer columns are not kept.
KEPT_BYTES: Final = 4 * 2**20
# Columns of a process that are read at the same time, and how long others wait for them.
AT_ONCE: Final = 4
WAIT_S: Final = 5.0
# Decoded bytes of a wave, after which lines are sent, and in how many more layers than the last one. The first is
# decoded within some 20 ms in two threads: shorter ones would have most chunks decoded by themselves.
FIRST_BYTES: Final = 8 * 2**20
WAVE_BYTES: Final = 32 * 2**20
GROWTH: Final = 4
# Layers that are looked up one by one.
MAX_LAYERS: Final = 4096


@dataclass(frozen=True)
class Region:
    """Voxels of a plane across dimensions `rows` and `cols`: those of `mask` from `top`, `left` on."""

    rows: int
    cols: int
    top: int
    left: int
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class ColumnAddress:
    """A column across `axis` through the voxel `index`, or with a region through its voxels.

    `index` has an entry for each dimension; that of `axis` is where the column begins. Of a region, the entries of
    its dimensions are not looked at.
    """

    volume: Volume
    axis: int
    index: tuple[int, ...]
    region: Region | None = None
    packing: Packing | None = None
    part: ComplexPart = ComplexPart.ABS

    @property
    def length(self) -> int:
        """The number of indices."""
        return self.volume.shape[self.axis]

    @cached_property
    def box(self) -> Box:
        """The voxels of the column, or the box around them."""
        start, stop = list(self.index), [at + 1 for at in self.index]
        start[self.axis], stop[self.axis] = 0, self.length
        region = self.region
        if region is not None:
            height, width = region.mask.shape
            start[region.rows], stop[region.rows] = region.top, region.top + height
            start[region.cols], stop[region.cols] = region.left, region.left + width
        return tuple(start), tuple(stop)

    @cached_property
    def key(self) -> str:
        """Key of the column in the metadata cache; where it begins does not matter."""
        region: list[object] = []
        if self.region is not None:
            voxels = np.packbits(self.region.mask).tobytes().hex()
            packing = None if self.packing is None else self.packing.key
            region = [self.region.rows, self.region.cols, voxels, packing, self.part]
        volume = self.volume.address.key
        return digest("column", COLUMNS_VERSION, volume, self.axis, *self.box, *region)

    def values(self, pixels: NDArray[np.bool_] | None) -> ColumnValues:
        """What the values are gathered in; `pixels` of the last two dimensions are left out (None: none)."""
        region, source = self.region, Interpretation(self.volume, self.part, self.packing)
        dims = (self.axis,) if region is None else (self.axis, region.rows, region.cols)
        left_out = None if pixels is None else self._left_out(pixels, dims)
        if region is None:
            return PointValues(source, self.length, left_out)
        mask = None if region.mask.all() else region.mask
        return RegionValues(source, self.length, mask, left_out)

    def _left_out(self, pixels: NDArray[np.bool_], dims: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which voxels of the box are left out, along these dimensions."""
        (start, stop), rank = self.box, len(self.index)
        lengths = [b - a for a, b in zip(start, stop, strict=True)]
        here = pixels[start[-2] : stop[-2], start[-1] : stop[-1]]
        whole = np.broadcast_to(here, lengths)
        others = [dim for dim in range(rank) if dim not in dims]
        # The box has one index of these.
        return whole.transpose(*dims, *others).squeeze(tuple(range(len(dims), rank)))


class Columns:
    """Reads columns, and keeps those that are complete."""

    def __init__(
        self,
        metadata: MetadataService,
        bricks: BrickStore,
        readers: BrickReaders,
        loader: BrickLoader,
        rows: Rows,
        analyzer: Analyzer,
    ) -> None:
        self._metadata = metadata
        self.readers = readers
        self._loader = loader
        self._rows = rows
        self._analyzer = analyzer
        self._cached = CachedBricks(bricks, loader)
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def check(self, address: ColumnAddress) -> None:
        """Raise `TooLarge` for more indices or decoded bytes than one column may have."""
        if address.length > MAX_INDICES:
            raise errors.TooLarge(
                f"The axis has {address.length:,} indices, and a column at most {MAX_INDICES:,}."
            )
        decoded = decoded_bytes(address.volume, address.box)
        if decoded > MAX_DECODED_BYTES:
            raise errors.TooLarge(
                f"The column needs {decoded / 2**30:.1f} GiB decoded and one request may take"
                f" {MAX_DECODED_BYTES / 2**30:.0f} GiB; choose a smaller region."
            )

    def begin(
        self, address: ColumnAddress, requester: Requester, *, only_cached: bool = False
    ) -> Column:
        """A column of which the first lines are there; it has to be closed.

        With `only_cached` it has those indices alone whose values are in the brick cache, whatever these cost.

        Raises `TooLarge`, `TooManyRequests` beyond the requester's quota, `Busy` while there are as many columns
        as may be at a time, and the errors of reading the file.
        """
        self.check(address)
        mask = None if address.packing is None else address.packing.mask
        values = address.values(None if mask is None else self._analyzer.masked_pixels(mask))
        packed = self._rows.get(address.key) if self.keeps(address) else None
        if packed is not None and values.unpack(packed):
            return Column(self, address, values, None, [])
        if not self._free.acquire(timeout=WAIT_S):
            raise errors.Busy("Other columns are being read; try again in a moment.")
        file = VolumeFile(self._metadata, address.volume)
        column = Column(self, address, values, file, layers_of(address))
        try:
            column.prepare(self._cached, requester, only_cached=only_cached)
        except BaseException:
            column.close()
            raise
        return column

    def keeps(self, address: ColumnAddress) -> bool:
        """Whether the column is the same as long as its volume's address."""
        return address.volume.swmr_index is None

    def read(self, file: VolumeFile, boxes: Sequence[Box], take: Take) -> list[DamagedChunk]:
        """Read boxes as for a viewer that waits; returns the damaged chunks."""
        with self._loader.demand_signal.demand():
            return self.readers.of(file.volume).read_boxes(file, boxes, take)

    def keep(self, address: ColumnAddress, values: ColumnValues) -> None:
        """Keep a complete column."""
        packed = values.pack()
        if self.keeps(address) and len(packed) <= KEPT_BYTES:
            self._rows.set(address.key, packed)

    def ended(self) -> None:
        """A column that was read was closed."""
        self._free.release()


class Column:
    """A column that is being read; one thread takes `lines`, and `close` ends it."""

    def __init__(
        self,
        columns: Columns,
        address: ColumnAddress,
        values: ColumnValues,
        file: VolumeFile | None,
        layers: Sequence[range],
    ) -> None:
        self._columns = columns
        self._address = address
        self._values = values
        self._file = file
        self._layers = layers
        self._bricks: dict[range, FileBrick] = {}
        self._notes: dict[int, str] = {}
        self._waves = iter(self._waves_of(layers))
        self._first: Sequence[range] = ()
        self._is_whole = True
        self._is_complete = False

    def prepare(
        self, cached: CachedBricks, requester: Requester, *, only_cached: bool = False
    ) -> None:
        """Find cached bricks, pay for the rest unless that is left out, and read the first wave."""
        address = self._address
        volume, axis, box = address.volume, address.axis, address.box
        ascending = sorted(self._layers, key=lambda at: at.start)
        self._bricks = cached.of(volume, axis, box, ascending, always=only_cached)
        if only_cached:
            self._is_whole = len(self._bricks) == len(self._layers)
            self._layers = [layer for layer in self._layers if layer in self._bricks]
            self._waves = iter(self._waves_of(self._layers))
        parts = _joined([layer for layer in self._layers if layer not in self._bricks])
        if volume.chunks is not None and parts:
            boxes = (layer_box(box, axis, at.start, at.stop) for at in parts)
            requester.pay(sum(decoded_bytes(volume, one) for one in boxes))
        self._first = next(self._waves, ())
        self._read(self._first)

    def lines(self) -> Iterator[bytes]:
        """Lines of JSON, in groups as they are read; raises the errors of reading."""
        if self._file is None:
            yield self._lines([range(self._address.length)])
            return
        about_to_block()
        wave, following = self._first, next(self._waves, ())
        # A thread of its own reads the next wave while the lines of the last one are made and sent.
        with ThreadPoolExecutor(1, thread_name_prefix="column") as ahead:
            while following:
                read = ahead.submit(self._read, following)
                yield self._lines(wave)
                read.result()
                wave, following = following, next(self._waves, ())
        if wave:
            yield self._lines(wave)
        self._is_complete = self._is_whole and not self._notes

    def close(self) -> None:
        """Close the file that is read, let others have their columns, and keep a complete one."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        self._columns.ended()
        if self._is_complete:
            self._columns.keep(self._address, self._values)

    def _waves_of(self, layers: Sequence[range]) -> Iterator[Sequence[range]]:
        """The layers in groups: the first gives all threads work, and each later one takes longer."""
        address, at = self._address, 0
        volume, axis = address.volume, address.axis
        count = 1
        while at < len(layers):
            first = layers[at]
            nbytes = decoded_bytes(volume, layer_box(address.box, axis, first.start, first.stop))
            if not at:
                chunks = nbytes // max(volume.grid.chunk_bytes, 1)
                count = self._columns.readers.pool.threads // max(chunks, 1)
                count = max(count, FIRST_BYTES // nbytes)
            count = max(min(count, WAVE_BYTES // nbytes), 1)
            yield layers[at : at + count]
            at += count
            count *= GROWTH

    def _read(self, wave: Sequence[range]) -> None:
        address, file = self._address, self._file
        assert file is not None
        missing = [layer for layer in wave if not self._take_from_brick(layer)]
        boxes = [
            layer_box(address.box, address.axis, part.start, part.stop) for part in _joined(missing)
        ]
        damaged = self._columns.read(file, boxes, self._take) if boxes else []
        thick = address.volume.grid.chunks[address.axis]
        for chunk in damaged:
            first = chunk.origin[address.axis]
            note = damage_error(address.volume, chunk).message
            self._notes |= dict.fromkeys(range(first, first + thick), note)
        self._values.settle()

    def _take_from_brick(self, layer: range) -> bool:
        """Take a layer from its cached brick; False without one, or where it is damaged."""
        brick = self._bricks.pop(layer, None)
        if brick is None:
            return False
        address = self._address
        start, stop = layer_box(address.box, address.axis, layer.start, layer.stop)
        values = brick.box(start, stop)
        if values is not None:
            self._take(start, values)
        return values is not None

    def _take(self, first: Sequence[int], values: NDArray[Any]) -> None:
        """Take a piece of the box whose first voxel is `first`."""
        axis, region = self._address.axis, self._address.region
        if region is None:
            self._values.take(first[axis], values.reshape(-1, 1, 1), (0, 0))
            return
        dims = (axis, region.rows, region.cols)
        others = [dim for dim in range(values.ndim) if dim not in dims]
        shape = [values.shape[dim] for dim in dims]
        planes = values.transpose(*dims, *others).reshape(shape)
        at = first[region.rows] - region.top, first[region.cols] - region.left
        self._values.take(first[axis], planes, at)

    def _lines(self, layers: Sequence[range]) -> bytes:
        """The lines of some layers, the nearest to the start first."""
        indices = np.concatenate([np.arange(at.start, at.stop) for at in layers])
        apart = indices - self._address.index[self._address.axis]
        indices = indices[np.argsort(2 * np.abs(apart) + (apart < 0))]
        numbers = indices.tolist()
        entries = list(self._values.entries(numbers))
        for at, index in enumerate(numbers) if self._notes else ():
            if index in self._notes:
                note = json.dumps(self._notes[index])
                entries[at] = f'{self._values.nothing},"note":{note}'
        lines = zip(numbers, entries, strict=True)
        return "".join([f'{{"index":{index},{entry}}}\n' for index, entry in lines]).encode()


def layers_of(address: ColumnAddress) -> list[range]:
    """The indices in layers that are read together, the nearest to the start first."""
    start, length = address.index[address.axis], address.length
    thick = thickness(address.volume, address.axis, address.box)
    thick *= ceil(length / (thick * MAX_LAYERS))
    layers = [range(at, min(at + thick, length)) for at in range(0, length, thick)]
    return sorted(layers, key=lambda at: max(at.start - start, start - at.stop + 1))


def _joined(layers: Sequence[range]) -> list[range]:
    """Layers in ascending order, adjoining ones as one."""
    found: list[range] = []
    for layer in sorted(layers, key=lambda at: at.start):
        if found and found[-1].stop == layer.start:
            found[-1] = range(found[-1].start, layer.stop)
        else:
            found.append(layer)
    return found
