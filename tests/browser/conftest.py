"""The real server on files made here, and a real Chromium that looks at it."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

READY_WITHIN_S = 60.0

FLAGS = (
    "--no-sandbox --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()

# Marks may be cleared at once: an observer sees them all the same.
COLLECT_MARKS = """
window.painted = [];
new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
  if (entry.name === 'slice-painted') window.painted.push(entry.detail);
})).observe({type: 'mark'});
"""

# Resolves when the picture is the one that was asked for; the page's policy forbids evaluated text, so the
# waiting is done by a function.
SETTLED = """
(count) => new Promise((resolve, reject) => {
  const end = performance.now() + 45000;
  const look = () => {
    const frame = document.getElementById('plot-frame');
    const busy = !frame || frame.getAttribute('aria-busy') !== 'false';
    if (!busy && window.painted.length >= count) resolve(null);
    else if (performance.now() > end) reject(new Error('the page is still busy'));
    else requestAnimationFrame(look);
  };
  // What was pressed just now is heard before this looks for the first time.
  setTimeout(look, 50);
})
"""

UNTIL = """
([text, argument]) => new Promise((resolve, reject) => {
  const end = performance.now() + 45000;
  const look = () => {
    const found = window[text](argument);
    if (found) resolve(found);
    else if (performance.now() > end) reject(new Error('in vain: ' + text));
    else setTimeout(look, 30);
  };
  look();
})
"""

TRACE = """
() => {
  const gd = document.querySelector('#slice-graph .js-plotly-plot');
  const trace = gd.data[0];
  return {
    type: trace.type, meta: trace.meta, zmin: trace.zmin, zmax: trace.zmax,
    x0: trace.x0, dx: trace.dx, y0: trace.y0, dy: trace.dy,
    stops: trace.colorscale.length, first: trace.colorscale[0][1],
    z: Array.from(trace.z, (row) => Array.from(row, (v) => (Number.isNaN(v) ? 'nan' : v))),
    x: gd.layout.xaxis.range, y: gd.layout.yaxis.range,
    grid: gd.layout.xaxis.showgrid || gd.layout.yaxis.showgrid,
    pixels: [gd._fullLayout.xaxis._length, gd._fullLayout.yaxis._length],
  };
}
"""


@dataclass(frozen=True)
class Served:
    """A running `lamella serve`; `arrays` are the datasets by file and path."""

    url: str
    arrays: dict[tuple[str, str], NDArray[Any]]

    def get(self, path: str, **query: object) -> tuple[bytes, Any]:
        """Body and headers of an answer."""
        address = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=30) as response:
            return response.read(), response.headers

    def values(self, **query: object) -> NDArray[Any]:
        """A slice as NumPy's own file."""
        body, _ = self.get("/api/v1/slice", format="npy", **query)
        values: NDArray[Any] = np.load(io.BytesIO(body))
        return values

    def stats(self) -> dict[str, Any]:
        """The ledger's figures."""
        body, _ = self.get("/api/v1/stats", window="all")
        figures: dict[str, Any] = json.loads(body)
        return figures

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the ledger's figures are as wanted."""
        end = time.monotonic() + 20
        while not holds(self.stats()):
            assert time.monotonic() < end, "the figures stay as they are"
            time.sleep(0.2)


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
            """(link) => {
              history.pushState(null, '', '/' + link);
              dispatchEvent(new PopStateEvent('popstate'));
            }""",
            link,
        )
        return self.settled()

    def load(self, link: str) -> None:
        """Load the page, whatever comes of it."""
        self.page.goto(f"{self.served.url}/{link}")

    def settled(self, painted: int = 1) -> Viewer:
        """Wait until the slice on the screen is the one asked for, and so many were painted."""
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

    @property
    def trace(self) -> dict[str, Any]:
        """The heatmap as Plotly has it."""
        trace: dict[str, Any] = self.page.evaluate(TRACE)
        trace["z"] = np.array(
            [[np.nan if v == "nan" else v for v in row] for row in trace["z"]], np.float64
        )
        return trace

    @property
    def painted(self) -> list[dict[str, Any]]:
        """The details of all marks so far."""
        marks: list[dict[str, Any]] = self.page.evaluate("() => window.painted")
        return marks

    @property
    def index(self) -> int:
        """What the slider says."""
        return int(self.page.locator("#slice-slider [role=slider]").get_attribute("aria-valuenow"))  # type: ignore[arg-type]

    def address(self, wanted: str) -> None:
        """Wait until the address bar has this text in it."""
        self.until("(text) => decodeURIComponent(location.search).includes(text)", wanted)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where the voxel (row y, column x) is in the window (px)."""
        place: list[float] = self.page.evaluate(
            """([x, y]) => {
              const gd = document.querySelector('#slice-graph .js-plotly-plot');
              const box = gd.getBoundingClientRect();
              const {_size: size, xaxis, yaxis} = gd._fullLayout;
              return [box.left + size.l + xaxis.c2p(x), box.top + size.t + yaxis.c2p(y)];
            }""",
            [x, y],
        )
        return place[0], place[1]


@dataclass
class KeptViewer(Viewer):
    """A tab for many tests. It loads the page once; later links are followed as the Back button follows them."""

    loaded: bool = False

    def open(self, link: str = "") -> Viewer:
        if not self.loaded:
            self.loaded = True
            return super().open(link)
        return self.switch(link)

    def load(self, link: str) -> None:
        self.loaded = True
        super().load(link)


AnyViewer = TypeVar("AnyViewer", bound=Viewer)


def _write_values(path: Path, arrays: dict[tuple[str, str], NDArray[Any]]) -> None:
    """Narrow tables, values of many digits, and slices of nothing."""
    grid = np.arange(48).reshape(6, 8)
    values: dict[str, NDArray[Any]] = {
        "column": np.sin(np.arange(500) / 20).reshape(500, 1),
        "constant": np.full((3, 20, 20), 3.25, np.float32),
        "counts": (grid + 16777245).astype(np.uint32),
        "extreme": np.linspace(-1.7, 1.7, 1600).reshape(40, 40) * 1e308,
        "fine": 1.0 + grid * 1e-12,
        "labels": np.arange(3_000_000, dtype=np.uint64).reshape(3, 1000, 1000) + np.uint64(2**60),
        "long": np.arange(3_000_000, dtype=np.float32).reshape(-1, 3),
        "one": np.array([[7.5]]),
        "row": np.sin(np.arange(500) / 20).reshape(1, 500),
        "table": np.sin(np.arange(2 * 8398) / 50).reshape(8398, 2),
        "unsigned": np.uint64(2**64 - 2) + (grid % 2).astype(np.uint64),
        "void": np.full((3, 20, 20), np.nan, np.float32),
        "wide": (grid + 2**53).astype(np.int64),
    }
    with h5py.File(path, "w") as handle:
        for name, array in values.items():
            handle[name] = arrays["values.h5", f"/{name}"] = array
        names = h5py.enum_dtype({"AIR": 0, "WATER": 1, "BONE": 2}, basetype="u1")
        handle.create_dataset("names", data=((grid + 1) % 3).astype("u1"), dtype=names)


def _write(folder: Path) -> dict[tuple[str, str], NDArray[Any]]:
    """The files of these tests; the same on every run."""
    random = np.random.default_rng(20)
    row, col = np.meshgrid(np.arange(120), np.arange(100), indexing="ij")
    scan = (row * 7 + col * 3)[None] + 40 * np.arange(130)[:, None, None]
    stack = random.normal(100, 20, (4, 9, 30, 40)).astype(np.float32)
    stack[:, :, 5:10, 8:12] = np.nan
    half = random.normal(0, 3, (5, 20, 30)).astype(np.float16)
    ids = random.integers(0, 2**52, (5, 20, 30))
    arrays: dict[tuple[str, str], NDArray[Any]] = {
        ("scan.h5", "/entry/data"): scan.astype(np.uint16),
        ("scan.h5", "/large"): random.integers(0, 4000, (6, 1001, 902)).astype(np.uint16),
        ("scan.h5", "/plane"): random.normal(0, 1, (50, 60)),
        ("other.h5", "/field"): (half[:3] + 1j * half[1:4]).astype(np.complex64),
        ("other.h5", "/half"): half,
        ("other.h5", "/ids"): ids,
        ("other.h5", "/stack"): stack,
    }
    for (file, dataset), values in arrays.items():
        with h5py.File(folder / file, "a") as handle:
            stored = handle.create_dataset(dataset, data=values, compression="gzip", chunks=True)
            stored.attrs["units"] = "counts"
    filled = random.integers(0, 4000, (5, 40, 50)).astype(np.int16)
    filled[:, 10:20, 15:30] = -7
    arrays["other.h5", "/zfilled"] = filled
    with h5py.File(folder / "other.h5", "a") as handle:
        handle.create_dataset("zfilled", data=filled, chunks=(1, 40, 50), fillvalue=-7)
    with h5py.File(folder / "other.h5", "a") as handle:
        handle["title"] = "not a volume"
    _write_values(folder / "values.h5", arrays)
    return arrays


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`lamella serve` on this session's files."""
    folder = tmp_path_factory.mktemp("browser")
    arrays = _write(folder)
    with serving(
        folder, [folder / "scan.h5", folder / "other.h5", folder / "values.h5"], arrays
    ) as served:
        yield served


