"""The dock: tabs of controls, of which one is shown, and the sheet that they are on narrow screens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"


def test_one_tab_is_shown_at_a_time_and_remembered(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    viewer.open(SCAN)
    assert viewer.page.is_visible("#colorscale-select")
    assert not viewer.page.is_visible("#axis-select")
    viewer.page.click("#tab-axes")
    assert viewer.page.is_visible("#axis-select")
    assert not viewer.page.is_visible("#colorscale-select")
    viewer.page.reload()
    viewer.settled()
    assert viewer.page.is_visible("#axis-select")
    assert viewer.page.get_attribute("#tab-axes", "aria-selected") == "true"
    # What the colour bar stands for is chosen in the other one.
    viewer.page.locator("#slice-graph .colorbar .cboutline").click()
    assert viewer.page.is_visible("#colorscale-select")


def test_arrows_go_from_tab_to_tab_and_turn_no_slices(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    viewer.open(SCAN)
    viewer.page.keyboard.press("Tab")
    viewer.page.focus("#tab-display")
    viewer.page.keyboard.press("ArrowRight")
    assert viewer.page.evaluate("() => document.activeElement.id") == "tab-axes"
    assert viewer.page.is_visible("#axis-select")
    viewer.page.keyboard.press("ArrowRight")
    assert viewer.page.is_visible("#colorscale-select")
    assert viewer.settled().index == 20


def test_the_picture_has_most_of_the_page_at_1280_by_800(viewer: Any) -> None:
    viewer.open(SCAN)
    section = viewer.page.locator(".viewer").bounding_box()
    assert section["width"] >= 0.55 * 1280
    assert section["height"] >= 800 - 48 - 2 * 10
    plot = viewer.page.locator("#plot-frame").bounding_box()
    assert plot["height"] >= section["height"] - 100


def test_on_a_phone_the_controls_are_a_sheet_that_closes(phone: Any) -> None:
    viewer = phone.open(SCAN)
    assert not viewer.page.is_visible("#norm-select")
    viewer.page.tap("#controls-toggle")
    viewer.page.tap("#norm-select")
    viewer.page.get_by_role("option", name="Sqrt").tap()
    viewer.until("() => lamella.viewer.current().norm === 'sqrt'")
    # It stays open for the next choice, over the picture that shows the last one.
    assert viewer.page.is_visible("#norm-select")
    viewer.page.tap("#plot-frame")
    viewer.page.locator("#norm-select").wait_for(state="hidden")
    viewer.page.tap("#controls-toggle")
    viewer.page.tap("#controls-close")
    viewer.page.locator("#norm-select").wait_for(state="hidden")
    top = viewer.page.locator("#pipeline-panel").bounding_box()
    assert top["y"] >= viewer.page.locator("#slice-slider").bounding_box()["y"]


def test_prefetching_can_be_turned_off_for_one_viewer(
    make_viewer: Callable[..., Any], served: Any
) -> None:
    viewer = make_viewer(viewport={"width": 1280, "height": 1200})
    viewer.open(SCAN).idle()
    with viewer.page.expect_response("**/api/v1/prefetch") as answer:
        viewer.page.click("#prefetch-pause")
    assert answer.value.status == 204
    viewer.await_text("prefetch-pause", "Off for you, 5:00 left")
    fetched: list[str] = []
    viewer.page.on("request", lambda r: fetched.append(r.url) if "ahead=1" in r.url else None)
    viewer.press("End", "ArrowLeft", "ArrowLeft").idle()
    assert fetched == []
    # It outlives a reload, and ends with a click.
    viewer.page.reload()
    viewer.settled()
    viewer.await_text("prefetch-pause", "Off for you")
    with viewer.page.expect_response("**/api/v1/prefetch") as answer:
        viewer.page.click("#prefetch-pause")
    assert answer.value.request.post_data_json["pause_s"] == 0
    viewer.await_text("prefetch-pause", "Turn off for me")
    with viewer.page.expect_request(lambda r: "ahead=1" in r.url):
        viewer.press("Home", "ArrowRight")


def test_a_panel_opened_before_its_graph_is_there_is_drawn_later(
    make_viewer: Callable[..., Any],
) -> None:
    viewer = make_viewer()
    viewer.open(SCAN)
    viewer.until("() => document.getElementById('hit-rate-panel').classList.contains('compact')")
    viewer.until("() => /%/.test(document.getElementById('hit-rate-value').textContent)")
    graph = "document.querySelector('#hit-rate-graph .js-plotly-plot')"
    # As while Dash draws the empty graph.
    viewer.page.evaluate(f"() => {graph}.classList.add('dash-graph--pending')")
    viewer.page.click("#hit-rate-panel .card-toggle")
    viewer.page.wait_for_timeout(300)
    viewer.page.evaluate(f"() => {graph}.classList.remove('dash-graph--pending')")
    viewer.until(f"() => Boolean({graph}.querySelector('.scatterlayer path.js-fill'))")
    assert viewer.errors == []
