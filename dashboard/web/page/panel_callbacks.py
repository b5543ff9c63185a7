"""The callback of the panels: every two seconds, while they are visible.

    panels-tick ─ server ─► panel-parts ─ browser ─► all panels and the banner, one after the other

The browser shows what is new in a panel, each in a task of its own and hardly while slices move
(`panel-scheduler.mjs`, `panels.mjs`). Components made here would have to pass through Dash and React, which takes
longer. The interval stands still while the tab is hidden or the panels are folded (`shell.mjs`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from dash import Dash, Input, Output

from dashboard.bulkhead import Bulkhead
from dashboard.web.page import panel_updates
from dashboard.web.page.ids import Panel, Shell
from dashboard.web.page.panel_updates import PanelUpdate, StatsSource

log = logging.getLogger(__name__)


class DegradedSource(Protocol):
    """What is needed of `dashboard.runtime.health.Health`."""

    def degraded(self) -> str | None:
        """One sentence while the caches cannot be written."""
        ...


class PanelSources(Protocol):
    """What is needed of the services."""

    @property
    def stats(self) -> StatsSource:
        """The ledger's statistics."""
        ...

    @property
    def health(self) -> DegradedSource:
        """The health of the process."""
        ...


def register(app: Dash, services: PanelSources) -> None:
    """Keep the panels up to date."""

    # Statistics come every two seconds; a panel that failed is retried with the next ones.
    bulkhead = Bulkhead(log, pause_s=0.0)
    stats = services.stats
    parts: dict[str, Callable[[], PanelUpdate]] = {
        Panel.PIPELINE: lambda: panel_updates.pipeline(stats),
        Panel.LATENCY: lambda: panel_updates.latency(stats),
        Panel.HIT_RATE: lambda: panel_updates.hit_rate(stats),
        Panel.PREFETCH: lambda: panel_updates.prefetch(stats),
        Shell.BANNER: lambda: {"texts": {Shell.BANNER: services.health.degraded() or ""}},
    }

    @app.callback(Output(Panel.PARTS, "data"), Input(Panel.TICK, "n_intervals"))
    def tick(_: int | None) -> dict[str, PanelUpdate]:
        # An error in one panel does not affect the others.
        made = {id_: bulkhead.run(f"The part {id_}", make, None) for id_, make in parts.items()}
        return {id_: part for id_, part in made.items() if part is not None}
