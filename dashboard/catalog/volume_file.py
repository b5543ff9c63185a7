"""The file of a volume: opened once for all that a request or a job reads of it, and checked by its descriptor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import Fingerprint
from dashboard.addressing.chunk_grid import ChunkIndex
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.volume import Volume
from dashboard.files.catalog import Catalog
from dashboard.files.roots import SourceFile, out_of_reach
from dashboard.hdf5.messages import Reply, Request
from dashboard.meter import meter


class Call(Protocol):
    """`dashboard.catalog.metadata.MetadataService.call`."""

    def __call__(
        self,
        request: Request[Reply],
        source: SourceFile,
        part: str = "",
        *,
        seconds: float | None = None,
        out: int | None = None,
    ) -> tuple[Reply, bytes]:
        """Response of an HDF5 worker about an open file."""
        ...


class VolumeMetadata(Protocol):
    """The part of `dashboard.catalog.metadata.MetadataService` that is needed here."""

    catalog: Catalog

    def index(self, file: VolumeFile) -> ChunkIndex:
        """The chunk index of a volume."""

    def stored_chunks(
        self, file: VolumeFile, numbers: Callable[[], NDArray[np.int64]]
    ) -> StoredChunks | None:
        """As `VolumeFile.stored_chunks`."""

    def ensure_only_grew(self, volume: Volume) -> None:
        """Raise `Changed` unless the file, whose fingerprint is another one, only grew."""

    @property
    def call(self) -> Call:
        """Asks an HDF5 worker about an open file."""
        ...


class VolumeFile:
    """A volume and the file that has its values, opened at the first use.

    A path that is resolved for each check costs more than the check, and may lead to another file each time. The
    descriptor always leads to the same one, and its status tells whether that has changed. One thread may use an
    object at a time; those that read through `fd` have to end before it is closed.
    """

    def __init__(
        self, metadata: VolumeMetadata, volume: Volume, source: SourceFile | None = None
    ) -> None:
        self.volume = volume
        self._metadata = metadata
        self._source = source
        # Set where a link leads to another file with the values.
        self._linked = dict(volume.dependencies).get(volume.path)

    def __enter__(self) -> VolumeFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._source is not None:
            self._source.close()
            self._source = None

    @property
    def source(self) -> SourceFile:
        """The open file, at the volume's fingerprint.

        Raises `Changed` for another fingerprint, `NotFound` when the file does not exist.
        """
        if self._source is None:
            catalog = self._metadata.catalog
            if self._linked is None:
                source = catalog.source(self.volume.address.file)
            else:
                source = catalog.linked(self.volume.path)
            try:
                self._verify(source.fingerprint)
            except BaseException:
                source.close()
                raise
            self._source = source
        return self._source

    @property
    def fd(self) -> int:
        """The descriptor of the file; raises as `source`."""
        return self.source.fd

    @meter(Stage.READ)
    def duplicate(self) -> VolumeFile:
        """The same open file, which is closed independently of this one."""
        with _machine_faults():
            return VolumeFile(self._metadata, self.volume, self.source.duplicate())

    def index(self) -> ChunkIndex:
        """The chunk index of the volume."""
        return self._metadata.index(self)

    def stored_chunks(self, numbers: Callable[[], NDArray[np.int64]]) -> StoredChunks | None:
        """The file with the chunks of these grid numbers alone, where a list of all would take long; else None."""
        return self._metadata.stored_chunks(self, numbers)

    def with_chunks(
        self, index: ChunkIndex, fd: int, then: Callable[[], None] = lambda: None
    ) -> StoredChunks:
        """The same open file with the chunks of an index, which lie in the file `fd`, that is closed with it.

        `then` is called once it is closed.
        """
        return StoredChunks(self._metadata, self.volume, self.source.duplicate(), index, fd, then)

    def ask(
        self,
        request: Request[Reply],
        part: str = "",
        *,
        seconds: float | None = None,
        out: int | None = None,
    ) -> tuple[Reply, bytes]:
        """Response of an HDF5 worker about the volume; `part` identifies the values that are read."""
        return self._metadata.call(request, self.source, part, seconds=seconds, out=out)

    @meter(Stage.READ)
    def ensure_unchanged(self) -> None:
        """Raise `Changed` unless the file and all of the volume's sources have their fingerprints.

        A file that only grew is unchanged if the volume's chunks are where they were.
        """
        fd = self.source.fd
        with _machine_faults():
            now = Fingerprint.of(os.fstat(fd))
        self._verify(now)

    def _verify(self, now: Fingerprint) -> None:
        expected = self.volume.fingerprint if self._linked is None else self._linked
        if now != expected or not self._others_unchanged():
            self._metadata.ensure_only_grew(self.volume)

    def _others_unchanged(self) -> bool:
        """Whether the files that are not open, if the values come from several, have their fingerprints."""
        volume, catalog = self.volume, self._metadata.catalog
        if not volume.dependencies:
            return True
        if self._linked is not None:
            _, main = catalog.fingerprint(volume.address.file)
            if main != volume.fingerprint:
                return False
        return catalog.holds(volume.dependencies)


class StoredChunks(VolumeFile):
    """A volume's file of which some chunks alone are known; their stored bytes lie in memory.

    `index` has their offsets in the file `fd`, which is closed with this one.
    """

    def __init__(
        self,
        metadata: VolumeMetadata,
        volume: Volume,
        source: SourceFile,
        index: ChunkIndex,
        fd: int,
        then: Callable[[], None],
    ) -> None:
        super().__init__(metadata, volume, source)
        self._index = index
        self._fd = fd
        self._then = then

    def close(self) -> None:
        super().close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._then()

    @property
    def fd(self) -> int:
        return self._fd

    def duplicate(self) -> VolumeFile:
        with _machine_faults():
            return self.with_chunks(self._index, os.dup(self._fd))

    def index(self) -> ChunkIndex:
        return self._index

    def stored_chunks(self, numbers: Callable[[], NDArray[np.int64]]) -> StoredChunks | None:
        return None


@contextmanager
def _machine_faults() -> Iterator[None]:
    """Raise `Busy` for errors of the machine: callers take an `OSError` for a full disk of the cache."""
    try:
        yield
    except OSError as error:
        busy = out_of_reach(error)
        if busy is None:
            raise
        raise busy from error
