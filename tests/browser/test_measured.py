"""What is said of shapes: answers to what is none, what a reload keeps, and the line below the picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_input import touching
from tests.browser.test_tools import SCAN, choose, tools

pytestmark = pytest.mark.browser


@pytest.fixture
def scan(viewer: Any) -> Iterator[Any]:
    """A slice without shapes; none is left, and no tool is active, afterwards."""
    yield viewer.open(f"{SCAN}&axis=0&index=20")
    for _ in range(4):
        viewer.page.keyboard.press("Escape")
    viewer.switch(f"{SCAN}&axis=0&index=20")


def test_a_width_that_is_none_is_answered(scan: Any) -> None:
    scan.switch(f"{SCAN}&axis=0&index=20&tools=line:10,5,90,5,w3")
    scan.await_text("profile-panel", "mean")
    width = scan.page.locator("#profile-panel input")
    width.fill("5000")
    width.press("Enter")
    scan.await_text("profile-panel", "A line is 1 to 1000 voxels wide, not 5000: it stays 3.")
    assert width.input_value() == "3"
    width.fill("7")
    width.press("Enter")
    assert tools(scan)[0].endswith(",w7")
    assert "stays" not in scan.page.inner_text("#profile-panel")


def test_what_was_selected_is_so_after_a_reload(scan: Any) -> None:
    scan.open(f"{SCAN}&axis=0&index=20&tools=rect:29.5,19.5,80.5,60.5;point:40,7")
    chips = scan.page.locator(".shape-chip")
    assert [chip.get_attribute("aria-pressed") for chip in chips.all()] == ["true", "false"]
    chips.nth(1).click()
    for pressed in (["false", "true"], ["false", "false"]):
        scan.page.reload()
        scan.settled()
        scan.until("() => document.querySelectorAll('.shape-chip').length === 2")
        assert [chip.get_attribute("aria-pressed") for chip in chips.all()] == pressed
        if "true" in pressed:
            scan.press("Escape")


def test_the_label_of_a_voxel_does_not_cover_what_is_drawn(scan: Any) -> None:
    label = "() => getComputedStyle(document.querySelector('#slice-graph .hoverlayer')).visibility"
    choose(scan, "poly")
    scan.page.mouse.click(*scan.point(20, 30))
    scan.page.mouse.move(*scan.point(40, 40))
    assert scan.page.evaluate(label) == "hidden"
    scan.until("() => document.getElementById('readout').textContent.includes('[20, 40, 40]')")
    scan.press("Escape", "Escape")
    assert scan.page.evaluate(label) == "visible"


def test_on_a_phone_what_was_measured_is_in_sight(phone: Any) -> None:
    viewer = phone.open(f"{SCAN}&axis=0&index=20")
    brief = viewer.page.locator("#measured-brief")
    assert not brief.is_visible()
    viewer.page.tap("#tool-rect")
    viewer.until("() => document.querySelector('.plot-frame.with-tool')")
    viewer.await_text("measured-brief", "draw it on the picture")
    send = touching(viewer)
    (x, y), (x1, y1) = viewer.points([(20, 30), (60, 80)])
    send("touchStart", (x, y))
    send("touchMove", ((x + x1) / 2, (y + y1) / 2))
    send("touchMove", (x1, y1))
    send("touchEnd")
    viewer.await_text("measured-brief", "mean ")
    box = brief.bounding_box()
    picture = viewer.page.locator("#plot-frame").bounding_box()
    assert picture["y"] + picture["height"] <= box["y"]
    assert box["y"] + box["height"] <= 844
    brief.click()
    viewer.page.wait_for_selector("#region-panel .figures", state="visible")
    sheet = viewer.page.locator("#controls")
    viewer.until("() => getComputedStyle(document.getElementById('controls')).transform === 'none'")
    assert sheet.bounding_box()["y"] >= picture["y"] + picture["height"]
    viewer.page.keyboard.press("Escape")
