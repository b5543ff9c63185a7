"""What some rows hold, by reading what was stored since the last time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dashboard.storage.rows import Rows

# Everything is read again after this time, since rows that somebody else removed are not listed.
ALL_EVERY_S: Final = 5.0


class FollowedRows:
    """The rows of some prefixes, the `newest` of each; not thread-safe. `clock` gives seconds."""

    def __init__(self, rows: Rows, newest: int, *prefixes: str, clock: Callable[[], float]) -> None:
        self._rows = rows
        self._newest = newest
        self._prefixes = prefixes
        self._clock = clock
        self._mark = 0.0
        self._all_at = float("-inf")
        # As they were read last.
        self.values: dict[str, bytes] = {}

    def read(self) -> Mapping[str, bytes]:
        """The values by key, those of each prefix in the order of writing; raises `RowsUnavailable`.

        Rows that have expired or were removed may be among them for `ALL_EVERY_S`.
        """
        now = self._clock()
        mark = self._mark if 0.0 <= now - self._all_at < ALL_EVERY_S else 0.0
        changes = self._rows.changes(mark, self._newest, *self._prefixes)
        self._mark = changes.mark
        if changes.are_all:
            self.values, self._all_at = {}, now
        for key, value in changes.rows:
            # The last one written is the last one here.
            self.values.pop(key, None)
            self.values[key] = value
        return self.values

    def forget(self, key: str) -> None:
        """Leave out a row, which was removed."""
        self.values.pop(key, None)
