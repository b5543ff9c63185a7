"""The ledger's history: one row a minute, and later one an hour, of what second rows had.

The rows here are copies: their counts are in the base as well, so the sum of everything is the base and the
second rows alone, whatever becomes of the history. A row of the history has all that was counted in its minute
or hour, or a piece of it; several rows of one minute add up. It is immutable, and its key says which minute or
hour it is.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dashboard.errors import BadRequest
from dashboard.telemetry.aggregates import LedgerRow, Totals, compress_row, encode_row

# Second rows are kept as they are for this long.
KEEP_S: Final = 15 * 60.0
# By viewer, demands are kept for the last hour alone.
VIEWERS_S: Final = 3600.0
DAY_S: Final = 86_400.0

_KEY = re.compile(r"([a-z]+:)([0-9]{10}):[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Tier:
    """Rows of one length: the prefix of their keys, and the length (s)."""

    prefix: str
    seconds: int

    def number(self, t: float) -> int | None:
        """Number of the row that has Unix time `t` (s); None for times of no clock."""
        return int(t // self.seconds) if 0.0 <= t < 1e10 else None

    def key(self, number: int) -> str:
        """A new key for a row."""
        return f"{self.prefix}{number:010d}:{uuid.uuid4().hex}"

    def number_of(self, key: str) -> int | None:
        """The number of a row by its key; None for a key of another kind."""
        found = _KEY.fullmatch(key)
        return int(found[2]) if found and found[1] == self.prefix else None

    def keys(self, first: float, last: float) -> tuple[str, str]:
        """The range of keys of rows that contain Unix times from `first` to `last` (s)."""
        low, high = (self.number(min(max(t, 0.0), 1e10 - 1)) or 0 for t in (first, last))
        return f"{self.prefix}{low:010d}:", f"{self.prefix}{high:010d};"

    def keys_of(self, number: int) -> tuple[str, str]:
        """The range of keys of the rows of one minute or hour."""
        return f"{self.prefix}{number:010d}:", f"{self.prefix}{number:010d};"

    def is_past(self, number: int, now: float, keep_s: float) -> bool:
        """Whether all of a row is older than `keep_s` seconds, or from a clock that was as far ahead."""
        begin = number * self.seconds
        return begin + self.seconds + keep_s < now or begin > now + keep_s


MINUTES: Final = Tier("minute:", 60)
HOURS: Final = Tier("hour:", 3600)
# Rows of minutes as well, with what names viewers and nothing else.
VIEWERS: Final = Tier("viewers:", 60)


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days of history are kept, and for how many days what names viewers."""

    history_days: float = 90.0
    names_days: float = 7.0

    @property
    def kept_s(self) -> float:
        """How far back there are statistics (s)."""
        return max(KEEP_S, self.history_days * DAY_S)

    # Rows are kept for a little longer than that, since the first step of a series begins before its time span.

    @property
    def seconds_s(self) -> float:
        """For how long second rows are kept (s)."""
        return KEEP_S + 60.0

    @property
    def minutes_s(self) -> float:
        """For how long minutes are kept (s): two days, or as long as hours are."""
        return min(2 * DAY_S, self.history_days * DAY_S) + 3600.0 * (self.history_days > 0)

    @property
    def hours_s(self) -> float:
        """For how long hours are kept (s)."""
        return (self.history_days + 1) * DAY_S if self.history_days > 0 else 0.0

    def resolution_s(self, age_s: float) -> int:
        """Length of the longest rows that are not older than `age_s` (s): 1, 60 or 3600."""
        if age_s <= self.seconds_s:
            return 1
        return MINUTES.seconds if age_s <= self.minutes_s else HOURS.seconds


DEFAULT_RETENTION: Final = Retention()


@dataclass(slots=True)
class Sums:
    """What rows add up to, and the levels and the time of the newest of them."""

    totals: Totals = field(default_factory=Totals)
    gauges: dict[str, float] = field(default_factory=dict)
    t: float = 0.0
    viewers: set[str] = field(default_factory=set)

    def copy(self) -> Sums:
        """The same sums, to which more can be added."""
        same = Sums(Totals(), dict(self.gauges), self.t, set(self.viewers))
        same.totals.merge(self.totals)
        return same

    def add(self, totals: Totals, gauges: Mapping[str, float], t: float) -> None:
        """Add a row of the time `t` (Unix time, s)."""
        self.totals.merge(totals)
        self.gauges = {**self.gauges, **gauges} if t >= self.t else {**gauges, **self.gauges}
        self.t = max(self.t, t)

    def encode(self, tier: Tier, number: int) -> dict[str, bytes]:
        """The rows of a minute or an hour, with new keys."""
        row = LedgerRow(self.t, "", self.totals, self.gauges, tuple(sorted(self.viewers)))
        return {tier.key(number): compress_row(piece) for piece in encode_row(row)}


def resolve_span(start: float, end: float, now: float) -> tuple[float, float]:
    """Start and end as Unix times (s), where 0 and less are before `now`; raises `BadRequest` unless there is time
    between them.
    """
    start, end = (t if t > 0 else now + t for t in (start, end))
    end = min(end, now)
    if not start < end:
        raise BadRequest("The time span ends before it begins, or lies in the future.")
    return start, end


def duration(seconds: float) -> str:
    """A duration in the largest unit in which it is a whole number, or in seconds."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            count = round(seconds / length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:g} seconds"
