"""A handle of the contrast window, and an end of a line, that are dragged."""

from __future__ import annotations

from bench.browser.dragging import FRAME_MS, MOVES, dragged
from bench.browser.tab import Tab, chromium, tab
from bench.browser.three import open_view
from bench.context import Context
from bench.model import Section

# Ends of the line, as shares of the picture's width and height.
LINE = ((0.2, 0.3), (0.7, 0.6))


def tools(context: Context) -> Section:
    """What the page does for each move of the mouse."""
    volume = context.reference
    section = Section(
        "tools",
        "Contrast and tools",
        "Headless Chromium at 1280×800, drawing in software on the cores that serve it. A handle of the window and"
        f" an end of a line are dragged to and fro, {MOVES} moves a second. The work of a frame is the time from"
        " its first move until it is painted; the profile's rate counts frames in which its chart changed.",
    )
    seconds = context.times(3, 2)
    work: list[float] = []
    late: list[float] = []
    rates: list[float] = []
    with (
        chromium() as browser,
        context.serving(f"v={volume.path}") as server,
        tab(browser) as page,
    ):
        open_view(server, page, volume)
        page.page.wait_for_selector("#histogram .handle-hi")
        for _ in range(context.times(5, 2)):
            server.wait_until_idle()
            frames = dragged(
                page, *_inside(page, "#histogram .handle-hi", 0.5, 0.5), seconds, across=False
            )
            work += frames["work"]
            late.append(100 * sum(ms > FRAME_MS for ms in frames["work"]) / len(frames["work"]))
        end = _drawn_line(page)
        for _ in range(context.times(5, 2)):
            server.wait_until_idle()
            frames = dragged(page, *end, seconds, watched="#profile-panel")
            rates.append(len(frames["changes"]) / seconds)
    section.add("window dragged, work of a frame", work, "ms", floor=16, aim=8, more=False)
    section.add("window dragged, frames of more work than their time", late, "%", more=False)
    section.add("a line's profile follows the drag", rates, "charts/s", floor=30, aim=60)
    return section


def _inside(page: Tab, selector: str, across: float, down: float) -> tuple[float, float]:
    """The place in an element's box, as shares of its width and height."""
    box = page.page.locator(selector).bounding_box()
    if box is None:
        raise RuntimeError(f"the page has no {selector}")
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def _drawn_line(page: Tab) -> tuple[float, float]:
    """Draws a line; returns where its second end is."""
    page.page.click("#tool-line")
    page.page.wait_for_selector(".plot-frame.with-tool")
    first, second = (_inside(page, "#slice-graph .nsewdrag", *at) for at in LINE)
    page.page.mouse.move(*first)
    page.page.mouse.down()
    page.page.mouse.move(*second, steps=8)
    page.page.mouse.up()
    page.page.wait_for_selector("#profile-panel .js-line")
    page.rest()
    return second
