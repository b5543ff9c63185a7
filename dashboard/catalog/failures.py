"""Negative cache of failures of libhdf5: what it failed on is not tried again for a while.

The key is the file's fingerprint and the object's address in it, not a name, since an object has a name for every
link to it.
"""

from __future__ import annotations

import json
from typing import Any

from dashboard.addressing.addresses import digest
from dashboard.files.roots import SourceFile
from dashboard.hdf5.pool import FailedBefore, Hdf5WorkerPool, WorkerCrashed
from dashboard.storage.bytes_cache import BytesCache

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

    def __init__(self, facts: BytesCache) -> None:
        self._facts = facts

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
        alike = [entry for entry in self._known(key) if entry[0] == kind]
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
            known = json.dumps([*self._known(key), entry]).encode()
            self._facts.set(key, known, expire=FAILURE_TTL_S)
            raise

    def _known(self, key: str) -> list[Entry]:
        raw = self._facts.get(key)
        try:
            found = json.loads(raw) if isinstance(raw, bytes) else []
            return [(str(k), int(i), int(a), str(p), str(m)) for k, i, a, p, m in found]
        except (ValueError, TypeError, RecursionError):
            return []  # Not a row of ours: ignored.
