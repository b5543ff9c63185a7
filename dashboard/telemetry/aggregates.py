"""Mergeable aggregates of the ledger (demands, counters, fine histograms of times) and their encoding in rows.

The ratio of a histogram's boundaries is about 1.1, so a percentile is at most 10 % off. The boundaries are the
same in every process and version, so histograms can be summed exactly, and percentiles computed over any window
and all processes. Every power of ten from 1 µs on, and its 2.5- and 5-fold, is a boundary, so that the coarse
histograms of `/metrics` are exact too.
"""

from __future__ import annotations

import math
import re
import zlib
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from itertools import accumulate
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard.addressing.outcomes import Outcome, Stage
from dashboard.addressing.requester import VIEWER_ID

K = TypeVar("K", bound=str)

NAME: Final = re.compile(r"[a-z_]{1,32}(\.[a-z0-9_]{1,32})?")

# Sums of times have no digits below 2^-26 s (15 ns), so that they are exact: every process has the same sum, in
# whatever order it adds, and `/metrics` never goes back by a rounding error, which Prometheus would take for a
# restart. They stay exact up to 2^27 s, four years of one stage.
_UNITS_PER_S: Final = 2.0**26

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


def exact(amount: float) -> float:
    """The nearest amount that sums exactly; whole numbers stay as they are."""
    return round(amount * _UNITS_PER_S) / _UNITS_PER_S


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
        self.total_s += exact(seconds)

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


class Dimension(StrEnum):
    """What demands are counted by, besides their outcome.

    `axis` is the dimensions that a slice fixes, `format` that of the response (raw, u8, png), `node` the machine
    that answered, where there are several.
    """

    VOLUME = "volume"
    AXIS = "axis"
    FORMAT = "format"
    VIEWER = "viewer"
    NODE = "node"


# Groups of each dimension that are kept apart wherever rows are merged; the rest is one group.
MAX_GROUPS: Final = {
    Dimension.VOLUME: 32,
    Dimension.AXIS: 16,
    Dimension.FORMAT: 8,
    Dimension.VIEWER: 64,
    Dimension.NODE: 64,
}
OTHER: Final = "other"
MAX_GROUP_NAME: Final = 256
# Names may be long: so many groups always fit into a piece of a row.
GROUPS_A_PIECE: Final = 8


