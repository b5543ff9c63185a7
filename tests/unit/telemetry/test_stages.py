"""The stages keep the names and the order of the pipeline."""

from __future__ import annotations

from dashboard.telemetry.stages import (
    OUTCOMES,
    SERVER_STAGES,
    STAGE_NAMES,
    STAGES,
)


def test_order_and_names() -> None:
    pipeline = ("wait", "cache", "read", "decode", "index", "scale", "encode")
    assert (*pipeline, "other") == SERVER_STAGES
    assert (*SERVER_STAGES, "waited", "transfer", "convert", "draw", "display") == STAGE_NAMES
    assert OUTCOMES == ("ring", "hit", "prefetched", "coalesced", "miss")


def test_every_stage_says_what_it_is() -> None:
    for stage in STAGES:
        assert stage.what
        assert stage.reference
