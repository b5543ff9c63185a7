"""Chunk indexes of volumes: listed once by an HDF5 worker, then kept in rows, and large ones in mapped files.

Ten million chunks take seconds to list and 280 MB. A slice that is asked for meanwhile does not wait: a worker
finds its chunks one by one, and their stored bytes are decoded from memory.
"""

from __future__ import annotations

import logging
import mmap
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import prod
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.addresses import digest
from dashboard.addressing.chunk_grid import MANY_CHUNKS, ChunkIndex
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.keys import METADATA_VERSION
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.catalog.volume_file import Call, StoredChunks, VolumeFile
from dashboard.files.roots import SourceFile
from dashboard.hdf5.messages import ChunkCount, ListChunks, ReadStored
from dashboard.meter import meter
from dashboard.storage.bytes_cache import BytesCache, FileToAdopt, StoredFile
from dashboard.storage.checksum import seal
from dashboard.storage.file_lock import LockTimeout, file_lock
from dashboard.storage.keyed_locks import ImpatientLocks
from dashboard.storage.rows import Rows

log = logging.getLogger(__name__)

MAX_CACHED_INDEXES = 16
# Time limit of a list of chunks (s).
LIST_S = 60.0
# Stored bytes of chunks that are found one by one, beside twice what they are decoded.
EXTRA_BYTES, MOST_BYTES = 65_536, 512 * 2**20


class IndexFiles:
    """Chunk indexes as files behind the rows of `cache`, which all processes map; `locks` is a folder."""

    def __init__(self, cache: BytesCache, locks: Path) -> None:
        self._cache = cache
        self._locks = locks

    def get(self, key: str) -> ChunkIndex | None:
        """The index under `key`; whatever is wrong with it is none."""
        found = self._cache.get(key)
        if not isinstance(found, StoredFile):
            return None
        with suppress(OSError, ValueError), found.path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if seal(data) == found.header:  # type: ignore[arg-type]  # any buffer
                return ChunkIndex.from_bytes(data)
        log.warning("a cached chunk index is damaged; listed again")
        return None

    @contextmanager
    def new(self) -> Iterator[tuple[int, Path]]:
        """A new file: its descriptor and path. It is removed unless it was renamed meanwhile; raises `OSError`."""
        fd, name = tempfile.mkstemp(prefix="index-", dir=self._cache.directory)
        try:
            yield fd, Path(name)
        finally:
            os.close(fd)
            with suppress(OSError):
                os.unlink(name)

    def adopt(self, key: str, fd: int, path: Path, count: int) -> ChunkIndex:
        """The index in a new file, which is kept under `key` if possible; `ValueError` for anything else."""
        data = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
        index = ChunkIndex.from_bytes(data)
        if len(index.numbers) != count:
            raise ValueError("a chunk index of the wrong length")
        self._cache.set(key, FileToAdopt(path, seal(data)))  # type: ignore[arg-type]  # any buffer
        return index

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """One process at a time, as far as it does not take too long."""
        with ExitStack() as stack:
            with suppress(LockTimeout):
                stack.enter_context(file_lock(self._locks / f"{key}.lock", LIST_S))
            yield


