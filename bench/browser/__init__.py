"""The page in a browser, compared with a plain Dash app in the same run."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser

from bench.browser.first_pixels import LOOPBACK, SLOW, opened
from bench.browser.tab import Tab, chromium, script, tab
from bench.context import Context, Volume, pick_bricks
from bench.model import Section, ratios
from dashboard.benchmarking.server import Server, free_port

STARTED_WITHIN_S = 60.0
HEAP_SLICES = (200, 2000)


def browser(context: Context) -> Section:
    """Time from key to slice, held keys, memory, and loading the page."""
    volume = context.reference
    section = Section(
        "browser",
        "In a browser",
        "Headless Chromium at 1280×800, drawing in software on the cores that serve it. Times from the key's own"
        " time stamp to the animation frame after drawing; a held key repeats at the given rate. The"
        " plain Dash app is a slider, a callback and `go.Heatmap`, and caches slices in the server. Cold:"
        " slices whose bricks are not cached. Found on the server: ten slices further in a cached brick,"
        " right after a jump into it, so that the page has not prefetched them.",
    )
    cold = sorted(pick_bricks(volume, 0, context.times(8, 3), volume.fresh))
    with chromium() as browser:
        theirs = _plain(context, browser, volume, cold)
        ours = _lamella(context, browser, volume, cold, section)
    section.add(
        "found on the server, beside the plain app warm", _all(theirs[1], ours[1]), floor=10, aim=30
    )
    both = [theirs[0][cold.index(index)] / time_ms for index, time_ms in ours[0].items()]
    section.add("cold, beside the plain app cold", both, floor=4, aim=6)
    section.add("the plain app, warm", theirs[1], "ms", more=False)
    section.add("the plain app, cold", theirs[0], "ms", more=False)
    return section


def _all(above: list[float], below: list[float]) -> list[float]:
    count = min(len(above), len(below))
    return ratios(above[:count], below[:count])


def _lamella(
    context: Context, browser: Browser, volume: Volume, cold: list[int], section: Section
) -> tuple[dict[int, float], list[float]]:
    """Add figures to the section. Returns times (ms): cold slices by index, and slices found on the server."""
    length = volume.shown.shape[0]
    with context.serving(f"v={volume.path}") as server, tab(browser) as page:
        query = {"file": "v", "dataset": volume.shown.dataset, "axis": 0, "index": length // 2}
        page.page.goto(f"http://127.0.0.1:{server.port}/?{urlencode(query)}")
        page.await_seen(length // 2)
        page.rest()
        first: dict[int, float] = {}
        for index in cold:
            server.wait_until_idle()
            time_ms = page.put("slice-slider", index)
            # A slice that was prefetched meanwhile is not cold.
            if page.seen()[0][2] in ("miss", "coalesced"):
                first[index] = time_ms
            page.rest()
        server.wait_until_idle()
        at = length // 2
        page.put("slice-slider", at)
        page.rest()
        ring = []
        for turn in range(context.times(20, 8)):
            ring.append(page.press("ArrowRight", at + turn + 1))
            page.rest()
        found = _found(context, page, volume, list(first))
        section.add("key to slice, in the page", ring, "ms", floor=17, aim=5, more=False)
        section.add("key to slice, found on the server", found, "ms", floor=60, aim=34, more=False)
        section.add("slice that is cold", first.values(), "ms", more=False)
        _key_repeat(context, page, length, section)
        _heap(context, page, section)
        loads, sizes = [], []
        for _ in range(context.times(5, 2)):
            server.wait_until_idle()
            with tab(browser) as fresh:
                fresh.page.goto(f"http://127.0.0.1:{server.port}/?{urlencode(query)}")
                fresh.await_seen(length // 2)
                loads.append(fresh.seen()[0][0] / 1000)
                sizes.append(_transferred(fresh) / 1e6)
        _first_pixels(context, browser, server, query, section)
        section.add("first slice after opening the page", loads, "s", floor=2.5, more=False)
        section.add(
            "scripts and styles of the page, gzipped", sizes, "MB", floor=2.4, aim=2, more=False
        )
    return first, found


def _first_pixels(
    context: Context, browser: Browser, server: Server, query: dict[str, Any], section: Section
) -> None:
    """First pixels of a link, with nothing of the page in the browser's cache."""
    for link, floor, aim in ((LOOPBACK, 0.8, 0.4), (SLOW, 3, 1.5)):
        times = [opened(browser, server, query, link) for _ in range(context.times(5, 2))]
        name = f"first pixels of a link, {link.name}"
        section.add(name, [one.first for one in times], "s", floor=floor, aim=aim, more=False)
        section.add(
            f"its whole picture, {link.name}", [one.whole for one in times], "s", more=False
        )


