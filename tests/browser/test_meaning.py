"""What files mean: the first picture, units, decoded values, and the kinds of picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.browser.viewer import reveal
from tests.page_scripts import script

pytestmark = pytest.mark.browser

FILE = "?file=meaning.h5"
READOUT = "() => document.getElementById('readout').textContent"
# The colours of a grid of places of the heatmap as it is drawn.
PIXELS = script("axes/pixels")


def test_a_file_opens_with_its_main_dataset_decoded_and_in_units(viewer: Any, served: Any) -> None:
    page = viewer.open(FILE).page
    viewer.address("dataset=/packed&axis=0&index=1&decode=1")
    trace = viewer.trace
    assert trace["meta"] == {"selection": "1,:,:", "pool": "mean", "decode": 1}
    stored = served.arrays["meaning.h5", "/packed"][1]
    expected = np.where(stored == -1, np.nan, stored * 0.5 + 10)
    assert_allclose(trace["z"], expected)
    # Ascending latitudes go up, and ticks are theirs; the plot still counts voxels.
    low, high = trace["y"]
    assert low < high
    assert page.locator("#slice-graph .ytitle").text_content() == "lat (°N)"
    assert "40" in page.locator("#slice-graph .ytick text").all_text_contents()
    assert page.inner_text("#slice-value") == "2020-01-02"
    viewer.page.mouse.move(*viewer.point(3, 4))
    viewer.until(f"(text) => ({READOUT})().includes(text)", "lat 4 °N")
    assert "K" in page.evaluate(READOUT)
    reveal(page, "#decode-select").get_by_text("As stored").click()
    viewer.settled().address("decode=0")
    assert_array_equal(viewer.trace["z"], stored)


def test_a_typed_voxel_size_gives_a_scale_bar_and_stays_in_the_link(viewer: Any) -> None:
    page = viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20").page
    assert not page.is_visible("#scale-bar")
    reveal(page, "#voxel-size").fill("2 × 1 × 0.5 µm")
    page.keyboard.press("Enter")
    viewer.address("voxel=2,1,0.5,µm")
    assert page.inner_text("#scale-bar-text") == "10 µm"
    width, height = viewer.trace["pixels"]
    assert width / height == pytest.approx(100 * 0.5 / (120 * 1), rel=0.02)
    assert page.inner_text("#slice-value") == "40 µm"
    page.fill("#voxel-size", "5")
    page.keyboard.press("Enter")
    viewer.await_text("voxel-size-error", "A number and a unit")


def test_labels_are_in_colours_of_their_own_and_are_picked_by_a_click(viewer: Any) -> None:
    page = viewer.open(f"{FILE}&dataset=/labels").page
    assert page.input_value("#kind-select") == "Labels"
    assert not page.is_visible("#colorscale-select")
    colors = page.evaluate(PIXELS, ".heatmaplayer image")
    assert len({value for row in colors for value in row}) >= 8
    page.mouse.click(*viewer.point(5, 5))
    viewer.address("labels=1")
    viewer.until("() => lamella.machine.state().phase === 'rest'")
    alone = np.array(page.evaluate(PIXELS, ".heatmaplayer image"))
    assert alone[0, 0] == colors[0][0]
    assert (alone[5:, 5:] == 0).all()
    viewer.press("ArrowRight")
    viewer.until("() => lamella.machine.state().phase === 'rest'")
    assert (np.array(page.evaluate(PIXELS, ".heatmaplayer image"))[5:, 5:] == 0).all()


def test_labels_are_drawn_over_the_values_that_they_are_of(viewer: Any) -> None:
    page = viewer.open(f"{FILE}&dataset=/labels&axis=0&index=1").page
    reveal(page, "#overlay-select").click()
    page.get_by_role("option", name="/grey").click()
    viewer.address("dataset=/grey&axis=0&index=1")
    viewer.address("overlay=/labels")
    viewer.settled()
    half = np.array(page.evaluate(PIXELS, ".heatmaplayer image"))
    page.mouse.move(*viewer.point(5, 15))
    viewer.until(f"(text) => ({READOUT})().endsWith(text)", "label 2")
    page.mouse.click(*viewer.point(5, 15))
    viewer.address("labels=2")
    viewer.until("() => lamella.machine.state().phase === 'rest'")
    alone = np.array(page.evaluate(PIXELS, ".heatmaplayer image"))
    assert (alone != half).any()
    assert alone[0, 0] != half[0, 0]
    viewer.press("ArrowRight")
    viewer.until("() => lamella.machine.state().phase === 'rest'")
    assert_array_equal(np.array(page.evaluate(PIXELS, ".heatmaplayer image")), alone)
    assert page.evaluate("() => lamella.scrubber.isCached(1)")
    opacity = reveal(page, "#overlay-opacity").locator("[role=slider]")
    opacity.focus()
    page.keyboard.press("Home")
    viewer.address("opacity=0")
    reveal(page, "#overlay-select").click()
    page.get_by_role("option", name="None").click()
    viewer.until("() => !location.search.includes('overlay')")


def test_a_colour_picture_has_its_colours_in_motion_and_at_rest(viewer: Any, served: Any) -> None:
    page = viewer.open(f"{FILE}&dataset=/photos").idle().page
    assert viewer.trace["meta"] == {"selection": "2,:,:,0", "pool": "mean", "channels": 3}
    assert page.locator("#slice-graph .cbaxis").count() == 0
    page.mouse.move(*viewer.point(7, 3))
    red, green, blue = served.arrays["meaning.h5", "/photos"][2, 3, 7]
    viewer.until(f"(text) => ({READOUT})().includes(text)", f"{red} {green} {blue}")
    viewer.press("ArrowRight").await_index(3)
    viewer.until("() => lamella.machine.state().phase === 'rest'")
    reveal(page, "#kind-select").click()
    page.get_by_role("option", name="Values").click()
    viewer.settled().address("kind=values")
    assert_array_equal(viewer.trace["z"], served.arrays["meaning.h5", "/photos"][3, :, :, 0])


def test_flags_have_names(viewer: Any) -> None:
    viewer.open(f"{FILE}&dataset=/quality")
    viewer.page.mouse.move(*viewer.point(1, 0))
    viewer.until(f"(text) => ({READOUT})().includes(text)", "1 · doubtful")


def test_values_that_are_times_are_dates_wherever_they_are_shown(viewer: Any) -> None:
    page = viewer.open(
        f"{FILE}&dataset=/seen&index=0&window=0,7194&tools=rect:1.5,-0.5,3.5,3.5"
    ).page
    ticks = page.locator("#slice-graph .cbaxis text")
    assert ticks.first.text_content() == "2001-01"
    page.mouse.move(*viewer.point(7, 3))
    viewer.until(f"(text) => ({READOUT})().includes(text)", "762 · 2001-02-01 18:00")
    page.locator("#histogram .handle-hi").wait_for()
    viewer.until(
        "() => document.querySelector('#histogram .handle-hi').textContent === '2001-10-27'"
    )
    assert page.get_attribute("#histogram .handle-lo", "aria-valuetext") == "2001-01-01"
    label = page.get_attribute("#histogram canvas", "aria-label")
    assert "from 2000-12-" in label
    # Rows 2 and 3 and columns 0 to 3: values of 6 × (80, 81, 82, 83, 120, …, 123) hours.
    viewer.await_text("region-panel", "8 voxels")
    names, values = (page.locator(f"#region-panel {tag}").all_inner_texts() for tag in ("dt", "dd"))
    figures = dict(zip(names, values, strict=True))
    assert figures["min"] == "2001-01-21"
    assert figures["max"] == "2001-01-31 18:00"
    assert figures["mean"].startswith("2001-01-26 09:00")
    assert figures["sum"] == "–"
    assert figures["σ"].endswith(" hours")
    bars = page.locator("#region-panel .measured-chart .xtick text")
    bars.first.wait_for()
    assert bars.all_text_contents()[0] == "01-23"
    reveal(page, "#window-hi").fill("2001-03-01 12:00")
    page.keyboard.press("Enter")
    viewer.address("window=0,1428")
