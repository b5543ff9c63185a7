"""Services driven as the web layer drives them."""

from __future__ import annotations

from typing import Any

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import parse
from dashboard.bricks.loader import LoadedBrick
from dashboard.runtime.container import Services

SHAPE = (24, 40, 40)


def later(services: Services) -> None:
    """Wait until the work that was deferred until after the response is done."""
    services.activity.drain()


def view(services: Services, text: str, viewer: str = "v", dataset: str = "x") -> None:
    """Look at a slice of `data/a.h5`, and wait for what follows from it."""
    volume = services.metadata.volume("data/a.h5", dataset)
    services.activity.viewed(viewer, volume, parse(text, volume.shape))
    later(services)


def load(
    services: Services, address: BrickAddress, purpose: Purpose = Purpose.DEMAND
) -> LoadedBrick:
    """A brick, as somebody without a viewer gets it."""
    volume = services.metadata.volume(address.volume.file, address.volume.dataset)
    assert volume.address == address.volume
    return services.loader.load(volume, address, Requester(purpose))


def add_up(services: Services) -> None:
    """Have the figures include what was counted just now."""
    services.ledger.flush()
    services.stats.refresh()


def figures(services: Services) -> dict[str, Any]:
    """The figures since the ledger began."""
    add_up(services)
    return services.stats.snapshot(None)
