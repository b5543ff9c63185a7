"""The page without a dataset, and what files open with."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"


def test_without_a_file_there_is_a_choice_of_files_and_of_what_was_open(viewer: Any) -> None:
    page = viewer.open(SCAN).page
    viewer.press("ArrowRight").address("index=21")
    page.evaluate(
        "() => { history.pushState(null, '', '/'); dispatchEvent(new PopStateEvent('popstate')); }"
    )
    page.locator("#start-page").wait_for(state="visible")
    assert page.locator("#start-files .start-name").all_inner_texts() == [
        "meaning.h5",
        "other.h5",
        "scan.h5",
        "sizes.h5",
        "values.h5",
    ]
    assert page.title() == "Lamella"
    assert page.inner_text("#crumb") == ""
    page.locator("#start-recent button", has_text="/entry/data").first.click()
    viewer.settled().address("index=21")
    assert viewer.index == 21
    assert not page.is_visible("#start-page")
    page.go_back()
    page.locator("#start-page").wait_for(state="visible")
    assert viewer.page.evaluate("() => lamella.viewer.current()") is None


def test_how_a_file_was_left_is_shown_on_request(viewer: Any) -> None:
    page = viewer.open(f"{SCAN}&tools=point:4,5").page
    viewer.press("ArrowRight").address("index=21")
    viewer.load("?file=scan.h5")
    viewer.settled()
    viewer.await_text("plot-note-text", "This file was left at slice 21 of /entry/data.")
    assert viewer.index != 21
    page.click("#plot-note-action")
    viewer.settled().address("index=21")
    assert page.evaluate("() => lamella.viewer.current().tools") == "1,2/point:4,5"
    # Who does not want it goes on; the palette has it.
    viewer.load("?file=scan.h5")
    viewer.settled().await_text("plot-note-text", "was left")
    viewer.press("ArrowRight").await_text("plot-note-text", "")
    page.keyboard.press("Control+k")
    page.get_by_role("option", name="Show the file as it was left").click()
    viewer.settled().address("index=21")
