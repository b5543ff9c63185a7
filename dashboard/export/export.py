"""Parts of volumes as files: checked and sized first, then streamed plane by plane from the brick cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, product
from math import ceil, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.box import Box
from dashboard.addressing.requester import SCRIPT, WARMUP, Requester
from dashboard.addressing.selection import Selection, Span
from dashboard.blocking import about_to_block
from dashboard.bricks.loader import BrickLoader, CacheFull
from dashboard.bricks.store import BrickStore
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.nodes import Nodes
from dashboard.catalog.volume import MAX_BRICKS, Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.export.export_format import ExportFormat
from dashboard.export.formats import Axis, Container, csv, npy, tiff, to_bytes
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.masks import leave_out, mask_selection
from dashboard.frames.plane_reader import PlaneReader
from dashboard.frames.unpacking import Packing
from dashboard.hdf5.messages import MakeCutOut, pack
from dashboard.telemetry.ledger import Ledger

# A piece that is sent at once: small beside a brick, large beside the time it takes to look one up.
PIECE_BYTES: Final = 4 * 2**20
# Exports of a process at the same time; each has a thread for as long as its client reads.
AT_ONCE: Final = 4
# Bytes that may be decoded for one that is written.
MAX_AMPLIFICATION: Final = 64


@dataclass(frozen=True)
class ExportAddress:
    """A part of a volume, unpacked if `packing` is given, and the format that it is written in.

    `axes` are those of the volume, or none; `channels` is the dimension of the colours of a TIFF.
    """

    volume: Volume
    box: Box
    format: ExportFormat
    axes: tuple[Axis, ...] = ()
    packing: Packing | None = None
    channels: int | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values: that of the dataset with its byte order, unless they are unpacked."""
        if self.packing is None:
            return self.volume.dtype
        return self.packing.result_dtype(self.volume.memory_dtype)

    def strips(self) -> Iterator[Selection]:
        """Parts of planes, in the order in which they are written."""
        return self.box.strips(self._piece_cells)

    @property
    def pieces(self) -> int:
        """How many `grouped` strips there are."""
        return ceil(self.box.count_strips(self._piece_cells) / self._group)

    def grouped(self) -> Iterator[list[Selection]]:
        """The strips, as many together as are about one piece."""
        strips = self.strips()
        while group := list(islice(strips, self._group)):
            yield group

    @property
    def _piece_cells(self) -> int:
        return PIECE_BYTES // self.volume.dtype.itemsize

    @property
    def _group(self) -> int:
        first = next(self.strips())
        return max(self._piece_cells // prod(first.shape), 1)

    @property
    def name(self) -> str:
        """A name for the file, of letters, digits and `._-`."""
        volume = self.volume.address
        parts = [
            _span_text(item, length)
            for item, length in zip(self.box.items, self.volume.shape, strict=True)
        ]
        named = (volume.file.rpartition("/")[2], volume.dataset.strip("/"), *parts)
        text = "_".join(part for part in named if part)
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in text)
        return f"{safe[:150].strip('_')}.{self.format}"


