"""Two datasets in one slice, zoom and window: beside each other, by swipe, as difference, blended."""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytestmark = pytest.mark.browser

HALF = "?file=other.h5&dataset=/half&axis=0&index=2"
PAIR = f"{HALF}&compare=other.h5|/ids"
SHOWN = """(selection) => {
  const isSide = lamella.viewer.current().mode === 'side';
  const of = isSide ? lamella.views.panes()[0]?.shown() : lamella.views.painted();
  if (!of || of.cells.meta.selection !== selection) return null;
  return { hi: of.mapping.hi, z: Array.from(of.cells.z, (row) => Array.from(row, String)) };
}"""


@pytest.fixture
def pair(viewer: Any) -> Iterator[Any]:
    yield viewer.open(PAIR)
    viewer.switch(HALF)
    viewer.errors.clear()


def shown(viewer: Any, selection: str) -> tuple[NDArray[Any], float]:
    """What is beside the picture or over it, once that is of this selection, and the upper end of its window."""
    found = viewer.until(SHOWN, selection)
    return np.array(found["z"], np.float64), found["hi"]


def test_side_by_side_has_both_slices_in_one_window(pair: Any) -> None:
    half, ids = (pair.served.arrays["other.h5", name] for name in ("/half", "/ids"))
    z, hi = shown(pair, "2,:,:")
    assert np.array_equal(z, ids[2])
    assert hi == pair.page.evaluate("() => lamella.colors.current().hi")
    assert np.array_equal(pair.trace["z"], half[2].astype(np.float64))
    assert "/ids · slice 2" in pair.page.inner_text("#view-compare")
    assert "/half · slice 2" in pair.page.inner_text(".compare-name")
    # As large as the first one, at the same height.
    first = pair.page.evaluate("() => lamella.plot.area()")
    pane = pair.page.locator("#view-compare .pane-canvas").bounding_box()
    frame = pair.page.locator("#plot-frame").bounding_box()
    assert (pane["width"], pane["height"]) == (first["width"], first["height"])
    assert pane["y"] == pytest.approx(frame["y"] + first["top"], abs=1)
    pair.press("ArrowRight")
    assert np.array_equal(shown(pair, "3,:,:")[0], ids[3])
    # Both are demands.
    groups = pair.served.counted(window="300", by="volume")["groups"]
    asked = " ".join(name for name, group in groups.items() if sum(group["demand"].values()))
    assert "/half" in asked
    assert "/ids" in asked
    pair.page.evaluate(
        "() => lamella.viewer.setRanges(new Map([[1, [3.5, 9.5]], [2, [9.5, 19.5]]]))"
    )
    assert np.array_equal(shown(pair, "3,4:10,10:20")[0], ids[3, 4:10, 10:20])
    pair.address("compare=other.h5|/ids")


def test_slices_of_the_second_dataset_are_there_before_they_are_asked_for(viewer: Any) -> None:
    viewer.open(HALF)
    asked: list[dict[str, list[str]]] = []

    def hear(request: Any) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.url).query)
        if "beside" in query:
            asked.append(query)

    viewer.page.on("request", hear)
    viewer.switch(PAIR)
    shown(viewer, "2,:,:")
    # Those around it, in the viewer's name.
    end = time.monotonic() + 20
    while sum("ahead" in query for query in asked) < 4:
        assert time.monotonic() < end, asked
        viewer.page.wait_for_timeout(20)
    assert {query["viewer"][0] for query in asked} == {viewer.name}
    viewer.page.wait_for_load_state("networkidle")
    asked.clear()
    viewer.press("ArrowRight")
    assert np.array_equal(shown(viewer, "3,:,:")[0], viewer.served.arrays["other.h5", "/ids"][3])
    assert [query for query in asked if "ahead" not in query] == []
    viewer.page.remove_listener("request", hear)
    viewer.switch(HALF)