@dataclass(slots=True)
class Group:
    """Demands of one volume, axis, format or viewer: by outcome, the server's time for them (s), and bytes sent.

    `counts` are those of `Totals` that were counted for this group, such as the reasons of its misses.
    """

    demand: dict[Outcome, int] = field(default_factory=dict)
    server_s: float = 0.0
    sent_bytes: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of demands."""
        return sum(self.demand.values())

    def merge(self, other: Group) -> None:
        """Add all of `other`."""
        for outcome, n in other.demand.items():
            self.demand[outcome] = self.demand.get(outcome, 0) + n
        self.server_s += other.server_s
        self.sent_bytes += other.sent_bytes
        for name, n in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + n


Groups = dict[str, Group]


@dataclass(slots=True)
class Totals:
    """Sums that can be merged in any order: demands by outcome, times by stage, counters by name.

    `server` and `perceived` are whole slices by outcome: the server's total, and the time from a viewer's request
    to the painted slice. `times` are further histograms by name, `groups` the demands by dimension.
    """

    demand: dict[Outcome, int] = field(default_factory=dict)
    stages: dict[Stage, Histogram] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    server: dict[Outcome, Histogram] = field(default_factory=dict)
    perceived: dict[Outcome, Histogram] = field(default_factory=dict)
    times: dict[str, Histogram] = field(default_factory=dict)
    groups: dict[Dimension, Groups] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, part.name) for part in fields(self))

    def merge(self, other: Totals) -> None:
        """Add all of `other`."""
        for outcome, n in other.demand.items():
            self.demand[outcome] = self.demand.get(outcome, 0) + n
        for name, amount in other.counts.items():
            self.counts[name] = self.counts.get(name, 0.0) + amount
        _merge(self.stages, other.stages)
        _merge(self.server, other.server)
        _merge(self.perceived, other.perceived)
        _merge(self.times, other.times)
        for dimension, groups in other.groups.items():
            merge_groups(self.groups.setdefault(dimension, {}), groups, MAX_GROUPS[dimension])


def _merge(into: dict[K, Histogram], other: Mapping[K, Histogram]) -> None:
    for name, histogram in other.items():
        into.setdefault(name, Histogram()).merge(histogram)


def merge_groups(into: Groups, other: Mapping[str, Group], most: int) -> None:
    """Add groups; beyond `most`, those with the fewest demands become one, `other`."""
    for name, group in other.items():
        into.setdefault(name, Group()).merge(group)
    if len(into) > most + (OTHER in into):
        by_size = sorted(into.keys() - {OTHER}, key=lambda name: (-into[name].count, name))
        rest = into.setdefault(OTHER, Group())
        for name in by_size[most:]:
            rest.merge(into.pop(name))


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
    whole_totals = row.totals
    parts = [Totals(demand=whole_totals.demand, counts=whole_totals.counts)]
    for name in ("stages", "server", "perceived", "times"):
        parts += [Totals(**{name: {k: v}}) for k, v in getattr(whole_totals, name).items()]
    for dimension, groups in whole_totals.groups.items():
        names = list(groups)
        for first in range(0, len(names), GROUPS_A_PIECE):
            some = names[first : first + GROUPS_A_PIECE]
            parts.append(Totals(groups={dimension: {name: groups[name] for name in some}}))
    pieces = [LedgerRow(row.t, row.process, part) for part in parts]
    pieces[0].gauges = row.gauges
    if row.viewers:
        pieces.append(LedgerRow(row.t, row.process, Totals(), {}, row.viewers))
    return [_json(piece) for piece in pieces]


Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Viewer = Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")]
Finite = Annotated[float, Field(gt=-1e300, lt=1e300)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Bucket = Annotated[int, Field(ge=0, le=len(BOUNDS))]
_Times = tuple[Finite, dict[_Bucket, _Count]]
_GroupName = Annotated[str, Field(max_length=MAX_GROUP_NAME)]
# Rows of earlier versions have no counts.
_Group = (
    tuple[dict[Outcome, _Count], Finite, _Count, dict[Name, _Count]]
    | tuple[dict[Outcome, _Count], Finite, _Count]
)


class _StoredRow(BaseModel):
    """A row as it is stored, under short names. Rows are untrusted, so they are validated when they are read."""

    model_config = ConfigDict(strict=True, frozen=True)

    t: Finite
    p: Annotated[str, Field(max_length=64)]
    d: dict[Outcome, _Count] = {}
    s: dict[Stage, _Times] = {}
    w: dict[Outcome, _Times] = {}
    e: dict[Outcome, _Times] = {}
    q: dict[Name, _Times] = {}
    b: dict[Dimension, dict[_GroupName, _Group]] = {}
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
        q=_times(row.totals.times),
        b={
            dimension: {n: _stored_group(g) for n, g in groups.items()}
            for dimension, groups in row.totals.groups.items()
        },
        c=row.totals.counts,
        g=row.gauges,
        v=row.viewers,
    )
    return stored.model_dump_json(exclude_defaults=True, warnings=False).encode()


def compress_row(piece: bytes) -> bytes:
    """A piece of a row that is kept for long: a third as large."""
    return zlib.compress(piece)


def _decompressed(value: bytes) -> bytes:
    # Bounded, since anybody may have written it.
    inflate = zlib.decompressobj()
    try:
        return inflate.decompress(value, 2 * ROW_BYTES)
    except zlib.error as error:
        raise ValueError(f"no row of the ledger: {error}") from None


def decode_row(value: bytes) -> LedgerRow:
    """Parse a row, compressed or not; raises ValueError for anything that `encode_row` does not write."""
    if value[:1] == b"\x78":
        value = _decompressed(value)
    try:
        row = _StoredRow.model_validate_json(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"no row of the ledger: {fault['loc']}: {fault['msg']}") from error
    totals = Totals(
        demand=row.d,
        stages=_histograms(row.s),
        # Rows of earlier versions have amounts that are not exact.
        counts={name: exact(amount) for name, amount in row.c.items()},
        server=_histograms(row.w),
        perceived=_histograms(row.e),
        times=_histograms(row.q),
        groups={
            dimension: {n: _loaded_group(*group) for n, group in groups.items()}
            for dimension, groups in row.b.items()
        },
    )
    return LedgerRow(row.t, row.p, totals, row.g, row.v)


def _stored_group(group: Group) -> tuple[Any, ...]:
    parts = (group.demand, group.server_s, group.sent_bytes)
    return (*parts, group.counts) if group.counts else parts


def _loaded_group(
    demand: dict[Outcome, int],
    server_s: float,
    sent_bytes: int,
    counts: dict[str, int] | None = None,
) -> Group:
    return Group(demand, exact(server_s), sent_bytes, counts or {})


def _times(histograms: Mapping[K, Histogram]) -> dict[K, tuple[float, dict[int, int]]]:
    return {name: (h.total_s, h.counts) for name, h in histograms.items()}


def _histograms(times: Mapping[K, tuple[float, dict[int, int]]]) -> dict[K, Histogram]:
    return {name: Histogram(exact(total), counts) for name, (total, counts) in times.items()}


def is_valid_duration(seconds: float) -> bool:
    """Whether this is a valid duration (s)."""
    return math.isfinite(seconds) and seconds >= 0.0
