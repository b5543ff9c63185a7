"""The slowest slices of each day, with all that may say why.

Each process writes a slice when it is among the slowest of its own day so far; compaction keeps the slowest of
all. They name viewers, so they are kept for a number of days of their own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dashboard.addressing.outcomes import Outcome, Provenance, Reason, Stage
from dashboard.addressing.requester import VIEWER_ID
from dashboard.telemetry.aggregates import MAX_GROUP_NAME, Finite, is_valid_duration
from dashboard.telemetry.groups import Demand
from dashboard.telemetry.history import DAY_S, Tier

# Slices that are kept of a day (UTC).
SLOWEST: Final = 200
# So many always fit into a row.
_A_ROW: Final = 12
MAX_SELECTION: Final = 400

DAYS: Final = Tier("slow:", int(DAY_S))

_Seconds = Annotated[float, Field(ge=0, lt=1e9)]


class SlowSlice(BaseModel):
    """One slice that was served: the time of its response (Unix time, s), durations in s, and bytes sent.

    `stages` are those of the server, which add up to `total_s`; `reason` is why it was no hit.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    time: Finite
    volume: Annotated[str, Field(max_length=MAX_GROUP_NAME)]
    selection: Annotated[str, Field(max_length=MAX_SELECTION)]
    outcome: Outcome
    reason: Reason | None
    viewer: Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")]
    bytes: Annotated[int, Field(ge=0, lt=2**63)]
    stages: dict[Stage, _Seconds]
    total_s: _Seconds

    def as_json(self) -> dict[str, object]:
        """As JSON types, durations in ms."""
        return {
            "time": self.time,
            "volume": self.volume,
            "selection": self.selection,
            "outcome": self.outcome,
            "reason": self.reason,
            "viewer": self.viewer,
            "bytes": self.bytes,
            "stages": {stage: round(1e3 * seconds, 3) for stage, seconds in self.stages.items()},
            "total_ms": round(1e3 * self.total_s, 3),
        }


_ROWS: Final = TypeAdapter(list[SlowSlice])


class SlowSlices:
    """The slowest slices of this process that are not written yet; not thread-safe."""

    def __init__(self) -> None:
        self._day: int | None = None
        # Totals of the slowest slices of the day, the fastest of them first.
        self._totals: list[float] = []
        self._new: list[SlowSlice] = []

    def offer(
        self,
        now: float,
        found: Provenance,
        demand: Demand,
        stages: Mapping[Stage, float],
        total_s: float,
        sent_bytes: int,
    ) -> None:
        """Note a slice served at `now` (Unix time, s) if it is among the slowest of its day."""
        day = DAYS.number(now)
        if day != self._day:
            self._day, self._totals = day, []
        if day is None or not is_valid_duration(total_s):
            return
        if len(self._totals) < SLOWEST:
            heapq.heappush(self._totals, total_s)
        elif total_s > self._totals[0]:
            heapq.heapreplace(self._totals, total_s)
        else:
            return
        self._new.append(
            SlowSlice.model_construct(
                time=now,
                volume=demand.volume,
                selection=demand.selection[:MAX_SELECTION],
                outcome=found.outcome,
                reason=found.reason,
                viewer=demand.viewer,
                bytes=sent_bytes,
                stages={stage: round(seconds, 6) for stage, seconds in stages.items()},
                total_s=round(total_s, 6),
            )
        )

    def take(self) -> dict[str, bytes]:
        """Rows of the slices that are not written yet, with new keys."""
        new, self._new = self._new, []
        by_day: dict[int, list[SlowSlice]] = {}
        for one in new:
            by_day.setdefault(DAYS.number(one.time) or 0, []).append(one)
        return {
            key: value
            for day, slices in by_day.items()
            for key, value in encode(day, slices).items()
        }


def slowest(slices: Iterable[SlowSlice], most: int = SLOWEST) -> list[SlowSlice]:
    """The slowest ones, the slowest first."""
    return heapq.nlargest(most, slices, key=lambda one: (one.total_s, one.time))


def encode(day: int, slices: Iterable[SlowSlice]) -> dict[str, bytes]:
    """The rows of the slowest of a day's slices, with new keys."""
    kept = slowest(slices)
    parts = [kept[first : first + _A_ROW] for first in range(0, len(kept), _A_ROW)]
    return {DAYS.key(day): _ROWS.dump_json(part, warnings=False) for part in parts}


def decode(value: bytes) -> Sequence[SlowSlice]:
    """The slices of a row; raises ValueError for anything that `encode` does not write."""
    try:
        return _ROWS.validate_json(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"no slow slices: {fault['loc']}: {fault['msg']}") from error
