"""Rendering of slices: frames from the frame cache, or rendered from planes of bricks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Protocol

import numpy as np
from cachetools import FIFOCache
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.addresses import digest
from dashboard.addressing.outcomes import Outcome, Provenance, Stage
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import Selection
from dashboard.bricks.loader import BrickLoader
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.encode import Format, Frame, encode
from dashboard.frames.fill import fill_value
from dashboard.frames.plane_reader import PlaneReader
from dashboard.frames.pooling import PoolMode
from dashboard.frames.projection import Projection
from dashboard.frames.quantize import Norm, Window, quantize_u8, with_opacity
from dashboard.frames.running_sums import RunningSums
from dashboard.frames.slab_reader import SlabReader
from dashboard.frames.unpacking import Packing
from dashboard.frames.window import VolumeWindows, slice_window
from dashboard.meter import meter
from dashboard.once import cached_property
from dashboard.storage.bytes_cache import HeadedBytes

FRAMES_VERSION = "9"
MAX_RECORDED_FRAMES = 4096
# A frame of so many bytes of a contiguous file takes longer to store than to render.
UNSTORED_BYTES = 4 * 2**20


@dataclass(frozen=True)
class SliceAddress:
    """Address of a frame: everything that determines its bytes.

    Values are unpacked if `packing` is given; `channels` is the dimension of colours, which all are in the frame.
    With a `projection`, its slices are reduced to one after that, and before blocks are pooled.
    """

    volume: Volume
    selection: Selection
    format: Format = Format.RAW
    window: str | Window = "volume"
    norm: Norm = Norm.LINEAR
    pool: PoolMode = PoolMode.NEAREST
    part: ComplexPart = ComplexPart.ABS
    packing: Packing | None = None
    channels: int | None = None
    projection: Projection | None = None

    @property
    def has_stored_values(self) -> bool:
        """Whether its values are such as are stored, as a mean is not."""
        return self.projection is None or self.projection.is_extremum

    def layers(self) -> list[Selection]:
        """The selection, and with a projection a slice of each layer of bricks of its slab."""
        projection = self.projection
        if projection is None:
            return [self.selection]
        axis = projection.axis
        thick = self.volume.grid.brick_shape(*self.selection.plane)[axis]
        slab = projection.slab(self.selection.fixed[axis], self.volume.shape[axis])
        first = {at // thick: at for at in reversed(slab)}
        first[self.selection.fixed[axis] // thick] = self.selection.fixed[axis]
        return [self.selection.at(axis, at) for at in first.values()]

    @property
    def planes(self) -> list[Selection]:
        """The planes of the slice: one, or one for each channel of colours."""
        dimension = self.channels
        if dimension is None:
            return [self.selection]
        count = self.volume.shape[dimension]
        return [self.selection.at(dimension, channel) for channel in range(count)]

    @cached_property
    def is_stored(self) -> bool:
        """Whether its frame is kept in the frame cache: it takes longer to render than to store."""
        plain = self.format is not Format.PNG and self.norm is Norm.LINEAR
        alone = self.packing is None and self.channels is None and self.projection is None
        if not (plain and alone and self.volume.reads_planes_directly(self.selection)):
            return True
        rows, cols = self.selection.row_span, self.selection.col_span
        cells = (rows.stop - rows.start) * (cols.stop - cols.start)
        return cells * self.volume.dtype.itemsize > UNSTORED_BYTES

    @cached_property
    def key(self) -> str:
        """Key of the frame in the cache, and its ETag."""
        scaled = (list(self.window) if isinstance(self.window, tuple) else self.window, self.norm)
        growing = []
        if self.volume.swmr_index is not None:
            growing = [brick for one in self.layers() for brick in self.volume.bricks(one)]
        return digest(
            FRAMES_VERSION,
            self.volume.address.key,
            str(self.selection),
            self.format,
            scaled if self.format.scaled else None,
            self.pool,
            self.part if self.volume.dtype.kind == "c" else None,
            *(brick.version for brick in growing),
            *([] if self.packing is None else ["decode", *self.packing.key]),
            *([] if self.channels is None else ["channels", self.channels]),
            *([] if self.projection is None else ["project", *self.projection.key]),
        )


@dataclass(frozen=True, slots=True)
class RenderedSlice:
    """A frame, where its slice came from, and whether the frame came from the frame cache."""

    frame: Frame
    provenance: Provenance
    frame_cache_hit: bool

    @property
    def outcome(self) -> Outcome:
        """The outcome alone."""
        return self.provenance.outcome


class WriteBehindFrames(Protocol):
    """The frame cache; `dashboard.frames.cache.FrameCache`."""

    def get(self, key: str) -> HeadedBytes | None:
        """The packed frame, or None."""

    def put(
        self,
        key: str,
        make: Callable[[], HeadedBytes],
        nbytes: int,
        checks: Sequence[Future[bool]] = (),
    ) -> None:
        """Store a packed frame of about `nbytes` after the response (write-behind), if all `checks` pass."""


class FrameRenderer:
    """Renders frames."""

    def __init__(
        self,
        metadata: MetadataService,
        loader: BrickLoader,
        contiguous: ContiguousPlanes,
        frames: WriteBehindFrames,
        windows: VolumeWindows,
        max_cells: int,
    ) -> None:
        self._metadata = metadata
        self._loader = loader
        self._contiguous = contiguous
        self._frames = frames
        self._windows = windows
        self._max_cells = max_cells
        self._sums = RunningSums()
        self._recorded_frames: FIFOCache[str, None] = FIFOCache(MAX_RECORDED_FRAMES)
        self._lock = threading.Lock()

    def render(self, address: SliceAddress, requester: Requester) -> RenderedSlice:
        """The frame at `address`.

        Raises `TooLarge`, `CannotShow` for damaged chunks in the selection, and the errors of
        `BrickLoader.get_or_decode`.
        """
        packed = self._frames.get(address.key) if address.is_stored else None
        if packed is not None:
            try:
                frame = Frame.unpack(packed)
            except ValueError:
                packed = None
            else:
                found = (
                    Provenance(Outcome.HIT)
                    if frame.demand_recorded
                    else self.cached(address, requester)
                )
                return RenderedSlice(frame, found, True)
        frame, found, checks = self._render(address, requester)
        if address.is_stored:
            self._frames.put(address.key, frame.pack, len(frame.body), checks)
        if requester.is_viewer_demand:
            # A plane that was seen before, but not in this frame, unless that has left the cache since.
            if found.seen and found.outcome is Outcome.HIT and not self._is_remembered(address.key):
                found = replace(found, variant=True)
            self._remember(address.key)
        return RenderedSlice(frame, found, False)

    def check_cells(self, address: SliceAddress) -> None:
        """Raise `TooLarge` for more cells than a response may have, or blocks too large to be pooled in memory."""
        _check_cells(address, self._max_cells)

    def cached(self, address: SliceAddress, requester: Requester) -> Provenance:
        """The provenance of a demand for a frame that the frame cache or the page has.

        A prefetched frame has not been demanded yet, so its bricks' usage records are updated now.
        """
        if not requester.is_viewer_demand or self._is_remembered(address.key):
            return Provenance(Outcome.HIT)
        found = reduce(
            Provenance.farther,
            (self.record_demand(address.volume, one) for one in address.layers()),
        )
        self._remember(address.key)
        return found

    def record_demand(self, volume: Volume, chosen: Selection) -> Provenance:
        """Record a demand for a slice that the viewer already has; nothing is read or decoded.

        Returns `prefetched` when one of its bricks was prefetched and its plane not accessed before, else `hit`.
        """
        found = Provenance(Outcome.HIT)
        if volume.reads_planes_directly(chosen):
            self._contiguous.mark_accessed(volume, chosen)
            return found
        for brick in volume.bricks(chosen):
            number = brick.plane_number(chosen.fixed)
            recorded = self._loader.record_demand(brick, volume.memory_dtype, number)
            if recorded is not None:
                found = found.farther(recorded)
        return found

    def _is_remembered(self, key: str) -> bool:
        with self._lock:
            return key in self._recorded_frames

    def _remember(self, key: str) -> None:
        with self._lock:
            self._recorded_frames[key] = None

    def _render(
        self, address: SliceAddress, requester: Requester
    ) -> tuple[Frame, Provenance, list[Future[bool]]]:
        self.check_cells(address)
        with ExitStack() as opened:
            file, mask = opened.enter_context(VolumeFile(self._metadata, address.volume)), None
            if address.packing is not None and address.packing.mask is not None:
                mask = opened.enter_context(VolumeFile(self._metadata, address.packing.mask))
            return self._render_from(file, mask, address, requester)

    def _render_from(
        self,
        file: VolumeFile,
        mask: VolumeFile | None,
        address: SliceAddress,
        requester: Requester,
    ) -> tuple[Frame, Provenance, list[Future[bool]]]:
        volume = file.volume
        packing = address.packing
        planes = [
            self._reader(file, mask, address, selection, requester) for selection in address.planes
        ]
        for plane in planes:
            plane.check(address.pool)
        # The displayed part of a complex fill value may equal that of valid values, so missing cells are
        # found before the part is taken.
        missing = volume.fill if volume.fill_is_user_defined and volume.dtype.kind == "c" else None
        gap = missing if address.format.scaled else None
        read = [plane.values(address.part, address.pool, gap) for plane in planes]
        values = read[0] if address.channels is None else np.stack(read, axis=-1)
        window: Window | None = None
        # Colours of a byte are shown as they are.
        if address.format.scaled and not (
            address.channels is not None and values.dtype == np.uint8
        ):
            with meter(Stage.SCALE):
                is_marked = missing is not None or (
                    packing is not None and packing.dtype is not None
                )
                # A mean that happens to be the fill value is none.
                is_marked = is_marked or not address.has_stored_values
                fill = None if is_marked else fill_value(volume, values.dtype, address.part)
                colors = values if address.channels is None else values[..., :3]
                window = self._window(file, address, colors, fill)
                codes = quantize_u8(colors, window, address.norm, fill)
                values = codes if colors.shape == values.shape else with_opacity(codes, values)
        with meter(Stage.ENCODE):
            body = encode(values, address.format)
        sources = [plane.provenance for plane in planes if plane.provenance is not None]
        return (
            Frame(body, values.shape, values.dtype.name, window, requester.is_viewer_demand),
            reduce(Provenance.farther, sources) if sources else Provenance(Outcome.HIT),
            [check for plane in planes for check in plane.integrity_checks],
        )

    def _reader(
        self,
        file: VolumeFile,
        mask: VolumeFile | None,
        address: SliceAddress,
        selection: Selection,
        requester: Requester,
    ) -> PlaneReader:
        """A reader of one plane, or of one projection of planes."""
        how = (self._loader, self._contiguous, file, selection, requester, address.packing, mask)
        if address.projection is None:
            return PlaneReader(*how)
        return SlabReader(*how, address.projection, self._sums)

    def volume_window(self, address: SliceAddress) -> Window:
        """The window of the whole volume for an address whose frame is not scaled."""
        with VolumeFile(self._metadata, address.volume) as file, meter(Stage.SCALE):
            return self._volume_window(file, address)

    def _volume_window(self, file: VolumeFile, address: SliceAddress) -> Window:
        window = self._windows.window(file, address.part, address.norm, address.packing)
        if address.projection is None:
            return window
        return address.projection.window(window, is_log=address.norm is Norm.LOG)

    def _window(
        self,
        file: VolumeFile,
        address: SliceAddress,
        values: NDArray[Any],
        fill: np.generic | None,
    ) -> Window:
        if address.window == "volume":
            return self._volume_window(file, address)
        if address.window == "slice":
            return slice_window(values, address.norm, fill)
        assert isinstance(address.window, tuple)
        return address.window


def _check_cells(address: SliceAddress, most: int) -> None:
    """Raise `TooLarge` for too many cells, or for blocks too large to be pooled in memory."""
    rows, cols = address.selection.shape
    cells = rows * cols * len(address.planes)
    if cells > most:
        raise errors.TooLarge(
            f"The slice has {cells:,} cells and one answer at most {most:,};"
            " use a step or a part of it."
        )
    across, along = address.selection.row_span, address.selection.col_span
    strip = min(across.step, across.stop - across.start) * (along.stop - along.start)
    if address.pool is not PoolMode.NEAREST and strip > most:
        raise errors.TooLarge(
            f"One row of blocks is pooled from {strip:,} voxels, and at most {most:,} can be; use a"
            " smaller step or a part of it."
        )
