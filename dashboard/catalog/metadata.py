"""Metadata of files and datasets, read once per fingerprint by an HDF5 worker and then cached."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from dashboard import errors
from dashboard.addressing.addresses import Fingerprint, digest, file_version
from dashboard.addressing.chunk_grid import ChunkIndex
from dashboard.catalog.description import (
    DatasetListing,
    dependencies_of,
    is_growing,
    public_record,
    too_large,
    volume_from,
)
from dashboard.catalog.failures import FAILURE_TTL_S, FailureCache
from dashboard.catalog.keys import FACTS_VERSION, describe_key, growing_key, latest_key
from dashboard.catalog.volume import Volume
from dashboard.files.catalog import ABSENT, Catalog
from dashboard.files.roots import SourceFile
from dashboard.hdf5.pool import Hdf5WorkerPool
from dashboard.storage.keyed_locks import ImpatientLocks, KeyedLocks
from dashboard.storage.rows import Rows

if TYPE_CHECKING:
    from dashboard.catalog.volume_file import VolumeFile

log = logging.getLogger(__name__)

MAX_CACHED_VOLUMES = 256
MAX_CACHED_INDEXES = 16
# Lifetime of a listing that could not be completed in time (s).
HURRIED_S = 60.0
MAX_PATH = 2_000
# Opening a file takes milliseconds, listing a million chunks seconds.
FIRST_OPEN_S = 3.0
# Threads that may wait for longer, over all files: with the working one, half of a process's eight.
MAX_WAITING = 3
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
    ) -> None:
        self.catalog = catalog
        self.hdf5 = pool
        self._metadata_cache = rows
        self._max_brick = max_brick_bytes
        self._max_chunk = max_chunk_bytes
        self._volumes: LRUCache[str, Volume] = LRUCache(MAX_CACHED_VOLUMES)
        self._indexes: LRUCache[str, ChunkIndex] = LRUCache(MAX_CACHED_INDEXES)
        self._lock = threading.Lock()
        self._locks = KeyedLocks()
        self.first_opens = ImpatientLocks(FIRST_OPEN_S, BUSY, most=MAX_WAITING)
        self._failures = FailureCache(rows)

    def forget(self) -> None:
        """Drop the volumes and indexes that this process has in memory."""
        with self._lock:
            self._volumes.clear()
            self._indexes.clear()

    def datasets(self, file: str) -> list[dict[str, Any]]:
        """All datasets of a file, in the shape of `/api/v1/datasets`."""
        return self.listed(file).datasets

    def listed(self, file: str) -> DatasetListing:
        """The datasets of a file; for those that cannot be displayed, the reason."""
        listing, version = self._listing(file)
        shown = [self._public(record) for record in listing["datasets"]]
        return DatasetListing(shown, bool(listing["complete"]), version)

    def one(self, file: str, dataset: str) -> DatasetListing:
        """A dataset by any of its names, also where the listing has another name or is incomplete; or none."""
        _, fingerprint = self.catalog.fingerprint(file)
        try:
            records = [
                self._public(self._record(file, normalize_dataset_path(dataset), fingerprint))
            ]
        except errors.NotFound:
            records = []
        return DatasetListing(records, True, self.version(file))

    def _public(self, record: dict[str, Any]) -> dict[str, Any]:
        shown = public_record(record)
        if shown["browsable"] and shown["chunks"] is not None:
            reason = too_large(shown["shape"], shown["chunks"], shown["dtype"], self._max_chunk)
            if reason:
                shown |= {"browsable": False, "reason": reason}
        return shown

    def version(self, file: str) -> str:
        """`X-Volume-Version` of a file; calls no HDF5 worker, so that error responses can have it as well."""
        _, fingerprint = self.catalog.fingerprint(file)
        growing = self._metadata_cache.get(growing_key(file, fingerprint)) is not None
        return file_version(fingerprint, growing)

    def groups(self, file: str) -> list[str]:
        """The paths of all groups of a file."""
        return [str(path) for path in self._listing(file)[0]["groups"]]

    def attributes(self, file: str, path: str) -> dict[str, Any]:
        """The attributes of a group or dataset as JSON values."""
        _, fingerprint = self.catalog.fingerprint(file)
        name = normalize_dataset_path(path)
        cached = self.cached_or_failed(
            file,
            digest(FACTS_VERSION, "attributes", file, name, fingerprint.as_list()),
            lambda: self._asked(file, fingerprint, "attributes", dataset=name)[0],
        )
        shown: dict[str, Any] = cached["attributes"]
        return shown

    def volume(self, file: str, dataset: str) -> Volume:
        """The dataset as a volume; `NotFound`, `CannotShow` with the reason, or `Changed`."""
        _, fingerprint = self.catalog.fingerprint(file)
        name = normalize_dataset_path(dataset)
        key = digest(FACTS_VERSION, "volume", file, name, fingerprint.as_list(), self._max_brick)
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
        volume = file.volume
        if volume.swmr_index is not None:
            return volume.swmr_index
        key = digest(FACTS_VERSION, "index", volume.address.key)
        known = self._index_known(key)
        if known is not None:
            return known
        # Fifty viewers that open one volume share one listing of its chunks.
        with self.first_opens.locked(f"chunks of {volume.address.file}"):
            return self._index_known(key) or self._index_made(file, key)

    def _index_known(self, key: str) -> ChunkIndex | None:
        with self._lock:
            return self._indexes.get(key)

    def _index_made(self, file: VolumeFile, key: str) -> ChunkIndex:
        raw = self._metadata_cache.get(key)
        index: ChunkIndex | None = None
        if isinstance(raw, bytes):
            try:
                index = ChunkIndex.from_bytes(raw)
            except ValueError:
                log.warning("cached chunk index has the wrong length, made anew")
        if index is None:
            raw = self._listed(file.source, file.volume.path_in_file)
            file.ensure_unchanged()
            index = ChunkIndex.from_bytes(raw)
            self._metadata_cache.set(key, raw)
        with self._lock:
            self._indexes[key] = index
        return index

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
        self, op: str, source: SourceFile, part: str = "", **request: Any
    ) -> tuple[dict[str, Any], bytes]:
        """Response of an HDF5 worker about an open file; `part` identifies the values that are read."""
        return self._failures.call(self.hdf5, op, source, part, **request)

    def _asked(
        self, file: str, fingerprint: Fingerprint, op: str, **request: Any
    ) -> tuple[dict[str, Any], bytes]:
        """Response of an HDF5 worker about a file at this fingerprint."""
        with self.catalog.source(file) as source:
            if source.fingerprint != fingerprint:
                raise errors.Changed(f"{file!r} changed; open it again.")
            return self.call(op, source, **request)

    def _listed(self, source: SourceFile, inner: str) -> bytes:
        """The chunk index of a dataset as serialised by the HDF5 worker."""
        # A million chunks take libhdf5 a few seconds to list.
        return self.call("index", source, inner, dataset=inner, seconds=60.0)[1]

    def fact(self, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A value derived from a file, cached under `key` for all processes."""
        known = self._read_cached(key)
        if known is not None:
            return known
        with self._locks.locked(key):
            known = self._read_cached(key)
            if known is not None:
                return known
            made = make()
            # Failures expire, since the machine may have been too busy to read the file; incomplete
            # listings expire soon.
            expire = (
                FAILURE_TTL_S if "error" in made else HURRIED_S if made.get("hurried") else None
            )
            self._metadata_cache.set(key, json.dumps(made).encode(), expire=expire)
            return made

    def _read_cached(self, key: str) -> dict[str, Any] | None:
        raw = self._metadata_cache.get(key)
        if isinstance(raw, bytes):
            try:
                known = json.loads(raw)
                if isinstance(known, dict):
                    return known
            except (ValueError, RecursionError):
                log.warning("a cached fact cannot be read, made anew")
        return None

    def cached_or_failed(
        self, file: str, key: str, make: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """As `cached`, with a negative cache: a file that cannot be displayed is not opened to crash again."""

        def attempt() -> dict[str, Any]:
            try:
                return make()
            except errors.CannotShow as error:
                return {"error": error.code, "message": error.message}

        fact = self._read_cached(key)
        if fact is None:
            with self.first_opens.locked(file):
                fact = self.fact(key, attempt)
        if "error" in fact:
            raise errors.CannotShow(str(fact["message"]))
        return fact

    def _listing(self, file: str) -> tuple[dict[str, Any], str]:
        """The listing of a file by an HDF5 worker, and the file's version."""
        _, fingerprint = self.catalog.fingerprint(file)
        fact = self.cached_or_failed(
            file,
            digest(FACTS_VERSION, "list", file, fingerprint.as_list()),
            lambda: self._asked(file, fingerprint, "list")[0],
        )
        if fact["swmr"]:
            self._metadata_cache.set(growing_key(file, fingerprint), b"1")
        # Whether sources exist does not depend on the file alone.
        if any(record["linked"] for record in fact["datasets"]):
            with self.first_opens.locked(file):
                fact = self._asked(file, fingerprint, "list")[0]
        return fact, file_version(fingerprint, fact["swmr"])

    def _record(self, file: str, name: str, fingerprint: Fingerprint) -> dict[str, Any]:
        """Description of one dataset by an HDF5 worker."""
        key = describe_key(file, name, fingerprint)
        record = self.cached_or_failed(file, key, lambda: self._describe(file, name, fingerprint))
        if record["linked"] and not (
            record["browsable"] and self.catalog.holds(dependencies_of(record))
        ):
            self._metadata_cache.delete(key)
            record = self.cached_or_failed(
                file, key, lambda: self._describe(file, name, fingerprint)
            )
        return record

    def _build(self, file: str, name: str, fingerprint: Fingerprint) -> Volume:
        record = self._record(file, name, fingerprint)
        if not record["browsable"]:
            raise errors.CannotShow(f"{name!r} cannot be shown. {record['reason']}")
        if reason := too_large(record["shape"], record["chunks"], record["numpy"], self._max_chunk):
            raise errors.TooLarge(f"{name!r} cannot be shown. {reason}")
        growing = None
        if is_growing(record):
            self._metadata_cache.set(growing_key(file, fingerprint), b"1")
            with self.catalog.source(file) as opened:
                growing = ChunkIndex.from_bytes(self._listed(opened, record["inner"]))
        self._note_described(file, name, fingerprint)
        return volume_from(record, file, name, fingerprint, self._max_brick, growing)

    def _described(self, file: str, name: str, but: list[Fingerprint]) -> Volume | None:
        """The version that any process described last, unless it is one of `but`."""
        try:
            latest = self._read_cached(latest_key(file, name))
            fingerprint = None if latest is None else Fingerprint(*latest["fingerprint"])
            if fingerprint is None or fingerprint in but:
                return None
            record = self._read_cached(describe_key(file, name, fingerprint))
            if record is None or not record.get("browsable"):
                return None
            return volume_from(record, file, name, fingerprint, self._max_brick)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            log.debug("a described state cannot be read: %r", error)
            return None

    def _note_described(self, file: str, name: str, fingerprint: Fingerprint) -> None:
        """Publish the version that was described last to `known` in other processes."""
        key, note = latest_key(file, name), {"fingerprint": fingerprint.as_list()}
        if self._read_cached(key) != note:
            self._metadata_cache.set(key, json.dumps(note).encode())

    def _describe(self, file: str, name: str, fingerprint: Fingerprint) -> dict[str, Any]:
        record, _ = self._asked(file, fingerprint, "describe", dataset=name)
        # The fingerprints are taken after the description: a later change is noticed at the next
        # access.
        present, absent = record.get("depends", []), record.pop("absent", [])
        states = [(path, self.catalog.state(Path(path))) for path in (*present, *absent)]
        if any((state == ABSENT) != (path in absent) for path, state in states):
            raise errors.Changed(f"A file that {name!r} reads has just changed; open it again.")
        record["depends"] = [[path, state.as_list()] for path, state in states]
        return record

    def _sources_unchanged(self, volume: Volume) -> bool:
        return not volume.dependencies or self.catalog.holds(volume.dependencies)


def normalize_dataset_path(path: str) -> str:
    """The absolute form of a path inside a file; `BadRequest` for what cannot be one."""
    if not path or len(path) > MAX_PATH or "\0" in path:
        raise errors.BadRequest("That is not the name of a dataset.")
    return "/" + "/".join(step for step in path.split("/") if step not in ("", "."))
