"""Names of what happens to a slice: outcomes of demands, purposes of decoding, stages of the pipeline.

They are strings of the interface (`Cache-Status`, `Server-Timing`, `/api/v1/stats`, `/metrics`) and of stored
rows: values of these enums are equal to them and are serialised as they are.
"""

from __future__ import annotations

from enum import StrEnum


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
