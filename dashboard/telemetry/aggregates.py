"""Mergeable aggregates of the ledger (demands, counters, fine histograms of times) and their encoding in rows.

The ratio of a histogram's boundaries is about 1.1, so a percentile is at most 10 % off. The boundaries are the
same in every process and version, so histograms can be summed exactly, and percentiles computed over any window
and all processes. Every power of ten from 1 µs on, and its 2.5- and 5-fold, is a boundary, so that the coarse
histograms of `/metrics` are exact too.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard.addressing.outcomes import Outcome, Stage
from dashboard.addressing.requester import VIEWER_ID

N = TypeVar("N", Outcome, Stage)

NAME: Final = re.compile(r"[a-z_]{1,32}(\.[a-z0-9_]{1,32})?")

# Well below the size from which the store writes a value to a file of its own, which readers do not follow.
ROW_BYTES: Final = 24 * 1024


def _bounds() -> tuple[float, ...]:
    """Boundaries from 1 µs to 1000 s, in s: (1 … 2.5 … 5 … 10) in 10, 7 and 7 equal ratios a decade."""
    parts = ((1.0, 2.5, 10), (2.5, 2.0, 7), (5.0, 2.0, 7))
    mantissas = [low * ratio ** (i / n) for low, ratio, n in parts for i in range(n)]
    # Through text, so that 2.5e-4 equals the number parsed from 0.00025.
    return (*(float(f"{m!r}e{power}") for power in range(-6, 3) for m in mantissas), 1e3)


# Bucket i counts times > BOUNDS[i - 1] and <= BOUNDS[i]; the last one times above all boundaries.
BOUNDS: Final = _bounds()


@dataclass(slots=True)
class Histogram:
    """Histogram of times: sparse counts by bucket, and the exact sum (s)."""

    total_s: float = 0.0
    counts: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of added times."""
        return sum(self.counts.values())

    def add(self, seconds: float) -> None:
        """Add one time (s, finite, >= 0)."""
        bucket = bisect_left(BOUNDS, seconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total_s += seconds

    def merge(self, other: Histogram) -> None:
        """Add all of `other`."""
        counts = self.counts
        for bucket, n in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + n
        self.total_s += other.total_s

    def quantiles(self, *shares: float) -> list[float | None]:
        """Quantiles (s) for ascending `shares` (0…1); None when empty.

        Within a bucket the times are assumed to be log-uniform.
        """
        buckets = sorted(self.counts)
        upto = list(accumulate(self.counts[bucket] for bucket in buckets))
        if not upto:
            return [None for _ in shares]
        answer: list[float | None] = []
        for share in shares:
            rank = share * upto[-1]
            position = min(bisect_left(upto, rank), len(buckets) - 1)
            bucket = buckets[position]
            n = self.counts[bucket]
            within = (rank - (upto[position] - n)) / n
            answer.append(_inside(bucket, within))
        return answer

    def at_most(self, bound_s: float) -> int:
        """Number of times <= `bound_s`; exact for the values of `BOUNDS`."""
        last = bisect_left(BOUNDS, bound_s)
        return sum(n for bucket, n in self.counts.items() if bucket <= last)


def _inside(bucket: int, share: float) -> float:
    if bucket == 0:
        return BOUNDS[0]
    if bucket == len(BOUNDS):
        return BOUNDS[-1]
    low, high = BOUNDS[bucket - 1], BOUNDS[bucket]
    return low * math.exp(share * math.log(high / low))


@dataclass(slots=True)
class Totals:
    """Sums that can be merged in any order: demands by outcome, times by stage, counters by name.

    `server` and `perceived` are whole slices by outcome: the server's total, and the time from a viewer's request
    to the painted slice.
    """

    demand: dict[Outcome, int] = field(default_factory=dict)
    stages: dict[Stage, Histogram] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    server: dict[Outcome, Histogram] = field(default_factory=dict)
    perceived: dict[Outcome, Histogram] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.demand or self.stages or self.counts or self.server or self.perceived)

    def merge(self, other: Totals) -> None:
        """Add all of `other`."""
        for outcome, n in other.demand.items():
            self.demand[outcome] = self.demand.get(outcome, 0) + n
        for name, amount in other.counts.items():
            self.counts[name] = self.counts.get(name, 0.0) + amount
        for stage, histogram in other.stages.items():
            self.stages.setdefault(stage, Histogram()).merge(histogram)
        for outcome, histogram in other.server.items():
            self.server.setdefault(outcome, Histogram()).merge(histogram)
        for outcome, histogram in other.perceived.items():
            self.perceived.setdefault(outcome, Histogram()).merge(histogram)


