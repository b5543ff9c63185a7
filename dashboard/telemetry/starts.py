"""Starts of the service: when, in which version, and which settings had changed, so that figures can be compared.

All of them are one row, since there are few and a start has to know the one before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard.storage.rows import Rows, update
from dashboard.telemetry.aggregates import Finite

KEY: Final = "starts"
# The newest ones are kept, about 100 bytes each.
MOST: Final = 100
# The processes of a service start one after the other; within so many seconds they are one start.
TOGETHER_S: Final = 10.0

Text = Annotated[str, Field(max_length=64)]
Value = bool | int | Finite


class Start(BaseModel):
    """One start at `time` (Unix time, s); `changed` has values before and after of settings that had changed."""

    model_config = ConfigDict(frozen=True)

    time: Finite
    version: Text
    changed: dict[Text, tuple[Value | None, Value | None]]


class _Row(BaseModel):
    settings: dict[Text, Value] = {}
    starts: list[Start] = []


class Starts:
    """The starts of all processes of one cache directory; `clock` gives Unix time (s)."""

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._clock = clock

    def record(self, version: str, settings: Mapping[str, object]) -> None:
        """Add a start with these settings, of which numbers and switches alone are kept.

        Paths and names are nobody's business who may see statistics. Raises `RowsUnavailable`.
        """
        now = self._clock()
        current = {name: v for name, v in settings.items() if isinstance(v, bool | int | float)}

        def add(value: bytes | None) -> bytes:
            row = _decoded(value)
            before = row.settings
            changed = {
                name: (before.get(name), current.get(name))
                for name in sorted(before.keys() | current.keys())
                if before and before.get(name) != current.get(name)
            }
            start = Start(time=now, version=version, changed=changed)
            last = row.starts[-1] if row.starts else None
            if (
                last is None
                or changed
                or last.version != version
                or not 0.0 <= now - last.time < TOGETHER_S
            ):
                row.starts.append(start)
            return _Row(settings=current, starts=row.starts[-MOST:]).model_dump_json().encode()

        update(self._rows, KEY, add)

    def between(self, start: float, end: float) -> list[Start]:
        """Those from `start` to `end` (Unix time, s), in order."""
        return [one for one in _decoded(self._rows.get(KEY)).starts if start <= one.time <= end]


def _decoded(value: bytes | None) -> _Row:
    """The row; a damaged one counts as none."""
    try:
        return _Row() if value is None else _Row.model_validate_json(value)
    except ValidationError:
        return _Row()
