"""The `Cache-Status` header of each outcome."""

from __future__ import annotations

import pytest

from dashboard.addressing.outcomes import Outcome, Provenance, Reason
from dashboard.web.cache_status import cache_status

HIT = Provenance(Outcome.HIT)
PREFETCHED = Provenance(Outcome.PREFETCHED)


@pytest.mark.parametrize(
    ("found", "from_frames", "header"),
    [
        (HIT, False, "bricks; hit, frames; fwd=miss"),
        (
            Provenance(Outcome.HIT, variant=True),
            False,
            "bricks; hit, frames; fwd=miss; detail=variant",
        ),
        (PREFETCHED, False, "bricks; hit; detail=prefetched, frames; fwd=miss"),
        (
            Provenance(Outcome.COALESCED, Reason.LATE),
            False,
            "bricks; fwd=miss; collapsed; detail=late, frames; fwd=miss",
        ),
        (
            Provenance(Outcome.MISS, Reason.NO_SPACE),
            False,
            "bricks; fwd=miss; detail=no_room, frames; fwd=miss",
        ),
        (Provenance(Outcome.MISS), False, "bricks; fwd=miss, frames; fwd=miss"),
        (HIT, True, "frames; hit"),
        (PREFETCHED, True, "frames; hit; detail=prefetched"),
    ],
)
def test_the_header(found: Provenance, from_frames: bool, header: str) -> None:
    assert cache_status(found, from_frames) == header
