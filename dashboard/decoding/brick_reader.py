"""The interface of reading a volume, which each `ReadPath` implements (`brick_readers.py` chooses)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.decoding.sinks import PlaneSink, Sink

YieldToDemand = Callable[[], None]
# A box of voxels: its first ones and those beyond its last ones, along each dimension.
Box = tuple[tuple[int, ...], tuple[int, ...]]
# Gets the first voxel of a piece of a box, and its values, which are valid during the call; called concurrently.
Take = Callable[[tuple[int, ...], NDArray[Any]], None]


class BrickTarget(Protocol):
    """The file that a brick is written to."""

    @property
    def data_bytes(self) -> int:
        """Length of the values, from the file's start."""

    @property
    def fd(self) -> int:
        """The descriptor, for a process that writes the values itself."""

    def sink(self) -> AbstractContextManager[Sink]:
        """The sink for bands of the brick; they are in the file when the context ends."""


class BrickReader(Protocol):
    """Reads values of volumes of one read path; thread-safe.

    All methods raise `Changed` when the file's fingerprint is no longer the volume's, `Busy` for faults of the
    machine, and `CannotShow` when nothing can be read. Damaged chunks have the fill value. Times are charged to
    the stages `read` and `decode`.
    """

    def read_brick(
        self,
        file: VolumeFile,
        address: BrickAddress,
        target: BrickTarget,
        yield_to_demand: YieldToDemand | None = None,
    ) -> list[DamagedChunk]:
        """Write a brick to `target`; returns the damaged chunks. Raises `OSError` when writing fails.

        `yield_to_demand` is called between steps of the work and may block.
        """

    def read_plane(
        self, file: VolumeFile, address: BrickAddress, plane: int
    ) -> tuple[NDArray[Any], list[DamagedChunk]]:
        """(one plane of a brick in memory, damaged chunks of the brick), for use when the disk is full."""

    def read_voxel(self, file: VolumeFile, index: Sequence[int]) -> np.generic:
        """The value at `index` in native byte order; `CannotShow` for a damaged chunk."""

    def read_boxes(self, file: VolumeFile, boxes: Sequence[Box], take: Take) -> list[DamagedChunk]:
        """Pass the values of boxes to `take`, in pieces that together are the boxes; returns the damaged chunks.

        A piece has the order of the dataset's dimensions, and any byte order. Nothing is cached. Damaged chunks
        are left out, or have the fill value.
        """

    def sample(self, file: VolumeFile, seed: int) -> NDArray[Any]:
        """Values from parts of the volume chosen by `seed`, without those of damaged chunks, in a flat array."""


class BandReader(ABC):
    """A reader that assembles bricks band by band in this process."""

    @abstractmethod
    def decode(
        self,
        file: VolumeFile,
        address: BrickAddress,
        sink: Sink,
        yield_to_demand: YieldToDemand | None = None,
    ) -> list[DamagedChunk]:
        """Pass all bands of the brick to `sink`; returns the damaged chunks."""

    def read_brick(
        self,
        file: VolumeFile,
        address: BrickAddress,
        target: BrickTarget,
        yield_to_demand: YieldToDemand | None = None,
    ) -> list[DamagedChunk]:
        """As `BrickReader.read_brick`."""
        with target.sink() as sink:
            return self.decode(file, address, sink, yield_to_demand)

    def read_plane(
        self, file: VolumeFile, address: BrickAddress, plane: int
    ) -> tuple[NDArray[Any], list[DamagedChunk]]:
        """As `BrickReader.read_plane`."""
        alone = address.of_plane(plane)
        sink = PlaneSink(alone, file.volume.memory_dtype, 0)
        damaged = self.decode(file, alone, sink)
        return sink.values, damaged
