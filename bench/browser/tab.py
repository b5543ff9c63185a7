"""A tab of Chromium that records the times of key presses and painted slices."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from dashboard.errors import SetupError

FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--js-flags=--expose-gc",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

SCRIPTS = Path(__file__).parent / "scripts"


def script(name: str) -> str:
    """The expression in `scripts/NAME.js`, as Playwright evaluates it."""
    return (SCRIPTS / f"{name}.js").read_text().rstrip().removesuffix(";")


@dataclass
class Tab:
    """One page and its developer tools session."""

    page: Page
    tools: CDPSession

    def seen(self) -> list[tuple[float, int, str]]:
        """Painted slices since the last `clear`: time (ms), index, source."""
        return [
            (at, index, source) for at, index, source in self.page.evaluate("() => window.seen")
        ]

    def beside(self) -> list[tuple[float, int, int, str]]:
        """Slices painted beside the main picture since the last `clear`: time (ms), index, axis, source."""
        return [
            (at, index, axis, source)
            for at, index, axis, source in self.page.evaluate("() => window.beside")
        ]

    def keys(self) -> list[float]:
        """Times (ms) of key presses since the last `clear`."""
        times: list[float] = self.page.evaluate("() => window.keys")
        return times

    def clear(self) -> None:
        """Discard recorded keys and slices."""
        self.page.evaluate("() => { window.seen = []; window.beside = []; window.keys = []; }")

    def await_seen(self, index: int, within_s: float = 60.0) -> None:
        """Wait until the slice `index` has been painted."""
        self.page.wait_for_function(
            "(index) => window.seen.some((one) => one[1] === index)",
            arg=index,
            timeout=within_s * 1000,
        )

    def press(self, key: str, index: int) -> float:
        """Press a key once. Returns the time (ms) until the slice `index` is painted."""
        self.clear()
        self.page.keyboard.press(key)
        self.await_seen(index)
        return next(at for at, one, _ in self.seen() if one == index) - self.keys()[0]

    def put(self, slider: str, index: int) -> float:
        """Set a slider. Returns the time (ms) until its slice is painted."""
        self.clear()
        begun: float = self.page.evaluate(script("set-slider"), [slider, index])
        self.await_seen(index)
        return next(at for at, one, _ in self.seen() if one == index) - begun

    def hold(self, key: str, rate: float, seconds: float) -> tuple[float, float]:
        """Hold a key that repeats at `rate` (1/s).

        Returns the rate of distinct painted slices (1/s) and the longest time without one (ms).
        """
        self.clear()
        begun = time.perf_counter()
        for turn in range(int(rate * seconds)):
            late = begun + turn / rate - time.perf_counter()
            if late > 0:
                time.sleep(late)
            self.page.keyboard.down(key)
        self.page.keyboard.up(key)
        first, last = (times := self.keys())[0], times[-1]
        moments = [at for at, _, _ in self.seen() if at <= last + 50]
        different = len({index for at, index, _ in self.seen() if at <= last + 50})
        gaps = [b - a for a, b in zip([first, *moments], [*moments, last], strict=True)]
        return different / ((last - first) / 1000), max(gaps)

    def rest(self) -> None:
        """Wait until Lamella shows the heatmap and has prefetched neighbouring slices."""
        self.page.wait_for_function(
            "() => document.getElementById('plot-frame').getAttribute('aria-busy') === 'false'",
            timeout=60_000,
        )
        self.page.wait_for_timeout(900)

    def heap(self) -> float:
        """Bytes of the JavaScript heap after garbage collection."""
        self.tools.send("HeapProfiler.collectGarbage")
        usage: Any = self.tools.send("Runtime.getHeapUsage")
        return float(usage["usedSize"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium: $CHROMIUM, an installed one, or Playwright's own."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        if path is None and not os.path.exists(playwright.chromium.executable_path):
            raise SetupError("There is no Chromium to measure with; install one or set CHROMIUM.")
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def tab(browser: Browser, **options: Any) -> Iterator[Tab]:
    """An empty tab of 1280×800 pixels, or of other `options` of its context, with its own profile."""
    size = {"viewport": {"width": 1280, "height": 800}}
    # `wait_for_function` evaluates text in the page, which the page's policy forbids.
    context = browser.new_context(**(size | options), bypass_csp=True)
    context.add_init_script(path=SCRIPTS / "watch.js")
    page = context.new_page()
    yield Tab(page, context.new_cdp_session(page))
    context.close()
