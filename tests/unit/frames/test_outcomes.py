"""Outcomes of frames: recorded for each slice, and counted for demands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import SCRIPT
from dashboard.addressing.selection import parse
from dashboard.frames.renderer import SliceAddress
from dashboard.storage.bytes_cache import HeadedBytes
from tests.parts import Parts, requester


def test_the_worst_of_several_bricks_tells_the_outcome(
    make_parts: Callable[..., Parts], values: Any
) -> None:
    here = make_parts(max_brick_bytes=2500)
    bricks = here.bricks("data/a.h5", "gzip", "0,:,:")
    assert len(bricks) > 2
    here.load(bricks[0])
    assert here.frame("data/a.h5", "gzip", "0,:,:").outcome == "miss"
    assert here.frame("data/a.h5", "gzip", "1,:,:").outcome == "hit"
    for brick in here.bricks("data/a.h5", "gzip", "4,:,:"):
        here.load(brick, Purpose.PREFETCH_MOVING)
    assert here.frame("data/a.h5", "gzip", "4,:,:").outcome == "prefetched"
    assert here.frame("data/a.h5", "gzip", "4,1:,1:").outcome == "hit"


def test_a_frame_fetched_ahead_is_prefetched_at_its_first_demand(here: Parts, values: Any) -> None:
    ahead = here.frame("data/a.h5", "gzip", "1,:,:", counted=False, purpose=Purpose.PREFETCH_MOVING)
    assert (ahead.outcome, ahead.frame_cache_hit) == ("miss", False)
    first = here.frame("data/a.h5", "gzip", "1,:,:")
    assert (first.outcome, first.frame_cache_hit) == ("prefetched", True)
    second = here.frame("data/a.h5", "gzip", "1,:,:")
    assert (second.outcome, second.frame_cache_hit) == ("hit", True)
    assert here.ledger.counted["prefetch.used"] == 1


def test_an_uncounted_slice_is_neither_reported_nor_remembered(here: Parts, values: Any) -> None:
    here.frame("data/a.h5", "gzip", "1,:,:", counted=False, purpose=Purpose.PREFETCH_MOVING)
    for _ in range(2):
        assert here.frame("data/a.h5", "gzip", "1,:,:", counted=False).outcome == "hit"
    assert here.frame("data/a.h5", "gzip", "1,:,:").outcome == "prefetched"


def test_a_frame_that_the_page_has_is_reported(here: Parts, values: Any) -> None:
    here.frame("data/a.h5", "gzip", "1,:,:", counted=False, purpose=Purpose.PREFETCH_MOVING)
    volume = here.library.volume("data/a.h5", "gzip")
    address = SliceAddress(volume, parse("1,:,:", volume.shape))
    assert here.reader.cached(address, SCRIPT).outcome == "hit"
    assert here.reader.cached(address, requester()).outcome == "prefetched"
    assert here.reader.cached(address, requester()).outcome == "hit"
    flat = here.library.volume("data/a.h5", "contiguous")
    assert here.reader.cached(SliceAddress(flat, address.selection), requester()).outcome == "hit"


def test_retelling_decodes_nothing(
    here: Parts, values: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = here.library.volume("data/a.h5", "gzip")
    address = SliceAddress(volume, parse("1,:,:", volume.shape))
    assert here.reader.cached(address, requester()).outcome == "hit"
    assert "bricks.decoded" not in here.ledger.counted


@pytest.mark.parametrize("planted", [b"", b"garbage", b"{}", b"[]", b"\x80\x04N."])
def test_a_planted_frame_is_made_anew(here: Parts, values: Any, planted: bytes) -> None:
    here.frame("data/a.h5", "gzip", "1,:,:")
    (key,) = here.frames
    here.frames[key] = HeadedBytes(planted, here.frames[key].body)
    answer = here.frame("data/a.h5", "gzip", "1,:,:")
    assert answer.frame.body == values[1].tobytes()
    assert not answer.frame_cache_hit
    assert here.frame("data/a.h5", "gzip", "1,:,:").frame_cache_hit


def test_a_frame_of_another_length_is_made_anew(here: Parts, values: Any) -> None:
    here.frame("data/a.h5", "gzip", "1,:,:")
    ((key, packed),) = here.frames.items()
    here.frames[key] = HeadedBytes(packed.head, packed.body[:-1])
    assert here.frame("data/a.h5", "gzip", "1,:,:").frame.body == values[1].tobytes()