@contextmanager
def serving(
    folder: Path, paths: Sequence[Path], arrays: dict[tuple[str, str], NDArray[Any]]
) -> Iterator[Served]:
    """`lamella serve PATHS`, cache and log in `folder`; its log is printed when it does not start."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "dashboard", "serve"]
    port = _free_port()
    options = ["--port", str(port), "--cache-dir", str(folder / "cache")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LAMELLA_")}
    environment |= {"LAMELLA_BRICK_CACHE_BYTES": "256MiB", "LAMELLA_FRAME_CACHE_BYTES": "64MiB"}
    with log.open("w") as stream:
        process = subprocess.Popen(
            [*command, *map(str, paths), *options],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _ready(process, url, log)
        yield Served(url, arrays)
    finally:
        process.terminate()
        process.wait(30)
        print(log.read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server did not get ready:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests; each test has a profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A profile for the tests that need none of their own: scripts are loaded and compiled once."""
    context = context_of(browser)
    yield context
    context.close()


@pytest.fixture
def viewer(profile: BrowserContext, served: Served) -> Iterator[Viewer]:
    """One tab at 1280×800; whatever the console says against it fails the test."""
    viewer = tab_of(profile, served)
    yield viewer
    viewer.page.close()
    assert viewer.errors == []


@pytest.fixture(scope="module")
def kept_tab(profile: BrowserContext, served: Served) -> Iterator[KeptViewer]:
    """The tab that the tests of a module share."""
    viewer = heard(KeptViewer(profile.new_page(), served))
    yield viewer
    viewer.page.close()


