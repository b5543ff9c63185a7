"""The callback of the panels: every two seconds, while they are visible.

    panels-tick ─ server ─► panel-parts ─ browser ─► all panels and the banner, one after the other

The browser shows what is new in a panel, each in a task of its own and hardly while slices move
(`panel-scheduler.mjs`, `panels.mjs`). Components made here would have to pass through Dash and React, which takes
longer. The interval stands still while the tab is hidden or the panels are folded (`shell.mjs`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from dash import Dash, Input, Output

from dashboard.addressing.requester import VIEWER_ID
from dashboard.bulkhead import Bulkhead
from dashboard.web.page import panel_updates, panels
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


def register(app: Dash, services: PanelSources, may_see: Callable[[], bool] = lambda: True) -> None:
    """Keep the panels up to date, for people who may see figures of all viewers."""

    # Statistics come every two seconds; a panel that failed is retried with the next ones.
    bulkhead = Bulkhead(log, pause_s=0.0)
    stats = services.stats
    parts: dict[str, Callable[[str | None], PanelUpdate]] = {
        Panel.PIPELINE: lambda _: panel_updates.pipeline(stats),
        Panel.LATENCY: lambda _: panel_updates.latency(stats),
        Panel.HIT_RATE: lambda viewer: panel_updates.hit_rate(stats, viewer),
        Panel.PREFETCH: lambda _: panel_updates.prefetch(stats),
        Shell.BANNER: lambda _: {"texts": {Shell.BANNER: services.health.degraded() or ""}},
    }

    @app.callback(
        Output(Panel.PARTS, "data"),
        Input(Panel.TICK, "n_intervals"),
        Input(Panel.HIT_RATE_WHOSE, "value"),
        Input(Panel.VIEWER, "data"),
    )
    def tick(_: int | None, whose: object, viewer: object) -> dict[str, PanelUpdate]:
        if not may_see():
            return {}
        one = None
        if whose == panels.MINE and isinstance(viewer, str) and VIEWER_ID.fullmatch(viewer):
            one = viewer
        # An error in one panel does not affect the others.
        made = {
            id_: bulkhead.run(f"The part {id_}", partial(make, one), None)
            for id_, make in parts.items()
        }
        return {id_: part for id_, part in made.items() if part is not None}
