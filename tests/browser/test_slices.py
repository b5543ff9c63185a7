"""The slice on the screen equals the file's values, however the view got there."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from playwright.sync_api import Route

from tests.browser.viewer import reveal
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
LOWER_END = "(lo) => document.querySelector('#slice-graph .js-plotly-plot').data[0].zmin === lo"
LARGE = "?file=scan.h5&dataset=/large"


def test_a_file_opens_at_the_middle_of_its_main_volume(fresh_viewer: Any, served: Any) -> None:
    viewer = fresh_viewer.open("?file=other.h5")
    trace = viewer.trace
    assert trace["type"] == "heatmap"
    # Of the dimensions that are not shown the longest one is sliced.
    assert trace["meta"]["selection"] == "2,4,:,:"
    assert_array_equal(trace["z"], served.arrays["other.h5", "/stack"][2, 4].astype(float))
    viewer.address("file=other.h5&dataset=/stack&selection=2,4,:,:&axis=1")
    assert viewer.index == 4


def test_the_trace_is_what_the_server_says_it_is(viewer: Any, served: Any) -> None:
    values = served.arrays["scan.h5", "/entry/data"]
    trace = viewer.open(f"{SCAN}&axis=0&index=7").trace
    assert trace["meta"] == {"selection": "7,:,:", "pool": "mean"}
    assert_array_equal(trace["z"], values[7])
    same = served.values(
        file="scan.h5",
        dataset="/entry/data",
        selection=trace["meta"]["selection"],
        pool=trace["meta"]["pool"],
    )
    assert_array_equal(trace["z"], same)
    # The centre of voxel (row, column) lies at y = row, x = column, row 0 at the top, pixels are square.
    assert (trace["x0"], trace["dx"], trace["y0"], trace["dy"]) == (0, 1, 0, 1)
    assert trace["x"] == pytest.approx([-0.5, 99.5], abs=0.3)
    assert trace["y"] == pytest.approx([119.5, -0.5], abs=0.3)
    assert not trace["grid"]
    width, height = trace["pixels"]
    voxels = [abs(trace[axis][1] - trace[axis][0]) for axis in "xy"]
    assert width / voxels[0] == pytest.approx(height / voxels[1], rel=0.01)


def test_keys_turn_slices(viewer: Any, served: Any) -> None:
    values = served.arrays["scan.h5", "/entry/data"]
    viewer.open(f"{SCAN}&axis=0&index=50")
    for key, index in (
        ("ArrowRight", 51),
        ("ArrowLeft", 50),
        ("PageDown", 60),
        ("PageUp", 50),
        ("End", 129),
        ("ArrowRight", 129),
        ("Home", 0),
        ("ArrowLeft", 0),
    ):
        viewer.press(key)
        assert_array_equal(viewer.trace["z"], values[index])
        viewer.until("(i) => document.getElementById('index-input').value === String(i)", index)
        assert viewer.index == index


def test_an_older_slice_never_covers_a_newer_one(viewer: Any) -> None:
    routes: list[Route] = []

    def hold(route: Route) -> None:
        routes.append(route)

    viewer.page.route(re.compile(r"/slice\?.*selection=11,"), hold)
    viewer.open(f"{SCAN}&axis=0&index=10")
    viewer.page.keyboard.press("ArrowRight")
    viewer.until("() => document.getElementById('plot-frame').getAttribute('aria-busy') === 'true'")
    viewer.press("ArrowRight")
    assert routes, viewer.painted
    for route in routes:
        route.abort()
    assert viewer.trace["meta"]["selection"] == "12,:,:"
    assert [mark["index"] for mark in viewer.painted] == [10, 12]
    viewer.errors.clear()


def test_the_mark_tells_index_axis_and_source(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=1&index=30")
    viewer.press("ArrowRight")
    marks = viewer.painted
    assert [(mark["index"], mark["axis"]) for mark in marks] == [(30, 1), (31, 1)]
    assert all(set(mark) == {"index", "axis", "source"} for mark in marks)
    sources = [mark["source"] for mark in marks]
    assert sources[0] in {"frames", "bricks", "coalesced", "miss"}
    assert sources[1] in {"ring", "frames", "bricks", "coalesced", "miss"}
    viewer.open("?file=scan.h5&dataset=/plane")
    assert viewer.painted[-1]["axis"] is None


def test_a_large_slice_is_pooled_and_says_so(
    viewer: Any, served: Any, subtests: pytest.Subtests
) -> None:
    viewer.open(SCAN)
    for pool in ("mean", "max", "nearest"):
        with subtests.test(pool):
            trace = viewer.switch(f"{LARGE}&axis=0&index=1&pool={pool}").trace
            assert trace["meta"] == {"selection": "1,::2,::2", "pool": pool}
            same = served.values(file="scan.h5", dataset="/large", selection="1,::2,::2", pool=pool)
            assert_array_equal(trace["z"], same.astype(np.float64))
            assert trace["z"].size <= 462_400
            assert (trace["x0"], trace["dx"]) == (0.5, 2)


def test_zooming_in_shows_the_files_own_values(viewer: Any, served: Any) -> None:
    viewer.open(f"{LARGE}&axis=0&index=1")
    x0, y0 = viewer.point(300, 400)
    x1, y1 = viewer.point(500, 600)
    viewer.page.mouse.move(x0, y0)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x1, y1, steps=5)
    viewer.page.mouse.up()
    viewer.settled(painted=2)
    trace = viewer.trace
    rows, cols = (
        slice(*map(int, part.split(":"))) for part in trace["meta"]["selection"].split(",")[1:]
    )
    assert 290 <= cols.start <= 310
    assert 490 <= cols.stop <= 510
    assert_array_equal(trace["z"], served.arrays["scan.h5", "/large"][1][rows, cols])
    viewer.address("x=")
    viewer.page.click("#zoom-reset")
    viewer.settled(painted=3)
    assert viewer.trace["meta"]["selection"] == "1,::2,::2"
    viewer.until("() => !location.search.includes('&x=')")


def test_hover_tells_indices_and_value(viewer: Any, served: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=7")
    viewer.page.mouse.move(*viewer.point(40, 60))
    value = str(served.arrays["scan.h5", "/entry/data"][7, 60, 40])
    for place in (".hoverlayer", "#readout"):
        text = viewer.until("(place) => (document.querySelector(place) || {}).textContent", place)
        assert "[7, 60, 40]" in text
        assert value in text


def test_hover_over_a_pooled_cell_names_the_block_and_fetches_the_voxel(
    viewer: Any, served: Any
) -> None:
    viewer.open(f"{LARGE}&axis=0&index=1")
    viewer.page.mouse.move(*viewer.point(300, 400))
    text = viewer.until("() => (document.querySelector('#readout .exact') || {}).textContent")
    # A cell is about as large as a pixel: it may be the one beside it.
    row, col, value = map(int, re.fullmatch(r"\[1, (\d+), (\d+)\] = (\d+)", text).groups())
    assert abs(row - 400) <= 4
    assert abs(col - 300) <= 4
    assert value == served.arrays["scan.h5", "/large"][1, row, col]
    readout = viewer.page.inner_text("#readout")
    assert f"[1, {row}–{row + 1}, {col}–{col + 1}]" in readout
    assert "mean" in readout
    assert "mean of 2 × 2 voxels" in viewer.page.locator("#slice-graph .hoverlayer").text_content()


def test_types_that_javascript_has_not(viewer: Any, served: Any, subtests: pytest.Subtests) -> None:
    viewer.open(SCAN)
    for dataset in ("/half", "/ids", "/stack"):
        with subtests.test(dataset):
            trace = viewer.switch(f"?file=other.h5&dataset={dataset}").trace
            values = served.arrays["other.h5", dataset]
            items = trace["meta"]["selection"].split(",")
            place = tuple(slice(None) if item == ":" else int(item) for item in items)
            assert_array_equal(trace["z"], values[place].astype(np.float64))


def test_parts_of_complex_values(viewer: Any, served: Any) -> None:
    viewer.open("?file=other.h5&dataset=/field&axis=0&index=1")
    values = served.arrays["other.h5", "/field"][1]
    assert_array_equal(viewer.trace["z"].astype(np.float32), np.abs(values))
    reveal(viewer.page, "#part-select").click()
    viewer.page.get_by_role("option", name="Imaginary").click()
    viewer.settled(painted=2)
    assert_array_equal(viewer.trace["z"].astype(np.float32), values.imag)
    viewer.open(f"{SCAN}")
    assert not viewer.page.is_visible("#part-select")


def test_the_window_is_the_volumes_the_slices_or_given(viewer: Any, served: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=7")
    values = served.arrays["scan.h5", "/entry/data"]
    _, headers = served.get(
        "/api/v1/slice",
        file="scan.h5",
        dataset="/entry/data",
        selection="7,:,:",
        format="u8",
        window="volume",
    )
    trace = viewer.trace
    assert f"{trace['zmin']},{trace['zmax']}" == ",".join(
        f"{float(end):g}" for end in headers["X-Slice-Window"].split(",")
    )
    viewer.page.get_by_text("Slice", exact=True).click()
    viewer.address("window=slice")
    viewer.until(LOWER_END, int(values[7].min()))
    assert (viewer.trace["zmin"], viewer.trace["zmax"]) == (values[7].min(), values[7].max())
    viewer.page.get_by_text("Manual", exact=True).click()
    reveal(viewer.page, "#window-lo").fill("1e2")
    viewer.page.press("#window-lo", "Enter")
    viewer.address("window=100,")
    viewer.until(LOWER_END, 100)
    for wrong, sentence in (("nan", "two numbers"), ("50", "below the upper")):
        reveal(viewer.page, "#window-hi").fill(wrong)
        viewer.page.press("#window-hi", "Enter")
        viewer.await_text("window-error", sentence)
    assert viewer.trace["zmin"] == 100


def test_norms_move_the_stops_and_leave_the_values(viewer: Any, served: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=7&norm=log&colorscale=viridis&window=10,1000")
    trace = viewer.trace
    assert trace["stops"] == 256
    assert_array_equal(trace["z"], served.arrays["scan.h5", "/entry/data"][7])
    bar = viewer.page.evaluate(script("slices/bar"))
    places = dict(zip(bar["texts"], bar["places"], strict=True))
    assert places["10"] == pytest.approx(0)
    assert places["100"] == pytest.approx(0.5)
    assert places["1000"] == pytest.approx(1)


def test_play_steps_through_slices_until_it_is_stopped(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=3")
    viewer.page.keyboard.press(" ")
    viewer.await_painted(4)
    viewer.page.keyboard.press(" ")
    viewer.settled()
    indices = [mark["index"] for mark in viewer.painted]
    assert indices == list(range(3, 3 + len(indices)))


def test_keys_are_left_to_fields(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=42")
    viewer.until("() => document.getElementById('index-input').value === '42'")
    viewer.page.click("#index-input")
    viewer.page.keyboard.press("Home")
    viewer.page.keyboard.press("ArrowRight")
    viewer.page.keyboard.press("Delete")
    viewer.page.keyboard.press("Enter")
    viewer.settled(painted=2)
    assert viewer.trace["meta"]["selection"] == "4,:,:"


def test_the_slider_can_be_dragged_and_set(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=10")
    thumb = viewer.page.locator("#slice-slider [role=slider]").bounding_box()
    track = viewer.page.locator("#slice-slider").bounding_box()
    y = thumb["y"] + thumb["height"] / 2
    viewer.page.mouse.move(thumb["x"] + thumb["width"] / 2, y)
    viewer.page.mouse.down()
    viewer.page.mouse.move(track["x"] + track["width"] * 0.75, y, steps=12)
    viewer.page.mouse.up()
    viewer.settled(painted=2)
    assert 85 <= viewer.index <= 108
    assert viewer.trace["meta"]["selection"] == f"{viewer.index},:,:"
    viewer.page.evaluate("() => window.dash_clientside.set_props('slice-slider', {value: 20})")
    viewer.await_index(20)
    assert viewer.settled().trace["meta"]["selection"] == "20,:,:"


def test_the_wheel_steps_through_slices_and_zooms_with_ctrl(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=10")
    viewer.page.mouse.move(*viewer.point(50, 60))
    viewer.page.mouse.wheel(0, 120)
    viewer.await_index(12)
    viewer.page.mouse.wheel(0, -60)
    viewer.await_index(11)
    viewer.page.keyboard.down("Control")
    viewer.page.mouse.wheel(0, -200)
    viewer.page.keyboard.up("Control")
    viewer.address("&x=")
    trace = viewer.settled().trace
    assert trace["x"][1] - trace["x"][0] < 99
    assert viewer.index == 11
    viewer.page.mouse.dblclick(*viewer.point(50, 60))
    viewer.until("() => !location.search.includes('&x=')")
    assert viewer.settled().trace["meta"]["selection"] == "11,:,:"


def test_colours_chosen_while_a_slice_is_drawn_are_not_lost(viewer: Any) -> None:
    viewer.open(f"{LARGE}&axis=0&index=1")
    viewer.page.evaluate(script("slices/step-and-recolor"))
    viewer.settled(painted=2)
    viewer.until(
        "() => document.querySelector('#slice-graph .js-plotly-plot').data[0].colorscale[0][1] === 'rgb(0,0,4)'"
    )
    assert viewer.trace["stops"] == 256
    assert viewer.page.input_value("#colorscale-select") == "Magma"
