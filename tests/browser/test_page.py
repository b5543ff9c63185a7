"""The page around the slice: panels, themes, narrow screens, connection loss."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from dashboard.web.page.ids import Panel
from tests.browser.viewer import reveal
from tests.nightly import mostly
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
STAGES = "wait cache read decode index scale encode waited transfer convert draw display".split()
PANELS = ("#pipeline-panel", "#latency-panel", "#hit-rate-panel", "#prefetch-panel")


def test_the_panels_move(fresh_viewer: Any, served: Any) -> None:
    viewer = fresh_viewer
    before = served.counted()["stages"].get("draw", {"count": 0})["count"]
    # High enough for all panels to be open.
    viewer.page.set_viewport_size({"width": 1280, "height": 1400})
    viewer.open(f"{SCAN}&axis=0&index=20")
    counted = "() => document.getElementById('hit-rate-counts').textContent"
    # Below five painted slices there are no percentiles.
    for _ in range(5):
        viewer.press("ArrowRight")
    viewer.until(f"() => ({counted})().match(/[1-9]/)")
    # The head counts while a slice is awaited.
    viewer.until("() => /[0-9] ms$/.test(document.getElementById('pipeline-total').textContent)")
    # What no stage accounts for has a row only where it is much.
    names = viewer.page.locator(
        "#pipeline-rows .stage-row:not(.head):not(.whole):not([title^='other']) .name"
    )
    expect(names).to_have_text(STAGES)
    viewer.until(script("page/percentiles-are-there"))
    for panel in ("#latency-graph", "#hit-rate-graph"):
        viewer.until(
            "(id) => document.querySelector(id + ' .js-plotly-plot .scatterlayer path.js-fill')",
            panel,
        )
    at_first = viewer.page.evaluate(counted)
    viewer.press(*["ArrowRight"] * 3)
    viewer.until(f"(before) => ({counted})() !== before", at_first)
    expect(viewer.page.locator("#hit-rate-value")).to_contain_text("%")
    expect(viewer.page.locator("#prefetch-panel")).to_contain_text("Bricks")
    # A busy page skips slices.
    served.until(lambda now: now["stages"].get("draw", {"count": 0})["count"] >= before + 4)
    served.until(lambda _: served.groups_by_viewer().get(viewer.name, {"count": 0})["count"] >= 4)


def test_folded_panels_stop_asking(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.evaluate(
        "(id) => window.dash_clientside.set_props(id, {interval: 50})", str(Panel.TICK)
    )
    asked: list[str] = []
    viewer.page.on(
        "request", lambda r: asked.append(r.url) if Panel.TICK in (r.post_data or "") else None
    )
    with viewer.page.expect_request(lambda r: Panel.TICK in (r.post_data or "")):
        viewer.press("ArrowRight")
    viewer.page.click("#panels-toggle")
    assert not viewer.page.is_visible("#pipeline-panel")
    before = len(asked)
    # They would ask many times meanwhile; a request that was already on its way may still come.
    viewer.press("ArrowRight").press("ArrowRight").press("ArrowRight")
    assert len(asked) <= before + 1
    viewer.page.reload()
    viewer.settled()
    assert not viewer.page.is_visible("#pipeline-panel")


def test_everything_important_is_visible_at_1280_by_800(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    for element in (*PANELS, "#slice-graph", "#slice-slider", "#axis-select", "#dataset-tree"):
        part = (
            reveal(viewer.page, element)
            if element == "#axis-select"
            else viewer.page.locator(element)
        )
        box = part.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800
    scroll = viewer.page.evaluate("() => document.documentElement.scrollHeight")
    assert scroll <= 800


def test_a_phone_has_the_tree_in_a_drawer_and_nothing_to_scroll_sideways(phone: Any) -> None:
    viewer = phone.open(f"{SCAN}&axis=0&index=20")
    assert viewer.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    tree = viewer.page.locator("#dataset-tree")
    viewer.page.tap("#tree-toggle")
    tree.get_by_text("plane", exact=True).tap()
    viewer.settled(painted=2)
    viewer.address("dataset=/plane")
    viewer.until("() => document.querySelector('#dataset-tree').getBoundingClientRect().right <= 0")


@pytest.mark.parametrize("scheme", mostly(["light", "dark"], ["light"]))
def test_the_theme_follows_the_system_and_is_remembered(
    make_viewer: Callable[..., Any], scheme: str
) -> None:
    viewer = make_viewer(color_scheme=scheme)
    viewer.open(f"{SCAN}&axis=0&index=20")
    theme = "() => document.documentElement.getAttribute('data-mantine-color-scheme')"
    assert viewer.page.evaluate(theme) == scheme
    other = "dark" if scheme == "light" else "light"
    viewer.page.click("#scheme-toggle")
    assert viewer.page.evaluate(theme) == other
    ground = viewer.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    level = sum(int(part) for part in ground.strip("rgb()").split(",")[:3])
    assert (level < 200) == (other == "dark")
    viewer.page.reload()
    viewer.settled()
    assert viewer.page.evaluate(theme) == other


def test_a_lost_connection_is_said_and_found_again(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.context.set_offline(True)
    viewer.page.keyboard.press("End")
    viewer.await_text("plot-message-text", "connection")
    viewer.page.context.set_offline(False)
    viewer.await_index(129)
    viewer.settled()
    assert not viewer.page.is_visible("#plot-message")
    viewer.errors.clear()


def test_an_error_is_a_sentence_with_a_way_on(viewer: Any) -> None:
    viewer.page.route(
        re.compile(r"/slice\?.*selection=21,"),
        lambda route: route.fulfill(
            status=500,
            content_type="application/json",
            body='{"error": {"code": "internal", "message": "The disk is on fire."}}',
        ),
    )
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.keyboard.press("ArrowRight")
    viewer.await_text("plot-message-text", "fire")
    viewer.page.unroute_all()
    viewer.page.click("#plot-retry")
    viewer.settled(painted=2)
    assert viewer.trace["meta"]["selection"] == "21,:,:"
    viewer.errors.clear()


def test_new_colours_that_cannot_be_drawn_do_not_stop_the_page(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.evaluate(script("page/fail-next-drawing"))
    viewer.await_text("plot-message-text", "ink")
    viewer.press("ArrowRight")
    viewer.await_text("plot-message-text", "")
    assert viewer.settled().trace["meta"]["selection"] == "21,:,:"
    assert viewer.trace["first"] == "rgb(255,255,255)"


def test_the_tree_tells_shapes_types_and_reasons(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    tree = viewer.page.locator("#dataset-tree")
    assert "130×120×100 · uint16" in tree.inner_text()
    tree.get_by_text("other.h5", exact=True).click()
    tree.get_by_text("gone", exact=True).click()
    viewer.await_text("tree-message", "cannot be shown")
    assert viewer.trace["meta"]["selection"] == "20,:,:"
    # Below the tree the server's own sentence follows; the console has its status.
    viewer.await_text("node-details", "nowhere")
    viewer.errors.clear()


def test_controls_have_names(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    nameless = viewer.page.evaluate(script("page/nameless"))
    assert nameless == []
