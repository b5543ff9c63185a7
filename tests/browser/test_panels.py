"""Panels are redrawn one per task, rarely while slices move, and not while they are invisible."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.viewer import NEVER_REST, REST
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"

# From now on figures come from the test alone. Each drawing is [id, task, when].
WATCH = script("panels/watch")

FIGURES = script("panels/figures")

# Dash has drawn the empty graphs, and the browser has reported that the panels are visible.
READY = script("panels/ready")

SHOWN = "(text) => newest() === text"


def watched(viewer: Any) -> Any:
    """The page with figures that have been drawn, high enough for all panels to be open."""
    viewer.page.set_viewport_size({"width": 1280, "height": 1100})
    viewer.open(SCAN)
    viewer.until(READY)
    viewer.page.evaluate(WATCH)
    for number in (0, 1):
        figures(viewer, number)
        viewer.until(SHOWN, f"{number},{number}")
    return viewer


def figures(viewer: Any, *numbers: int) -> None:
    """Figures with these numbers in them, in one task."""
    viewer.page.evaluate(f"(numbers) => numbers.forEach({FIGURES})", list(numbers))


def drawings(viewer: Any) -> list[tuple[str, int, float]]:
    """What was drawn: (name, task, when in ms)."""
    found: list[tuple[str, int, float]] = viewer.page.evaluate("() => drawings")
    return found


def test_no_panel_is_drawn_in_the_task_of_another(viewer: Any) -> None:
    watched(viewer)
    for number in (2, 3, 4):
        figures(viewer, number)
        viewer.until(SHOWN, f"{number},{number}")
    tasks = [task for _, task, _ in drawings(viewer)]
    # Two panels with three figures each, and those of `watched` as far as they were counted.
    assert len(tasks) >= 6
    assert len(set(tasks)) == len(tasks)


def test_figures_that_are_drawn_already_are_not_drawn_again(viewer: Any) -> None:
    watched(viewer)
    count = len(drawings(viewer))
    figures(viewer, 1, 2, 1)
    figures(viewer, 2)
    viewer.until(SHOWN, "2,2")
    assert len(drawings(viewer)) == count + 2


def test_panels_are_put_off_while_slices_move_but_not_for_ever(viewer: Any) -> None:
    """A movement without an end: nothing is drawn before its time, then the newest figures are."""
    watched(viewer)
    viewer.page.evaluate(NEVER_REST)
    viewer.page.keyboard.press("ArrowRight")
    viewer.until("() => lamella.machine.state().covered")
    before = {name: when for name, _, when in drawings(viewer)}
    count = len(drawings(viewer))
    figures(viewer, 2, 3)
    viewer.until(SHOWN, "3,3")
    later = drawings(viewer)[count:]
    assert sorted(name for name, _, _ in later) == ["hit-rate", "latency"]
    assert all(when - before[name] >= 2500 for name, _, when in later)
    figures(viewer, 4)
    viewer.page.evaluate(REST)
    viewer.until(SHOWN, "4,4")


def test_graphs_keep_what_is_drawn_when_the_window_and_the_theme_change(
    fresh_viewer: Any,
) -> None:
    """Dash still has the empty figures that it began with."""
    viewer = watched(fresh_viewer)
    viewer.page.set_viewport_size({"width": 1600, "height": 900})
    viewer.page.emulate_media(color_scheme="dark")
    viewer.until(script("panels/graphs-fit"))
    # Time enough for Dash to receive the new size.
    viewer.until("() => lamella.picture.idleMs() > 1500")
    assert viewer.page.evaluate("() => newest()") == "1,1"
    assert not viewer.page.query_selector("#panels .modebar-btn")


def test_panels_that_are_scrolled_away_are_drawn_when_nothing_moves(viewer: Any) -> None:
    """They can be read aloud, or printed."""
    watched(viewer)
    viewer.page.set_viewport_size({"width": 390, "height": 400})
    viewer.until(
        "() => document.getElementById('latency-panel').getBoundingClientRect().top > innerHeight"
    )
    figures(viewer, 2)
    viewer.until(SHOWN, "2,2")
    total = "document.getElementById('pipeline-total').textContent"
    viewer.page.evaluate(f"() => {{ window.before = {total}; }}")
    viewer.press("ArrowRight")
    # The ledger's figures come every two seconds.
    viewer.until("() => lamella.picture.idleMs() > 600")
    viewer.page.evaluate(
        "() => putFigures({ 'pipeline-panel': { stages: { draw: { p50_ms: 1, p95_ms: 2 } } } })"
    )
    viewer.until(f"() => {total} !== before")


def test_folded_panels_are_drawn_when_they_are_unfolded(make_viewer: Callable[..., Any]) -> None:
    viewer = watched(make_viewer())
    # The panel as it is while it cannot be seen.
    total = "document.getElementById('pipeline-total').textContent"
    viewer.page.click("#panels-toggle")
    viewer.until("() => !lamella.panels.isPipelineVisible()")
    viewer.page.evaluate(f"() => {{ window.before = {total}; }}")
    count = len(drawings(viewer))
    figures(viewer, 2)
    viewer.press("ArrowRight")
    viewer.until("() => lamella.picture.idleMs() > 1000")
    assert len(drawings(viewer)) == count
    assert viewer.page.evaluate(f"() => {total} === before")
    viewer.page.click("#panels-toggle")
    viewer.until(SHOWN, "2,2")
    viewer.until(f"() => {total} !== before")


def test_as_many_panels_are_open_as_there_is_space_for(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    viewer.open(SCAN)

    def compact() -> list[str]:
        found: list[str] = viewer.page.evaluate(
            "() => Array.from(document.querySelectorAll('#panels > .compact'), (node) => node.id)"
        )
        return found

    viewer.page.set_viewport_size({"width": 1280, "height": 800})
    viewer.until("() => document.querySelectorAll('#panels > .compact').length === 3")
    assert compact() == ["latency-panel", "hit-rate-panel", "prefetch-panel"]
    # A compact panel has its number; a click opens it in place of those that then have no space, and that is
    # remembered.
    assert viewer.page.is_visible("#hit-rate-value")
    assert not viewer.page.is_visible("#hit-rate-counts")
    viewer.page.click("#prefetch-panel .card-head")
    assert compact() == ["pipeline-panel", "hit-rate-panel"]
    assert viewer.page.get_attribute("#prefetch-panel .card-toggle", "aria-expanded") == "true"
    viewer.page.reload()
    viewer.settled()
    assert compact() == ["pipeline-panel", "hit-rate-panel"]
    viewer.page.click("#prefetch-panel .card-head")
    assert "prefetch-panel" in compact()
    viewer.page.set_viewport_size({"width": 1280, "height": 1400})
    viewer.until("() => document.querySelectorAll('#panels > .compact').length === 1")
    assert compact() == ["prefetch-panel"]


def test_a_chart_that_came_while_its_panel_was_compact_is_drawn_when_it_opens(
    make_viewer: Callable[..., Any],
) -> None:
    viewer = watched(make_viewer())
    viewer.page.click("#latency-panel .card-head")
    figures(viewer, 2)
    viewer.until(SHOWN, "1,2")
    viewer.page.click("#latency-panel .card-head")
    viewer.until(SHOWN, "2,2")


def test_a_slice_that_takes_long_is_counted(fresh_viewer: Any) -> None:
    # The last slice may be fetched ahead before the key is pressed.
    fresh_viewer.page.route(re.compile(r"/slice\?.*selection=129,"), lambda route: None)
    viewer = fresh_viewer.open(SCAN).idle()
    viewer.page.keyboard.press("End")
    number = "() => document.getElementById('pipeline-total').textContent"
    viewer.until(f"() => /^\\w+ … \\d+\\.\\d s/.test(({number})())")
    viewer.until(f"() => /… [1-9]\\d*\\.\\d s/.test(({number})())")
    # The requests go on.
    viewer.page.unroute_all()
    viewer.await_index(129)
    viewer.until(f"() => / ms$/.test(({number})())")
    # More than a second has a culprit, with its share.
    viewer.await_text("pipeline-culprit", " s of ")
    whole = viewer.page.inner_text("#pipeline-rows .whole .now")
    assert viewer.page.inner_text("#pipeline-total") == f"{whole} ms"


def test_percentiles_of_few_slices_are_left_out(viewer: Any) -> None:
    watched(viewer)
    stages = {
        "draw": {"p50_ms": 1, "p95_ms": 2, "count": 4},
        "decode": {"p50_ms": 300, "p95_ms": 400, "count": 5},
    }
    viewer.page.evaluate(
        "(stages) => putFigures({ 'pipeline-panel': { stages, slices: { all: stages.decode } } })",
        stages,
    )
    row = "document.querySelector('#pipeline-rows [title^=decode] .p95')"
    viewer.until(f"() => {row}.textContent === '400'")
    texts = viewer.page.evaluate(
        "() => ['draw', 'decode', 'The whole'].map((name) => document"
        ".querySelector(`#pipeline-rows [title^='${name}'] .p50`).textContent)"
    )
    assert texts == ["–", "300", "300"]


def test_the_hit_rate_is_mine_or_everyone_s(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    viewer.page.set_viewport_size({"width": 1280, "height": 1400})
    viewer.open(SCAN).press("ArrowRight")
    for _ in range(20):
        answer = viewer.page.request.get(
            f"{viewer.served.url}/api/v1/slice?file=scan.h5&dataset=/entry/data&selection=7,:,:"
            "&viewer=somebody"
        )
        assert answer.ok
    counted = script("panels/counted")
    # Two slices, and the values of the last one.
    few = f"() => ({counted})() >= 2 && ({counted})() <= 4"
    viewer.until(few)
    viewer.page.get_by_text("Everyone", exact=True).click()
    viewer.until(f"() => ({counted})() >= 22")
    assert viewer.page.get_attribute("#hit-rate-panel .card-toggle", "aria-expanded") == "true"
    viewer.page.get_by_text("Mine", exact=True).click()
    viewer.until(few)


def test_a_click_on_a_question_mark_opens_its_help_and_another_closes_it(fresh_viewer: Any) -> None:
    viewer = fresh_viewer.open(SCAN)
    page = viewer.page
    mark = page.locator("#pipeline-panel-help")
    text = page.get_by_text("step by step from the file to the screen")
    # A mouse that goes there and clicks at once; the help stays when it leaves.
    mark.click()
    page.mouse.move(300, 300)
    expect(text).to_be_visible()
    mark.click()
    expect(text).to_be_hidden()
    page.mouse.move(300, 300)
    mark.hover()
    expect(text).to_be_visible()
    page.mouse.move(300, 300)
    expect(text).to_be_hidden()
    mark.focus()
    page.keyboard.press("Enter")
    expect(text).to_be_visible()
    page.keyboard.press("Enter")
    expect(text).to_be_hidden()
    page.keyboard.press("Enter")
    expect(text).to_be_visible()
    other = page.get_by_text("whether browsing gets faster while the cache fills")
    page.locator("#latency-panel-help").click()
    expect(other).to_be_visible()
    expect(text).to_be_hidden()
    page.keyboard.press("Escape")
    expect(other).to_be_hidden()
