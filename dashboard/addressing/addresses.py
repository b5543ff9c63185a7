"""Frozen addresses of files, volumes and bricks.

Cache keys and log lines are derived from these, so that an object has the same name everywhere. Keys are made of
scalars and short strings only: two addresses collide only if they are equal, never because of an abbreviated
representation.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from dashboard.once import cached_property

# Value of `sources` for a dataset whose file is open for SWMR writing.
GROWING = "swmr"


def digest(*parts: object) -> str:
    """A digest of `parts` (JSON scalars or lists of them) as 40 hexadecimal digits."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Identifies a state of a file.

    mtime can be set by the owner, ctime cannot; the device number is omitted, because it differs between hosts
    that mount the same storage.
    """

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Fingerprint:
        """The fingerprint in the result of `os.stat` or `os.fstat`."""
        return cls(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    def while_growing(self) -> Fingerprint:
        """The part that stays the same while a writer appends to the file (SWMR): the inode alone."""
        return Fingerprint(self.inode, 0, 0, 0)

    def as_list(self) -> list[int]:
        """The four numbers, for JSON."""
        return [self.inode, self.size, self.mtime_ns, self.ctime_ns]


def version(fingerprint: Fingerprint, sources: str = "") -> str:
    """The 16 hexadecimal digits of `X-Volume-Version`, equal in all processes and after a restart."""
    return digest("version", fingerprint.as_list(), sources)[:16]


def file_version(fingerprint: Fingerprint, growing: bool) -> str:
    """The version of a file; that of a growing one (SWMR) stays the same while it grows."""
    return version(fingerprint.while_growing(), GROWING) if growing else version(fingerprint)


@dataclass(frozen=True)
class VolumeAddress:
    """A dataset of a file with a fingerprint; `file` is the catalogue's name, never a path.

    `sources` is a digest of the fingerprints of other files that its values come from, if any.
    """

    file: str
    dataset: str
    fingerprint: Fingerprint
    sources: str = ""

    @cached_property
    def key(self) -> str:
        """Cache key of the metadata of this volume."""
        return digest(self.file, self.dataset, self.fingerprint.as_list(), self.sources)

    @cached_property
    def version(self) -> str:
        """Changes whenever the values may have changed."""
        return version(self.fingerprint, self.sources)


@dataclass(frozen=True)
class BrickAddress:
    """A box of decoded voxels on the chunk grid of a volume.

    `rows` and `cols` are the two dimensions of the plane, `start` and `stop` the box in the order
    of the dataset's dimensions. The brick is stored with the other dimensions first, in order, then
    rows, cols. `version` distinguishes the states of a brick whose file is growing.
    """

    volume: VolumeAddress
    rows: int
    cols: int
    start: tuple[int, ...]
    stop: tuple[int, ...]
    version: str = ""

    @cached_property
    def key(self) -> str:
        """Cache key of the brick."""
        return digest(self.volume.key, self.rows, self.cols, self.start, self.stop, self.version)

    @cached_property
    def box(self) -> str:
        """Identifies the box in whatever version of the file."""
        volume = self.volume
        return digest(volume.file, volume.dataset, self.rows, self.cols, self.start, self.stop)

    @cached_property
    def extent(self) -> tuple[int, ...]:
        """Voxels along each dimension of the dataset."""
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The dataset's dimensions in the order in which the brick is stored."""
        plane = (self.rows, self.cols)
        return (*(d for d in range(len(self.start)) if d not in plane), *plane)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of the stored array."""
        extent = self.extent
        return tuple(extent[d] for d in self.order)

    @cached_property
    def planes(self) -> int:
        """Number of planes of the brick."""
        return prod(self.shape[:-2])

    def of_plane(self, number: int) -> BrickAddress:
        """The box of one plane of the brick."""
        start, stop = list(self.start), list(self.stop)
        for dim in reversed(self.order[:-2]):
            number, offset = divmod(number, self.extent[dim])
            start[dim] += offset
            stop[dim] = start[dim] + 1
        return replace(self, start=tuple(start), stop=tuple(stop))

    def nbytes(self, itemsize: int) -> int:
        """Bytes of the decoded box."""
        return prod(self.extent) * itemsize

    def plane_number(self, position: Mapping[int, int]) -> int:
        """The number of the plane at `position` (dimension → index in the dataset) within the brick."""
        number = 0
        for dim in self.order[:-2]:
            number = number * (self.stop[dim] - self.start[dim]) + position[dim] - self.start[dim]
        return number
