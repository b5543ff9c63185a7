"""Negative cache of failures of libhdf5: what it failed on is not tried again for a while.

The key is the file's fingerprint and the object's address in it, not a name, since an object has a name for every
link to it.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from dashboard.addressing.addresses import digest
from dashboard.files.roots import SourceFile
from dashboard.hdf5.pool import FailedBefore, Hdf5WorkerPool, WorkerCrashed
from dashboard.storage.rows import Rows, RowsUnavailable, update

log = logging.getLogger(__name__)

FAILURES_VERSION = "1"
FAILURE_TTL_S = 600.0

# Kinds of requests, and the number of failures of a kind after which the whole file counts as failing.
_KINDS = {"list": "describe", "describe": "describe", "attributes": "attributes", "index": "index"}
_VALUES = "values"
_LIMITS = {_VALUES: 16}
_LIMIT = 3

# (kind, inode of the file, address of the object, part of it, message); 0, 0 for an unknown object.
Entry = tuple[str, int, int, str, str]


class FailureCache:
    """Calls HDF5 workers, except for objects that they failed on within the last `FAILURE_TTL_S` seconds."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def call(
        self, children: Hdf5WorkerPool, op: str, source: SourceFile, part: str = "", **request: Any
    ) -> tuple[dict[str, Any], bytes]:
        """As `Hdf5WorkerPool.call`; `part` identifies the box of values that is read."""
        kind = _KINDS.get(op, _VALUES)
        key = digest("failures", FAILURES_VERSION, source.fingerprint.as_list())
        try:
            return self._ask(children, op, source, key, kind, part, request)
        except WorkerCrashed as failed:
            if op != "list" or failed.place is None:
                raise
        # A listing gives the reason for an object that fails.
        return self._ask(children, op, source, key, kind, part, request)

    def _ask(
        self,
        children: Hdf5WorkerPool,
        op: str,
        source: SourceFile,
        key: str,
        kind: str,
        part: str,
        request: dict[str, Any],
    ) -> tuple[dict[str, Any], bytes]:
        alike = [entry for entry in parse_entries(self._rows.get(key)) if entry[0] == kind]
        same = [entry for entry in alike if entry[3] == part]
        unknown = [entry for entry in same if not entry[1]]
        if unknown or len(alike) >= _LIMITS.get(kind, _LIMIT):
            raise FailedBefore((unknown or alike)[-1][4])
        try:
            skip = [(inode, address, message) for _, inode, address, _, message in same]
            return children.call(op, source, skip=skip, **request)
        except FailedBefore:
            raise
        except WorkerCrashed as failed:
            inode, address = failed.place or (0, 0)
            entry = kind, inode, address, part, failed.message
            self._remember(key, entry)
            raise

    def _remember(self, key: str, entry: Entry) -> None:
        def with_entry(raw: bytes | None) -> bytes:
            return json.dumps([*parse_entries(raw), entry]).encode()

        try:
            update(self._rows, key, with_entry, FAILURE_TTL_S)
        except RowsUnavailable as error:
            log.warning("a failure was not recorded: %s", error)


def parse_entries(raw: bytes | None) -> list[Entry]:
    """The failures of a row; none for a row that Lamella cannot have written."""
    try:
        found = json.loads(raw) if raw is not None else []
        return [(str(k), int(i), int(a), str(p), str(m)) for k, i, a, p, m in found]
    except (ValueError, TypeError, RecursionError):
        return []  # Not a row of ours: ignored.