def test_the_difference_is_numpys(pair: Any) -> None:
    half, ids = (pair.served.arrays["other.h5", name] for name in ("/half", "/ids"))
    pair.page.evaluate("() => lamella.viewer.setTools('1,2/rect:2.5,3.5,9.5,12.5')")
    pair.page.select_option("#compare-mode", "difference")
    z, hi = shown(pair, "2,:,:")
    shape = pair.page.locator(".views > .pane-shapes path").last
    shape.wait_for()
    left, top = pair.point(3.5, 2.5)
    box = shape.bounding_box()
    # Its box has room for the corners of its line.
    assert (box["x"], box["y"]) == pytest.approx((left, top), abs=6)
    pair.page.evaluate("() => lamella.viewer.setTools('')")
    pair.until("() => !document.querySelector('.views > .pane-shapes path')")
    difference = half[2].astype(np.float64) - ids[2]
    assert np.array_equal(z, difference)
    assert hi == pytest.approx(np.quantile(abs(difference), 0.99, method="lower"))
    # The colour bar is that of the difference.
    bar = "() => document.querySelector('#slice-graph .js-plotly-plot').layout.annotations[0]?.text"
    assert pair.until(bar) == "difference,<br>counts"
    pair.page.fill("#compare-half", "7")
    pair.page.keyboard.press("Enter")
    pair.until("() => lamella.views.painted()?.mapping.hi === 7")
    pair.address("difference=7")
    # The dock's fields are those of the difference, and follow a handle that is dragged on its histogram.
    fields = (
        "() => ['lo', 'hi'].map((end) => Number(document.getElementById('window-' + end).value))"
    )
    pair.until(f"() => String(({fields})()) === '-7,7'")
    pair.page.fill("#window-hi", "5")
    pair.page.keyboard.press("Enter")
    pair.address("difference=5")
    pair.page.evaluate("() => lamella.viewer.setDifference(null)")
    pair.until("() => lamella.views.painted()?.mapping.hi > 7")
    track = pair.page.locator("#histogram .track").bounding_box()
    grip = pair.page.locator("#histogram .handle-lo").bounding_box()
    y = grip["y"] + grip["height"] / 2
    pair.page.mouse.move(track["x"] + 20, y)
    pair.page.mouse.down()
    pair.page.mouse.move(track["x"] + 20, y - track["height"] / 8, steps=4)
    pair.page.mouse.up()
    end = pair.page.evaluate("() => lamella.viewer.current().difference")
    assert 0 < end < hi
    # Rounded, as fields of the window are.
    pair.until(
        f"(end) => {{ const [lo, hi] = ({fields})(); return lo === -hi && Math.abs(hi / end - 1) < 1e-5; }}",
        end,
    )
    pair.address(f"difference={end}")
    pair.page.evaluate("() => lamella.viewer.setDifference(null)")
    # The picture has all of the width now.
    pair.until(
        "() => document.querySelector('#slice-graph .js-plotly-plot').layout.width"
        " === document.getElementById('plot-frame').clientWidth"
    )
    x, y = pair.point(7, 4)
    pair.page.mouse.move(x - 3, y)
    pair.page.mouse.move(x, y)
    pair.until(
        "(text) => document.querySelector('.compare-values').textContent.includes(text)",
        str(ids[2, 4, 7]),
    )
    pair.press("ArrowRight")
    assert np.array_equal(shown(pair, "3,:,:")[0], half[3].astype(np.float64) - ids[3])
    pair.address("comparing=difference")


def watch_panels(pair: Any) -> None:
    """Have `disabled` list whether the panels are disabled from now on."""
    pair.page.evaluate(
        """() => {
          if (window.disabled) {
            disabled.length = 0;
            return;
          }
          window.disabled = [];
          const set = dash_clientside.set_props;
          dash_clientside.set_props = (id, props) => {
            if (id === 'panels-tick' && 'disabled' in props) disabled.push(props.disabled);
            set(id, props);
          };
        }"""
    )


