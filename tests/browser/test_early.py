"""The slice of a link is on the screen before the page and Plotly, and stays where it is when they come."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, Request, Route

from tests.browser.viewer import PHONE, SIZE, Viewer
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"


class Delayed:
    """Requests for scripts that are not answered until they are released."""

    def __init__(self, page: Page, address: str | re.Pattern[str]) -> None:
        self.routes: list[Route] = []
        self._delays = True
        page.route(address, self._hold)

    def _hold(self, route: Route) -> None:
        if self._delays:
            self.routes.append(route)
        else:
            route.continue_()

    def release(self) -> None:
        self._delays = False
        for route in self.routes:
            route.continue_()


def box_of(viewer: Viewer, selector: str) -> NDArray[np.float64]:
    """Left, top, right and bottom of an element (px)."""
    box = viewer.page.locator(selector).bounding_box()
    assert box is not None
    return np.array([box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]])


def pixels(viewer: Viewer, box: NDArray[np.float64]) -> NDArray[np.int16]:
    """What is on the screen there, a pixel in from its edges."""
    left, top = np.ceil(box[:2]).astype(int) + 1
    right, bottom = np.floor(box[2:]).astype(int) - 1
    picture = imagecodecs.png_decode(viewer.page.screenshot())[top:bottom, left:right, :3]
    return np.asarray(picture, np.int16)


@pytest.mark.parametrize(
    "options", [{"viewport": SIZE}, {"viewport": PHONE, "color_scheme": "dark"}]
)
def test_pixels_come_before_plotly_and_nothing_jumps(
    make_viewer: Callable[..., Viewer], options: dict[str, Any]
) -> None:
    viewer = make_viewer(**options)
    asked: list[str] = []
    reported: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if "/api/v1/slice?" in request.url and "ahead=" not in request.url:
            asked.append(request.url)
        if urlsplit(request.url).path == "/api/v1/telemetry":
            reported.extend(request.post_data_json["slices"])

    viewer.page.on("request", note)
    page, plotly = (
        Delayed(viewer.page, "**/dash_renderer*"),
        Delayed(viewer.page, "**/plotly.min.js"),
    )
    viewer.page.goto(f"{viewer.served.url}/{SCAN}", wait_until="commit")
    viewer.page.wait_for_selector(".early .early-canvas")
    before = box_of(viewer, ".early-canvas")
    seen = pixels(viewer, before)
    assert len(np.unique(seen)) > 50
    page.release()
    viewer.page.wait_for_selector("#plot-frame .early-canvas")
    assert viewer.page.locator(".early").count() == 0
    assert viewer.page.evaluate("typeof Plotly") == "undefined"
    np.testing.assert_allclose(box_of(viewer, ".early-canvas"), before, atol=0.5)
    np.testing.assert_array_equal(pixels(viewer, before), seen)
    plotly.release()
    viewer.settled()
    assert viewer.page.locator(".early-canvas").count() == 0
    np.testing.assert_allclose(box_of(viewer, ".heatmaplayer image"), before, atol=1)
    # Borders of cells may be a pixel away, where Plotly rounds the picture to whole ones.
    differs = np.abs(pixels(viewer, before) - seen).max(axis=-1) > 2
    assert differs.mean() < 0.01
    assert [row["index"] for row in viewer.painted] == [20]
    assert len([url for url in asked if f"viewer={viewer.name}" in url]) == len(asked) == 1
    viewer.page.evaluate("() => dispatchEvent(new Event('pagehide'))")
    viewer.until("() => true")
    (row,) = reported
    assert row["index"] == 20
    early = viewer.page.evaluate("performance.getEntriesByName('slice-early')[0].startTime")
    assert 0 < row["perceived_ms"] <= early


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("?file=none.h5&dataset=/entry/data", "none.h5"),
        ("?file=scan.h5&dataset=/entry/none&axis=0&index=2", "/entry/none"),
    ],
)
def test_a_link_that_shows_nothing_is_left_to_the_page(
    fresh_viewer: Viewer, link: str, words: str
) -> None:
    fresh_viewer.load(link)
    fresh_viewer.await_text("plot-message-text", words)
    assert fresh_viewer.page.locator(".early, .early-canvas").count() == 0
    assert all("404" in error for error in fresh_viewer.errors)
    fresh_viewer.errors.clear()


def test_the_page_does_not_wait_for_a_slice_that_takes_long(fresh_viewer: Viewer) -> None:
    slices = Delayed(fresh_viewer.page, re.compile(r"/api/v1/slice\?.*viewer="))
    fresh_viewer.page.goto(f"{fresh_viewer.served.url}/{SCAN}", wait_until="commit")
    fresh_viewer.page.wait_for_selector("#plot-frame")
    slices.release()
    fresh_viewer.settled()
    assert [row["index"] for row in fresh_viewer.painted] == [20]
    assert len(slices.routes) == 1
    assert fresh_viewer.page.locator(".early, .early-canvas").count() == 0


def test_an_early_picture_that_fails_is_no_matter(fresh_viewer: Viewer) -> None:
    """Whatever is wrong before the page, the page shows the slice."""
    fresh_viewer.page.add_init_script(script("early/no-canvas"))
    fresh_viewer.open(SCAN)
    assert (
        fresh_viewer.trace["z"].shape
        == fresh_viewer.served.arrays["scan.h5", "/entry/data"].shape[1:]
    )
    assert fresh_viewer.page.locator(".early, .early-canvas").count() == 0
