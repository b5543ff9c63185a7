"""Outcomes, purposes, stages and requesters: what the interface says, and what follows from them."""

from __future__ import annotations

import json
from itertools import product

import pytest

from dashboard.addressing.outcomes import Outcome, Purpose, Stage
from dashboard.addressing.requester import SCRIPT, WARMUP, Requester


def test_they_are_the_strings_of_the_interface() -> None:
    assert [*Outcome] == ["ring", "hit", "prefetched", "coalesced", "miss"]
    assert [*Purpose] == ["demand", "ahead", "resting", "warm"]
    assert json.dumps({Stage.DECODE: Outcome.HIT}) == '{"decode": "hit"}'
    assert {"decode": 1}[Stage.DECODE] == 1
    assert f"{Stage.READ};dur=1" == "read;dur=1"


@pytest.mark.parametrize(("one", "other"), list(product(Outcome, Outcome)))
def test_the_farther_of_two_outcomes(one: Outcome, other: Outcome) -> None:
    order = ["ring", "hit", "prefetched", "coalesced", "miss"]
    expected = order[max(order.index(one), order.index(other))]
    assert one.farther(other) == other.farther(one) == expected


def test_only_what_is_decoded_ahead_of_viewers_is_a_prefetch() -> None:
    assert [p for p in Purpose if p.is_prefetch] == ["ahead", "resting"]


def test_a_viewer_that_waits_alone_is_a_demand_that_counts() -> None:
    counts = [
        Requester(p, v) for p in Purpose for v in (None, "v") if Requester(p, v).is_viewer_demand
    ]
    assert counts == [Requester(Purpose.DEMAND, "v")]
    assert SCRIPT.purpose is Purpose.DEMAND
    assert WARMUP.purpose is Purpose.WARMUP
