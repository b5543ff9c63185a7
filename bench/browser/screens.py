"""The page on screens of several sizes and densities, and on a slow link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser

from bench.browser.tab import Tab, chromium, script, tab
from bench.context import Context
from bench.model import Section, Table
from bench.report import number

LARGE = {"viewport": {"width": 3840, "height": 2160}}
DENSE = {"device_scale_factor": 2}
# 2 Mbit/s.
SLOW = {"latency": 150, "downloadThroughput": 250_000, "uploadThroughput": 250_000}
RATE, SECONDS = 30, 2


@dataclass(frozen=True)
class Case:
    """A screen and a link; `options` are those of Playwright's context."""

    what: str
    options: dict[str, Any]
    link: dict[str, int] | None = None


CASES = (
    Case("1280×800", {}),
    Case("1280×800, two pixels per CSS pixel", DENSE),
    Case("3840×2160", LARGE),
    Case("1280×800, slow link", {}, SLOW),
    Case("1280×800, two pixels per CSS pixel, slow link", DENSE, SLOW),
)


@dataclass
class Found:
    """Repeated measurements of a case: times to pictures (ms), cells at rest, rates (1/s) and gaps (ms)."""

    first: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)
    cells: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


def screens(context: Context) -> Section:
    """Time to the first and to the full picture, cells at rest, and a held key."""
    volume = context.reference
    section = Section(
        "screens",
        "Screens and links",
        "Headless Chromium, drawing in software on the cores that serve it, with scripts in the browser's cache"
        " and the slice in the server's. First picture: from the navigation to the first pixels of the slice, full"
        " picture: until it rests with all its cells. Then a key is held at 30/s. The slow link has 2 Mbit/s and"
        " 150 ms from request to response (Chromium's own emulation).",
    )
    count = context.times(5, 1)
    apart = max(volume.shown.shape[0] // (count + 2), 1)
    places = [apart * (turn + 1) for turn in range(count)]
    query = {"file": "v", "dataset": volume.shown.dataset, "axis": 0}
    rows = []
    with context.serving(f"v={volume.path}") as server, chromium() as browser:
        with server.client() as client:
            for index in [*places, *(place + SECONDS * RATE for place in places)]:
                client.slice("v", volume.shown.dataset, f"{index},:,:")
        address = f"http://127.0.0.1:{server.port}/?{urlencode(query)}"
        for case in CASES:
            found = Found()
            server.wait_until_idle()
            with cached(browser, case, address) as page:
                for index in places:
                    measure(page, f"{address}&index={index}", index, found)
            rows.append(_row(case.what, found))
            if case.link is not None:
                seconds = [one / 1000 for one in found.first]
                section.add(f"first picture, {case.what}", seconds, "s", floor=2, more=False)
    headings = ("screen and link", "first picture, s", "full picture, s", "cells at rest")
    section.tables.append(Table("", (*headings, "slices/s of 30", "longest gap, ms", "n"), rows))
    return section


@contextmanager
def cached(browser: Browser, case: Case, address: str) -> Iterator[Tab]:
    """A tab of the case's screen and link, whose browser has the scripts."""
    with tab(browser, **case.options) as page:
        page.page.goto(f"{address}&index=0")
        page.await_seen(0)
        page.rest()
        page.tools.send("Network.enable")
        if case.link is not None:
            conditions = {"offline": False, **case.link}
            page.tools.send("Network.emulateNetworkConditions", conditions)
        yield page


def measure(page: Tab, address: str, index: int, found: Found) -> None:
    """Load the page, then hold a key. Of a slice that the browser has seen it would have the bytes."""
    page.page.goto("about:blank")
    page.page.goto(address)
    page.await_seen(index, 120.0)
    page.page.wait_for_function("() => window.rested.length > 0", timeout=120_000)
    found.first.append(page.seen()[0][0])
    found.full.append(page.page.evaluate("() => window.rested[0]"))
    found.cells.append(page.page.evaluate(script("cells")))
    page.page.wait_for_timeout(2000)
    rate, gap = page.hold("ArrowRight", RATE, SECONDS)
    found.rates.append(rate)
    found.gaps.append(gap)


def _row(what: str, found: Found) -> list[str]:
    def spread(values: list[float], scale: float = 1.0) -> str:
        ordered = sorted(value / scale for value in values)
        return (
            f"{number(ordered[len(ordered) // 2])} ({number(ordered[0])} … {number(ordered[-1])})"
        )

    return [
        what,
        spread(found.first, 1000),
        spread(found.full, 1000),
        f"{max(found.cells):,.0f}",
        spread(found.rates),
        spread(found.gaps),
        str(len(found.first)),
    ]
