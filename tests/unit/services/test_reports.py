"""What pages report of the slices that they painted: demands, movement, stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import pytest

from dashboard.cache.story import Purpose
from dashboard.services import Services
from dashboard.slices.reader import SliceAddress
from dashboard.telemetry.posted import parse as read_report
from dashboard.volumes.selection import parse
from tests.services import SHAPE, figures, later


def report(*selections: str, source: str = "ring", file: str = "data/a.h5") -> Any:
    """What a page posts of slices that it painted."""
    slices = [
        {"file": file, "dataset": "/x", "selection": text, "source": source, "draw_ms": 2.0}
        for text in selections
    ]
    return read_report(flask.json.dumps({"viewer": "v", "slices": slices}).encode())


def test_slices_out_of_the_ring_are_demands_and_movement(make: Callable[..., Services]) -> None:
    services = make()
    services.painted(report("3,:,:", "4,:,:", "5,:,:"))
    later(services)
    found = figures(services)
    assert found["demand"]["ring"] == 3
    assert found["stages"]["draw"]["count"] == 3
    assert found["viewers"] == 1
    (plan,) = services.board.plans()
    assert plan.position == (5,)


def test_other_painted_slices_are_stages_alone(make: Callable[..., Services]) -> None:
    services = make()
    services.painted(report("3,:,:", source="bricks"))
    later(services)
    found = figures(services)
    assert sum(found["demand"].values()) == 0
    assert found["stages"]["draw"]["count"] == 1
    assert services.board.plans() == []


@pytest.mark.parametrize(
    "given",
    [{"file": "data/gone.h5"}, {"file": "../x"}, {"selection": "99,:,:"}, {"selection": "x"}],
)
def test_a_report_of_what_is_gone_is_still_a_demand(
    make: Callable[..., Services], given: dict[str, str]
) -> None:
    services = make()
    text = given.get("selection", "3,:,:")
    services.painted(report(text, file=given.get("file", "data/a.h5")))
    later(services)
    assert figures(services)["demand"]["ring"] == 1
    assert services.board.plans() == []


def test_what_the_ring_shows_was_not_decoded_ahead_in_vain(make: Callable[..., Services]) -> None:
    services = make()
    volume = services.library.volume("data/a.h5", "x")
    chosen = parse("5,:,:", SHAPE)
    (address,) = volume.bricks(chosen)
    services.supply.get_or_decode(address, Purpose.AHEAD)
    services.reader.frame(SliceAddress(volume, chosen), counted=False, purpose=Purpose.AHEAD)
    assert services.bricks.unwanted(address)
    services.painted(report("5,:,:"))
    later(services)
    assert not services.bricks.unwanted(address)
    found = figures(services)["prefetch"]
    assert found["used"] == found["decoded"] == 1
    assert found["accuracy"] == found["coverage"] == found["timeliness"] == 1.0


def test_a_ring_slice_whose_brick_is_gone_decodes_nothing(make: Callable[..., Services]) -> None:
    services = make()
    services.painted(report("5,:,:"))
    later(services)
    assert services.frame_disk.totals() == (0, 0)
    volume = services.library.volume("data/a.h5", "x")
    assert not any(services.bricks.has(b) for b in volume.bricks(parse("5,:,:", SHAPE)))
