"""The picture while the view moves, and how it settles."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from playwright.sync_api import Request, Route

from dashboard.frames.quantize import Norm, quantize_u8
from tests.browser.viewer import MOVING, NEVER_REST, REST
from tests.nightly import mostly
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
LARGE = "?file=scan.h5&dataset=/large"
FIELD = "?file=other.h5&dataset=/stack"

SLIDER_AT = script("motion/slider-at")


def move(viewer: Any, *keys: str) -> None:
    """Press keys and wait until the last slice is on the canvas, where it stays."""
    viewer.page.evaluate(NEVER_REST)
    for key in keys:
        viewer.page.keyboard.press(key)
    viewer.until(f"() => ({MOVING})() && lamella.scrubber.isDone()")
    viewer.page.evaluate(
        "() => new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)))"
    )


def rest(viewer: Any) -> None:
    """Let the view rest, and wait for the heatmap."""
    viewer.page.evaluate(REST)
    viewer.settled()
    assert not viewer.page.evaluate(MOVING)


def screen(viewer: Any, rows: range, cols: range) -> np.ndarray[Any, Any]:
    """The colours on the screen in the middle of voxels: (rows, cols, 3) uint8."""
    picture = imagecodecs.png_decode(viewer.page.screenshot())[..., :3]
    places = viewer.points([(col, row) for row in rows for col in cols])
    pixels = [picture[int(y), int(x)] for x, y in places]
    return np.array(pixels).reshape(len(rows), len(cols), 3)


def colours(codes: np.ndarray[Any, Any], *, reverse: bool = False) -> np.ndarray[Any, Any]:
    """What the gray scale makes of codes 0…254."""
    gray = np.round(codes / 254 * 255)
    return (255 - gray if reverse else gray)[..., None].repeat(3, axis=-1)


LOOKS: list[tuple[str, Any, tuple[float, float] | None, str, bool]] = [
    ("axis=0&index=20", np.s_[21, :, :], None, "linear", False),
    ("axis=1&index=20&colorscale=gray_r", np.s_[:, 21, :], None, "linear", True),
    (
        "axis=2&index=20&window=100,3000&colorscale=gray",
        np.s_[:, :, 21],
        (100, 3000),
        "linear",
        False,
    ),
    ("axis=0&index=20&window=10,2500&norm=log", np.s_[21, :, :], (10, 2500), "log", False),
    ("axis=0&index=20&window=0,2000&norm=sqrt", np.s_[21, :, :], (0, 2000), "sqrt", False),
    (
        "axis=0&index=20&window=-900,2000&norm=symlog&colorscale=gray_r",
        np.s_[21, :, :],
        (-900, 2000),
        "symlog",
        True,
    ),
    (
        "axis=0&index=20&window=-900,2000&norm=asinh&colorscale=gray",
        np.s_[21, :, :],
        (-900, 2000),
        "asinh",
        False,
    ),
    (
        "axis=0&index=20&x=20.3,61.2&y=30,75.5&colorscale=gray",
        np.s_[21, :, :],
        None,
        "linear",
        False,
    ),
]


# `test_heatmap` has the other norms.
AT_NIGHT = [one for one in LOOKS if one[3] == "asinh"]


@pytest.mark.parametrize(("link", "plane", "window", "norm", "reverse"), mostly(LOOKS, AT_NIGHT))
def test_the_screen_shows_the_data_moving_and_at_rest(
    viewer: Any,
    served: Any,
    link: str,
    plane: Any,
    window: tuple[float, float] | None,
    norm: str,
    reverse: bool,
) -> None:
    viewer.open(f"{SCAN}&{link}")
    trace = viewer.trace
    window = window or (trace["zmin"], trace["zmax"])
    values = served.arrays["scan.h5", "/entry/data"][plane]
    expected = colours(quantize_u8(values, window, Norm(norm)), reverse=reverse)
    left, right = trace["x"]
    bottom, top = trace["y"]
    rows = range(max(int(top) + 2, 0), min(int(bottom) - 1, values.shape[0]), 7)
    cols = range(max(int(left) + 2, 0), min(int(right) - 1, values.shape[1]), 9)
    reference = expected[np.ix_(rows, cols)]
    move(viewer, "ArrowRight")
    moving = screen(viewer, rows, cols)
    assert np.abs(moving - reference).max() <= 2
    rest(viewer)
    assert np.abs(screen(viewer, rows, cols) - reference).max() <= 4
    assert viewer.painted[-1]["index"] == 21


def test_a_pooled_slice_keeps_its_place_when_it_comes_to_rest(viewer: Any, served: Any) -> None:
    viewer.open(f"{LARGE}&axis=0&index=1&pool=nearest&window=0,4000")
    move(viewer, "ArrowRight")
    values = served.arrays["scan.h5", "/large"][2]
    step = viewer.page.evaluate("() => lamella.machine.state().painted.step")
    rows, cols = range(step * 20, 1000 - step, step * 31), range(step * 20, 900 - step, step * 27)
    # The middle of a block shows its first voxel, whose row and column are multiples of the step.
    middle = (step - 1) / 2
    picture = imagecodecs.png_decode(viewer.page.screenshot())[..., :3]
    places = viewer.points([(col + middle, row + middle) for row in rows for col in cols])
    pixels = np.array([picture[int(y), int(x)] for x, y in places])
    reference = colours(quantize_u8(values[np.ix_(rows, cols)], (0, 4000), Norm.LINEAR))
    assert np.abs(pixels - reference.reshape(-1, 3)).max() <= 2


def test_gaps_have_their_own_colour_while_the_view_moves(viewer: Any, served: Any) -> None:
    viewer.open(f"{FIELD}&selection=1,3,:,:&axis=1")
    move(viewer, "ArrowRight")
    gap = viewer.page.evaluate(
        "() => getComputedStyle(document.documentElement).getPropertyValue('--l-missing').trim()"
    )
    shown = screen(viewer, range(6, 9), range(9, 11))
    assert {tuple(pixel) for pixel in shown.reshape(-1, 3)} == {
        tuple(bytes.fromhex(gap.removeprefix("#")))
    }


def test_another_theme_and_another_size_are_followed_while_moving(
    make_viewer: Callable[..., Any], served: Any
) -> None:
    viewer = make_viewer(device_scale_factor=2)
    viewer.open(f"{SCAN}&axis=0&index=20&window=0,3000")
    move(viewer, "ArrowRight")
    viewer.page.set_viewport_size({"width": 1100, "height": 700})
    viewer.page.click("#scheme-toggle")
    viewer.until(
        "() => lamella.plot.area().height + 'px' === document.getElementById('slice-canvas').style.height"
    )
    canvas = viewer.page.evaluate(script("motion/canvas"))
    assert canvas[:2] == [round(2 * side) for side in canvas[2:]]
    picture = imagecodecs.png_decode(viewer.page.screenshot())[..., :3]
    expected = colours(
        quantize_u8(served.arrays["scan.h5", "/entry/data"][21], (0, 3000), Norm.LINEAR)
    )
    for row, col in ((5, 5), (60, 50), (115, 95), (8, 90)):
        x, y = viewer.point(col, row)
        assert np.abs(picture[int(2 * y), int(2 * x)] - expected[row, col]).max() <= 2


def test_a_burst_of_keys_ends_where_the_slider_says(viewer: Any, served: Any) -> None:
    values = served.arrays["scan.h5", "/entry/data"]
    viewer.open(f"{SCAN}&axis=0&index=3")
    presses = ["ArrowRight"] * 100 + ["ArrowLeft"] * 40 + ["PageDown"] * 5 + ["ArrowLeft"] * 55
    for key in presses:
        viewer.page.keyboard.press(key)
    viewer.until("() => lamella.scrubber.isDone()")
    assert viewer.index == 58
    viewer.settled()
    assert viewer.index == 58
    assert_array_equal(viewer.trace["z"], values[58])
    viewer.address("index=58")
    marks = viewer.painted
    assert marks[-1]["index"] == 58
    # What is painted is another slice than before, each time.
    assert all(a["index"] != b["index"] for a, b in pairwise(marks))
    # A key that is let go leaves nothing behind.
    viewer.idle()
    assert len(viewer.painted) == len(marks)


def test_requests_that_were_given_up_leave_nothing_behind(viewer: Any) -> None:
    routes: list[Route] = []

    def hold(route: Route) -> None:
        routes.append(route)

    # Before they are fetched ahead.
    viewer.page.route(re.compile(r"/slice\?.*selection=(70|80|90),.*format=u8"), hold)
    viewer.open(f"{SCAN}&axis=0&index=10")
    for index in range(20, 100, 10):
        viewer.page.keyboard.press("PageDown")
        viewer.until(SLIDER_AT, index)
    assert routes, "nothing was given up"
    viewer.page.keyboard.press("End")
    viewer.settled()
    assert viewer.trace["meta"]["selection"] == "129,:,:"
    for route in routes:
        route.abort()
    viewer.idle()
    assert viewer.trace["meta"]["selection"] == "129,:,:"
    assert viewer.painted[-1]["index"] == 129
    assert not viewer.page.is_visible("#plot-message")
    viewer.errors.clear()


@pytest.mark.parametrize("window", ["-100,4000", "slice"])
def test_the_authors_fill_value_is_a_gap_in_motion_and_at_rest(
    viewer: Any, served: Any, window: str
) -> None:
    viewer.open(f"?file=other.h5&dataset=/zfilled&axis=0&index=1&window={window}")
    values = served.arrays["other.h5", "/zfilled"][2]
    rows, cols = range(2, 40, 3), range(2, 50, 3)
    move(viewer, "ArrowRight")
    moving = screen(viewer, rows, cols)
    rest(viewer)
    trace = viewer.trace
    assert (trace["z"] == values).all()
    lowest = -100 if window[0] == "-" else values[values != -7].min()
    assert trace["zmin"] == lowest
    # The ground shows through where the heatmap has a gap, and is what the canvas paints there.
    assert np.array_equal(screen(viewer, rows, cols), moving)
    gaps = (values == -7)[np.ix_(rows, cols)]
    codes = quantize_u8(values, (trace["zmin"], trace["zmax"]), Norm.LINEAR)[np.ix_(rows, cols)]
    assert np.abs(moving[~gaps] - colours(codes)[~gaps]).max() <= 4
    ground = np.unique(moving[gaps], axis=0)
    assert len(ground) == 1
    assert np.abs(ground[0] - colours(np.zeros(1))[0]).max() > 4


def test_colours_are_on_the_screen_before_plotly_has_drawn_them(viewer: Any, served: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20&window=0,3000")
    rows, cols = range(5, 115, 13), range(5, 95, 11)
    codes = quantize_u8(served.arrays["scan.h5", "/entry/data"][20], (0, 3000), Norm.LINEAR)
    asked: list[str] = []
    viewer.page.on("request", lambda r: asked.append(r.url) if "format=raw" in r.url else None)
    painted = viewer.page.evaluate(script("motion/painted"))
    width, height, data = painted
    canvas = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4).astype(int)
    area = viewer.page.evaluate("() => lamella.plot.area()")
    expected = colours(codes, reverse=True)
    for row in rows:
        for col in cols:
            x = (col - area["x"][0]) / (area["x"][1] - area["x"][0]) * width
            y = (row - area["y"][0]) / (area["y"][1] - area["y"][0]) * height
            assert np.abs(canvas[int(y), int(x), :3] - expected[row, col]).max() <= 2
    viewer.settled()
    assert viewer.trace["first"] == "rgb(255,255,255)"
    assert np.abs(screen(viewer, rows, cols) - expected[np.ix_(rows, cols)]).max() <= 4
    assert asked == []


def test_a_window_that_is_changed_while_moving_is_painted(viewer: Any, served: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20&window=0,3000")
    move(viewer, "ArrowRight")
    rows, cols = range(5, 115, 13), range(5, 95, 11)
    viewer.page.evaluate("() => lamella.viewer.setColors({window: [500, 1500], norm: 'sqrt'})")
    viewer.until("() => lamella.colors.current().hi === 1500 && lamella.scrubber.isDone()")
    viewer.page.evaluate(
        "() => new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)))"
    )
    values = served.arrays["scan.h5", "/entry/data"][21]
    expected = colours(quantize_u8(values, (500, 1500), Norm.SQRT))[np.ix_(rows, cols)]
    assert np.abs(screen(viewer, rows, cols) - expected).max() <= 2
    rest(viewer)
    assert np.abs(screen(viewer, rows, cols) - expected).max() <= 4


def test_a_key_puts_the_heatmap_off(viewer: Any, served: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    waits = viewer.page.evaluate(script("motion/drawn"))
    # Once, or again where the browser had no time for the keys between.
    assert 1 <= len(waits) < 20
    # Timers are of whole milliseconds.
    assert min(waits) > viewer.page.evaluate("() => lamella.config.restDelay") - 1
    values = served.arrays["scan.h5", "/entry/data"][40]
    assert_array_equal(viewer.settled().trace["z"], values)


def test_the_stages_stand_in_the_browsers_timeline(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=10")
    viewer.settled()
    viewer.page.evaluate(script("motion/collect-stages"))

    def reported(request: Request) -> list[Any]:
        if not request.url.endswith("/api/v1/telemetry"):
            return []
        return [one for one in request.post_data_json["slices"] if one["index"] == 11]

    # What the page says before is about the slice that it opened with.
    with viewer.page.expect_request(reported) as posted:
        viewer.page.keyboard.press("ArrowRight")
    (painted,) = reported(posted.value)
    measured = viewer.page.evaluate("window.measured")
    for stage in ("convert", "draw", "display"):
        entries = [length for name, length in measured if name == f"slice-{stage}"]
        assert any(abs(length - painted[f"{stage}_ms"]) < 0.001 for length in entries)


def test_memory_is_bounded(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=0")
    sizes = viewer.page.evaluate(script("motion/sizes"))
    viewer.settled()
    assert sizes[0] <= 96 * 2**20
    assert sizes[1:] == [0, 0]