class Exporter:
    """Makes exports; at most `AT_ONCE` at a time, each of at most `max_bytes` bytes of values."""

    def __init__(
        self,
        metadata: MetadataService,
        loader: BrickLoader,
        bricks: BrickStore,
        contiguous: ContiguousPlanes,
        ledger: Ledger,
        max_bytes: int,
    ) -> None:
        self._metadata = metadata
        self._loader = loader
        self._bricks = bricks
        self._contiguous = contiguous
        self._ledger = ledger
        self._max_bytes = max_bytes
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def check(self, address: ExportAddress) -> None:
        """Raise `TooLarge` for more bytes than an export may have, or may have decoded."""
        nbytes = address.box.cells * address.dtype.itemsize
        if nbytes > self._max_bytes:
            raise errors.TooLarge(
                f"That is {nbytes / 2**20:,.0f} MiB, and one export has at most {self._max_bytes / 2**20:,.0f}"
                " (LAMELLA_EXPORT_BYTES); choose fewer slices, a smaller region or a step."
            )
        bricks, decoded = _count(address)
        if bricks > MAX_BRICKS or decoded > MAX_AMPLIFICATION * max(nbytes, self._max_bytes // 8):
            raise errors.TooLarge(
                f"For these {nbytes / 2**20:,.1f} MiB, {decoded / 2**30:,.1f} GiB in {bricks:,} bricks would be"
                " decoded, more than for one export; choose a part of it, or another axis."
            )

    def missing_bytes(self, address: ExportAddress) -> int:
        """Decoded bytes of the bricks that are not in the cache."""
        itemsize = address.volume.dtype.itemsize
        sizes = {
            brick.key: brick.nbytes(itemsize)
            for selection in _layers(address)
            if not address.volume.reads_planes_directly(selection)
            for brick in address.volume.bricks(selection)
        }
        cached = self._bricks.existing(list(sizes))
        return sum(nbytes for key, nbytes in sizes.items() if key not in cached)

    def begin(self, address: ExportAddress) -> Export:
        """An export that is ready to be sent; it has to be closed.

        Raises `CannotShow` for a type or a shape that the format does not have, `Busy` while there are as many
        exports as may be at a time, and the errors of opening the file.
        """
        self.check(address)
        if not self._free.acquire(blocking=False):
            raise errors.Busy("Other exports are being read; try again in a moment.")
        file = VolumeFile(self._metadata, address.volume)
        mask = None if address.packing is None else address.packing.mask
        masked = None if mask is None else VolumeFile(self._metadata, mask)
        try:
            container = _container(file, address)
            # A file that is gone is said while that is possible.
            file.ensure_unchanged()
        except BaseException:
            file.close()
            self._free.release()
            raise
        return Export(self, address, container, file, masked)

    def ended(self, *, sent: int, complete: bool) -> None:
        """An export was closed after `sent` bytes."""
        self._free.release()
        self._ledger.count("exports.sent_bytes", sent)
        self._ledger.count("exports.complete" if complete else "exports.given_up")

    def read(self, file: VolumeFile, selection: Selection) -> NDArray[Any]:
        """The stored values of a selection.

        Bricks are decoded as by a warm-up, which lets viewers go first; where the cache has no space, as for a
        viewer.
        """
        try:
            return self._read(file, selection, WARMUP)
        except CacheFull:
            return self._read(file, selection, SCRIPT)

    def _read(self, file: VolumeFile, selection: Selection, requester: Requester) -> NDArray[Any]:
        planes = PlaneReader(self._loader, self._contiguous, file, selection, requester)
        values = planes.stored()
        # What was sent cannot be taken back: the checksums are waited for.
        for check in planes.integrity_checks:
            if not check.result():
                raise errors.CannotShow("The checksum of a cached brick is wrong.")
        return values


class Export:
    """A file that is being sent; one thread reads `pieces`, and `close` ends it, at any time, from any thread."""

    def __init__(
        self,
        exporter: Exporter,
        address: ExportAddress,
        container: Container,
        file: VolumeFile,
        mask: VolumeFile | None,
    ) -> None:
        self._exporter = exporter
        self._address = address
        self._container = container
        self._file = file
        self._mask = mask
        self._sent = 0
        self._complete = False
        self._closed = False

    @property
    def size(self) -> int | None:
        """The size of the file (bytes); None where it is not known."""
        return self._container.size

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file; raises the errors of reading, after which the file is incomplete."""
        about_to_block()
        for piece in self._pieces():
            if piece:
                self._sent += len(piece)
                yield piece
        self._complete = True

    def close(self) -> None:
        """Close the file that is read, and let others have their exports."""
        if not self._closed:
            self._closed = True
            self._file.close()
            if self._mask is not None:
                self._mask.close()
            self._exporter.ended(sent=self._sent, complete=self._complete)

    @property
    def head(self) -> bytes:
        """What stands before the values."""
        return self._container.head

    @property
    def tail(self) -> bytes:
        """What stands behind them."""
        return self._container.tail

    def piece(self, selection: Selection) -> bytes:
        """The values of a strip, as they are written."""
        values = self._exporter.read(self._file, selection)
        packing = self._address.packing
        values = values if packing is None else packing.unpack(values)
        if self._mask is not None:
            mask = self._exporter.read(self._mask, mask_selection(selection))
            leave_out(values, mask, selection)
        return self._container.encode(values)

    def _pieces(self) -> Iterator[bytes]:
        yield self.head
        for selection in self._address.strips():
            yield self.piece(selection)
        yield self.tail


def axes_of(volume: Volume, nodes: Nodes) -> tuple[Axis, ...]:
    """The dimensions of a volume, as far as they are known: values are exported whatever is."""
    try:
        meant = nodes.meaning(volume)["axes"]
    except errors.LamellaError:
        return ()
    found = []
    for axis in meant:
        step = None
        if axis["coordinates"] is not None and "step" in axis["coordinates"]:
            step = axis["coordinates"]["step"]
        found.append(Axis(axis["name"], step, axis["unit"]))
    return tuple(found)


def _span_text(item: int | Span, length: int) -> str:
    """What a file's name says of a dimension; nothing of one that is whole."""
    if isinstance(item, int):
        return str(item)
    if item == Span(0, length):
        return ""
    return f"{item.start}-{item.stop - 1}" + (f"-{item.step}" if item.step > 1 else "")


def _stepped(axis: Axis, span: Span) -> Axis:
    """An axis of which every k-th voxel is taken."""
    return axis if axis.step is None else replace(axis, step=axis.step * span.step)


def _container(file: VolumeFile, address: ExportAddress) -> Container:
    shape, volume, dtype = address.box.shape, address.volume, address.dtype
    if address.format is ExportFormat.NPY:
        return npy(shape, dtype)
    if address.format is ExportFormat.TIFF:
        axes = address.axes or (Axis(),) * len(volume.shape)
        return tiff(
            shape,
            dtype,
            tuple(_stepped(axes[dim], address.box.span(dim)) for dim in address.box.order),
            None if address.channels is None else address.box.order.index(address.channels),
        )
    if address.format is ExportFormat.CSV:
        return csv(shape)
    origin = {
        "lamella_file": volume.address.file,
        "lamella_dataset": volume.address.dataset,
        "lamella_selection": str(address.box),
    }
    unpacked = None if address.packing is None else dtype.str
    name = pack(volume.address.dataset)
    made, body = file.ask(MakeCutOut(volume.path_in_file, name, shape, unpacked, origin))
    nbytes = prod(shape) * dtype.itemsize
    if made.size != nbytes or not 0 < made.offset <= len(body):
        raise errors.CannotShow("The HDF5 library stores this type in another way; choose NPY.")
    head, tail = body[: made.offset], body[made.offset :]
    return Container(head, tail, nbytes, to_bytes(dtype))


def _layers(address: ExportAddress) -> Iterator[Selection]:
    """Planes that together touch all bricks of a part, and each of them once."""
    box = address.box
    items = list(box.items)
    sides = address.volume.grid.brick_shape(*box.order[-2:])
    for position in product(*box.layers(sides)):
        for dim, index in zip(box.order[:-2], position, strict=True):
            items[dim] = index
        yield Selection(tuple(items))


def _count(address: ExportAddress) -> tuple[int, int]:
    """(bricks, their decoded bytes), without listing them; 0 of planes that are read without bricks."""
    box, volume = address.box, address.volume
    sides = volume.grid.brick_shape(*box.order[-2:])
    layers = [_layers_along(box.span(dim), sides[dim]) for dim in box.order[:-2]]
    first = list(box.items)
    for dim in box.order[:-2]:
        first[dim] = box.span(dim).start
    plane = Selection(tuple(first))
    if volume.reads_planes_directly(plane):
        return 0, 0
    rows, cols = plane.row_span, plane.col_span
    bricks, chunks = volume.grid.count_touched(
        *plane.plane, (rows.start, rows.stop), (cols.start, cols.stop)
    )
    return bricks * prod(layers), chunks * prod(layers) * volume.grid.chunk_bytes


def _layers_along(span: Span, side: int) -> int:
    return min(span.cells, ceil(span.stop / side) - span.start // side)
