"""One server on the shared files, and one Chromium, for all browser tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests import conftest
from tests.browser.monitor import Monitor, demand_slices, monitor_of
from tests.browser.samples import FILES, write_files
from tests.browser.viewer import (
    PHONE,
    SIZE,
    KeptViewer,
    Served,
    Viewer,
    collecting,
    context_of,
    listened,
    tab_of,
)
from tests.waits import WITHIN_MS

expect.set_options(timeout=WITHIN_MS)

FLAGS = (
    "--no-sandbox --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`lamella serve` on this session's files."""
    folder = tmp_path_factory.mktemp("browser")
    arrays = write_files(folder)
    with serving(folder, [folder / name for name in FILES], arrays) as served:
        yield served


@contextmanager
def serving(
    folder: Path, paths: Sequence[Path], arrays: dict[tuple[str, str], NDArray[Any]]
) -> Iterator[Served]:
    """`lamella serve PATHS`, cache and log in `folder`."""
    limits = {"LAMELLA_BRICK_CACHE_BYTES": "256MiB", "LAMELLA_FRAME_CACHE_BYTES": "64MiB"}
    port = conftest.unused_port()
    with conftest.serving(folder, port, "serve", *map(str, paths), **limits) as server:
        yield Served(server.url, arrays)


@pytest.fixture(scope="session")
def profile(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One Chromium for all tests, with the profile of those that need none of their own.

    It is on disk: Chromium keeps compiled scripts in no other, and to compile them is half of loading the page.
    """
    folder = tmp_path_factory.mktemp("profile")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder, executable_path=chromium, args=FLAGS, viewport=SIZE
        )
        yield collecting(context)
        context.close()


@pytest.fixture(scope="session")
def browser(profile: BrowserContext) -> Browser:
    """The Chromium, for tests with a profile of their own."""
    assert profile.browser is not None
    return profile.browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody with an empty profile, who is not signed in."""
    context = context_of(browser)
    yield context
    context.close()


@pytest.fixture(scope="module")
def kept_tab(profile: BrowserContext, served: Served) -> Iterator[KeptViewer]:
    """The tab that the tests of a module share."""
    viewer = listened(KeptViewer(profile.new_page(), served))
    # Remembered choices of the tests before, which the profile keeps as it does compiled scripts.
    profile.new_cdp_session(viewer.page).send(
        "Storage.clearDataForOrigin", {"origin": served.url, "storageTypes": "local_storage"}
    )
    yield viewer
    viewer.page.close()


@pytest.fixture(scope="module")
def kept_phone(browser: Browser, served: Served) -> Iterator[KeptViewer]:
    """The same on a phone."""
    context = context_of(browser, viewport=PHONE, has_touch=True, is_mobile=True)
    yield listened(KeptViewer(context.new_page(), served, size=PHONE))
    context.close()


@pytest.fixture
def viewer(kept_tab: KeptViewer, request: pytest.FixtureRequest) -> Iterator[KeptViewer]:
    """The shared tab, since loading a page takes seconds; whatever the console says against it fails the test."""
    with lent(kept_tab, request.session):
        yield kept_tab


@pytest.fixture
def phone(kept_phone: KeptViewer, request: pytest.FixtureRequest) -> Iterator[KeptViewer]:
    """The shared tab that is touched."""
    with lent(kept_phone, request.session):
        yield kept_phone


@contextmanager
def lent(tab: KeptViewer, session: pytest.Session) -> Iterator[None]:
    """A shared tab is one test's; its console is empty at the end."""
    tab.errors.clear()
    if tab.page.viewport_size != tab.size:
        tab.page.set_viewport_size(tab.size)
    failed = session.testsfailed
    yield
    tab.page.unroute_all()
    # A test that failed may have left anything behind.
    tab.loaded = tab.loaded and session.testsfailed == failed
    assert tab.errors == []


@pytest.fixture
def fresh_viewer(profile: BrowserContext, served: Served) -> Iterator[Viewer]:
    """A tab at 1280×800 for a test that is about loading the page, or changes what cannot be undone."""
    viewer = tab_of(profile, served)
    yield viewer
    viewer.page.close()
    assert viewer.errors == []


@pytest.fixture
def make_viewer(browser: Browser, served: Served) -> Iterator[Callable[..., Viewer]]:
    """Make tabs with a profile of their own, of the options given, for what a profile keeps or has one of."""
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


@pytest.fixture(scope="module")
def monitor_tab(profile: BrowserContext, served: Served) -> Iterator[Monitor]:
    """The tab with `/monitor` that the tests of a module share."""
    demand_slices(served)
    monitor = monitor_of(profile, served)
    yield monitor
    monitor.page.close()


@pytest.fixture
def monitor(monitor_tab: Monitor) -> Iterator[Monitor]:
    """The shared tab; a message of its console or a violation of the policy fails the test."""
    monitor_tab.errors.clear()
    monitor_tab.page.set_viewport_size(SIZE)
    yield monitor_tab
    assert monitor_tab.errors == []
    assert monitor_tab.page.evaluate("() => window.violations") == []
