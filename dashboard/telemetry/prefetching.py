"""Statistics of prefetching, in the shape of `/api/v1/stats`; `dashboard.prefetch.fates` defines the fates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from typing_extensions import TypedDict

from dashboard.addressing.outcomes import Waste
from dashboard.telemetry.aggregates import Histogram, Totals
from dashboard.telemetry.ledger import PREFETCH_LEAD, RECOVERED, WASTED

# With fewer bricks that were used or wasted, accuracy is not known.
MIN_DECIDED_BRICKS: Final = 3
# The name of what is `wasted_bytes.evicted` in rows of earlier versions.
FORMER_EVICTED: Final = "prefetch.wasted_bytes"


class PhaseStats(TypedDict):
    """Bytes decoded ahead in one phase of viewing by their fate; accuracy as a share 0…1 or None."""

    decoded_bytes: int
    used_bytes: int
    wasted_bytes: int
    accuracy: float | None


class LeadStats(TypedDict):
    """First demands for planned bricks: found ready, waited for the decode, or came before it was begun.

    The percentiles (s) are of the times from ready to demanded; None without any.
    """

    ready: int
    joined: int
    not_begun: int
    p5_s: float | None
    p50_s: float | None
    p95_s: float | None


class PrefetchStats(TypedDict):
    """Prefetching: counts of bricks, bytes, shares (0…1, None without any), and times (s).

    `wasted` has the bytes by cause, whose sum is `wasted_bytes`. `saved_s` is the decode time of used bricks less
    what their demands still waited, `spent_s` all time of decoding ahead. `undecided_bytes` is a level, of now.
    """

    planned: int
    in_flight: int
    decoded: int
    used: int
    late: int
    failed: int
    decoded_bytes: int
    used_bytes: int
    wasted_bytes: int
    wasted: dict[str, int]
    undecided_bytes: int
    accuracy: float | None
    coverage: float | None
    timeliness: float | None
    lead: LeadStats
    saved_s: float
    spent_s: float
    moving: PhaseStats
    resting: PhaseStats


def prefetch_stats(totals: Totals, gauges: Mapping[str, float], ever: Totals) -> PrefetchStats:
    """Prefetch statistics of a window; `ever` are the totals since the ledger began."""

    def count(name: str) -> float:
        return totals.counts.get(f"prefetch.{name}", 0.0)

    used, used_bytes, late = count("used"), count("used_bytes"), count("late")
    wasted = wasted_now(totals)
    wasted_bytes = sum(wasted.values())
    decided = used + count("wasted") - count("recovered")
    resting = {
        name: count(f"resting_{name}")
        for name in ("bytes", "used", "used_bytes", "wasted", "recovered")
    }
    resting_wasted = max(0.0, count("resting_wasted_bytes") - count("resting_recovered_bytes"))
    resting_decided = resting["used"] + resting["wasted"] - resting["recovered"]
    return {
        "planned": round(gauges.get("prefetch.planned", 0.0)),
        "in_flight": round(gauges.get("prefetch.in_flight", 0.0)),
        "decoded": round(count("decoded")),
        "used": round(used),
        "late": round(late),
        "failed": round(count("failed")),
        "decoded_bytes": round(count("decoded_bytes")),
        "used_bytes": round(used_bytes),
        "wasted_bytes": wasted_bytes,
        "wasted": wasted,
        "undecided_bytes": _undecided_bytes(ever),
        "accuracy": _accuracy(used_bytes, wasted_bytes, decided),
        "coverage": share(used, totals.counts.get("bricks.first_wanted", 0.0)),
        "timeliness": share(used - late, used),
        "lead": _lead(totals),
        "saved_s": round(count("saved_seconds"), 3),
        "spent_s": round(count("spent_seconds"), 3),
        "moving": _phase(
            count("decoded_bytes") - resting["bytes"],
            used_bytes - resting["used_bytes"],
            wasted_bytes - resting_wasted,
            decided - resting_decided,
        ),
        "resting": _phase(resting["bytes"], resting["used_bytes"], resting_wasted, resting_decided),
    }


def bytes_by_cause(totals: Totals, counter: str) -> dict[Waste, float]:
    """Bytes of a counter, `WASTED` or `RECOVERED`, by cause; they only grow."""
    found = {cause: totals.counts.get(f"{counter}.{cause}", 0.0) for cause in Waste}
    if counter == WASTED:
        found[Waste.EVICTED] += totals.counts.get(FORMER_EVICTED, 0.0)
    return found


def wasted_now(totals: Totals) -> dict[str, int]:
    """Wasted bytes by cause, without those that were used after all."""
    recovered = bytes_by_cause(totals, RECOVERED)
    return {
        # What was used in the window may have been wasted before it.
        str(cause): max(0, round(nbytes - recovered[cause]))
        for cause, nbytes in bytes_by_cause(totals, WASTED).items()
    }


def _undecided_bytes(ever: Totals) -> int:
    """Bytes decoded ahead that are neither used nor wasted by now."""
    decoded, used = (ever.counts.get(f"prefetch.{n}_bytes", 0.0) for n in ("decoded", "used"))
    # A killed process may have used what it had not counted as decoded yet.
    return max(0, round(decoded - used) - sum(wasted_now(ever).values()))


def share(part: float, whole: float) -> float | None:
    """A share 0…1; None of nothing."""
    # Bricks used in a window may have been decoded before it, so the share is clipped to one.
    return min(1.0, max(0.0, part / whole)) if whole > 0.0 else None


def _lead(totals: Totals) -> LeadStats:
    used, late = (totals.counts.get(f"prefetch.{name}", 0.0) for name in ("used", "late"))
    lead = totals.times.get(PREFETCH_LEAD, Histogram())
    p5, p50, p95 = lead.quantiles(0.05, 0.5, 0.95)
    return {
        "ready": max(0, round(used - late)),
        "joined": round(late),
        "not_begun": round(totals.counts.get("prefetch.not_begun", 0.0)),
        "p5_s": p5,
        "p50_s": p50,
        "p95_s": p95,
    }


def _phase(
    decoded_bytes: float, used_bytes: float, wasted_bytes: float, decided: float
) -> PhaseStats:
    return {
        "decoded_bytes": max(0, round(decoded_bytes)),
        "used_bytes": max(0, round(used_bytes)),
        "wasted_bytes": max(0, round(wasted_bytes)),
        "accuracy": _accuracy(max(0.0, used_bytes), max(0.0, wasted_bytes), decided),
    }


def _accuracy(used_bytes: float, wasted_bytes: float, decided: float) -> float | None:
    """Of the bytes whose fate is decided, the share that was used."""
    return share(used_bytes, used_bytes + wasted_bytes) if decided >= MIN_DECIDED_BRICKS else None
