"""Metadata of files and datasets, read once per fingerprint by an HDF5 worker and then cached."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from dashboard import errors
from dashboard.addressing.addresses import Fingerprint, digest, file_version
from dashboard.addressing.chunk_grid import ChunkIndex
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.chunk_indexes import ChunkIndexes, IndexFiles
from dashboard.catalog.description import (
    DatasetListing,
    Dependencies,
    Described,
    PublicDataset,
    chunk_fault,
    has_many_chunks,
    public_dataset,
    volume_from,
)
from dashboard.catalog.encoded_listings import EncodedListings
from dashboard.catalog.failures import FAILURE_TTL_S, FailureCache
from dashboard.catalog.keys import (
    METADATA_VERSION,
    describe_key,
    growing_key,
    latest_key,
    stored_bytes_key,
)
from dashboard.catalog.metadata_cache import MetadataCache
from dashboard.catalog.volume import Volume
from dashboard.files.catalog import ABSENT, Catalog
from dashboard.files.roots import SourceFile
from dashboard.hdf5.messages import (
    DescribeDataset,
    Failure,
    FileListing,
    ListDatasets,
    Reply,
    Request,
    unpack,
)
from dashboard.hdf5.pool import Hdf5WorkerPool
from dashboard.meter import meter
from dashboard.storage.keyed_locks import ImpatientLocks
from dashboard.storage.rows import Rows

if TYPE_CHECKING:
    from dashboard.catalog.volume_file import StoredChunks, VolumeFile

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_CACHED_VOLUMES = 256
# Lifetime of a listing that could not be completed in time (s).
HURRIED_S = 60.0
MAX_PATH = 2_000
# Opening a file takes milliseconds, listing a million chunks seconds.
FIRST_OPEN_S = 3.0
# Threads that may wait for longer, over all files: a third of the maximum (`http/request_threads.py`).
MAX_WAITING = 12
# In this order: to look for the better match would take half as long again for a long listing.
_ORDERED = Field(union_mode="left_to_right")
_LISTING: TypeAdapter[FileListing | Failure] = TypeAdapter(
    Annotated[FileListing | Failure, _ORDERED]
)
_DESCRIBED: TypeAdapter[Described | Failure] = TypeAdapter(Annotated[Described | Failure, _ORDERED])
_FINGERPRINT = TypeAdapter(Fingerprint)
_SIZE = TypeAdapter(int)

BUSY = "This file takes long to open for the first time; try again in a moment."


class MetadataService:
    """Datasets of the catalogue's files: description, storage layout and chunk index."""

    def __init__(
        self,
        catalog: Catalog,
        pool: Hdf5WorkerPool,
        rows: Rows,
        *,
        max_brick_bytes: int,
        max_chunk_bytes: int,
        index_files: IndexFiles | None = None,
    ) -> None:
        self.catalog = catalog
        self.hdf5 = pool
        self._rows = rows
        self._max_brick = max_brick_bytes
        self._max_chunk = max_chunk_bytes
        self._volumes: LRUCache[str, Volume] = LRUCache(MAX_CACHED_VOLUMES)
        self._encoded = EncodedListings()
        self._lock = threading.Lock()
        self.cache = MetadataCache(rows)
        self.first_opens = ImpatientLocks(FIRST_OPEN_S, BUSY, most=MAX_WAITING)
        self._failures = FailureCache(rows)
        self._indexes = ChunkIndexes(rows, index_files, self.call, self.first_opens)

    def datasets(self, file: str) -> list[PublicDataset]:
        """All datasets of a file, in the shape of `/api/v1/datasets`."""
        return self.listed(file).datasets

    def listed(self, file: str) -> DatasetListing:
        """The datasets of a file; for those that cannot be displayed, the reason."""
        return self._public(file)[0]

    def listed_json(self, file: str) -> tuple[bytes, str]:
        """The listing of a file, encoded as JSON, and the file's version."""
        path, fingerprint = self.catalog.fingerprint(file)
        key = self._listing_key(file, path, fingerprint)
        known = self._encoded.get(key)
        if known is not None:
            return known
        found, lasts = self._public(file)
        body = json.dumps(found.public()).encode()
        if lasts:
            self._encoded.keep(key, body, found.version)
        return body, found.version

    def one(self, file: str, dataset: str) -> DatasetListing:
        """A dataset by any of its names, also where the listing has another name or is incomplete; or none."""
        _, fingerprint = self.catalog.fingerprint(file)
        try:
            described = self._record(file, normalize_dataset_path(dataset), fingerprint)
            shown = [public_dataset(described.record.summary, self._max_chunk)]
        except errors.NotFound:
            shown = []
        return DatasetListing(shown, True, self.version(file))

    def version(self, file: str) -> str:
        """`X-Volume-Version` of a file; calls no HDF5 worker, so that error responses can have it as well."""
        _, fingerprint = self.catalog.fingerprint(file)
        growing = self._rows.get(growing_key(file, fingerprint)) is not None
        return file_version(fingerprint, growing)

    def volume(self, file: str, dataset: str) -> Volume:
        """The dataset as a volume; `NotFound`, `CannotShow` with the reason, or `Changed`."""
        _, fingerprint = self.catalog.fingerprint(file)
        name = normalize_dataset_path(dataset)
        key = digest(METADATA_VERSION, "volume", file, name, fingerprint.as_list(), self._max_brick)
        with self._lock:
            volume = self._volumes.get(key)
        if volume is not None and self._sources_unchanged(volume):
            return volume
        volume = self._build(file, name, fingerprint)
        with self._lock:
            self._volumes[key] = volume
        return volume

    def known(self, file: str, dataset: str) -> list[Volume]:
        """Versions of a dataset in the cache, the most recent first.

        Accesses neither the file system nor an HDF5 worker. Versions described by other processes come from the
        metadata cache; those of a growing file lack the chunk index, so their bricks' addresses are wrong.
        """
        try:
            name = normalize_dataset_path(dataset)
        except errors.BadRequest:
            return []
        with self._lock:
            volumes = list(self._volumes.values())
        found = [
            v for v in reversed(volumes) if (v.address.file, v.address.dataset) == (file, name)
        ]
        described = self._described(file, name, [v.fingerprint for v in found])
        if described is None:
            return found
        if any(volume.address == described.address for volume in found):
            return [*found, described]  # It grew outside of the volume's chunks.
        return [described, *found]

    def index(self, file: VolumeFile) -> ChunkIndex:
        """The chunk index of a volume."""
        return self._indexes.of(file)

    def stored_chunks(
        self, file: VolumeFile, numbers: Callable[[], NDArray[np.int64]]
    ) -> StoredChunks | None:
        """As `ChunkIndexes.stored`."""
        return self._indexes.stored(file, numbers)

    def ensure_only_grew(self, volume: Volume) -> None:
        """Raise `Changed` unless the file, whose fingerprint is another one, only grew."""
        if volume.swmr_index is None or not self._chunks_unmoved(volume):
            raise errors.Changed(
                f"{volume.address.file!r} changed while it was read; open it again."
            )

    def _chunks_unmoved(self, volume: Volume) -> bool:
        """Whether all chunks of the volume have the same offsets and sizes."""
        now = self.volume(volume.address.file, volume.address.dataset)
        if now.swmr_index is None or volume.swmr_index is None or now.address != volume.address:
            return False
        return now.swmr_index.includes(volume.swmr_index)

    def call(
        self,
        request: Request[Reply],
        source: SourceFile,
        part: str = "",
        *,
        seconds: float | None = None,
        out: int | None = None,
    ) -> tuple[Reply, bytes]:
        """Response of an HDF5 worker about an open file; `part` identifies the values that are read."""
        return self._failures.call(self.hdf5, request, source, part, seconds=seconds, out=out)

    @meter(Stage.READ)
    def asked(self, file: str, fingerprint: Fingerprint, request: Request[Reply]) -> Reply:
        """Reply of an HDF5 worker about a file at this fingerprint."""
        with self.catalog.source(file) as source:
            if source.fingerprint != fingerprint:
                raise errors.Changed(f"{file!r} changed; open it again.")
            return self.call(request, source)[0]

    def cached_or_failed(
        self, file: str, key: str, kind: TypeAdapter[T | Failure], make: Callable[[], T]
    ) -> T:
        """A cached value with a negative cache: a file that cannot be displayed is not opened to crash again."""

        def attempt() -> T | Failure:
            try:
                return make()
            except errors.CannotShow as error:
                return Failure(error.code, error.message)

        value = self.cache.get(key, kind)
        if value is None:
            with self.first_opens.locked(file):
                value = self.cache.get_or_make(key, kind, attempt, _lifetime)
        if isinstance(value, Failure):
            raise errors.CannotShow(value.message)
        return value

    def _public(self, file: str) -> tuple[DatasetListing, bool]:
        """The datasets of a file, and whether that stays so while the file does."""
        path, fingerprint = self.catalog.fingerprint(file)
        listing = self.cached_or_failed(
            file,
            self._listing_key(file, path, fingerprint),
            _LISTING,
            lambda: self._listed(file, fingerprint),
        )
        if listing.swmr:
            self._record_growing(file, fingerprint)
        # Whether sources exist does not depend on the file alone.
        linked = any(summary.linked for summary in listing.datasets)
        if linked:
            with self.first_opens.locked(file):
                listing = self.asked(file, fingerprint, ListDatasets())
        shown = [public_dataset(summary, self._max_chunk) for summary in listing.datasets]
        version = file_version(fingerprint, listing.swmr)
        found = DatasetListing(shown, listing.complete, version, listing.default)
        return found, not (linked or listing.swmr or listing.hurried)

    def _listed(self, file: str, fingerprint: Fingerprint) -> FileListing:
        listing = self.asked(file, fingerprint, ListDatasets())
        for summary in listing.datasets:
            if has_many_chunks(summary) and not (summary.linked or listing.swmr):
                key = stored_bytes_key(file, summary.dataset, fingerprint)
                self.cache.set(key, _SIZE, summary.stored_bytes)
        return listing

    def _listing_key(self, file: str, path: Path, fingerprint: Fingerprint) -> str:
        reach = self.catalog.reach_digest(path)
        return digest(METADATA_VERSION, "list", file, fingerprint.as_list(), reach)

    def _record(self, file: str, name: str, fingerprint: Fingerprint) -> Described:
        """Description of one dataset by an HDF5 worker."""
        key = describe_key(file, name, fingerprint)

        def described() -> Described:
            return self.cached_or_failed(
                file, key, _DESCRIBED, lambda: self._describe(file, name, fingerprint)
            )

        known = described()
        summary = known.record.summary
        if summary.linked and not (summary.browsable and self.may_follow(file, known.dependencies)):
            self.cache.delete(key)
            return described()
        return known

    def _build(self, file: str, name: str, fingerprint: Fingerprint) -> Volume:
        described = self._record(file, name, fingerprint)
        summary, storage = described.record.summary, described.record.storage
        if not summary.browsable or storage is None:
            raise errors.CannotShow(f"{name!r} cannot be shown. {summary.reason}")
        if reason := chunk_fault(summary, storage.numpy, self._max_chunk):
            raise errors.TooLarge(f"{name!r} cannot be shown. {reason}")
        growing = None
        if described.is_growing:
            self._record_growing(file, fingerprint)
            with self.catalog.source(file) as opened:
                growing = self._indexes.listed(opened, unpack(storage.inner))
        self._record_described(file, name, fingerprint)
        return volume_from(described, file, name, fingerprint, self._max_brick, growing)

    def _described(self, file: str, name: str, but: list[Fingerprint]) -> Volume | None:
        """The version that any process described last, unless it is one of `but`."""
        fingerprint = self.cache.get(latest_key(file, name), _FINGERPRINT)
        if fingerprint is None or fingerprint in but:
            return None
        described = self.cache.get(describe_key(file, name, fingerprint), _DESCRIBED)
        if isinstance(described, Described) and described.record.summary.browsable:
            try:
                return volume_from(described, file, name, fingerprint, self._max_brick)
            except (errors.CannotShow, TypeError, ValueError, IndexError) as error:
                log.debug("a cached description cannot be read: %r", error)
        return None

    def _record_described(self, file: str, name: str, fingerprint: Fingerprint) -> None:
        """Publish the version that was described last to `known` in other processes."""
        key = latest_key(file, name)
        if self.cache.get(key, _FINGERPRINT) != fingerprint:
            self.cache.set(key, _FINGERPRINT, fingerprint)

    def _record_growing(self, file: str, fingerprint: Fingerprint) -> None:
        self._rows.set(growing_key(file, fingerprint), b"1")

    def _describe(self, file: str, name: str, fingerprint: Fingerprint) -> Described:
        known = self.cache.get(stored_bytes_key(file, name, fingerprint), _SIZE)
        record = self.asked(file, fingerprint, DescribeDataset(name, known))
        storage = record.storage
        if storage is None:
            return Described(record)
        return Described(record, self.states(name, storage.depends, storage.absent))

    def states(
        self, name: str, depends: Sequence[str], absent: Sequence[str]
    ) -> tuple[tuple[str, Fingerprint], ...]:
        """The fingerprints of other files that were just read for `name`, or found absent; raises `Changed`.

        They are taken after the reading: a later change is noticed at the next access.
        """
        states = tuple(
            (path, self.catalog.state(Path(unpack(path)))) for path in (*depends, *absent)
        )
        if any((state == ABSENT) != (path in absent) for path, state in states):
            raise errors.Changed(f"A file that {name!r} reads has just changed; open it again.")
        return states

    def may_follow(self, file: str, dependencies: Dependencies) -> bool:
        """Whether the files that an object depends on are unchanged, and may still be read for this one."""
        path, _ = self.catalog.fingerprint(file)
        others = (other for other, _ in dependencies)
        return self.catalog.may_link(path, others) and self.catalog.holds(dependencies)

    def _sources_unchanged(self, volume: Volume) -> bool:
        return not volume.dependencies or self.catalog.holds(volume.dependencies)


def _lifetime(value: object) -> float | None:
    """How long a value is kept (s): failures expire, since the machine may have been too busy to read the file."""
    if isinstance(value, Failure):
        return FAILURE_TTL_S
    return HURRIED_S if isinstance(value, FileListing) and value.hurried else None


def normalize_dataset_path(path: str) -> str:
    """The absolute form of a path inside a file; `BadRequest` for what cannot be one."""
    if not path or len(path) > MAX_PATH or "\0" in path:
        raise errors.BadRequest("That is not the name of a dataset.")
    return "/" + "/".join(step for step in path.split("/") if step not in ("", "."))
