"""Cells by the pixels of the screen, and previews on a slow link."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import imagecodecs
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from playwright.sync_api import CDPSession, Page, Response

from dashboard.frames.quantize import Norm, quantize_u8
from tests.browser.test_motion import colours
from tests.page_scripts import script

pytestmark = pytest.mark.browser

LARGE = "?file=scan.h5&dataset=/large"
PREVIEW_BYTES = 40_000


@contextmanager
def screen(page: Page, density: float) -> Iterator[CDPSession]:
    """The window on a screen of another density; the tools that have put it there."""
    tools = page.context.new_cdp_session(page)
    # Of the same size it would be laid out anew by nobody: a headless browser has no window that is moved.
    size = {"width": 1281, "height": 800, "mobile": False}
    tools.send("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": density})
    try:
        yield tools
    finally:
        tools.send("Emulation.clearDeviceMetricsOverride")
        tools.detach()
        page.set_viewport_size({"width": 1200, "height": 800})


@contextmanager
def slow_link(page: Page, rate: int) -> Iterator[list[Response]]:
    """A link of `rate` bytes/s, which the page knows by now; the responses of `LARGE` that come over it."""
    answers: list[Response] = []

    def on_response(response: Response) -> None:
        if "/api/v1/slice?" in response.url and "dataset=/large" in response.url:
            answers.append(response)

    page.evaluate(script("resolution/link"), [rate, 20])
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    limits = {"offline": False, "latency": 20, "uploadThroughput": -1}
    tools.send("Network.emulateNetworkConditions", {**limits, "downloadThroughput": rate})
    page.on("response", on_response)
    try:
        yield answers
    finally:
        page.remove_listener("response", on_response)
        tools.detach()
        page.evaluate(script("resolution/link"), [100_000_000, 2])


def query_of(response: Response) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(response.url).query).items()}


def test_cells_follow_the_pixels_of_the_screen(viewer: Any, served: Any) -> None:
    values = served.arrays["scan.h5", "/large"]
    viewer.open(f"{LARGE}&axis=0&index=1&window=0,4000")
    assert viewer.trace["meta"]["selection"] == "1,::2,::2"
    # However busy the machine is now.
    viewer.page.evaluate(
        "() => { lamella.display.addDrawing(1e6, 10); lamella.display.addFrame(1e6, 1); }"
    )
    frames: list[str] = []
    viewer.page.on("request", lambda request: frames.append(request.url))
    with screen(viewer.page, 2) as tools:
        viewer.until("() => lamella.machine.state().drawn.request.query.selection === '1,:,:'")
        viewer.settled()
        assert_array_equal(viewer.trace["z"], values[1])
        # Each cell where it belongs, in pixels of the screen.
        shot = base64.b64decode(tools.send("Page.captureScreenshot")["data"])
        picture = imagecodecs.png_decode(shot)[..., :3]
        assert picture.shape[:2] == (1600, 2562)
        expected = colours(quantize_u8(values[1], (0, 4000), Norm.LINEAR))
        for row, col in ((5, 5), (400, 300), (700, 890), (995, 12)):
            x, y = viewer.point(col, row)
            block = expected[row - 1 : row + 2, col - 1 : col + 2].reshape(-1, 3).astype(int)
            seen = picture[round(2 * y), round(2 * x)].astype(int)
            assert np.abs(block - seen).max(1).min() <= 2
        # In motion too.
        viewer.press("ArrowRight").idle()
        assert_array_equal(viewer.trace["z"], values[2])
        moving = [url for url in frames if "format=u8" in url and "selection=2," in url]
        assert moving
        assert all("selection=2,:,:" in url for url in moving)


def test_a_slow_link_brings_a_preview_and_then_the_slice(viewer: Any, served: Any) -> None:
    viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20")
    painted = len(viewer.painted)
    with slow_link(viewer.page, 1_000_000) as answers:
        viewer.page.evaluate(script("resolution/watch"))
        viewer.switch(f"{LARGE}&axis=0&index=3")
        shown = viewer.page.evaluate("() => window.shown")
    same = served.values(file="scan.h5", dataset="/large", selection="3,::2,::2", pool="mean")
    assert_array_equal(viewer.trace["z"], same.astype(np.float64))
    _, preview, *rest = shown
    assert rest == ["3,::2,::2"]
    # One demand, seen once.
    assert [mark["index"] for mark in viewer.painted[painted:]] == [3]
    first, second = (query_of(one) for one in answers[:2])
    assert first["selection"] == preview
    assert "viewer" in first
    assert "viewer" not in second
    shape = [int(n) for n in answers[0].headers["x-slice-shape"].split(",")]
    assert 0.5 * PREVIEW_BYTES < shape[0] * shape[1] * 4 <= PREVIEW_BYTES
    assert answers[1].headers["content-encoding"] == "gzip"
    assert int(answers[1].headers["content-length"]) < 0.9 * same.nbytes
