"""A tab of a real Chromium on a real server, with the operations that tests need."""

from __future__ import annotations

import base64
import io
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
)

from tests.counted import all_counted
from tests.page_scripts import script
from tests.waits import WITHIN_MS, WITHIN_S

# Marks may be cleared at once: an observer sees them all the same.
COLLECT_MARKS = script("viewer/collect-marks")

OPEN = script("viewer/open")

SIZE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

# Resolves when the picture is the one that was asked for; the page's policy forbids evaluated text, so the
# waiting is done by a function.
SETTLED = script("viewer/settled")

UNTIL = script("viewer/until")

TRACE = script("viewer/trace")

# The picture is dimmed while another one is awaited, and covered by the canvas while slices move.
DIMMED = script("viewer/is-dimmed")

MOVING = script("viewer/is-moving")

# From now on the heatmap is not drawn; and as before.
NEVER_REST = script("viewer/never-rest")

REST = script("viewer/rest")


@dataclass(frozen=True)
class Served:
    """A running `lamella serve`; `arrays` are the datasets by file and path."""

    url: str
    arrays: dict[tuple[str, str], NDArray[Any]]

    def get(self, path: str, **query: object) -> tuple[bytes, Any]:
        """Body and headers of an answer."""
        address = f"{self.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        with urllib.request.urlopen(address, timeout=WITHIN_S) as response:
            return response.read(), response.headers

    def post(self, path: str, body: object) -> None:
        """Send a body as JSON, as a page of the server does."""
        headers = {"Content-Type": "application/json", "Origin": self.url}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        urllib.request.urlopen(request, timeout=WITHIN_S).close()

    def values(self, **query: object) -> NDArray[Any]:
        """A slice as NumPy's own file."""
        body, _ = self.get("/api/v1/slice", format="npy", **query)
        values: NDArray[Any] = np.load(io.BytesIO(body))
        return values

    def stats(self, **query: str) -> dict[str, Any]:
        """The figures since the ledger began, unless another window is asked for."""
        body, _ = self.get("/api/v1/stats", **(query or {"window": "all"}))
        figures: dict[str, Any] = json.loads(body)
        return figures

    def counted(self, **query: str) -> dict[str, Any]:
        """The same when everything that was answered by now is in them."""
        return all_counted(lambda: self.stats(**query))

    def groups_by_viewer(self) -> dict[str, Any]:
        """What each viewer asked in the last minutes, everything that was answered by now included."""
        groups: dict[str, Any] = self.counted(window="300", by="viewer")["groups"]
        return groups

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the ledger's figures are as wanted."""
        end = time.monotonic() + WITHIN_S
        while not holds(self.stats()):
            assert time.monotonic() < end, "the figures stay as they are"
            time.sleep(0.2)


def reveal(page: Page, selector: str) -> Locator:
    """A control of the dock, whose tab is opened."""
    tab = page.locator(f"[role=tabpanel]:has({selector})").get_attribute("aria-labelledby")
    page.click(f"#{tab}")
    return page.locator(selector)


