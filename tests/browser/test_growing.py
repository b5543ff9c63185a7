"""A file that its instrument still writes (SWMR) is followed by the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pytest

from tests.browser.conftest import serving
from tests.browser.viewer import Served

pytestmark = pytest.mark.browser

LINK = "?file=data/growing.h5&dataset=/x&axis=0&index=2"
LAST = "(last) => document.getElementById('index-last').textContent === `of 0–${last}`"


@dataclass(frozen=True)
class Growing(Served):
    """A server over `dataset`, whose plane n holds n."""

    dataset: Any

    def grow(self, by: int) -> int:
        """Add planes; returns the index of the last one."""
        first = self.dataset.shape[0]
        self.dataset.resize(first + by, 0)
        self.dataset[first:] = np.arange(first, first + by)[:, None, None]
        self.dataset.flush()
        return first + by - 1


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Growing]:
    folder = tmp_path_factory.mktemp("growing")
    data = folder / "data"
    data.mkdir()
    with h5py.File(data / "growing.h5", "w", libver="latest") as file:
        made = file.create_dataset(
            "x", (10, 60, 80), "u2", maxshape=(None, 60, 80), chunks=(4, 30, 40)
        )
        made[...] = np.arange(10)[:, None, None]
        file.swmr_mode = True
        with serving(folder, [data], {}) as found:
            yield Growing(found.url, {}, made)


def test_the_page_follows(fresh_viewer: Any, served: Growing) -> None:
    viewer = fresh_viewer.open(LINK)
    # The slider grows, and the slice stays.
    viewer.until(LAST, served.grow(5))
    assert viewer.index == 2
    viewer.page.click("#newest-toggle")
    viewer.await_index(14)
    last = served.grow(5)
    viewer.await_index(last)
    viewer.settled()
    viewer.until("(last) => document.title.startsWith(`${last} ·`)", last)
    assert set(np.ravel(viewer.trace["z"])) == {last}
    assert not viewer.page.is_visible("#plot-note")
    assert viewer.page.get_attribute("#newest-toggle", "aria-pressed") == "true"
    # Who goes elsewhere is left there.
    viewer.press("Home")
    assert viewer.page.get_attribute("#newest-toggle", "aria-pressed") == "false"
    viewer.until(LAST, served.grow(5))
    assert viewer.index == 0


def test_a_hidden_tab_asks_for_nothing(fresh_viewer: Any) -> None:
    viewer = fresh_viewer.open(LINK).idle()
    asked: list[str] = []
    viewer.page.evaluate("() => Object.defineProperty(document, 'hidden', { value: true })")
    viewer.page.on("request", lambda request: asked.append(request.url))
    viewer.page.wait_for_timeout(2500)
    assert [url for url in asked if "/residency" in url or "/slice" in url] == []
