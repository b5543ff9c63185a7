"""The header `Cache-Status` (RFC 9211): where a slice came from."""

from __future__ import annotations

from dashboard.addressing.outcomes import Outcome, Provenance


def cache_status(found: Provenance, from_frames: bool) -> str:
    """The header of a slice: bricks are nearer to the origin than frames.

    `detail` of the bricks is the reason of a viewer's miss; that of the frames says that the plane was a hit, and
    this frame of it is a variant.
    """
    if from_frames:
        return "frames; hit" + _detail(found)
    bricks = {
        Outcome.HIT: "hit",
        Outcome.PREFETCHED: "hit",
        Outcome.COALESCED: "fwd=miss; collapsed",
        Outcome.MISS: "fwd=miss",
    }[found.outcome]
    frames = "fwd=miss; detail=variant" if found.variant else "fwd=miss"
    return f"bricks; {bricks}{_detail(found)}, frames; {frames}"


def _detail(found: Provenance) -> str:
    if found.outcome is Outcome.PREFETCHED:
        return "; detail=prefetched"
    return "" if found.reason is None else f"; detail={found.reason}"
