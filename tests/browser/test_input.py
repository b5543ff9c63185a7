"""Input by keys, wheel, touch and slider, and playback."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.viewer import DIMMED
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"

# The animations that go on and on.
ANIMATED = """() => document.getAnimations()
  .filter((animation) => animation.effect.getTiming().iterations === Infinity)
  .map((animation) => animation.animationName)"""


def test_a_zoomed_view_stays_zoomed_while_it_moves(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20&x=20,60&y=30,70")
    before = viewer.trace["x"]
    viewer.press("ArrowRight", "ArrowRight")
    assert viewer.trace["x"] == before
    assert viewer.trace["meta"]["selection"].startswith("22,30:")


def test_a_finger_steps_through_slices(phone: Any) -> None:
    viewer = phone.open(f"{SCAN}&axis=0&index=20")
    x, y = viewer.point(30, 60)
    touch = viewer.page.context.new_cdp_session(viewer.page)

    def send(kind: str, at: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": at, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", x)
    for way in range(0, 90, 6):
        send("touchMove", x + way)
    send("touchEnd", x + 84)
    viewer.await_painted(1)
    viewer.settled()
    assert 27 <= viewer.index <= 32
    assert viewer.trace["meta"]["selection"] == f"{viewer.index},:,:"


def test_play_bounces_and_leaves_none_out(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=126")
    viewer.page.click("#play-settings")
    viewer.page.get_by_text("Bounce").click()
    viewer.page.click("#play-speed")
    viewer.page.get_by_role("option", name="30 slices a second").click()
    viewer.page.click("#slice-play")
    viewer.await_painted(9)
    viewer.page.click("#slice-play")
    viewer.settled()
    indices = [mark["index"] for mark in viewer.painted]
    assert indices[:10] == [126, 127, 128, 129, 128, 127, 126, 125, 124, 123]
    assert viewer.trace["meta"]["selection"] == f"{indices[-1]},:,:"
    assert viewer.page.get_attribute("#slice-play", "aria-pressed") == "false"


def test_play_in_real_time_keeps_to_the_clock(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=0")
    times = viewer.page.evaluate(script("input/times"))
    viewer.settled()
    # The first slice that comes is the last one; a slice due within half a frame is shown early.
    assert (130 - times[1]) == pytest.approx(times[0] / 1000 * 60, abs=2)


def test_a_slow_slice_dims_the_last_one_and_can_be_given_up(viewer: Any) -> None:
    # Before the page fetches ahead.
    viewer.page.route(re.compile(r"/slice\?.*selection=129,"), lambda route: None)
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.keyboard.press("End")
    viewer.until(DIMMED)
    assert viewer.page.evaluate(ANIMATED) == ["sweep"]
    assert viewer.painted[-1]["index"] == 20
    viewer.page.locator("#plot-cancel").wait_for(state="visible")
    viewer.page.click("#plot-cancel")
    viewer.settled()
    assert viewer.index == 20
    assert viewer.trace["meta"]["selection"] == "20,:,:"
    assert not viewer.page.is_visible("#plot-cancel")
    # A page at rest draws nothing.
    viewer.until(f"() => ({ANIMATED})().length === 0")
    viewer.errors.clear()


def test_new_colours_do_not_hide_that_a_slice_is_awaited(viewer: Any) -> None:
    # Before the page fetches ahead.
    viewer.page.route(re.compile(r"/slice\?.*selection=129,"), lambda route: None)
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.evaluate(script("input/recolor-while-moving"))
    viewer.until(DIMMED)
    viewer.page.locator("#plot-cancel").wait_for(state="visible")
    viewer.page.click("#plot-cancel")
    viewer.settled()
    assert viewer.index == 20
    assert viewer.trace["meta"]["selection"] == "20,:,:"
    viewer.errors.clear()


def test_the_slider_is_followed_while_it_is_dragged(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=10")
    thumb = viewer.page.locator("#slice-slider [role=slider]").bounding_box()
    track = viewer.page.locator("#slice-slider").bounding_box()
    y = thumb["y"] + thumb["height"] / 2
    x = thumb["x"] + thumb["width"] / 2
    viewer.page.mouse.move(x, y)
    viewer.page.mouse.down()
    for i in range(1, 31):
        viewer.page.mouse.move(x + i * track["width"] / 60, y)
    viewer.until("() => lamella.scrubber.isDone()")
    # Several of them were seen on the way.
    assert len(viewer.painted) >= 6
    viewer.page.mouse.up()
    viewer.settled()
    assert viewer.trace["meta"]["selection"] == f"{viewer.index},:,:"
    assert viewer.page.input_value("#index-input") == str(viewer.index)


def test_a_slow_link_lowers_the_resolution_and_not_the_rate(fresh_viewer: Any) -> None:
    viewer = fresh_viewer.open(f"{SCAN}&axis=0&index=0")
    link = viewer.page.context.new_cdp_session(viewer.page)
    link.send("Network.enable")
    limits = {"offline": False, "latency": 10, "uploadThroughput": -1}
    link.send("Network.emulateNetworkConditions", {**limits, "downloadThroughput": 100_000})
    # Slices of this file would be a tenth of their bytes.
    viewer.page.evaluate("() => { lamella.bandwidth.isCompressedFaster = () => false; }")
    assert viewer.page.evaluate(script("input/steps")) == 2
    link.send("Network.emulateNetworkConditions", {**limits, "downloadThroughput": -1})
    viewer.settled()
    assert viewer.trace["meta"]["selection"] == f"{viewer.index},:,:"
    assert len({mark["index"] for mark in viewer.painted}) >= 12


def touching(viewer: Any) -> Callable[..., None]:
    """Sends touch events: the kind, then the places (px of the window) of the fingers."""
    session = viewer.page.context.new_cdp_session(viewer.page)

    def send(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return send


SCREENS = [(390, 844), (820, 1180)]


@pytest.mark.parametrize(
    "screen", [SCREENS[0], pytest.param(SCREENS[1], marks=pytest.mark.nightly)]
)
def test_two_fingers_zoom_in_and_out(phone: Any, screen: tuple[int, int]) -> None:
    width, height = screen
    phone.page.set_viewport_size({"width": width, "height": height})
    viewer = phone.open(f"{SCAN}&axis=0&index=20")
    send = touching(viewer)
    x, y = viewer.point(30, 60)
    send("touchStart", (x - 20, y), (x + 20, y))
    for way in range(20, 61, 4):
        send("touchMove", (x - way, y), (x + way, y))
    # Nothing is asked for while the fingers are there.
    assert viewer.page.evaluate("() => lamella.viewer.current().x") is None
    send("touchEnd")
    viewer.until("() => lamella.viewer.current().x !== null")
    viewer.settled()
    left, right = viewer.trace["x"]
    assert right - left == pytest.approx(100 / 3, rel=0.02)
    assert left + (right - left) * 0.3 == pytest.approx(30, abs=1)
    place = viewer.point(30, 60)
    assert abs(place[1] - y) < 8
    assert viewer.trace["meta"]["selection"].startswith("20,")
    send("touchStart", (x - 60, y), (x + 60, y))
    for way in range(60, 9, -5):
        send("touchMove", (x - way, y), (x + way, y))
    send("touchEnd")
    viewer.until("() => lamella.viewer.current().x === null")
    viewer.settled()
    assert viewer.trace["x"] == [-0.5, 99.5]
    # The browser delivers the mark after the picture.
    viewer.await_painted(2)
    assert len(viewer.painted) == len({mark["index"] for mark in viewer.painted}) + 2


@pytest.mark.parametrize("fingers", [1, 2])
def test_fingers_pan_what_is_zoomed(phone: Any, fingers: int) -> None:
    viewer = phone.open(f"{SCAN}&axis=0&index=20&x=20,60&y=30,78")
    send = touching(viewer)
    x, y = viewer.point(40, 54)
    places = [(x, y), (x + 30, y + 20)][:fingers]
    before = viewer.trace
    send("touchStart", *places)
    for way in range(0, 41, 5):
        send("touchMove", *((left - way, top - way) for left, top in places))
    send("touchEnd")
    viewer.until("() => lamella.viewer.current().x[0] > 21")
    viewer.settled()
    after = viewer.trace
    voxels = 40 / before["pixels"][0] * (before["x"][1] - before["x"][0])
    assert after["x"] == pytest.approx([end + voxels for end in before["x"]], abs=0.7)
    assert abs((after["x"][1] - after["x"][0]) - (before["x"][1] - before["x"][0])) < 0.5
    # The slice is the same.
    assert viewer.index == 20
    assert viewer.page.evaluate("() => scrollY") == 0


def test_fingers_on_different_parts_of_the_graph_are_one_gesture(phone: Any) -> None:
    viewer = phone.open(f"{SCAN}&axis=0&index=20")
    send = touching(viewer)
    # One finger on the picture, the other on the margin that has the axis.
    inside, margin = viewer.point(60, 60), viewer.point(-8, 60)
    targets = "([a, b]) => new Set([a, b].map(([x, y]) => document.elementFromPoint(x, y))).size"
    assert viewer.page.evaluate(targets, [inside, margin]) == 2
    send("touchStart", inside)
    send("touchStart", inside, margin)
    for way in range(0, 61, 6):
        send("touchMove", (inside[0] + way, inside[1]), margin)
    send("touchEnd")
    viewer.until("() => lamella.viewer.current().x !== null")
    viewer.settled()
    assert viewer.index == 20


def test_an_index_beyond_the_end_is_clamped_with_a_note(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.fill("#index-input", "")
    viewer.page.type("#index-input", "700")
    viewer.page.keyboard.press("Enter")
    viewer.until("() => document.getElementById('index-input').value === '129'")
    viewer.settled()
    assert viewer.index == 129
    assert viewer.trace["meta"]["selection"] == "129,:,:"
    note = viewer.page.inner_text("#plot-note-text")
    assert note == "There is no slice 700, only 0 to 129: this is 129."
    # The next valid number takes the note away.
    viewer.page.fill("#index-input", "")
    viewer.page.type("#index-input", "7")
    viewer.page.keyboard.press("Enter")
    viewer.await_index(7)
    assert not viewer.page.is_visible("#plot-note-text")


def test_a_fixed_index_beyond_the_end_is_clamped_with_a_note(viewer: Any) -> None:
    viewer.open("?file=other.h5&dataset=/stack&selection=1,2,:,:&axis=1")
    viewer.page.locator("#fixed-index-0").fill("")
    viewer.page.type("#fixed-index-0", "99")
    viewer.page.keyboard.press("Enter")
    viewer.until("() => document.getElementById('fixed-index-0').value === '3'")
    viewer.settled()
    assert viewer.trace["meta"]["selection"] == "3,2,:,:"
    assert "only 0 to 3: this is 3" in viewer.page.inner_text("#plot-note-text")
