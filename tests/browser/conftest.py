"""One server on the shared files, and one Chromium, for all browser tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests import conftest
from tests.browser.samples import FILES, write_files
from tests.browser.viewer import KeptViewer, Served, Viewer, context_of, listened, tab_of

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
def viewer(fresh_viewer: Viewer) -> Viewer:
    """The tab of a test: a fresh one, or, where a module overrides this, the one that its tests share."""
    return fresh_viewer


@pytest.fixture
def fresh_viewer(profile: BrowserContext, served: Served) -> Iterator[Viewer]:
    """One tab at 1280×800; whatever the console says against it fails the test."""
    viewer = tab_of(profile, served)
    yield viewer
    viewer.page.close()
    assert viewer.errors == []


@pytest.fixture(scope="module")
def kept_tab(profile: BrowserContext, served: Served) -> Iterator[KeptViewer]:
    """The tab that the tests of a module share."""
    viewer = listened(KeptViewer(profile.new_page(), served))
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
