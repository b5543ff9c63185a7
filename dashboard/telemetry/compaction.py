"""Compaction of the ledger: second rows into minutes and the base, minutes into hours, hours to nothing.

One step removes what was merged and stores what it was merged into, and fails when another process has merged
any of it meanwhile. So nothing is lost or counted twice, whenever a process is killed, and whatever clocks say:
a clock that jumps decides only for how long the history of that time is kept, since the base has all counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from dashboard.storage.rows import Rows
from dashboard.telemetry.aggregates import Dimension, LedgerRow, Totals, decode_row
from dashboard.telemetry.history import (
    DAY_S,
    HOURS,
    KEEP_S,
    MINUTES,
    VIEWERS,
    VIEWERS_S,
    Retention,
    Sums,
    Tier,
)
from dashboard.telemetry.processes import node_of
from dashboard.telemetry.slice_rows import KINDS, Kind, R

ROW: Final = "row:"
BASE: Final = "base:"
# A reader of newer rows finds the base, whose key is new each time, and discards what it has read before.
_BASES: Final = Tier(BASE, 1)

# Gauges of what the processes of one machine share, of which the newest value counts. All others are per process
# and summed.
SHARED: Final = ("bricks.", "frames.", "disk.")
# Hours whose minutes are merged in one step, for which other writers wait; after a standstill the rest follows.
MAX_HOURS: Final = 12
# Rows of a day's slow slices, or of reports about them, that are merged when there are more; the slowest ones
# alone take 24.
MAX_SLOW_ROWS: Final = 48
# SQLite limits the depth of a condition.
_MAX_RANGES: Final = 200


def last_compaction(rows: Rows) -> float:
    """When the ledger was compacted last (Unix time, s), 0 where that is unknown; raises `RowsUnavailable`."""
    numbers = (_BASES.number_of(key) for key in rows.keys_with_prefix(BASE))
    return float(max((number for number in numbers if number is not None), default=0))


class Compaction:
    """One compaction at the time `now` (Unix time, s); `dropped` is called for rows that cannot be read."""

    def __init__(
        self,
        rows: Rows,
        now: float,
        retention: Retention,
        dropped: Callable[[str, ValueError], None],
    ) -> None:
        self._rows = rows
        self._now = now
        self._retention = retention
        self._dropped = dropped
        # In the order in which they are removed.
        self._gone: dict[str, None] = {}
        self._base = Totals()
        self._sums: dict[Tier, dict[int, Sums]] = {
            tier: defaultdict(Sums) for tier in (MINUTES, HOURS, VIEWERS)
        }

    def run(self) -> bool:
        """Compact; returns whether anything was changed. Raises `RowsUnavailable`."""
        bases = self._merge_seconds()
        for tier, numbers in self._sums.items():
            for key, row in self._stored(tier, list(numbers)):
                self._gone[key] = None
                self._add(tier, key, row)
        self._merge_minutes()
        self._remove_old()
        slow_rows: dict[str, bytes] = {}
        for kind in KINDS:
            slow_rows |= self._merge_slow(kind)
        if len(self._gone) == bases:
            return False
        stored = Sums(self._base).encode(_BASES, _BASES.number(self._now) or 0)
        for tier, numbers in self._sums.items():
            for number, sums in numbers.items():
                stored |= sums.encode(tier, number)
        stored |= slow_rows
        return self._rows.replace(self._gone, stored)

    def _merge_seconds(self) -> int:
        """Merge old second rows into minutes and, with the base, into a new one; returns the number of bases."""
        bases = 0
        gauges: dict[int, dict[str, LedgerRow]] = defaultdict(dict)
        for _, key, value in self._rows.rows_after(0, ROW, BASE):
            row = self._decoded(key, value)
            if row is None:
                continue
            minute = MINUTES.number(row.t)
            if key.startswith(BASE):
                bases += 1
            elif minute is not None and not MINUTES.is_past(
                minute, self._now, self._retention.seconds_s
            ):
                continue
            self._gone[key] = None
            by_viewer = row.totals.groups.pop(Dimension.VIEWER, {})
            self._base.merge(row.totals)
            if key.startswith(BASE) or minute is None:
                continue
            if not MINUTES.is_past(minute, self._now, self._retention.hours_s):
                self._sums[MINUTES][minute].add(row.totals, {}, row.t)
                gauges[minute][row.process] = _newer(row, gauges[minute].get(row.process))
            if self._retention.names_days > 0 and (row.viewers or by_viewer):
                named = Totals(groups={Dimension.VIEWER: by_viewer} if by_viewer else {})
                self._add_named(minute, named, row)
        for minute, newest in gauges.items():
            self._sums[MINUTES][minute].gauges = combined(newest.values())
        return bases

    def _add_named(self, minute: int, named: Totals, row: LedgerRow) -> None:
        if not VIEWERS.is_past(minute, self._now, VIEWERS_S + KEEP_S):
            sums = self._sums[VIEWERS][minute]
            sums.add(named, {}, row.t)
            sums.viewers.update(row.viewers)

    def _add(self, tier: Tier, key: str, row: LedgerRow) -> None:
        number = tier.number_of(key)
        if number is not None:
            self._sums[tier][number].add(row.totals, row.gauges, row.t)
            self._sums[tier][number].viewers.update(row.viewers)

    def _merge_minutes(self) -> None:
        numbers = set(map(MINUTES.number_of, self._rows.keys_with_prefix(MINUTES.prefix)))
        hours = {number // 60 for number in numbers if number is not None}
        due = [h for h in sorted(hours) if HOURS.is_past(h, self._now, self._retention.minutes_s)]
        for hour in due[:MAX_HOURS]:
            merged = self._sums[HOURS][hour]
            for key, row in self._stored(HOURS, [hour]):
                self._gone[key] = None
                self._add(HOURS, key, row)
            for key, row in self._stored(MINUTES, range(hour * 60, hour * 60 + 60)):
                self._gone[key] = None
                merged.add(row.totals, row.gauges, row.t)
            for minute in range(hour * 60, hour * 60 + 60):
                fresh = self._sums[MINUTES].pop(minute, None)
                if fresh is not None:
                    merged.add(fresh.totals, fresh.gauges, fresh.t)

    def _remove_old(self) -> None:
        for tier, keep_s in (
            (MINUTES, self._retention.hours_s),
            (HOURS, self._retention.hours_s),
            (VIEWERS, VIEWERS_S + KEEP_S if self._retention.names_days > 0 else 0.0),
        ):
            for key in self._rows.keys_with_prefix(tier.prefix):
                number = tier.number_of(key)
                if number is None or tier.is_past(number, self._now, keep_s):
                    self._gone[key] = None
            for number in list(self._sums[tier]):
                if tier.is_past(number, self._now, keep_s):
                    del self._sums[tier][number]

    def _merge_slow(self, kind: Kind[R]) -> dict[str, bytes]:
        """Merge the slow slices of a day that are in many rows, and remove those of old days; returns new rows."""
        keys: dict[int, list[str]] = defaultdict(list)
        keep_s = self._retention.names_days * DAY_S
        for key in self._rows.keys_with_prefix(kind.days.prefix):
            number = kind.days.number_of(key)
            if number is None or kind.days.is_past(number, self._now, keep_s):
                self._gone[key] = None
            else:
                keys[number].append(key)
        stored: dict[str, bytes] = {}
        for day, of_day in keys.items():
            if len(of_day) > MAX_SLOW_ROWS:
                stored |= kind.encode_day(day, self._slow_slices(kind, day))
        return stored

    def _slow_slices(self, kind: Kind[R], day: int) -> Iterator[R]:
        for _, key, value in self._rows.rows_between(kind.days.keys_of(day)):
            self._gone[key] = None
            try:
                yield from kind.decode(value)
            except ValueError as error:
                self._dropped(key, error)

    def _stored(self, tier: Tier, numbers: Iterable[int]) -> Iterator[tuple[str, LedgerRow]]:
        """The rows of these minutes or hours that are not merged yet; those that cannot be read are removed."""
        ranges = [tier.keys_of(number) for number in numbers]
        for first in range(0, len(ranges), _MAX_RANGES):
            for _, key, value in self._rows.rows_between(*ranges[first : first + _MAX_RANGES]):
                row = None if key in self._gone else self._decoded(key, value)
                if row is not None:
                    yield key, row

    def _decoded(self, key: str, value: bytes) -> LedgerRow | None:
        try:
            return decode_row(value)
        except ValueError as error:
            self._gone[key] = None
            self._dropped(key, error)
            return None


def _newer(row: LedgerRow, other: LedgerRow | None) -> LedgerRow:
    """The row whose gauges are newer."""
    if other is None or (row.gauges and row.t >= other.t):
        return row
    return other


def combined(newest: Iterable[LedgerRow]) -> dict[str, float]:
    """Gauges of all processes from the newest row of each."""
    shared: dict[str, dict[str, float]] = {}
    gauges: dict[str, float] = {}
    for row in sorted(newest, key=lambda row: row.t):
        for name, value in row.gauges.items():
            if name.startswith(SHARED):
                shared.setdefault(node_of(row.process), {})[name] = value
            else:
                gauges[name] = gauges.get(name, 0.0) + value
    return gauges | summed(shared.values())


def summed(levels: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Levels of several machines or processes together."""
    found: dict[str, float] = {}
    for each in levels:
        for name, value in each.items():
            found[name] = found.get(name, 0.0) + value
    return found
