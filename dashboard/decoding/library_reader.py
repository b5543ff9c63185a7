"""Reading through the HDF5 library, in a worker process, of all that is not decoded in this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_reader import Box, BrickTarget, Take
from dashboard.decoding.chunk_reader import DamagedChunk, damage_error
from dashboard.decoding.sampling import sample_boxes
from dashboard.hdf5.messages import Damage, ReadBoxes, ReadBrick, Request, SampleBoxes
from dashboard.hdf5.pool import Unreadable, WorkerCrashed
from dashboard.meter import count_bytes, meter

# Assumed minimum throughput of an HDF5 worker, also over a network; a slower one counts as hanging.
HDF5_BYTES_PER_S = 4e6


class LibraryReader:
    """The `BrickReader` for `ReadPath.HDF5`.

    What its workers return is counted as decoded; how many bytes the library reads from the file is unknown.
    """

    def read_brick(
        self,
        file: VolumeFile,
        address: BrickAddress,
        target: BrickTarget,
        yield_to_demand: Callable[[], None] | None = None,
    ) -> list[DamagedChunk]:
        """As `BrickReader.read_brick`; an HDF5 worker writes the values."""
        if yield_to_demand is not None:
            yield_to_demand()
        # The worker writes through a memory map, where a full disk raises SIGBUS: allocate the blocks first.
        os.posix_fallocate(target.fd, 0, target.data_bytes)
        request = ReadBrick(
            *_dataset(file.volume), start=address.start, stop=address.stop, order=address.order
        )
        seconds = 10.0 + target.data_bytes / HDF5_BYTES_PER_S
        damaged, _ = _ask(
            file, request, (address.start, address.stop), seconds=seconds, out=target.fd
        )
        count_bytes(Stage.DECODE, target.data_bytes)
        return damaged

    def read_plane(
        self, file: VolumeFile, address: BrickAddress, plane: int
    ) -> tuple[NDArray[Any], list[DamagedChunk]]:
        """As `BrickReader.read_plane`; no more than the plane is read."""
        at = np.unravel_index(plane, address.shape[:-2] or (1,))
        start, stop = list(address.start), list(address.stop)
        for dim, offset in zip(address.order[:-2], at, strict=False):
            start[dim] += int(offset)
            stop[dim] = start[dim] + 1
        values, damaged = self.read_box(file, start, stop)
        return values.reshape(address.shape[-2:]), damaged

    def read_voxel(self, file: VolumeFile, index: Sequence[int]) -> np.generic:
        """As `BrickReader.read_voxel`."""
        values, damaged = self.read_box(file, list(index), [at + 1 for at in index])
        if damaged:
            raise damage_error(file.volume, damaged[0])
        value: np.generic = values.reshape(-1)[0]
        return value

    def read_boxes(self, file: VolumeFile, boxes: Sequence[Box], take: Take) -> list[DamagedChunk]:
        """As `BrickReader.read_boxes`; each box is a piece, in which damaged chunks have the fill value."""
        found: list[DamagedChunk] = []
        for start, stop in boxes:
            values, damaged = self.read_box(file, start, stop)
            take(start, values.reshape([b - a for a, b in zip(start, stop, strict=True)]))
            found += damaged
        return found

    def sample(self, file: VolumeFile, seed: int) -> NDArray[Any]:
        """As `BrickReader.sample`."""
        volume = file.volume
        boxes = sample_boxes(volume.grid, seed)
        with meter(Stage.DECODE):
            _, body = file.ask(SampleBoxes(*_dataset(volume), boxes), "sample")
        file.ensure_unchanged()
        count_bytes(Stage.DECODE, len(body))
        return np.frombuffer(body, volume.memory_dtype)

    def read_box(
        self, file: VolumeFile, start: Sequence[int], stop: Sequence[int]
    ) -> tuple[NDArray[Any], list[DamagedChunk]]:
        """(values of the box start … stop in C order, its damaged chunks)."""
        request = ReadBoxes(*_dataset(file.volume), [(start, stop)])
        damaged, body = _ask(file, request, (start, stop))
        count_bytes(Stage.DECODE, len(body))
        return np.frombuffer(body, file.volume.memory_dtype), damaged


def _ask(
    file: VolumeFile,
    request: Request[Damage],
    box: tuple[Sequence[int], Sequence[int]],
    *,
    seconds: float | None = None,
    out: int | None = None,
) -> tuple[list[DamagedChunk], bytes]:
    """The damaged chunks and the values in the response of an HDF5 worker; errors name the region `box`."""
    volume = file.volume
    shown = ", ".join(f"{a}:{b}" for a, b in zip(*box, strict=True))
    try:
        with meter(Stage.DECODE):
            damage, body = file.ask(request, shown, seconds=seconds, out=out)
    except (WorkerCrashed, Unreadable) as error:
        file.ensure_unchanged()
        raise errors.CannotShow(
            f"{volume.address.dataset!r} of {volume.address.file!r} cannot be read at [{shown}]: {error.message}"
        ) from error
    file.ensure_unchanged()
    return [DamagedChunk(corner, reason) for corner, reason in damage.chunks], body


def _dataset(volume: Volume) -> tuple[str, str, str]:
    """The dataset, its type and its fill value, as requests have them."""
    return volume.path_in_file, volume.dtype.str, volume.fill.tobytes().hex()