@pytest.fixture
def kept_viewer(kept_tab: KeptViewer) -> Iterator[KeptViewer]:
    """The shared tab, for tests that need no page of their own; loading one takes seconds."""
    kept_tab.errors.clear()
    yield kept_tab
    kept_tab.page.unroute_all()
    assert kept_tab.errors == []


@pytest.fixture
def make_viewer(browser: Browser, served: Served) -> Iterator[Callable[..., Viewer]]:
    """Make tabs with a profile of their own, of the options given."""
    contexts: list[BrowserContext] = []
    viewers: list[Viewer] = []

    def make(**options: Any) -> Viewer:
        contexts.append(context_of(browser, **options))
        viewers.append(tab_of(contexts[-1], served))
        return viewers[-1]

    yield make
    for context in contexts:
        context.close()
    assert [viewer.errors for viewer in viewers] == [[] for _ in viewers]


def context_of(browser: Browser, **options: Any) -> BrowserContext:
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
    context.add_init_script(COLLECT_MARKS)
    return context


def tab_of(context: BrowserContext, served: Served) -> Viewer:
    return heard(Viewer(context.new_page(), served))


def heard(viewer: AnyViewer) -> AnyViewer:
    """The same viewer, which from now on collects what its console says against it."""

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            viewer.errors.append(message.text)

    viewer.page.on("console", said)
    viewer.page.on("pageerror", lambda error: viewer.errors.append(str(error)))
    return viewer
