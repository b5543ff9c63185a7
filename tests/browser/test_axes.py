"""Rows and columns chosen freely, transposed and flipped, and sliders for the other dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.browser.viewer import MOVING, NEVER_REST, REST, reveal
from tests.nightly import mostly
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"
STACK = "?file=other.h5&dataset=/stack&selection=3,7,:,:"
# The gray values of a grid of places of what is on the screen, from the top left to the bottom right.
PIXELS = script("axes/pixels")


@pytest.mark.parametrize(
    "flip",
    mostly(["", "&flip=rows", "&flip=cols", "&flip=rows,cols"], ["&flip=rows", "&flip=cols"]),
)
def test_a_transposed_slice_has_its_rows_as_columns(viewer: Any, served: Any, flip: str) -> None:
    viewer.open(f"{SCAN}&rows=2&cols=1{flip}")
    trace = viewer.trace
    assert trace["meta"] == {"selection": "20,:,:", "pool": "mean", "transpose": True}
    values = served.values(file="scan.h5", dataset="/entry/data", selection="20,:,:")
    assert_array_equal(trace["z"], values.T.astype(float))
    rows, cols = values.T.shape
    x, y = [-0.5, cols - 0.5], [rows - 0.5, -0.5]
    assert trace["x"] == pytest.approx(x[::-1] if "cols" in flip else x)
    assert trace["y"] == pytest.approx(y[::-1] if "rows" in flip else y)
    # The pointer is on the same voxel whichever way it is shown.
    viewer.page.mouse.move(*viewer.point(30, 40))
    viewer.until(
        "(text) => document.getElementById('readout').textContent.includes(text)", "[20, 30, 40]"
    )


@pytest.mark.parametrize(
    "more",
    mostly(
        ["", "&flip=rows", "&flip=cols", "&rows=2&cols=1&flip=cols"],
        ["", "&flip=rows", "&flip=cols"],
    ),
)
def test_what_moves_lies_as_what_rests(viewer: Any, more: str) -> None:
    viewer.open(f"{SCAN}{more}").idle()
    viewer.page.evaluate(NEVER_REST)
    viewer.page.keyboard.press("ArrowRight")
    viewer.until(MOVING)
    viewer.await_index(21)
    moving = np.array(viewer.page.evaluate(PIXELS, "#slice-canvas"))
    viewer.page.evaluate(REST)
    viewer.until("() => lamella.machine.state().phase === 'rest'")
    resting = np.array(viewer.page.evaluate(PIXELS, ".heatmaplayer image"))
    assert moving.std() > 5
    assert np.abs(moving - resting).max() <= 2


def test_rows_columns_and_directions_are_chosen_in_the_dock(viewer: Any, served: Any) -> None:
    viewer.open(f"{STACK}&axis=1")
    page = viewer.page
    reveal(page, "#transpose").click()
    viewer.settled().address("rows=3&cols=2")
    stack = served.arrays["other.h5", "/stack"].astype(float)
    assert_array_equal(viewer.trace["z"], stack[3, 7].T)
    page.click("#rows-select")
    page.get_by_role("option", name="0", exact=True).click()
    viewer.settled().address("selection=:,7,:,")
    index = viewer.page.evaluate("() => lamella.viewer.current().position[3]")
    assert_array_equal(viewer.trace["z"], stack[:, 7, :, index])
    page.click("#flip-rows")
    viewer.address("flip=rows")
    assert page.get_attribute("#flip-rows", "aria-pressed") == "true"
    low, high = viewer.trace["y"]
    assert low < high
    page.go_back()
    viewer.settled().address("rows=3&cols=2")


def test_the_dimension_that_is_dragged_is_what_keys_move_along(viewer: Any, served: Any) -> None:
    viewer.open(f"{STACK}&axis=1").idle()
    page = viewer.page
    assert page.inner_text("#dimension-sliders .dimension-end") == "of 0–3"
    box = page.locator("#fixed-slider-0").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2, steps=4)
    viewer.settled()
    # Nothing changes its place while it is held.
    assert page.is_visible("#fixed-slider-0")
    page.mouse.up()
    viewer.settled().address("selection=0,7,:,:&axis=0")
    viewer.until("() => document.getElementById('fixed-slider-1') !== null")
    assert page.inner_text("#slice-name") == "axis 0"
    viewer.press("ArrowRight")
    viewer.until("() => lamella.machine.state().phase === 'rest'")
    assert_array_equal(viewer.trace["z"], served.arrays["other.h5", "/stack"][1, 7].astype(float))
    page.click("#dimension-sliders .dimension-name")
    viewer.settled().address("selection=1,7,:,:&axis=1")