@dataclass(slots=True)
class LedgerRow:
    """Differences counted by one process between its last row and `t` (Unix time, s).

    `process` identifies the process, also when a process id is reused.
    """

    t: float
    process: str
    totals: Totals
    gauges: dict[str, float] = field(default_factory=dict)
    viewers: tuple[str, ...] = ()


def encode_row(row: LedgerRow) -> list[bytes]:
    """The row as JSON, in several pieces when one would be too large; the pieces add up to it."""
    whole = _json(row)
    if len(whole) <= ROW_BYTES:
        return [whole]
    rest = Totals(demand=row.totals.demand, counts=row.totals.counts)
    pieces = [
        LedgerRow(row.t, row.process, rest, row.gauges),
        LedgerRow(row.t, row.process, Totals(), {}, row.viewers),
    ]
    for stage, histogram in row.totals.stages.items():
        pieces.append(LedgerRow(row.t, row.process, Totals(stages={stage: histogram})))
    for outcome, histogram in row.totals.server.items():
        pieces.append(LedgerRow(row.t, row.process, Totals(server={outcome: histogram})))
    for outcome, histogram in row.totals.perceived.items():
        pieces.append(LedgerRow(row.t, row.process, Totals(perceived={outcome: histogram})))
    return [_json(piece) for piece in pieces]


Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Viewer = Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")]
Finite = Annotated[float, Field(gt=-1e300, lt=1e300)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Bucket = Annotated[int, Field(ge=0, le=len(BOUNDS))]
_Times = tuple[Finite, dict[_Bucket, _Count]]


class _StoredRow(BaseModel):
    """A row as it is stored, under short names. Rows are untrusted, so they are validated when they are read."""

    model_config = ConfigDict(strict=True, frozen=True)

    t: Finite
    p: Annotated[str, Field(max_length=64)]
    d: dict[Outcome, _Count] = {}
    s: dict[Stage, _Times] = {}
    w: dict[Outcome, _Times] = {}
    e: dict[Outcome, _Times] = {}
    c: dict[Name, Finite] = {}
    g: dict[Name, Finite] = {}
    v: tuple[Viewer, ...] = ()


def _json(row: LedgerRow) -> bytes:
    stored = _StoredRow.model_construct(
        t=row.t,
        p=row.process,
        d=row.totals.demand,
        s=_times(row.totals.stages),
        w=_times(row.totals.server),
        e=_times(row.totals.perceived),
        c=row.totals.counts,
        g=row.gauges,
        v=row.viewers,
    )
    return stored.model_dump_json(exclude_defaults=True, warnings=False).encode()


def decode_row(value: bytes) -> LedgerRow:
    """Parse a row; raises ValueError for anything that `encode_row` does not write."""
    try:
        row = _StoredRow.model_validate_json(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"no row of the ledger: {fault['loc']}: {fault['msg']}") from error
    totals = Totals(row.d, _histograms(row.s), row.c, _histograms(row.w), _histograms(row.e))
    return LedgerRow(row.t, row.p, totals, row.g, row.v)


def _times(histograms: Mapping[N, Histogram]) -> dict[N, tuple[float, dict[int, int]]]:
    return {name: (h.total_s, h.counts) for name, h in histograms.items()}


def _histograms(times: Mapping[N, tuple[float, dict[int, int]]]) -> dict[N, Histogram]:
    return {name: Histogram(total, counts) for name, (total, counts) in times.items()}


def is_valid_duration(seconds: float) -> bool:
    """Whether this is a valid duration (s)."""
    return math.isfinite(seconds) and seconds >= 0.0