class ChunkIndexes:
    """Gets chunk indexes from memory, the cache, or a worker; `first_opens` bounds who waits for that."""

    def __init__(
        self, rows: Rows, files: IndexFiles | None, call: Call, first_opens: ImpatientLocks
    ) -> None:
        self._rows = rows
        self._files = files
        self._call = call
        self._first_opens = first_opens
        self._lock = threading.Lock()
        self._known: LRUCache[str, ChunkIndex] = LRUCache(MAX_CACHED_INDEXES)
        self._behind: set[str] = set()

    def of(self, file: VolumeFile) -> ChunkIndex:
        """The chunk index of a volume, listed where it is not known."""
        volume = file.volume
        if volume.swmr_index is not None:
            return volume.swmr_index
        key = _key(volume)
        known = self._in_memory(key)
        if known is not None:
            return known
        # Fifty viewers that open one volume share one listing of its chunks.
        with self._first_opens.locked(f"chunks of {volume.address.file}"):
            return self._in_memory(key) or self._remember(key, self._made(file, key))

    def listed(self, source: SourceFile, inner: str) -> ChunkIndex:
        """The chunk index of a dataset of an open file, which is not kept."""
        return ChunkIndex.from_bytes(self._listed(source, inner, to_file=None)[1])

    def stored(
        self, file: VolumeFile, numbers: Callable[[], NDArray[np.int64]]
    ) -> StoredChunks | None:
        """The file with the chunks of these grid numbers alone, while the list of its many chunks is not known.

        All are listed once it is closed, so as not to take the processor from its decoding. None where the list is
        known or soon made.
        """
        volume = file.volume
        is_large = volume.read_path is ReadPath.CHUNKS and _is_large(volume)
        if not is_large or volume.swmr_index is not None or self._is_known(volume):
            return None
        requested = numbers()
        fd = os.memfd_create("chunks", os.MFD_CLOEXEC)
        try:
            index = self._read(file, requested, fd)
            return file.with_chunks(index, fd, self._list_behind(file))
        except errors.Changed:
            os.close(fd)
            raise
        except errors.LamellaError as error:
            log.info("chunks were not found one by one: %s", error)
            os.close(fd)
            return None

    @meter(Stage.READ)
    def _read(self, file: VolumeFile, numbers: NDArray[np.int64], fd: int) -> ChunkIndex:
        volume, count = file.volume, len(numbers)
        limit = min(count * (2 * volume.grid.chunk_bytes + EXTRA_BYTES), MOST_BYTES)
        request = ReadStored(volume.path_in_file, numbers.tolist(), limit)
        _, body = self._call(request, file.source, f"chunk {numbers[0]}", out=fd)
        if len(body) != 12 * count:
            raise errors.CannotShow("An HDF5 worker violated the protocol.")
        sizes, masks = (
            np.frombuffer(body, np.int64, count),
            np.frombuffer(body, np.uint32, count, 8 * count),
        )
        stored = sizes >= 0
        numbers, sizes, masks = numbers[stored], sizes[stored], masks[stored]
        ends = np.cumsum(sizes)
        if len(ends) and ends[-1] != os.fstat(fd).st_size:
            raise errors.CannotShow("An HDF5 worker violated the protocol.")
        return ChunkIndex(numbers, ends - sizes, sizes, masks)

    def _list_behind(self, file: VolumeFile) -> Callable[[], None]:
        """What begins to list all chunks in a thread of its own, unless that was begun."""
        key, own = _key(file.volume), file.duplicate()

        def run() -> None:
            try:
                with own:
                    self.of(own)
            except errors.LamellaError as error:
                log.info("chunks were not listed: %s", error)
            finally:
                with self._lock:
                    self._behind.discard(key)

        def begin() -> None:
            with self._lock:
                is_new = key not in self._behind and key not in self._known
                if is_new:
                    self._behind.add(key)
            if is_new:
                threading.Thread(target=run, name="listing", daemon=True).start()
            else:
                own.close()

        return begin

    def _in_memory(self, key: str) -> ChunkIndex | None:
        with self._lock:
            return self._known.get(key)

    def _remember(self, key: str, index: ChunkIndex) -> ChunkIndex:
        with self._lock:
            self._known[key] = index
        return index

    def _is_known(self, volume: Volume) -> bool:
        key = _key(volume)
        if self._in_memory(key) is not None:
            return True
        found = self._files.get(key) if self._files is not None else None
        if found is not None:
            self._remember(key, found)
        return found is not None

    def _made(self, file: VolumeFile, key: str) -> ChunkIndex:
        if self._files is None or not _is_large(file.volume):
            return self._from_rows(file, key)
        found = self._files.get(key)
        if found is None:
            with self._files.locked(key):
                found = self._files.get(key) or self._into_file(self._files, file, key)
        return found

    def _into_file(self, files: IndexFiles, file: VolumeFile, key: str) -> ChunkIndex:
        try:
            with files.new() as (fd, path):
                count, raw = self._listed(file.source, file.volume.path_in_file, to_file=fd)
                file.ensure_unchanged()
                if not raw and count:
                    return files.adopt(key, fd, path, count)
        except (OSError, ValueError) as error:
            log.warning("a chunk index was not written: %s", error)
            raw = self._listed(file.source, file.volume.path_in_file, to_file=None)[1]
            file.ensure_unchanged()
        return ChunkIndex.from_bytes(raw)

    def _from_rows(self, file: VolumeFile, key: str) -> ChunkIndex:
        raw = self._rows.get(key)
        if isinstance(raw, bytes):
            try:
                return ChunkIndex.from_bytes(raw)
            except ValueError:
                log.warning("cached chunk index has the wrong length; listed again")
        raw = self._listed(file.source, file.volume.path_in_file, to_file=None)[1]
        file.ensure_unchanged()
        self._rows.set(key, raw)
        return ChunkIndex.from_bytes(raw)

    @meter(Stage.READ)
    def _listed(self, source: SourceFile, inner: str, to_file: int | None) -> tuple[int, bytes]:
        """The number of chunks and their index as the worker serialises it: empty if it is in the file."""
        request = ListChunks(inner, to_file is not None)
        reply: ChunkCount
        reply, raw = self._call(request, source, inner, seconds=LIST_S, out=to_file)
        return reply.count, raw


def _is_large(volume: Volume) -> bool:
    return prod(volume.grid.counts) >= MANY_CHUNKS


def _key(volume: Volume) -> str:
    return digest(METADATA_VERSION, "index", volume.address.key)
