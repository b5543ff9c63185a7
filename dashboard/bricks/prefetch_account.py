"""What decoding ahead cost and saved, and what became of the bricks: counters of the ledger.

All counters only grow. A brick that is counted as wasted and used later is counted as recovered too, so that
decoded = used + (wasted - recovered) + undecided at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from dashboard.addressing.outcomes import Purpose, Waste
from dashboard.bricks.brick import DecodeRecord
from dashboard.bricks.usage import AccessResult
from dashboard.telemetry.ledger import PREFETCH_LEAD, RECOVERED, WASTED, Ledger

# Counters by cause, made once.
_WASTED: Final = {cause: f"{WASTED}.{cause}" for cause in Waste}
_RECOVERED: Final = {cause: f"{RECOVERED}.{cause}" for cause in Waste}


class PrefetchAccount:
    """Counts in `ledger`; `clock` gives Unix time (s)."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock

    def decoded(self, purpose: Purpose, nbytes: int) -> None:
        """A brick was added to the cache."""
        self._count(purpose, {"decoded": 1, "decoded_bytes": nbytes}, {"bytes": nbytes})

    def spent(self, seconds: float) -> None:
        """A brick was decoded ahead for so long (s), whether that succeeded or not."""
        self._ledger.count("prefetch.spent_seconds", max(0.0, seconds))

    def not_begun(self) -> None:
        """A demand came before its planned brick was being decoded."""
        self._ledger.count("prefetch.not_begun")

    def used(
        self,
        access: AccessResult,
        decoded: DecodeRecord | None,
        nbytes: int,
        waited_s: float | None,
    ) -> None:
        """A prefetched brick had its first demand, which waited for it (s), or found it ready (None)."""
        amounts: dict[str, float] = {"used": 1, "used_bytes": nbytes}
        resting: dict[str, float] = {"used": 1, "used_bytes": nbytes}
        times = {}
        if waited_s is not None:
            amounts["late"] = 1
        if decoded is not None:
            amounts["saved_seconds"] = max(0.0, decoded.took_s - (waited_s or 0.0))
            if waited_s is None:
                times[PREFETCH_LEAD] = max(0.0, self._clock() - decoded.ready_at)
        by_cause = {}
        if access.waste is not None:
            amounts["recovered"] = resting["recovered"] = 1
            resting["recovered_bytes"] = nbytes
            by_cause[_RECOVERED[access.waste]] = nbytes
        self._count(access.purpose, amounts, resting, by_cause, times)

    def wasted(self, cause: Waste, purpose: Purpose, nbytes: int) -> None:
        """A prefetched brick is wasted."""
        resting = {"wasted": 1, "wasted_bytes": nbytes}
        self._count(purpose, {"wasted": 1}, resting, {_WASTED[cause]: nbytes})

    def _count(
        self,
        purpose: Purpose,
        amounts: dict[str, float] | dict[str, int],
        resting: dict[str, float] | dict[str, int],
        more: dict[str, int] | None = None,
        times: dict[str, float] | None = None,
    ) -> None:
        """Count `prefetch.…`, for resting viewers also `prefetch.resting_…`, all in one row of the ledger."""
        counted: dict[str, float] = {f"prefetch.{name}": n for name, n in amounts.items()}
        if purpose is Purpose.PREFETCH_IDLE:
            counted |= {f"prefetch.resting_{name}": n for name, n in resting.items()}
        self._ledger.count_all(counted | (more or {}), times or {})
