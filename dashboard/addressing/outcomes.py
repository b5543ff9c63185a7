"""Names of what happens to a slice: outcomes of demands and their reasons, purposes of decoding, stages.

They are strings of the interface (`Cache-Status`, `Server-Timing`, `/api/v1/stats`, `/metrics`) and of stored
rows: values of these enums are equal to them and are serialised as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """Where the slice of a demand came from, from the nearest source to the farthest."""

    RING = "ring"
    HIT = "hit"
    PREFETCHED = "prefetched"
    COALESCED = "coalesced"
    MISS = "miss"

    def farther(self, other: Outcome) -> Outcome:
        """The one of two outcomes whose source is farther: that of a slice made of several bricks."""
        order = list(Outcome)
        return max(self, other, key=order.index)


# Counters of the reasons: `misses.REASON`.
MISSES: Final = "misses"


class Reason(StrEnum):
    """Why a demand was no hit: exactly one for each miss and each coalesced demand."""

    FIRST = "first"
    """The brick was never in the cache, and its viewer had no plan in this volume yet."""
    EVICTED = "evicted"
    """The brick was in the cache and left it, other than by hand."""
    CHANGED = "changed"
    """The brick was in the cache as it was before the file changed."""
    LATE = "late"
    """The brick was planned or being decoded ahead, and not ready."""
    JUMPED = "jumped"
    """The brick was not planned, since the viewer moved farther than it did before."""
    TURNED = "turned"
    """The brick was not planned, since the viewer reversed its direction."""
    UNPLANNED = "unplanned"
    """The brick was not planned although the viewer had a plan, or no prefetch worker is alive."""
    NO_SPACE = "no_room"
    """The brick was decoded before, and there was no space to store it."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the slice of a demand came from, and why it was no hit.

    `reason` is set for a viewer's misses and coalesced demands. `own`: a coalesced demand waited for a decode that
    the same viewer caused. `warmed`: a prefetched brick was decoded by `lamella warm`. `seen`: every plane was
    accessed by a viewer before. `variant`: a frame was made anew from bricks that were hit, because its window,
    norm, step or format differs from those rendered before.
    """

    outcome: Outcome
    reason: Reason | None = None
    own: bool = False
    warmed: bool = False
    seen: bool = False
    variant: bool = False

    def farther(self, other: Provenance) -> Provenance:
        """The one of two whose source is farther, which has to be waited for; `seen` if both are."""
        chosen = other if self.outcome.farther(other.outcome) is not self.outcome else self
        return replace(chosen, seen=self.seen and other.seen)

    def counters(self) -> Iterator[str]:
        """The counters of the ledger that are incremented beside the outcome."""
        if self.reason is not None:
            yield f"{MISSES}.{self.reason}"
        if self.outcome is Outcome.COALESCED:
            yield "coalesced.own" if self.own else "coalesced.shared"
        if self.warmed:
            yield "prefetched.warmed"
        if self.variant:
            yield "frames.variant"


class Purpose(StrEnum):
    """Why a brick is decoded."""

    DEMAND = "demand"
    PREFETCH_MOVING = "ahead"
    PREFETCH_IDLE = "resting"
    WARMUP = "warm"

    @property
    def is_prefetch(self) -> bool:
        """Whether it is decoded ahead of a viewer, whose demand decides whether that was of use."""
        return self in (Purpose.PREFETCH_MOVING, Purpose.PREFETCH_IDLE)


class Waste(StrEnum):
    """Why a brick that was decoded ahead was not used; decided by `dashboard.prefetch.fates`."""

    TURNED = "turned"
    """Its viewer reversed its direction."""
    JUMPED = "jumped"
    """Its viewer moved farther than it did before, or changed the axis."""
    LEFT = "left"
    """Its viewer has no plan in this volume any more."""
    TOO_DEEP = "too_deep"
    """Its viewer moved on, and its plan did not reach the brick any more, or had passed it."""
    EVICTED = "evicted"
    """It was evicted before anything else was decided."""
    DROPPED = "dropped"
    """It was removed from the cache by hand before anything else was decided."""


class Stage(StrEnum):
    """Steps of the pipeline from disk to screen, in order; described in `dashboard.telemetry.stages`."""

    WAIT = "wait"
    CACHE = "cache"
    READ = "read"
    DECODE = "decode"
    INDEX = "index"
    SCALE = "scale"
    ENCODE = "encode"
    OTHER = "other"
    WAITED = "waited"
    TRANSFER = "transfer"
    CONVERT = "convert"
    DRAW = "draw"
    DISPLAY = "display"
