"""Keyboard focus: after every control, keys change slices at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.viewer import reveal
from tests.nightly import mostly

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
STACK = "?file=other.h5&dataset=/stack&selection=1,4,:,:"

ON_PICTURE = "() => document.activeElement === document.getElementById('plot-frame')"
INDEX = "() => { const v = lamella.viewer.current(); return v.position[v.axis]; }"
PLAYING = "() => document.getElementById('slice-play').getAttribute('aria-pressed') === 'true'"


def assert_keys_work(viewer: Any) -> None:
    """The picture has the focus, and a key turns the slice at once."""
    viewer.until(ON_PICTURE)
    at = viewer.page.evaluate(INDEX)
    viewer.page.keyboard.press("ArrowLeft")
    assert viewer.page.evaluate(INDEX) == max(at - 1, 0)
    viewer.page.keyboard.press("ArrowRight")
    assert viewer.page.evaluate(INDEX) == max(at - 1, 0) + 1


def choose(field: str, option: str) -> Callable[[Any], None]:
    def chosen(page: Any) -> None:
        reveal(page, field).click()
        page.get_by_role("option", name=option).click()

    return chosen


def choose_by_key(field: str) -> Callable[[Any], None]:
    def chosen(page: Any) -> None:
        reveal(page, field).focus()
        page.keyboard.press("ArrowDown")
        page.locator("[role=option]:visible").first.wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")

    return chosen


def leave_list(page: Any) -> None:
    reveal(page, "#norm-select").click()
    page.locator("[role=option]:visible").first.wait_for()
    page.keyboard.press("Escape")


def drag_slider(page: Any) -> None:
    thumb = page.locator("#slice-slider [role=slider]").bounding_box()
    y = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"] + thumb["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(thumb["x"] + 60, y, steps=5)
    page.mouse.up()


def bookmarks(leave: Callable[[Any], None]) -> Callable[[Any], None]:
    def seen(page: Any) -> None:
        page.click("#bookmarks-button")
        page.get_by_role("dialog").wait_for()
        leave(page)
        page.get_by_role("dialog").wait_for(state="hidden")

    return seen


def play_settings(leave: Callable[[Any], None]) -> Callable[[Any], None]:
    def seen(page: Any) -> None:
        page.click("#play-settings")
        page.click("#play-speed")
        page.get_by_role("option", name="30 slices a second").click()
        page.get_by_text("Bounce").click()
        page.get_by_text("Start again").click()
        leave(page)
        page.locator("#play-speed").wait_for(state="hidden")

    return seen


def type_window(page: Any) -> None:
    reveal(page, "#window-control").get_by_text("Manual").click()
    reveal(page, "#window-hi").fill("900")
    page.keyboard.press("Enter")


def type_index(page: Any) -> None:
    page.click("#index-input")
    page.fill("#index-input", "33")
    page.keyboard.press("Enter")


CONTROLS: dict[str, Callable[[Any], None]] = {
    "axis": lambda page: reveal(page, "#axis-select").get_by_text("1 · 120").click(),
    "axis by key": lambda page: (
        reveal(page, "#axis-select").locator("input:checked").focus(),
        page.keyboard.press("ArrowRight"),
        page.keyboard.press("Enter"),
    ),
    "colour scale": choose("#colorscale-select", "Magma"),
    "colour scale by key": choose_by_key("#colorscale-select"),
    "norm": choose("#norm-select", "Sqrt"),
    "pool": choose("#pool-select", "Max"),
    "a list left with Escape": leave_list,
    "reverse": lambda page: reveal(page, "#colorscale-reverse").click(),
    "tab": lambda page: (page.click("#tab-axes"), page.click("#tab-display")),
    "panel": lambda page: (
        page.click("#prefetch-panel .card-toggle"),
        page.click("#prefetch-panel .card-toggle"),
    ),
    "window": lambda page: reveal(page, "#window-control").get_by_text("Slice").click(),
    "window's ends": type_window,
    "drag": lambda page: page.click("#tool-pan"),
    "whole slice": lambda page: page.click("#zoom-reset"),
    "index": type_index,
    "next": lambda page: page.click("#slice-next"),
    "play": lambda page: (page.click("#slice-play"), page.click("#slice-play")),
    "slider": drag_slider,
    "panels": lambda page: (page.click("#panels-toggle"), page.click("#panels-toggle")),
    "theme": lambda page: (page.click("#scheme-toggle"), page.click("#scheme-toggle")),
    "new files": lambda page: page.click("#tree-reload"),
    "bookmarks closed": bookmarks(lambda page: page.locator(".mantine-Drawer-close").click()),
    "bookmarks left with Escape": bookmarks(lambda page: page.keyboard.press("Escape")),
    "play settings left with Escape": play_settings(lambda page: page.keyboard.press("Escape")),
    "play settings closed": play_settings(lambda page: page.click("#play-settings")),
    "picture": lambda page: page.locator("#plot-frame").click(position={"x": 8, "y": 8}),
}


# The others stand for them: the same component, or the same way to leave it.
ALIKE = {
    *("axis", "norm", "pool", "reverse", "whole slice", "panels", "new files"),
    *("bookmarks closed", "play settings closed", "colour scale", "window's ends", "panel", "play"),
}


@pytest.mark.parametrize("control", mostly(CONTROLS, ALIKE))
def test_keys_turn_slices_after(viewer: Any, control: str) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    CONTROLS[control](viewer.page)
    assert_keys_work(viewer)


def test_all_keys_of_the_picture(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    page = viewer.page
    page.click("#scheme-toggle")
    viewer.until(ON_PICTURE)
    for key, expected in [
        ("Home", 0),
        ("ArrowRight", 1),
        ("PageDown", 11),
        ("PageUp", 1),
        ("End", 129),
        ("ArrowLeft", 128),
    ]:
        page.keyboard.press(key)
        assert page.evaluate(INDEX) == expected, key
    page.keyboard.press("Space")
    assert page.evaluate(PLAYING)
    page.keyboard.press("Space")
    assert not page.evaluate(PLAYING)
    page.click("#scheme-toggle")


def test_after_a_click_on_a_dataset_keys_turn_its_slices(viewer: Any) -> None:
    viewer.open("?file=scan.h5&dataset=/plane")
    viewer.page.locator("#dataset-tree").get_by_text("data", exact=True).click()
    viewer.address("dataset=/entry/data")
    viewer.settled(painted=2)
    assert_keys_work(viewer)


@pytest.mark.parametrize("key", [None, "Enter"])
def test_choosing_the_open_dataset_again_goes_to_the_picture(viewer: Any, key: str | None) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    tree = viewer.page.locator("#dataset-tree")
    # A click on a file leaves the focus in the tree, as Tab and the arrows do.
    tree.locator("[role=treeitem]").filter(has_text="scan.h5").first.focus()
    if key is None:
        tree.locator(".node[data-selected]").click()
    else:
        tree.locator("[role=treeitem][aria-selected=true]").focus()
        viewer.page.keyboard.press(key)
    assert_keys_work(viewer)


def test_enter_in_the_tree_opens_and_goes_to_the_picture(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    items = viewer.page.locator("#dataset-tree [role=treeitem]")
    items.filter(has_text="large").last.focus()
    for key, name in (("ArrowDown", "plane"), ("ArrowUp", "large")):
        viewer.page.keyboard.press(key)
        assert viewer.page.evaluate("() => document.activeElement.textContent").startswith(name)
    assert viewer.index == 20
    viewer.page.keyboard.press("Enter")
    viewer.address("dataset=/large")
    viewer.settled(painted=2)
    assert_keys_work(viewer)


def test_enter_on_a_file_unfolds_it_and_stays_in_the_tree(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    items = viewer.page.locator("#dataset-tree [role=treeitem]")
    items.filter(has_text="other.h5").last.focus()
    viewer.page.keyboard.press("Enter")
    viewer.page.locator("#dataset-tree").get_by_text("stack", exact=True).wait_for()
    assert viewer.page.evaluate("() => Boolean(document.activeElement.closest('#dataset-tree'))")
    viewer.page.keyboard.press("Escape")
    assert_keys_work(viewer)


def test_escape_gives_the_typed_index_back(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.click("#index-input")
    viewer.page.keyboard.press("Control+A")
    viewer.page.keyboard.type("77")
    viewer.page.keyboard.press("Escape")
    viewer.until(ON_PICTURE)
    viewer.settled()
    assert viewer.index == 20
    assert viewer.page.input_value("#index-input") == "20"
    viewer.press("ArrowRight")
    assert viewer.trace["meta"]["selection"] == "21,:,:"
    assert viewer.page.input_value("#index-input") == "21"


def test_an_index_field_left_empty_tells_the_slice_again(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.fill("#index-input", "")
    viewer.page.keyboard.press("Enter")
    viewer.until("() => document.getElementById('index-input').value === '20'")
    assert_keys_work(viewer)


def test_escape_gives_a_typed_window_back(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20&window=100,900")
    reveal(viewer.page, "#window-hi").fill("50")
    viewer.page.keyboard.press("Escape")
    viewer.until(ON_PICTURE)
    assert viewer.page.input_value("#window-hi") == "900"
    assert viewer.page.inner_text("#window-control .field-error") == ""
    viewer.settled()
    assert (viewer.trace["zmin"], viewer.trace["zmax"]) == (100, 900)


def test_another_dimension_typed_is_done_with_enter(viewer: Any) -> None:
    viewer.open(f"{STACK}&axis=1")
    viewer.page.locator("#fixed-index-0").fill("2")
    viewer.page.keyboard.press("Enter")
    viewer.settled(painted=2)
    assert_keys_work(viewer)
    viewer.page.locator("#fixed-index-0").fill("3")
    viewer.page.keyboard.press("Escape")
    viewer.settled()
    assert viewer.page.evaluate("() => lamella.viewer.current().position[0]") == 2


def test_a_finger_on_the_picture_leaves_the_focus_there(phone: Any) -> None:
    viewer = phone.open(f"{SCAN}&axis=0&index=20")
    viewer.page.tap("#controls-toggle")
    reveal(viewer.page, "#norm-select").tap()
    viewer.page.get_by_role("option", name="Sqrt").tap()
    viewer.until(ON_PICTURE)
    viewer.page.tap("#slice-graph")
    assert_keys_work(viewer)


def test_the_focus_is_seen_where_keys_brought_it(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    style = "() => getComputedStyle(document.getElementById('plot-frame')).outlineStyle"
    viewer.page.focus("#index-input")
    viewer.page.keyboard.press("Enter")
    viewer.until(ON_PICTURE)
    assert viewer.page.evaluate(style) == "solid"
    # In the order of reading: tools, picture, what is below it.
    viewer.page.keyboard.press("Tab")
    assert viewer.page.evaluate("() => Boolean(document.activeElement.closest('.transport'))")
    viewer.page.keyboard.press("Shift+Tab")
    assert viewer.page.evaluate(ON_PICTURE)
    viewer.page.keyboard.press("Shift+Tab")
    assert viewer.page.evaluate("() => Boolean(document.activeElement.closest('.tools'))")
