"""The layers below HTTP, assembled for a test with caches of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard import errors
from dashboard.addressing import selection
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.chunk_grid import ChunkIndex
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import Requester
from dashboard.bricks.loader import BrickLoader, LoadedBrick
from dashboard.bricks.store import BrickStore
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.nodes import Nodes
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_readers import BrickReaders
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.decoding.decoder import Decoder
from dashboard.decoding.sinks import Sink
from dashboard.frames.encode import Format
from dashboard.frames.renderer import FrameRenderer, RenderedSlice, SliceAddress
from dashboard.frames.window import VolumeWindows
from dashboard.hdf5.pool import Hdf5WorkerPool
from dashboard.runtime.engine import build_engine
from dashboard.settings import Settings
from dashboard.storage.bytes_cache import BytesCache, HeadedBytes
from dashboard.storage.rows import Rows
from dashboard.telemetry.ledger import Ledger

MIB = 2**20


def make_children(roots: Sequence[Path], folder: Path, **given: Any) -> Hdf5WorkerPool:
    """Child processes; `given` changes the limits."""
    limits = {"count": 1, "memory_bytes": 2**31, "seconds": 30.0} | given
    return Hdf5WorkerPool(roots, folder, **limits)


def requester(purpose: Purpose = Purpose.DEMAND, *, counted: bool = True) -> Requester:
    """A viewer, or with `counted=False` a script."""
    return Requester(purpose, "v" if counted else None)


class FakeFrames(dict[str, HeadedBytes]):
    """A frame store that keeps everything at once."""

    def put(
        self,
        key: str,
        make: Callable[[], HeadedBytes],
        nbytes: int,
        checks: Sequence[Future[bool]] = (),
    ) -> None:
        def checked(_: Future[bool]) -> None:
            if all(check.done() and not check.cancelled() and check.result() for check in checks):
                self[key] = make()

        for check in checks:
            check.add_done_callback(checked)
        if not checks:
            self[key] = make()


class Counts(Ledger):
    """A ledger that also returns the counts of this process, and its last times (s)."""

    def __init__(self, rows: Rows, role: str = "test") -> None:
        super().__init__(rows, role)
        self.counted: dict[str, float] = {}
        self.times: dict[str, float] = {}

    def count(self, name: str, amount: float = 1.0) -> None:
        super().count(name, amount)
        self._counted(name, amount)

    def count_all(
        self, amounts: Mapping[str, float], times: Mapping[str, float] | None = None
    ) -> None:
        super().count_all(amounts, times)
        for name, amount in amounts.items():
            self._counted(name, amount)
        self.times.update(times or {})

    def _counted(self, name: str, amount: float) -> None:
        self.counted[name] = self.counted.get(name, 0.0) + amount


@dataclass
class Parts:
    """What one process works with, without a web server."""

    home: Path
    library: MetadataService
    ledger: Counts
    disk: BytesCache
    store: BrickStore
    readers: BrickReaders
    loader: BrickLoader
    windows: VolumeWindows
    frames: FakeFrames
    reader: FrameRenderer
    metadata_rows: Rows

    @property
    def nodes(self) -> Nodes:
        """The objects of files."""
        return Nodes(self.library)

    def frame(
        self,
        file: str,
        dataset: str,
        text: str,
        form: Format = Format.RAW,
        *,
        counted: bool = True,
        purpose: Purpose = Purpose.DEMAND,
        **how: Any,
    ) -> RenderedSlice:
        """The frame of a selection, given as text."""
        volume = self.library.volume(file, dataset)
        address = SliceAddress(volume, selection.parse(text, volume.shape), form, **how)
        return self.reader.render(address, requester(purpose, counted=counted))

    def load(
        self,
        address: BrickAddress,
        purpose: Purpose = Purpose.DEMAND,
        *,
        plane: int = 0,
        counted: bool = False,
    ) -> LoadedBrick:
        """The brick at an address; `counted` says that a viewer asks for it."""
        named = address.volume
        volume = self.library.volume(named.file, named.dataset)
        if volume.address != named:
            raise errors.Changed("That is an address of another version.")
        asks = requester(purpose, counted=counted)
        return self.loader.load(volume, address, asks, plane=plane)

    @property
    def decoder(self) -> Decoder:
        """The reader of chunks."""
        return self.readers.decoder

    def open(self, volume: Volume) -> VolumeFile:
        """A volume with its file."""
        return VolumeFile(self.library, volume)

    def decode(
        self,
        volume: Volume,
        address: BrickAddress,
        sink: Sink,
        yield_to_demand: Callable[[], None] | None = None,
    ) -> list[DamagedChunk]:
        """A brick of chunks, decoded into a sink."""
        with self.open(volume) as file:
            return self.decoder.decode(file, address, sink, yield_to_demand)

    def index(self, volume: Volume) -> ChunkIndex:
        """The chunk index of a volume."""
        with self.open(volume) as file:
            return file.index()

    def bricks(self, file: str, dataset: str, text: str) -> list[Any]:
        """The addresses of the bricks that a selection touches."""
        volume = self.library.volume(file, dataset)
        return volume.bricks(selection.parse(text, volume.shape))


@contextmanager
def parts(
    roots: Mapping[str, Path],
    home: Path,
    children: Hdf5WorkerPool,
    *,
    max_brick_bytes: int = 64 * MIB,
    max_chunk_bytes: int = 64 * MIB,
    limit: int = 2**30,
    max_cells: int = 2**26,
    threads: int = 2,
    floor: int = 0,
    wait_s: float = 30.0,
    arena_bytes: int = 0,
) -> Iterator[Parts]:
    """The engine over `roots`, its caches below `home`; its limits need not be those that settings allow."""
    settings = Settings(cache_dir=home).model_copy(
        update={
            "data": tuple(f"{name}={path}" for name, path in roots.items()),
            "max_brick_bytes": max_brick_bytes,
            "max_chunk_bytes": max_chunk_bytes,
            "brick_cache_bytes": limit,
            "max_cells": max_cells,
            "decode_threads": threads,
            "free_floor_bytes": floor,
            "wait_seconds": wait_s,
        }
    )
    engine = build_engine(
        settings, "cli", hdf5=children, make_ledger=Counts, buffer_bytes=arena_bytes
    )
    assert isinstance(engine.ledger, Counts)
    frames = FakeFrames()
    reader = FrameRenderer(
        engine.metadata, engine.loader, engine.contiguous, frames, engine.windows, max_cells
    )
    caches = engine.caches
    try:
        yield Parts(
            home=caches.home,
            library=engine.metadata,
            ledger=engine.ledger,
            disk=caches.bricks,
            store=engine.bricks,
            readers=engine.readers,
            loader=engine.loader,
            windows=engine.windows,
            frames=frames,
            reader=reader,
            metadata_rows=caches.metadata,
        )
    finally:
        engine.close()
        engine.demand_signal.close()
        for cache in (caches.bricks, caches.frames, caches.metadata, caches.plans, caches.ledger):
            cache.close()
