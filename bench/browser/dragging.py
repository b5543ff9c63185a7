"""A mouse that is moved to and fro with a button held, and the frames that come of it."""

from __future__ import annotations

import time

from bench.browser.tab import Tab, script

FRAME_MS = 1000 / 60
# Moves a second, and how far the mouse goes to either side (pixels).
MOVES, REACH = 60, 60


def dragged(
    page: Tab,
    x: float,
    y: float,
    seconds: float,
    *,
    across: bool = True,
    watched: str | None = None,
) -> dict[str, list[float]]:
    """What `frames.js` records while a mouse button is held and moved from there to and fro.

    `watched` selects the element whose changes are recorded.
    """
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.evaluate(script("frames"), watched)
    begun = time.perf_counter()
    for turn in range(int(MOVES * seconds)):
        late = begun + turn / MOVES - time.perf_counter()
        if late > 0:
            time.sleep(late)
        by = 2 * (REACH - abs(turn % (2 * REACH) - REACH)) - REACH
        page.page.mouse.move(x + by * across, y + by * (not across))
    frames: dict[str, list[float]] = page.page.evaluate(script("frames"), None)
    page.page.mouse.move(x, y)
    page.page.mouse.up()
    page.rest()
    return frames
