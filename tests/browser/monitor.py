"""A tab with the page `/monitor` of a real server."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Page

from tests.browser.viewer import Served

VOLUME = {"file": "scan.h5", "dataset": "/entry/data"}

# Before any script of the page, so that violations are seen from the first element on.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""

DRAWN = "(row) => document.getElementById('monitor')?.dataset.drawn === row"
FITS = """() => {
  const { scrollHeight, scrollWidth } = document.documentElement;
  return scrollHeight <= innerHeight && scrollWidth <= innerWidth;
}"""


@dataclass
class Monitor:
    """The tab."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)

    def open(self, query: str = "", row: str = "latency") -> Page:
        self.page.goto(f"{self.url}/monitor{query}")
        self.drawn(row)
        return self.page

    def drawn(self, row: str) -> None:
        self.page.wait_for_function(DRAWN, arg=row)


def demand_slices(served: Served) -> None:
    """Demands of a viewer for it to show: some decoded, some cached, all of them reported."""
    # What tests before have looked at is decoded anew, and no frame of theirs has this window.
    served.post("/api/v1/contents/drop", {"volume": "scan.h5/entry/data"})
    query = {**VOLUME, "format": "u8", "window": f"0,{time.time():.0f}", "viewer": "ann"}
    slices = []
    for index in (3, 4, 90, 3):
        served.get("/api/v1/slice", **query, selection=f"{index},:,:")
        painted = dict.fromkeys(("transfer_ms", "convert_ms", "draw_ms", "display_ms"), 2.0)
        slices.append(
            {**VOLUME, "selection": f"{index},:,:", "index": index, "axis": 0, "source": "bricks"}
            | {"perceived_ms": 250.0, "waited_ms": 1.0}
            | painted
        )
    served.post("/api/v1/telemetry", {"viewer": "ann", "slices": slices})
    served.until(lambda stats: stats["perceived"].get("all", {}).get("count", 0) >= 4)


def monitor_of(profile: BrowserContext, served: Served) -> Monitor:
    """A new tab, whose console is listened to."""
    monitor = Monitor(profile.new_page(), served.url)
    monitor.page.add_init_script(WATCH)
    monitor.page.on(
        "console",
        lambda said: (
            monitor.errors.append(said.text) if said.type in ("error", "warning") else None
        ),
    )
    monitor.page.on("pageerror", lambda error: monitor.errors.append(str(error)))
    return monitor
