"""Rows of single slices and of pages' reports about them: the slowest of each day, and the latest.

Each process writes a slice when it is among the slowest of its own day so far; compaction keeps the slowest of
all. Its latest ones are in a ring of rows that it overwrites. They name viewers, so they are kept for a number of
days of their own, the latest for minutes.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from dashboard.addressing.outcomes import Outcome, Provenance, Stage
from dashboard.telemetry.aggregates import is_valid_duration
from dashboard.telemetry.groups import Demand
from dashboard.telemetry.history import DAY_S, Tier
from dashboard.telemetry.served import (
    PageTimes,
    ServedSlice,
    SliceRecord,
    encode_report,
    encode_served,
    server_part_s,
)

# Slices that are kept of a day (UTC), and the latest ones that are kept.
SLOWEST: Final = 200
LATEST: Final = 200
# For how long the latest ones are kept (s).
LATEST_S: Final = 15 * 60.0
# Bounds of a row, which readers accept up to 32 kB. A record has about 450 bytes, and 2.7 kB at most.
_ROW_BYTES: Final = 30_000
_A_ROW: Final = 40
# Rows of a ring: one more than are full. Of records that are twice as long as they usually are, it has fewer.
RING: Final = ceil(LATEST / _A_ROW) + 1

R = TypeVar("R", bound=SliceRecord)


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """One kind of record: how many are kept of a day, its rows of days, the prefix of its ring, and its type."""

    slowest: int
    days: Tier
    ring: str
    type: TypeAdapter[list[R]]

    def decode(self, value: bytes) -> Sequence[R]:
        """The records of a row; raises ValueError for anything that is not written here."""
        try:
            return self.type.validate_json(value)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            raise ValueError(f"no slices: {fault['loc']}: {fault['msg']}") from error

    def encode_day(self, day: int, records: Iterable[R]) -> dict[str, bytes]:
        """The rows of the slowest of a day's records, with new keys."""
        kept = heapq.nlargest(self.slowest, records, key=lambda one: (one.rank_s, one.time))
        return self.rows_of(day, (one.model_dump_json().encode() for one in kept))

    def rows_of(self, day: int, records: Iterable[bytes]) -> dict[str, bytes]:
        """The rows of a day's records, with new keys."""
        rows = [_Row()]
        for one in records:
            if not rows[-1].add(one):
                rows.append(_Row(one))
        return {self.days.key(day): row.encode() for row in rows}


class _Row:
    """The encoded records of one row."""

    def __init__(self, *records: bytes) -> None:
        self._records = list(records)
        self._bytes = sum(map(len, records))

    def add(self, record: bytes) -> bool:
        """Add a record; False when there is no room for it."""
        if len(self._records) >= _A_ROW or self._bytes + len(record) > _ROW_BYTES:
            return False
        self._records.append(record)
        self._bytes += len(record) + 1
        return True

    def encode(self) -> bytes:
        """The row."""
        return b"[" + b",".join(self._records) + b"]"


SERVED: Final[Kind[ServedSlice]] = Kind(
    SLOWEST, Tier("slow:", int(DAY_S)), "latest:served:", TypeAdapter(list[ServedSlice])
)
# A few more: the same slice is not of the same rank in both where clocks were rounded.
PAINTED: Final[Kind[PageTimes]] = Kind(
    SLOWEST + 40, Tier("painted:", int(DAY_S)), "latest:painted:", TypeAdapter(list[PageTimes])
)
KINDS: Final[tuple[Kind[Any], ...]] = (SERVED, PAINTED)


def lifetimes(keys: Iterable[str]) -> dict[str, float]:
    """After how many seconds rows expire, for those that do."""
    rings = tuple(kind.ring for kind in KINDS)
    return {key: LATEST_S for key in keys if key.startswith(rings)}


class _Kept:
    """The records of one kind of this process that are not written yet.

    They are encoded when they are written, which takes longer than noting them.
    """

    def __init__(self, kind: Kind[Any], process: str) -> None:
        self._kind = kind
        self._process = process
        self._lock = threading.Lock()
        self._day: int | None = None
        # Times of the slowest of the day, the fastest of them first.
        self._times: list[float] = []
        self._slow: list[tuple[int, Callable[[], bytes]]] = []
        self._latest: deque[Callable[[], bytes]] = deque(maxlen=LATEST)
        self._slot = 0
        self._row = _Row()

    def offer(self, now: float, seconds: float, encoded: Callable[[], bytes]) -> None:
        """Note a record of the time `now` (Unix time, s), also among the slowest if `seconds` are."""
        day = self._kind.days.number(now)
        with self._lock:
            self._latest.append(encoded)
            if day != self._day:
                self._day, self._times = day, []
            if day is None:
                return
            if len(self._times) < self._kind.slowest:
                heapq.heappush(self._times, seconds)
            elif seconds > self._times[0]:
                heapq.heapreplace(self._times, seconds)
            else:
                return
            self._slow.append((day, encoded))

    def take(self) -> dict[str, bytes]:
        """Rows of what is not written yet: new ones of the slowest, and those of the ring that changed.

        Called by one thread at a time.
        """
        with self._lock:
            slow, self._slow = self._slow, []
            latest, self._latest = self._latest, deque(maxlen=LATEST)
        by_day: dict[int, list[bytes]] = {}
        for day, encoded in slow:
            by_day.setdefault(day, []).append(encoded())
        rows: dict[str, bytes] = {}
        for day, records in by_day.items():
            rows |= self._kind.rows_of(day, records)
        changed: dict[int, _Row] = {}
        for encoded in latest:
            record = encoded()
            if not self._row.add(record):
                self._slot, self._row = (self._slot + 1) % RING, _Row(record)
            changed[self._slot] = self._row
        for slot, row in changed.items():
            rows[f"{self._kind.ring}{self._process}:{slot}"] = row.encode()
        return rows


class KeptSlices:
    """What one process keeps of single slices and reports; any thread may call it, `take` one at a time.

    `process` is its name in keys, `clock` gives Unix time (s). Nothing is kept where viewers are not `named`.
    """

    def __init__(self, process: str, clock: Callable[[], float], named: bool) -> None:
        self._clock = clock
        self._named = named
        self._served = _Kept(SERVED, process)
        self._painted = _Kept(PAINTED, process)

    def served(
        self,
        found: Provenance,
        demand: Demand,
        stages: Mapping[Stage, float],
        total_s: float,
        sent_bytes: int,
        moved: Mapping[Stage, int],
    ) -> None:
        """A slice was served now; the arguments are those of `encode_served`."""
        if self._named and is_valid_duration(total_s):
            now = self._clock()
            self._served.offer(
                now,
                total_s,
                partial(encode_served, now, found, demand, stages, total_s, sent_bytes, moved),
            )

    def painted(
        self,
        demand: Demand,
        outcome: Outcome,
        stages: Mapping[Stage, float],
        perceived_s: float | None,
    ) -> None:
        """A report came now; the arguments are those of `encode_report`."""
        if self._named:
            now = self._clock()
            self._painted.offer(
                now,
                server_part_s(stages, perceived_s),
                partial(encode_report, now, demand, outcome, stages, perceived_s),
            )

    def take(self) -> dict[str, bytes]:
        """Rows of what is not written yet; `lifetimes` says which of them expire."""
        return self._served.take() | self._painted.take()