def test_swipe_and_blend_by_mouse_and_keys(pair: Any) -> None:
    pair.page.select_option("#compare-mode", "swipe")
    shown(pair, "2,:,:")
    handle = pair.page.locator("#compare-handle")
    watch_panels(pair)
    handle.hover(position={"x": 12, "y": 40})
    box = handle.bounding_box()
    pair.page.mouse.down()
    pair.page.mouse.move(box["x"] + 52, box["y"] + 40, steps=4)
    assert pair.page.evaluate("disabled") == [True]
    pair.page.mouse.up()
    assert pair.page.evaluate("disabled") == [True, False]
    share = int(handle.get_attribute("aria-valuenow"))
    assert share > 52
    pair.address(f"share={pair.page.evaluate('() => lamella.viewer.current().share')}")
    handle.focus()
    pair.page.keyboard.press("ArrowRight")
    assert int(handle.get_attribute("aria-valuenow")) == pytest.approx(share + 2, abs=1)
    # The slice is the same one.
    assert pair.index == 2
    clip = pair.page.evaluate("() => document.getElementById('compare-over').style.clipPath")
    assert clip.startswith("inset(")
    pair.page.select_option("#compare-mode", "overlay")
    pair.page.fill("#compare-blend", "0.25")
    assert (
        pair.page.evaluate("() => document.getElementById('compare-over').style.opacity") == "0.25"
    )
    pair.address("share=0.25")
    # A link, or what is undone, has it too.
    pair.switch(f"{PAIR}&comparing=overlay&share=0.75")
    pair.until("() => document.getElementById('compare-over').style.opacity === '0.75'")
    assert pair.page.input_value("#compare-blend") == "0.75"
    pair.page.click("#views-one")
    pair.until(
        "() => !document.querySelector('.stage.compared') && !document.getElementById('compare-over')"
    )


def test_an_image_beside_its_labels_has_no_difference(viewer: Any) -> None:
    link = "?file=meaning.h5&dataset=/labels&axis=0&index=1&compare=meaning.h5|/grey"
    viewer.open(f"{link}&comparing=difference")
    z, _ = shown(viewer, "1,:,:")
    assert np.array_equal(z, viewer.served.arrays["meaning.h5", "/grey"][1])
    note = "(text) => document.getElementById('plot-note-text').textContent.includes(text)"
    viewer.until(note, "Labels and values have no difference.")
    assert viewer.page.evaluate("() => lamella.views.panes()[0].shown().mapping.kind") is None
    viewer.until("() => !location.search.includes('comparing')")
    viewer.switch(HALF)


def test_what_is_refused_leaves_one_sentence(viewer: Any) -> None:
    viewer.open(f"{HALF}&compare=other.h5|/stack")
    note = "(text) => document.getElementById('plot-note-text').textContent.includes(text)"
    alone = "() => !document.querySelector('.stage.compared') && !location.search.includes('comp')"
    viewer.until(note, "one size")
    viewer.until(alone)
    # Nothing is chosen before it is chosen.
    viewer.page.click("#views-compare")
    viewer.page.select_option("#compare-select", label="other.h5 · /ids")
    assert shown(viewer, "2,:,:")[0].shape == (20, 30)
    viewer.page.evaluate("() => lamella.viewer.setCompare('other.h5|/stack')")
    viewer.until("() => lamella.viewer.current().compare === 'other.h5|/ids'")
    viewer.switch(HALF)
    viewer.errors.clear()


