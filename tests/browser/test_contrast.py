"""The histogram and its handles, percentiles, marks of what is clipped, and colours that are remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dashboard.frames.quantize import Norm, quantize_u8
from tests.browser.test_heatmap import picture
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"
LARGE = "?file=scan.h5&dataset=/large&axis=0&index=1"

WINDOW = "() => lamella.viewer.current().window"
# What the canvas has of some voxels.
REDS = script("contrast/canvas")


def histogram(viewer: Any, link: str = SCAN) -> Any:
    """The viewer with the histogram of a slice."""
    viewer.open(link)
    viewer.page.locator("#histogram .handle-hi").wait_for()
    viewer.until("() => /%/.test(document.querySelector('#histogram .above').textContent)")
    return viewer


def middle(viewer: Any, handle: str) -> tuple[float, float]:
    box = viewer.page.locator(f"#histogram .handle-{handle}").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_dragged_handle_repaints_from_memory(viewer: Any, served: Any) -> None:
    histogram(viewer, f"{SCAN}&window=200,1500")
    x, y = middle(viewer, "hi")
    asked: list[str] = []
    viewer.page.on("request", lambda request: asked.append(request.url))
    viewer.page.mouse.move(x, y)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x, y + 30)
    viewer.page.mouse.move(x, y + 60)
    viewer.until("() => lamella.viewer.current().window[1] < 1500")
    low, high = viewer.page.evaluate(WINDOW)
    assert low == 200
    assert viewer.page.get_attribute("#plot-frame", "class").split().count("windowing") == 1
    values = served.arrays["scan.h5", "/entry/data"][20]
    codes = quantize_u8(values, (low, high), Norm.LINEAR)
    rows, cols = np.mgrid[3 : values.shape[0] : 7, 2 : values.shape[1] : 9]
    voxels = np.stack([cols.ravel(), rows.ravel()], axis=1).tolist()
    reds = np.array(viewer.page.evaluate(REDS, voxels))
    np.testing.assert_allclose(reds, codes[rows, cols].ravel() * (255 / 254), atol=1.1)
    assert [url for url in asked if "/slice" in url or "/histogram" in url] == []
    viewer.page.mouse.up()
    viewer.settled()
    trace = viewer.trace
    assert (trace["zmin"], trace["zmax"]) == (low, high)
    viewer.address(f"window={low:g},{high}")
    assert float(viewer.page.input_value("#window-hi")) == pytest.approx(high, rel=1e-5)


def test_a_handle_that_has_the_focus_leaves_undo_its_keys(viewer: Any) -> None:
    histogram(viewer, f"{SCAN}&window=200,1500")
    viewer.page.keyboard.press("Tab")
    viewer.page.focus("#histogram [role=slider]")
    viewer.page.keyboard.press("ArrowUp")
    viewer.until("() => String(lamella.viewer.current().window) !== '200,1500'")
    viewer.page.wait_for_timeout(1200)
    viewer.page.keyboard.press("Control+z")
    viewer.until("() => String(lamella.viewer.current().window) === '200,1500'")


def test_a_drag_between_the_handles_moves_both(viewer: Any) -> None:
    histogram(viewer, f"{SCAN}&window=200,1500")
    (x, high), (_, low) = middle(viewer, "hi"), middle(viewer, "lo")
    viewer.page.mouse.move(x, (low + high) / 2)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x, (low + high) / 2 - 20)
    viewer.page.mouse.up()
    viewer.settled()
    lo, hi = viewer.page.evaluate(WINDOW)
    assert lo > 210
    assert hi - lo == pytest.approx(1300, rel=1e-4)
    # Keys turn slices at once.
    viewer.press("ArrowRight")
    assert viewer.index == 21
    assert viewer.page.evaluate(WINDOW) == [lo, hi]


def test_the_keyboard_moves_a_handle(viewer: Any) -> None:
    histogram(viewer, f"{SCAN}&window=200,1500")
    viewer.page.keyboard.press("Tab")
    viewer.page.focus("#histogram .handle-lo")
    before = viewer.page.get_attribute("#histogram .handle-lo", "aria-valuenow")
    assert before == "200"
    viewer.page.keyboard.press("ArrowUp")
    viewer.page.keyboard.press("PageUp")
    viewer.until("() => lamella.viewer.current().window[0] > 250")
    viewer.page.keyboard.press("End")
    viewer.page.keyboard.press("Home")
    viewer.until("() => lamella.viewer.current().window[0] < 200")
    viewer.settled()
    assert viewer.index == 20
    low, high = viewer.page.evaluate(WINDOW)
    assert high == 1500
    handle = viewer.page.locator("#histogram .handle-lo")
    assert float(handle.get_attribute("aria-valuenow")) == low


@pytest.mark.parametrize("link", [SCAN, LARGE], ids=["whole", "pooled"])
def test_percentiles_are_those_of_all_voxels_of_the_slice(
    viewer: Any, served: Any, link: str
) -> None:
    histogram(viewer, link)
    file, dataset = ("scan.h5", "/entry/data") if link == SCAN else ("scan.h5", "/large")
    values = served.arrays[file, dataset][20 if link == SCAN else 1]
    for name, percent in (("1 %", 1.0), ("5 %", 5.0)):
        viewer.page.click(f"#histogram-controls button:text-is('{name}')")
        expected = np.percentile(values.astype(np.float64), [percent, 100 - percent])
        viewer.until(
            "([lo, hi]) => { const w = lamella.viewer.current().window;"
            " return Math.abs(w[0] - lo) < 1e-6 && Math.abs(w[1] - hi) < 1e-6; }",
            expected.tolist(),
        )
    viewer.page.fill("#percent-input", "50")
    viewer.page.keyboard.press("Enter")
    error = viewer.page.locator("#histogram-controls .field-error")
    assert error.inner_text() == "A percentage is a number from 0 up to 50."
    viewer.page.fill("#percent-input", "12.5")
    viewer.page.keyboard.press("Enter")
    assert error.inner_text() == ""
    expected = np.percentile(values.astype(np.float64), [12.5, 87.5])
    viewer.until(
        "([lo]) => Math.abs(lamella.viewer.current().window[0] - lo) < 1e-6", expected.tolist()
    )
    viewer.settled()
    viewer.until(
        "() => Math.abs(parseFloat(document.querySelector('#histogram .below').textContent) - 12.5) < 1"
    )


def test_a_key_sets_the_contrast_of_what_is_in_view(viewer: Any, served: Any) -> None:
    histogram(viewer, f"{SCAN}&x=20,40&y=10,30")
    viewer.page.keyboard.press("a")
    values = served.arrays["scan.h5", "/entry/data"][20, 10:31, 20:41]
    viewer.until("() => Array.isArray(lamella.viewer.current().window)")
    share = viewer.page.evaluate("() => lamella.viewer.current().window")
    # 12.5 % may have been chosen before.
    assert values.min() <= share[0] < share[1] <= values.max()
    viewer.settled()


def test_the_histogram_of_the_volume_says_what_it_has_seen(viewer: Any, served: Any) -> None:
    histogram(viewer, "?file=values.h5&dataset=/table")
    scope = viewer.page.locator("#histogram .scope")
    assert scope.text_content() == "slice"
    scope.click()
    viewer.until("() => document.querySelector('#histogram .scope').textContent === 'vol. exact'")
    values = served.arrays["values.h5", "/table"]
    viewer.page.click("#histogram-controls button:text-is('5 %')")
    viewer.until("() => Array.isArray(lamella.viewer.current().window)")
    low, high = viewer.page.evaluate(WINDOW)
    expected = np.percentile(values, [5, 95])
    np.testing.assert_allclose([low, high], expected, atol=np.ptp(values) / 500)
    # Of bricks only those that are cached: the rest is not read for it.
    viewer.switch(LARGE)
    viewer.until("() => /^vol\\. /.test(document.querySelector('#histogram .scope').textContent)")
    scope.click()
    viewer.settled()


def test_what_is_clipped_is_marked(viewer: Any, served: Any) -> None:
    histogram(viewer, f"{SCAN}&window=300,900&clip=1")
    values = served.arrays["scan.h5", "/entry/data"][20]
    table = np.array(viewer.page.evaluate(script("heatmap/colors")))
    assert table[0].tolist() == [0, 114, 178, 255]
    assert table[254].tolist() == [213, 94, 0, 255]
    pixels = picture(viewer).pixels
    np.testing.assert_array_equal((pixels == table[0]).all(axis=-1), values < 300)
    np.testing.assert_array_equal((pixels == table[254]).all(axis=-1), values > 900)


def test_colours_are_remembered_and_a_link_outranks_them(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    histogram(viewer)
    viewer.page.evaluate(
        "() => lamella.viewer.setColors({window: [100, 700], norm: 'asinh', colorscale: 'vik', centre: 300})"
    )
    viewer.settled()
    viewer.switch(LARGE)
    assert viewer.page.evaluate("() => lamella.viewer.current().centre") is None
    viewer.page.evaluate("() => lamella.viewer.open({file: 'scan.h5', dataset: '/entry/data'})")
    viewer.until("() => lamella.viewer.current().norm === 'asinh'")
    assert viewer.page.evaluate(WINDOW) == [100, 700]
    viewer.settled()
    viewer.address("colorscale=vik&centre=300")
    viewer.switch(f"{SCAN}&window=1,2&norm=linear&colorscale=gray&centre=5")
    shown = viewer.page.evaluate("() => lamella.viewer.current()")
    assert [shown[name] for name in ("window", "norm", "colorscale", "centre")] == [
        [1, 2],
        "linear",
        "gray",
        5,
    ]


def test_on_a_phone_the_histogram_is_in_the_sheet(phone: Any) -> None:
    viewer = phone.open(SCAN)
    viewer.page.locator("#histogram-docked #histogram").wait_for(state="attached")
    viewer.page.tap("#controls-toggle")
    handle = viewer.page.locator("#histogram .handle-lo")
    handle.wait_for()
    viewer.page.wait_for_timeout(300)
    before = float(handle.get_attribute("aria-valuenow"))
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = viewer.page.context.new_cdp_session(viewer.page)

    def finger(kind: str, *points: dict[str, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    finger("touchStart", {"x": x, "y": y})
    finger("touchMove", {"x": x + 20, "y": y})
    finger("touchMove", {"x": x + 40, "y": y})
    finger("touchEnd")
    viewer.settled()
    assert viewer.page.evaluate(WINDOW)[0] > before
    assert viewer.index == 20
    viewer.page.tap("#controls-close")
