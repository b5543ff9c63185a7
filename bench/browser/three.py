"""Three views through a point that is moved: to where nothing is cached, and in cached bricks."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from playwright.sync_api import Browser

from bench.browser.tab import Tab, script, tab
from bench.context import Context, Volume
from bench.model import Section
from dashboard.benchmarking.server import Server

# Steps of the point (voxels) in bricks that are cached, beyond what is fetched ahead.
STEP, STEPS = 5, 3
THREE = (
    "The point of three views is moved along all three dimensions at once: to a place where nothing of the three"
    " bricks is cached, as the residency says before and the answers of all three pictures say afterwards (others"
    f" do not count), then {STEPS} times by {STEP} slices, in the bricks that the server has by then. Times until"
    " the last of the three pictures."
)
# Points that prefetching has reached do not count.
TRIES = 4
AXES = (0, 1, 2)


def open_view(server: Server, page: Tab, volume: Volume, **more: object) -> None:
    """Open the middle of a volume, wait for what `more` has beside its picture, and for prefetching to end."""
    index = volume.shown.shape[0] // 2
    query = {"file": "v", "dataset": volume.shown.dataset, "axis": 0, "index": index} | more
    page.page.goto(f"http://127.0.0.1:{server.port}/?{urlencode(query)}")
    page.await_seen(index)
    if more:
        page.page.wait_for_function("() => window.beside.length > 0", timeout=60_000)
    page.rest()
    server.wait_until_idle()


def three(context: Context, browser: Browser, section: Section) -> None:
    """Adds what three views take, each point in a server of its own."""
    volume = context.reference
    cold: list[float] = []
    cached: list[float] = []
    count = context.times(6, 2)
    for turn in range(TRIES * count):
        if len(cold) == count:
            break
        with context.serving(f"v={volume.path}") as server, tab(browser) as page:
            middle = [length // 2 for length in volume.shown.shape]
            open_view(server, page, volume, views=3, point=",".join(map(str, middle)))
            place = _uncached(server, volume, middle, turn)
            if place is None:
                continue
            time_ms, sources = _move(page, place)
            if set(sources) == {"miss"}:
                cold.append(time_ms)
            page.rest()
            for step in range(1, STEPS + 1):
                server.wait_until_idle()
                time_ms, sources = _move(page, [at + step * STEP for at in place])
                if "miss" not in sources:
                    cached.append(time_ms)
                page.rest()
    section.add(
        "three views, point moved to where nothing is cached",
        cold,
        "ms",
        floor=1000,
        aim=500,
        more=False,
    )
    section.add(
        "three views, point moved in cached bricks", cached, "ms", floor=50, aim=34, more=False
    )


def _uncached(server: Server, volume: Volume, middle: Sequence[int], turn: int) -> list[int] | None:
    """The place farthest from the middle along each axis in whose brick nothing is cached, planned or in work."""
    shown = volume.shown
    place = []
    for axis in AXES:
        with server.client() as client:
            known = client.json(
                "/api/v1/residency",
                file="v",
                dataset=shown.dataset,
                selection=shown.selection(axis, middle[axis]),
                axis=str(axis),
            )
        thick, length = shown.thickness(axis), shown.shape[axis]
        ranges = [one for kind in ("cached", "coming") for one in known[kind]]
        free = [
            start
            for start in range(0, length - thick + 1, thick)
            if all(stop <= start or first >= start + thick for first, stop in ranges)
        ]
        if not free:
            return None
        # Of both ends in turn, at another depth each time.
        free.sort(key=lambda start: abs(start - middle[axis]), reverse=True)
        place.append(free[turn % min(2, len(free))] + (7 * turn + 3) % (thick - STEPS * STEP))
    return place


def _move(page: Tab, place: Sequence[int]) -> tuple[float, list[str]]:
    """Time (ms) until the pictures of all three planes through a point are painted, and where they came from."""
    page.clear()
    begun: float = page.page.evaluate(script("set-point"), list(place))
    page.await_seen(place[0])
    page.page.wait_for_function(
        "(place) => [1, 2].every((axis) =>"
        " window.beside.some(([, index, of]) => index === place[axis] && of === axis))",
        arg=list(place),
        timeout=60_000,
    )
    painted = {(0, index): (at, source) for at, index, source in reversed(page.seen())}
    painted |= {(of, index): (at, source) for at, index, of, source in reversed(page.beside())}
    found = [painted[axis, place[axis]] for axis in AXES]
    return max(at for at, _ in found) - begun, [source for _, source in found]
