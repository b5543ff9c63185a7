"""Starts of services: when, in which version, and which settings had changed, so that figures can be compared.

A service is a supervisor with its processes, or a process that was started alone. A process that is started again
in the same version and with the same settings is no start of its service. All starts are one row, since there are
few and a start has to know the one before.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard.storage.rows import Rows, update
from dashboard.telemetry.aggregates import Finite

KEY: Final = "starts"
# The newest ones are kept, about 100 bytes each.
MOST: Final = 100

Text = Annotated[str, Field(max_length=64)]
Value = bool | int | Finite


class Start(BaseModel):
    """One start at `time` (Unix time, s); `changed` has values before and after of settings that had changed.

    `version_before` is that of the start before, None for the first one.
    """

    model_config = ConfigDict(frozen=True)

    time: Finite
    version: Text
    version_before: Text | None = None
    changed: dict[Text, tuple[Value | None, Value | None]]


class _Row(BaseModel):
    """`services` has a digest of version and settings for each of the newest services, by id.

    `settings_by_node` has those of each machine, by name: they may differ between machines that share the row.
    """

    settings_by_node: dict[Text, dict[Text, Value]] = {}
    starts: list[Start] = []
    services: dict[Text, Text] = {}


class Starts:
    """The starts of all processes of one cache directory or store; `clock` gives Unix time (s).

    `node` is the name of this machine where several share a store.
    """

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.time, node: str = "") -> None:
        self._rows = rows
        self._clock = clock
        self._node = node

    def record(self, service: str, version: str, settings: Mapping[str, object]) -> None:
        """Add a start of a service with these settings, of which numbers and switches alone are kept.

        Paths and names are nobody's business who may see statistics. Raises `RowsUnavailable`.
        """
        current = {name: v for name, v in settings.items() if isinstance(v, bool | int | float)}
        digest = _digest(version, current)

        def add(value: bytes | None) -> bytes:
            row = _decoded(value)
            if value is not None and row.services.get(service) == digest:
                return value
            before = row.settings_by_node.get(self._node, {})
            changed = {
                name: (before.get(name), current.get(name))
                for name in sorted(before.keys() | current.keys())
                if before and before.get(name) != current.get(name)
            }
            start = Start(
                time=self._clock(),
                version=version,
                version_before=row.starts[-1].version if row.starts else None,
                changed=changed,
            )
            others = [item for item in row.services.items() if item[0] != service]
            nodes = [item for item in row.settings_by_node.items() if item[0] != self._node]
            new = _Row(
                settings_by_node=dict([*nodes, (self._node, current)][-MOST:]),
                starts=[*row.starts, start][-MOST:],
                services=dict([*others, (service, digest)][-MOST:]),
            )
            return new.model_dump_json().encode()

        update(self._rows, KEY, add)

    def between(self, start: float, end: float) -> list[Start]:
        """Those from `start` to `end` (Unix time, s), in order."""
        return [one for one in _decoded(self._rows.get(KEY)).starts if start <= one.time <= end]


def _digest(version: str, settings: Mapping[str, Value]) -> str:
    text = json.dumps([version, settings], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _decoded(value: bytes | None) -> _Row:
    """The row; a damaged one counts as none."""
    try:
        return _Row() if value is None else _Row.model_validate_json(value)
    except ValidationError:
        return _Row()
