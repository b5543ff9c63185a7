"""What is on the screen is taken along: picture, values, slices, code and link."""

from __future__ import annotations

import io
import re
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image

from dashboard.client import Client

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=7"
ZOOMED = f"{SCAN}&x=9.5,59.5&y=19.5,49.5"

# As where the page is served over plain HTTP: what is copied is what is selected then.
NO_CLIPBOARD = """() => {
  Object.defineProperty(navigator, 'clipboard', { value: undefined });
  globalThis.copied = [];
  document.addEventListener('copy', () => copied.push(document.activeElement.value));
}"""


def open_menu(viewer: Any) -> None:
    """The tab may have it open already."""
    if not viewer.page.is_visible("[data-export=npy]"):
        viewer.page.click("#export-button")


def exported(viewer: Any, name: str) -> Any:
    """The download that a button of the menu leads to."""
    open_menu(viewer)
    with viewer.page.expect_download() as download:
        viewer.page.click(f"[data-export={name}]")
    return download.value


def test_values_in_view(viewer: Any, served: Any) -> None:
    viewer.open(ZOOMED)
    expected = served.arrays["scan.h5", "/entry/data"][7, 20:50, 10:60]
    found = exported(viewer, "npy")
    assert found.suggested_filename == "scan.h5_entry_data_7_20-49_10-59.npy"
    assert_array_equal(np.load(found.path()), expected)
    assert_array_equal(tifffile.imread(exported(viewer, "tiff").path()), expected)
    text = exported(viewer, "csv").path().read_text()
    assert_array_equal(np.loadtxt(io.StringIO(text), delimiter=","), expected)
    assert viewer.page.inner_text("#export-region") == "30 × 50 voxels, 3.0 kB"
    assert viewer.page.is_visible("#export-status")


def test_a_range_of_slices(viewer: Any, served: Any) -> None:
    viewer.open(ZOOMED)
    open_menu(viewer)
    viewer.page.fill("#export-from", "3")
    viewer.page.fill("#export-to", "12")
    expected = served.arrays["scan.h5", "/entry/data"][3:13, 20:50, 10:60]
    assert_array_equal(tifffile.imread(exported(viewer, "stack-tiff").path()), expected)
    with h5py.File(exported(viewer, "stack-h5").path()) as file:
        assert_array_equal(file["entry/data"][...], expected)
        assert file["entry/data"].attrs["units"] == "counts"
    viewer.page.fill("#export-to", "1")
    viewer.page.click("[data-export=stack-npy]")
    viewer.until("() => /first to a last/.test(document.getElementById('export-text').textContent)")


def test_an_export_can_be_cancelled_and_fails_with_a_sentence(viewer: Any) -> None:
    viewer.open(SCAN)
    viewer.page.route(re.compile(r"/api/v1/export"), lambda route: None)
    open_menu(viewer)
    viewer.page.click("[data-export=npy]")
    viewer.page.click("#export-cancel")
    viewer.until("() => /Cancelled/.test(document.getElementById('export-text').textContent)")
    viewer.page.unroute_all()
    error = {"error": {"code": "too_large", "message": "That is too much."}}
    viewer.page.route(
        re.compile(r"/api/v1/export"), lambda route: route.fulfill(status=413, json=error)
    )
    # Cancelling is a click beside the menu, which closes.
    viewer.page.wait_for_selector("[data-export=npy]", state="hidden")
    open_menu(viewer)
    viewer.page.click("[data-export=npy]")
    viewer.until("() => document.getElementById('export-text').textContent === 'That is too much.'")
    viewer.page.unroute_all()
    viewer.errors.clear()


def test_the_picture_as_it_is_shown(viewer: Any) -> None:
    viewer.open(f"{ZOOMED}&window=0,6000&colorscale=viridis")
    picture = Image.open(exported(viewer, "picture").path()).convert("RGB")
    frame = viewer.page.locator("#plot-frame").bounding_box()
    assert picture.width == round(frame["width"] * 2)
    assert picture.height > round(frame["height"] * 2)
    # In the middle of the plot the picture has the colours of the screen.
    screen = Image.open(io.BytesIO(viewer.page.screenshot())).convert("RGB")
    area = viewer.page.evaluate("() => lamella.plot.area()")
    head = picture.height - round(frame["height"] * 2)
    for share in (0.25, 0.5, 0.8):
        x = area["left"] + share * area["width"]
        y = area["top"] + share * area["height"]
        there = screen.getpixel((int(frame["x"] + x), int(frame["y"] + y)))
        here = picture.getpixel((int(2 * x), int(2 * y) + head))
        assert np.abs(np.subtract(here, there)).max() <= 12
    # The title, the ticks and the colour bar are there.
    pixels = np.asarray(picture)
    background = pixels[2, 2]
    assert (np.abs(pixels[:head] - background.astype(int)).max(axis=2) > 60).any()
    # The colour bar goes from dark blue to yellow.
    top, end = int(2 * area["top"]) + head, int(2 * (area["top"] + area["height"])) + head
    bar = pixels[top:end, int(2 * (area["left"] + area["width"] + 20))].astype(int)
    assert bar[5][0] > 200 > bar[5][2]
    assert bar[-5][2] > bar[-5][0]
    assert len(np.unique(bar, axis=0)) > 50


def test_code_and_link_are_copied_without_a_clipboard(fresh_viewer: Any, served: Any) -> None:
    viewer = fresh_viewer.open(ZOOMED)
    viewer.page.evaluate(NO_CLIPBOARD)
    viewer.page.click("[data-export=link]")
    viewer.page.click("#export-button")
    for name in ("client", "h5py", "curl"):
        viewer.page.click(f"[data-export={name}]")
    link, client, h5py_, curl = viewer.until("() => copied.length === 4 && copied")
    assert link.startswith(f"{served.url}/?file=scan.h5")
    assert "x=9.5,59.5" in link
    assert 'file["/entry/data"][7, 20:50, 10:60]' in h5py_
    assert "selection=7,20:50,10:60" in curl
    names: dict[str, Any] = {}
    exec(client.replace("from dashboard.client import Client", ""), {"Client": Client}, names)
    expected = served.arrays["scan.h5", "/entry/data"][7, 20:50, 10:60]
    assert_array_equal(names["values"], expected)
    assert names["shown"].values.shape == expected.shape