def _found(context: Context, page: Tab, volume: Volume, decoded: list[int]) -> list[float]:
    """Times (ms) from key to slice, for slices of cached bricks that the page has not prefetched."""
    thick = volume.shown.thickness(0)
    times = []
    for turn in range(context.times(16, 4)):
        first = decoded[turn % len(decoded)] // thick * thick
        at = first + 8 + 24 * (turn // len(decoded))
        page.put("slice-slider", at)
        page.rest()
        time_ms = page.press("PageDown", at + 10)
        if page.seen()[0][2] in ("bricks", "frames"):
            times.append(time_ms)
        page.rest()
    return times


def _key_repeat(context: Context, page: Tab, length: int, section: Section) -> None:
    """A key held over uncached slices, back over them, and at a higher rate."""
    rates: list[list[float]] = [[], [], []]
    gaps: list[float] = []
    seconds = context.times(5, 3)
    for turn in range(context.times(3, 1)):
        page.put("slice-slider", length // 8 * (turn + 1) + 9 * turn)
        page.rest()
        rate, gap = page.hold("ArrowRight", 30, seconds)
        rates[0].append(rate)
        gaps.append(gap)
        page.rest()
        rates[1].append(page.hold("ArrowLeft", 30, seconds)[0])
        page.rest()
        rates[2].append(page.hold("ArrowRight", 60, seconds / 2)[0])
        page.rest()
    unit = "slices/s"
    section.add("arrow held at 30/s from cold", rates[0], unit, floor=26, aim=28)
    section.add("longest time without a new slice", gaps, "ms", floor=500, aim=300, more=False)
    section.add("back over seen slices", rates[1], unit, floor=29, aim=30)
    section.add("seen slices at 60/s", rates[2], unit, floor=50, aim=60)


def _heap(context: Context, page: Tab, section: Section) -> None:
    """JavaScript heap of the page after few and after many slices."""
    few, many = HEAP_SLICES
    sizes = []
    done = 0
    for count in (few, many):
        while done < count:
            page.hold("ArrowRight" if done // 100 % 4 < 2 else "ArrowLeft", 50, 2)
            done += 100
        page.rest()
        sizes.append(page.heap())
        if context.quick:
            return
    section.add(
        "JavaScript heap after 2,000 slices against 200",
        [sizes[1] / sizes[0]],
        floor=1.3,
        more=False,
    )


def _transferred(page: Tab) -> int:
    """Bytes transferred for the page, scripts and styles."""
    size: int = page.page.evaluate(script("transferred"))
    return size


def _plain(
    context: Context, browser: Browser, volume: Volume, cold: list[int]
) -> tuple[list[float], list[float]]:
    """Times (ms) of the plain app, cold and warm."""
    with _serving_plain(volume) as port, tab(browser) as page:
        page.page.goto(f"http://127.0.0.1:{port}/")
        page.page.wait_for_selector("#graph .main-svg", timeout=60_000)
        page.page.wait_for_timeout(3000)
        page.page.wait_for_function("() => window.watchPlain()")
        first = [page.put("slider", index) for index in cold]
        warm: list[float] = []
        while len(warm) < context.times(12, 4):
            warm.extend(page.put("slider", index) for index in cold[:4])
        return first, warm[: context.times(12, 4)]


@contextmanager
def _serving_plain(volume: Volume) -> Iterator[int]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "bench.browser.plain",
        str(volume.path),
        volume.shown.dataset,
        str(port),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + STARTED_WITHIN_S
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
                break
            except OSError:
                if time.monotonic() > end or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(20)
