"""The page under the Content-Security-Policy that is shipped: nothing that it does is a violation.

The other browser tests run under it, too. These read the browser's reports: text that a script tries to evaluate
and does without is written to no console.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.viewer import reveal

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"

# Before any script of the page, so that violations are seen from the first element on. `evaluate` runs in a
# task of the page: what a debugger calls may evaluate text whatever the policy says.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
});
window.evaluateText = () => new Promise((resolve) => {
  setTimeout(() => {
    try { resolve(eval('1')); } catch (error) { resolve(error.name); }
  });
});
"""


@pytest.fixture
def watch(make_viewer: Callable[..., Any]) -> Callable[..., Any]:
    """Open a link in a tab whose violations are collected."""

    def watch(link: str, **options: Any) -> Any:
        viewer = make_viewer(**options)
        viewer.page.add_init_script(WATCH)
        return viewer.open(link)

    return watch


def violations(viewer: Any) -> list[str]:
    reported: list[str] = viewer.page.evaluate("() => window.violations")
    return reported


def test_the_page_may_not_evaluate_text(watch: Callable[..., Any]) -> None:
    viewer = watch(SCAN)
    assert violations(viewer) == []
    assert viewer.page.evaluate("() => window.evaluateText()") == "EvalError"
    viewer.until("() => window.violations.length > 0")
    assert violations(viewer) == ["script-src eval"]


def test_the_main_gestures_violate_nothing(watch: Callable[..., Any]) -> None:
    viewer = watch(SCAN)
    page = viewer.page
    viewer.press("ArrowRight", "PageDown", "Home", "End")
    page.hover("#plot-frame")
    page.mouse.wheel(0, -240)
    viewer.settled()
    # A box to zoom into, and out again.
    page.mouse.move(*viewer.point(40, 40))
    page.mouse.down()
    page.mouse.move(*viewer.point(80, 80), steps=4)
    page.mouse.up()
    viewer.settled()
    page.click("#zoom-reset")
    viewer.settled()
    page.click("#play-settings")
    page.keyboard.press("Escape")
    page.click("#slice-play")
    viewer.await_painted(12)
    page.click("#slice-play")
    viewer.settled()
    page.click("#bookmarks-button")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    reveal(page, "#colorscale-select").click()
    page.keyboard.press("Escape")
    page.click("#scheme-toggle")
    reveal(page, "#axis-select").locator("label").nth(1).click()
    viewer.settled()
    page.locator("#dataset-tree").get_by_text("plane", exact=True).click()
    viewer.address("dataset=/plane")
    viewer.settled()
    page.click("#export-button")
    for export in ("npy", "picture"):
        with page.expect_download():
            page.click(f"[data-export={export}]")
    page.keyboard.press("Escape")
    viewer.until("() => document.querySelector('#latency-graph .js-plotly-plot .scatterlayer')")
    page.click("#panels-toggle")
    page.click("#panels-toggle")
    error = {"error": {"code": "internal", "message": "The disk is on fire."}}
    page.route(re.compile(r"/api/v1/slice\?"), lambda route: route.fulfill(status=500, json=error))
    viewer.switch("?file=other.h5&dataset=/half&axis=0&index=1")
    viewer.await_text("plot-message-text", "fire")
    assert violations(viewer) == []
    # The answers that this test made up.
    viewer.errors.clear()


def test_a_phone_violates_nothing(watch: Callable[..., Any]) -> None:
    viewer = watch(SCAN, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    viewer.page.tap("#tree-toggle")
    viewer.page.locator("#dataset-tree").get_by_text("plane", exact=True).tap()
    viewer.address("dataset=/plane")
    viewer.settled()
    assert violations(viewer) == []
