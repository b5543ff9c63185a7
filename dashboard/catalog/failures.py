"""Negative cache of failures of libhdf5: what it failed on is not tried again for a while.

The key is the file's fingerprint and the object's address in it, not a name, since an object has a name for every
link to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from pydantic import TypeAdapter, ValidationError

from dashboard.addressing.addresses import digest
from dashboard.files.roots import SourceFile
from dashboard.hdf5.messages import ListDatasets, Reply, Request
from dashboard.hdf5.pool import FailedBefore, Hdf5WorkerPool, WorkerCrashed
from dashboard.storage.rows import Rows, RowsUnavailable, update

log = logging.getLogger(__name__)

FAILURES_VERSION = "1"
FAILURE_TTL_S = 600.0

# Kinds of requests, and the number of failures of a kind after which the whole file counts as failing.
_KINDS = {"list": "describe", "describe": "describe", "node": "node", "index": "index"}
_VALUES = "values"
_LIMITS = {_VALUES: 16}
_LIMIT = 3

# (kind, inode of the file, address of the object, part of it, message); 0, 0 for an unknown object.
Entry = tuple[str, int, int, str, str]
_ENTRIES = TypeAdapter(list[Entry])


class FailureCache:
    """Calls HDF5 workers, except for objects that they failed on within the last `FAILURE_TTL_S` seconds."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def call(
        self,
        pool: Hdf5WorkerPool,
        request: Request[Reply],
        source: SourceFile,
        part: str = "",
        *,
        seconds: float | None = None,
        out: int | None = None,
    ) -> tuple[Reply, bytes]:
        """As `Hdf5WorkerPool.call`; `part` identifies the box of values that is read."""

        def ask(skip: Sequence[tuple[int, int, str]]) -> tuple[Reply, bytes]:
            return pool.call(request, source, seconds=seconds, out=out, skip=skip)

        kind = _KINDS.get(request.op, _VALUES)
        key = digest("failures", FAILURES_VERSION, source.fingerprint.as_list())
        try:
            return self._ask(ask, key, kind, part)
        except WorkerCrashed as failed:
            if not isinstance(request, ListDatasets) or failed.position is None:
                raise
        # A listing gives the reason for an object that fails.
        return self._ask(ask, key, kind, part)

    def _ask(
        self,
        ask: Callable[[Sequence[tuple[int, int, str]]], tuple[Reply, bytes]],
        key: str,
        kind: str,
        part: str,
    ) -> tuple[Reply, bytes]:
        alike = [entry for entry in parse_entries(self._rows.get(key)) if entry[0] == kind]
        same = [entry for entry in alike if entry[3] == part]
        unknown = [entry for entry in same if not entry[1]]
        if unknown or len(alike) >= _LIMITS.get(kind, _LIMIT):
            raise FailedBefore((unknown or alike)[-1][4])
        try:
            return ask([(inode, address, message) for _, inode, address, _, message in same])
        except FailedBefore:
            raise
        except WorkerCrashed as failed:
            inode, address = failed.position or (0, 0)
            entry = kind, inode, address, part, failed.message
            self._remember(key, entry)
            raise

    def _remember(self, key: str, entry: Entry) -> None:
        def with_entry(raw: bytes | None) -> bytes:
            return _ENTRIES.dump_json([*parse_entries(raw), entry])

        try:
            update(self._rows, key, with_entry, FAILURE_TTL_S)
        except RowsUnavailable as error:
            log.warning("a failure was not recorded: %s", error)


def parse_entries(raw: bytes | None) -> list[Entry]:
    """The failures of a row; none for a row that Lamella cannot have written."""
    try:
        return [] if raw is None else _ENTRIES.validate_json(raw, strict=True)
    except ValidationError:
        return []  # Not a row of ours: ignored.