@dataclass
class Viewer:
    """One tab. `errors` are those of its console; a test that expects some clears them."""

    page: Page
    served: Served
    errors: list[str] = field(default_factory=list)

    def open(self, link: str = "") -> Viewer:
        """Load the page and wait for the first slice."""
        self.page.goto(f"{self.served.url}/{link}")
        return self.settled()

    def switch(self, link: str) -> Viewer:
        """Go to a link without loading the page anew, as the browser's own back does, and wait for its slice."""
        self.page.evaluate(
            script("viewer/switch"),
            link,
        )
        return self.settled()

    def load(self, link: str) -> None:
        """Load the page, whatever comes of it."""
        self.page.goto(f"{self.served.url}/{link}")

    def settled(self, painted: int = 1) -> Viewer:
        """Wait until the requested slice is on the screen and at least `painted` slices were painted."""
        self.page.evaluate(SETTLED, painted)
        return self

    def until(self, function: str, argument: object = None) -> Any:
        """Wait for a JavaScript function of `argument` to give something."""
        name = f"until{abs(hash(function))}"
        self.page.evaluate(f"() => {{ window['{name}'] = {function}; }}")
        return self.page.evaluate(UNTIL, [name, argument])

    def press(self, *keys: str) -> Viewer:
        """Press keys one after the other and wait for the slice."""
        for key in keys:
            self.page.keyboard.press(key)
        return self.settled()

    def idle(self) -> Viewer:
        """Wait until no frame is on its way, and what has arrived is drawn."""
        self.until("() => lamella.scrubber.inFlight() === 0")
        self.page.evaluate(
            "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
        )
        return self

    @property
    def trace(self) -> dict[str, Any]:
        """The heatmap as Plotly has it."""
        trace: dict[str, Any] = self.page.evaluate(TRACE)
        values = np.frombuffer(base64.b64decode(trace["z"]), np.float64)
        lengths = trace.pop("lengths")
        assert len(set(lengths)) <= 1
        trace["z"] = values.reshape(len(lengths), -1)
        return trace

    @property
    def painted(self) -> list[dict[str, Any]]:
        """The details of all marks so far."""
        marks: list[dict[str, Any]] = self.page.evaluate("() => window.painted")
        return marks

    @property
    def name(self) -> str:
        """What figures call this viewer."""
        return str(self.page.evaluate("() => sessionStorage.getItem('lamella-viewer')"))

    @property
    def index(self) -> int:
        """What the slider says."""
        return int(self.page.locator("#slice-slider [role=slider]").get_attribute("aria-valuenow"))  # type: ignore[arg-type]

    def address(self, part: str) -> None:
        """Wait until the address bar has this text in it."""
        self.until("(text) => decodeURIComponent(location.search).includes(text)", part)

    def await_text(self, id_: str, text: str) -> None:
        """Wait until an element has this text in it; without text, until it has none."""
        self.until(script("viewer/has-text"), [id_, text])

    def await_painted(self, count: int) -> None:
        """Wait until more than `count` slices were painted."""
        self.until(script("viewer/has-painted"), count)

    def await_index(self, index: int) -> None:
        """Wait until the slice that was painted last is this one."""
        self.until(script("viewer/last-painted"), index)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where the voxel (row y, column x) is in the window (px)."""
        (place,) = self.points([(x, y)])
        return place

    def points(self, voxels: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Where voxels (column, row) are in the window (px)."""
        places = self.page.evaluate(f"(all) => all.map({script('viewer/point')})", list(voxels))
        return [(x, y) for x, y in places]


@dataclass
class KeptViewer(Viewer):
    """A tab for many tests. It loads the page once; later links are followed as the Back button follows them.

    Colours and pooling are the default ones again when a link is opened. What is unfolded in the tree, chosen for
    playing or stored in the profile stays.
    """

    loaded: bool = False
    size: ViewportSize = field(default_factory=lambda: SIZE)

    def open(self, link: str = "") -> Viewer:
        if not self.loaded:
            self.loaded = True
            return super().open(link)
        self.page.mouse.move(0, 0)
        self.until("() => 'lamella' in window")
        self.page.evaluate(OPEN, link)
        return self.settled()

    def load(self, link: str) -> None:
        self.loaded = True
        super().load(link)


AnyViewer = TypeVar("AnyViewer", bound=Viewer)


def context_of(browser: Browser, **options: Any) -> BrowserContext:
    return collecting(browser.new_context(**({"viewport": SIZE} | options)))


def collecting(context: BrowserContext) -> BrowserContext:
    """The same context, whose pages collect their marks; they may be slow."""
    context.set_default_timeout(WITHIN_MS)
    context.add_init_script(COLLECT_MARKS)
    return context


def tab_of(context: BrowserContext, served: Served) -> Viewer:
    return listened(Viewer(context.new_page(), served))


def listened(viewer: AnyViewer) -> AnyViewer:
    """The same viewer, which from now on collects what its console says against it."""

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            viewer.errors.append(message.text)

    viewer.page.on("console", said)
    viewer.page.on("pageerror", lambda error: viewer.errors.append(str(error)))
    return viewer
