"""The `Cache-Status` header of each outcome."""

from __future__ import annotations

import pytest

from dashboard.addressing.outcomes import Outcome
from dashboard.web import api


@pytest.mark.parametrize(
    ("outcome", "from_frames", "header"),
    [
        ("hit", False, "bricks; hit, frames; fwd=miss"),
        ("prefetched", False, "bricks; hit; detail=prefetched, frames; fwd=miss"),
        ("coalesced", False, "bricks; fwd=miss; collapsed, frames; fwd=miss"),
        ("miss", False, "bricks; fwd=miss, frames; fwd=miss"),
        ("hit", True, "frames; hit"),
        ("prefetched", True, "frames; hit; detail=prefetched"),
    ],
)
def test_the_cache_s_header(outcome: str, from_frames: bool, header: str) -> None:
    assert api.cache_status(Outcome(outcome), from_frames) == header
