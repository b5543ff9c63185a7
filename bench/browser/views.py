"""Two pictures beside or over each other, and three views through a point."""

from __future__ import annotations

from bench.browser.dragging import FRAME_MS, dragged
from bench.browser.tab import Tab, chromium, tab
from bench.browser.three import THREE, open_view, three
from bench.context import Context
from bench.model import Section
from dashboard.benchmarking.server import Server

# Above what is to be reached, so that the keys do not limit it.
RATE = 40.0


def views(context: Context) -> Section:
    """Side by side, swipe, and three views."""
    section = Section(
        "views",
        "Comparing, and three views",
        "Headless Chromium at 1280×800, drawing in software on the cores that serve it. The volume is compared"
        f" with itself under another name. Side by side an arrow key is held at {RATE:.0f}/s over slices that were"
        " seen; a pair counts when both pictures are painted. The swipe is dragged to and fro, 60 moves a second;"
        " a frame is dropped when handlers, layout and painting take longer than a frame from the first move, and"
        " late when it comes more than 1.5 frames after the one before. Beside it is what the same moves do over"
        f" the page's header. {THREE}",
    )
    volume = context.reference
    with chromium() as browser:
        with (
            context.serving(f"v={volume.path}", f"w={volume.path}") as server,
            tab(browser) as page,
        ):
            _compared(context, server, page, section)
        three(context, browser, section)
    return section


def _compared(context: Context, server: Server, page: Tab, section: Section) -> None:
    volume = context.reference
    open_view(server, page, volume, compare=f"w|{volume.shown.dataset}")
    seconds = context.times(3, 2)
    rates = []
    for _ in range(context.times(2, 1)):
        for key in ("ArrowRight", "ArrowLeft"):
            page.hold(key, RATE, seconds)
            page.rest()
        page.hold("ArrowRight", RATE, seconds)
        rates.append(_pairs(page))
        page.rest()
        page.hold("ArrowLeft", RATE, seconds)
        rates.append(_pairs(page))
        page.rest()
    section.add("side by side, arrow held over seen slices", rates, "pairs/s", floor=20, aim=30)
    page.page.select_option("#compare-mode", "swipe")
    page.page.wait_for_selector("#compare-handle:visible")
    page.rest()
    handle = page.page.locator("#compare-handle").bounding_box()
    header = page.page.locator("header.header").bounding_box()
    if handle is None or header is None:
        raise RuntimeError("the page has no swipe")
    late, others, longest = [], [], []
    work: list[float] = []
    dropped: list[float] = []
    beside: list[float] = []
    for _ in range(context.times(5, 2)):
        server.wait_until_idle()
        frames = dragged(page, handle["x"], header["y"] + 4, seconds)
        others.append(_late(frames["between"]))
        beside.append(_long(frames["work"]))
        middle = page.page.locator("#compare-handle").bounding_box()
        if middle is None:
            raise RuntimeError("the swipe is gone")
        y = middle["y"] + middle["height"] / 2
        frames = dragged(page, middle["x"] + middle["width"] / 2, y, seconds)
        late.append(_late(frames["between"]))
        longest.append(max(frames["between"]))
        work += frames["work"]
        dropped.append(_long(frames["work"]))
    section.add("swipe, dropped frames", dropped, "%", floor=0, more=False)
    section.add("the same moves over the header, dropped frames", beside, "%", more=False)
    section.add("swipe, work of a frame", work, "ms", floor=FRAME_MS, aim=FRAME_MS / 2, more=False)
    section.add("swipe, late frames", late, "%", more=False)
    section.add("the same moves over the header, late frames", others, "%", more=False)
    section.add("swipe, longest time between frames", longest, "ms", more=False)


def _pairs(page: Tab) -> float:
    """Slices painted in both pictures since the last `clear`, for each second that keys came."""
    keys = page.keys()
    until = keys[-1] + 50
    main = {index for at, index, _ in page.seen() if at <= until}
    beside = {index for at, index, *_ in page.beside() if at <= until}
    return len(main & beside) / ((keys[-1] - keys[0]) / 1000)


def _long(work: list[float]) -> float:
    """Percent of the frames whose work takes longer than a frame."""
    return 100 * sum(ms > FRAME_MS for ms in work) / len(work)


def _late(between: list[float]) -> float:
    """Percent of the frames that are late."""
    return 100 * sum(ms > 1.5 * FRAME_MS for ms in between) / len(between)
