"""axe-core finds nothing serious, whatever is open and in both themes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.accessibility import assert_accessible

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"
TOOLS = "&tools=line:10,5,90,5,w3;rect:29.5,19.5,80.5,60.5;point:40,7"


def measured(viewer: Any) -> None:
    viewer.switch(SCAN + TOOLS)
    viewer.page.locator(".shape-chip").nth(1).click()
    viewer.await_text("region-panel", "2091 voxels")


def three(viewer: Any) -> None:
    viewer.switch(f"{SCAN}{TOOLS}&views=3&point=20,70,30")
    viewer.until("() => lamella.views.panes().length === 2 && lamella.views.panes()[0].shown()")


def compared(viewer: Any) -> None:
    viewer.switch("?file=other.h5&dataset=/half&axis=0&index=2&compare=other.h5|/ids")
    viewer.until("() => lamella.views.panes()[0]?.shown()")


def opened(key: str, dialog: str) -> Callable[[Any], None]:
    def open_(viewer: Any) -> None:
        viewer.page.keyboard.press(key)
        viewer.page.wait_for_selector(f"{dialog}[open]")

    return open_


def popover(button: str) -> Callable[[Any], None]:
    def open_(viewer: Any) -> None:
        viewer.page.click(button)
        viewer.page.locator("[role=dialog]:visible").wait_for()
        assert viewer.page.get_attribute(button, "aria-expanded") == "true"

    return open_


STATES: dict[str, Callable[[Any], None]] = {
    "measure": measured,
    "three views": three,
    "comparison": compared,
    "palette": opened("Control+k", "#palette"),
    "help": opened("?", "#help"),
    "export": popover("#export-button"),
    "play settings": popover("#play-settings"),
}
# What is on top of a page whose other parts are as in the states before.
ON_TOP = {
    "palette": "#palette",
    "help": "#help",
    "export": "[role=dialog]",
    "play settings": "[role=dialog]",
}


def test_the_viewer(viewer: Any, subtests: pytest.Subtests) -> None:
    viewer.open(SCAN)
    for state, reach in STATES.items():
        with subtests.test(state):
            if state == "palette":
                viewer.switch(SCAN)
            reach(viewer)
            assert_accessible(viewer.page, state, ON_TOP.get(state))
            viewer.page.keyboard.press("Escape")
    for state in ("measure", "comparison"):
        with subtests.test(state, theme="dark"):
            STATES[state](viewer)
            viewer.page.click("#scheme-toggle")
            assert_accessible(viewer.page, f"{state}, the other theme")
            viewer.page.click("#scheme-toggle")
    viewer.switch(SCAN)


def test_the_monitor(monitor: Any) -> None:
    assert_accessible(monitor.open(), "monitor")