def test_unlike_voxels_are_laid_at_the_same_place(viewer: Any) -> None:
    fine, coarse = (viewer.served.arrays["sizes.h5", name] for name in ("/fine", "/coarse"))
    link = "?file=sizes.h5&dataset=/fine&axis=0&index=1"
    viewer.open(f"{link}&compare=sizes.h5|/coarse")
    assert np.array_equal(shown(viewer, "1,:,:")[0], coarse[1])
    viewer.page.evaluate(
        "() => lamella.viewer.setRanges(new Map([[1, [7.5, 23.5]], [2, [15.5, 47.5]]]))"
    )
    assert np.array_equal(shown(viewer, "1,2:7,4:13")[0], coarse[1, 2:7, 4:13])
    viewer.settled()
    # A corner of the second picture is where that of the first one is, for shapes too.
    viewer.page.click("#tool-point")
    viewer.until("() => document.querySelector('.plot-frame.with-tool')")
    canvas = viewer.page.locator("#view-compare .pane-canvas").bounding_box()
    viewer.page.mouse.click(canvas["x"] + 3, canvas["y"] + 3)
    viewer.until("() => lamella.viewer.current().tools === '1,2/point:8,16'")
    viewer.page.keyboard.press("Escape")
    viewer.page.keyboard.press("Delete")
    # And under the pointer.
    viewer.page.mouse.move(*viewer.point(30, 12))
    viewer.page.mouse.move(*viewer.point(32, 12))
    texts = f"{fine[1, 12, 32]} | {coarse[1, 3, 8]} (+{fine[1, 12, 32] - coarse[1, 3, 8]})"
    viewer.until("(text) => document.querySelector('.compare-values').textContent === text", texts)
    assert viewer.page.is_visible("#view-compare .crosshair")
    viewer.page.select_option("#compare-mode", "swipe")
    assert np.array_equal(shown(viewer, "1,2:7,4:13")[0], coarse[1, 2:7, 4:13])
    viewer.page.select_option("#compare-mode", "difference")
    z, _ = shown(viewer, "1,8:24,16:48")
    row, col = np.mgrid[8:24, 16:48]
    nearest = coarse[1][np.ceil(row / 4 - 0.5).astype(int), np.ceil(col / 4 - 0.5).astype(int)]
    assert np.array_equal(z, fine[1, 8:24, 16:48].astype(float) - nearest)
    viewer.switch(HALF)
    viewer.errors.clear()


def test_below_each_other_pictures_have_one_left_end(phone: Any) -> None:
    phone.open(PAIR)
    shown(phone, "2,:,:")
    first = phone.page.evaluate("() => lamella.plot.area()")
    pane = phone.page.locator("#view-compare .pane-canvas").bounding_box()
    frame = phone.page.locator("#plot-frame").bounding_box()
    assert (pane["x"], pane["width"]) == (frame["x"] + first["left"], first["width"])
    assert pane["y"] > frame["y"] + frame["height"]
    # With a title of rows that is read upwards, beside the ticks.
    title = phone.page.locator("#view-compare .title-y").bounding_box()
    tick = phone.page.locator("#view-compare .tick-y").last.bounding_box()
    assert title["height"] > title["width"]
    assert 0 < title["x"] < title["x"] + title["width"] <= tick["x"]


def test_another_dataset_of_the_shape_keeps_slice_and_zoom(viewer: Any) -> None:
    viewer.open(f"{HALF}&x=4,14&y=3,13")
    viewer.page.evaluate("() => lamella.viewer.open({ file: 'other.h5', dataset: '/ids' })")
    viewer.until("() => lamella.viewer.current().dataset === '/ids'")
    viewer.settled()
    view = viewer.page.evaluate(
        "() => { const { position, x, y } = lamella.viewer.current(); return [position[0], x, y]; }"
    )
    assert view == [2, [4, 14], [3, 13]]


def test_panels_go_on_where_a_comparison_ends_under_the_pointer(pair: Any) -> None:
    pair.page.select_option("#compare-mode", "swipe")
    shown(pair, "2,:,:")
    watch_panels(pair)
    # Once it does not move any more.
    pair.page.locator("#compare-handle").hover(position={"x": 12, "y": 40})
    pair.page.mouse.down()
    pair.page.evaluate("() => lamella.viewer.setCompare('')")
    pair.until("() => !document.getElementById('compare-handle')")
    pair.page.mouse.up()
    assert pair.page.evaluate("disabled") == [True, False]


def test_on_the_narrowest_phone_nothing_of_the_bars_is_cut(phone: Any) -> None:
    phone.open(PAIR + "&comparing=difference")
    phone.page.set_viewport_size({"width": 320, "height": 640})
    boxes = [
        phone.page.locator(f"#{id_}").bounding_box()
        for id_ in ("compare-select", "compare-mode", "controls-toggle")
    ]
    assert min(box["width"] for box in boxes[:2]) >= 100
    assert max(box["x"] + box["width"] for box in boxes) <= 312
