"""Services driven as the web layer drives them."""

from __future__ import annotations

from typing import Any

from dashboard.addressing.selection import parse
from dashboard.runtime.container import Services

SHAPE = (24, 40, 40)


def later(services: Services) -> None:
    """Wait until all is done that was put off until after the answer."""
    services.activity._deferred.submit(lambda: None).result(60)


def look(services: Services, text: str, viewer: str = "v", dataset: str = "x") -> None:
    """Look at a slice of `data/a.h5`, and wait for what follows from it."""
    volume = services.metadata.volume("data/a.h5", dataset)
    services.activity.viewed(viewer, volume, parse(text, volume.shape))
    later(services)


def add_up(services: Services) -> None:
    """Have the figures hold what was counted just now."""
    services.ledger.flush()
    services.stats._read_at = float("-inf")
    services.stats._snapshots.clear()


def figures(services: Services) -> dict[str, Any]:
    """The figures since the ledger began."""
    add_up(services)
    return services.stats.snapshot(None)
