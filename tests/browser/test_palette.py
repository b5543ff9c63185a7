"""The command palette, the help, and undo."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"
FOCUSED = "() => document.activeElement.id"
# What the field of the palette points to is what a screen reader reads.
MARKED = (
    "() => document.getElementById("
    "document.getElementById('palette-field').getAttribute('aria-activedescendant')).textContent"
)


def find(viewer: Any, text: str) -> None:
    """Open the palette and type."""
    viewer.page.keyboard.press("Control+k")
    viewer.page.wait_for_selector("#palette[open]")
    viewer.page.keyboard.type(text)


def test_the_palette_finds_actions_files_and_datasets(viewer: Any) -> None:
    viewer.open(SCAN)
    page = viewer.page
    # It is loaded now, and what is typed meanwhile is meant for it.
    page.keyboard.press("Control+k")
    page.keyboard.type("magma")
    page.wait_for_selector("#palette[open]")
    assert page.input_value("#palette-field") == "magma"
    assert "Colour scale: magma" in page.evaluate(MARKED)
    page.keyboard.press("Enter")
    viewer.address("colorscale=magma")
    assert page.evaluate(FOCUSED) == "plot-frame"
    find(viewer, "slice")
    assert page.get_by_role("option", name="Next slice").locator("kbd").inner_text() == "→"
    first = page.evaluate(MARKED)
    page.keyboard.press("ArrowDown")
    assert page.evaluate(MARKED) != first
    page.keyboard.press("Escape")
    assert page.locator("#palette[open]").count() == 0
    viewer.until("() => document.activeElement.id === 'plot-frame'")
    find(viewer, "entry data")
    page.get_by_role("option", name="/entry/data").first.click()
    find(viewer, "copy link")
    page.keyboard.press("Enter")
    viewer.await_text("export-text", "The link")
    find(viewer, "no such thing at all")
    # Files that nobody has opened are searched when somebody asks for it.
    assert "unopened" in page.evaluate(MARKED)
    page.keyboard.press("Enter")
    viewer.until("() => document.querySelector('#palette-list').innerText === 'Nothing matches.'")
    assert page.get_attribute("#palette-field", "aria-activedescendant") is None
    page.keyboard.press("Control+k")
    viewer.press("ArrowRight")
    viewer.address("index=")


def test_the_palette_reaches_controls_wherever_they_stand(viewer: Any) -> None:
    viewer.open(f"{SCAN}&tools=line:5,5,20,30;point:3,3&compare=scan.h5|/entry/data")
    page = viewer.page
    page.wait_for_selector("#histogram .handle")
    page.wait_for_selector("#profile-panel:not(.hidden)", state="attached")

    def choose(text: str) -> None:
        find(viewer, text)
        assert text in page.evaluate(MARKED).lower()
        page.keyboard.press("Enter")

    choose("freeze this profile")
    viewer.address("frozen=20,:,:")
    # In a tab that is not in front; before, in one that is.
    choose("left out at either end: 5 %")
    viewer.until("() => /window=[^v]/.test(location.search)")
    choose("percent left out")
    viewer.until("() => document.activeElement.id === 'percent-input'")
    choose("counted: whole volume")
    assert page.locator("#histogram-controls details[open]").count() == 1
    choose("upper end of the window")
    viewer.until("() => document.activeElement.matches('.handle-hi')")
    choose("way of comparing: swipe")
    viewer.address("comparing=swipe")
    choose("end the comparison")
    viewer.until("() => !location.search.includes('compar')")
    choose("counted: this slice")
    choose("clear the frozen")
    viewer.until("() => !location.search.includes('frozen=')")
    choose("remove all shapes")
    viewer.until("() => !location.search.includes('tools=')")


def test_help_lists_the_keys_and_gives_the_focus_back(viewer: Any) -> None:
    viewer.open(SCAN)
    page = viewer.page
    page.keyboard.press("?")
    page.wait_for_selector("#help[open]")
    assert "previous slice" in page.inner_text("#help")
    # The page's keys are none of the dialog's.
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    viewer.until("() => document.activeElement.id === 'plot-frame'")
    viewer.press("ArrowRight").address("index=21")


def test_changes_of_the_view_are_undone_and_done_again(viewer: Any) -> None:
    viewer.open(f"{SCAN}&index=40")
    page = viewer.page
    # Without a pause, these are one change, of which the link before is no part.
    run = "() => [1, 2, 3].forEach(() => lamella.viewer.step(1))"
    viewer.switch(SCAN)
    page.evaluate(run)
    viewer.settled().address("index=23")
    page.keyboard.press("Control+z")
    viewer.settled().address("index=20")
    page.keyboard.press("Control+y")
    viewer.settled().address("index=23")
    find(viewer, "flip rows")
    page.keyboard.press("Enter")
    viewer.settled().address("flip=rows")
    find(viewer, "slice across axis 1")
    page.keyboard.press("Enter")
    viewer.settled().address("axis=1")
    find(viewer, "colour scale: viridis")
    page.keyboard.press("Enter")
    viewer.address("colorscale=viridis")
    page.keyboard.press("Control+z")
    viewer.settled().address("colorscale=gray")
    page.keyboard.press("Control+z")
    viewer.settled().address("axis=0&index=23")
    page.keyboard.press("Control+z")
    viewer.until("() => !location.search.includes('flip=rows')")
    for _ in range(2):
        page.keyboard.press("Control+Shift+z")
    viewer.settled().address("axis=1")
    # The browser's own history has an entry for each plane that was shown.
    page.go_back()
    viewer.settled().address("axis=0")


def test_another_dataset_is_undone(viewer: Any) -> None:
    viewer.open(SCAN)
    page = viewer.page
    find(viewer, "large")
    page.get_by_role("option", name="large").first.click()
    viewer.settled().address("dataset=/large")
    page.keyboard.press("Control+z")
    viewer.settled().address("dataset=/entry/data&axis=0&index=20")
    page.keyboard.press("Control+y")
    viewer.settled().address("dataset=/large")
