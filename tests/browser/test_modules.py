"""The page's modules in a browser: one state of each, in two files."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.page_scripts import script

pytestmark = pytest.mark.browser

BUNDLES = ["/assets/bundles/early.mjs", "/assets/bundles/main.mjs"]


def test_modules_are_evaluated_once(fresh_viewer: Any) -> None:
    """V8 compiles a module once for each address under which it is imported, and evaluates it as often."""
    session = fresh_viewer.page.context.new_cdp_session(fresh_viewer.page)
    compiled: list[str] = []
    session.on("Debugger.scriptParsed", lambda script: compiled.append(script["url"]))
    session.send("Debugger.enable")
    fresh_viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20")
    session.send("Debugger.disable")
    found = [urlsplit(url) for url in compiled if ".mjs" in url]
    at_once = [url.path for url in found if url.path.startswith("/assets/bundles/")]
    assert at_once == BUNDLES
    # The others are those that are loaded after the first slice.
    assert len({url.path for url in found}) == len(found)
    assert all(url.query.startswith("m=") for url in found)


def test_modules_come_in_two_files(fresh_viewer: Any) -> None:
    """None is discovered by the import of another."""
    fresh_viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20")
    modules = [path for path, _ in fresh_viewer.page.evaluate(script("modules/requests"))]
    assert modules[:2] == BUNDLES
    assert len(modules) == len(set(modules))


def test_plotly_comes_with_the_other_scripts(fresh_viewer: Any) -> None:
    """Dash asks for it once the layout is there; the preload has it by then, and it is loaded once.

    It is the cartesian part alone: nothing of the whole, which `dcc` has too, is loaded.
    """
    fresh_viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20")
    scripts = fresh_viewer.page.evaluate(script("modules/late-scripts"))
    assert sorted(scripts) == [["async-graph.js", "link"], ["plotly.min.js", "link"]]
    traces = fresh_viewer.page.evaluate("Object.keys(Plotly.PlotSchema.get().traces)")
    assert {"heatmap", "scatter", "bar"} <= set(traces)
    assert not {"scattergeo", "surface"} & set(traces)


def test_files_that_do_not_fit_together_are_one_sentence(fresh_viewer: Any) -> None:
    """A server that is not restarted after an update hands out modules of another state than its pages."""
    other = {"body": "export const other = 1;", "content_type": "text/javascript"}
    fresh_viewer.page.route("**/bundles/main.mjs*", lambda route: route.fulfill(**other))
    fresh_viewer.load("")
    notice = fresh_viewer.page.get_by_role("alert").filter(has_text="could not be started")
    notice.get_by_role("link", name="Load it again").wait_for()
    fresh_viewer.errors.clear()


def test_a_page_that_dash_does_not_draw_says_so(make_viewer: Callable[..., Any]) -> None:
    """A script of Dash's is missing."""
    # Its clock is of all tabs of a profile.
    viewer = make_viewer()
    page = viewer.page
    page.route(re.compile("dash_mantine_components"), lambda route: route.fulfill(status=404))
    page.clock.install()
    viewer.load("")
    notice = page.get_by_role("alert").filter(has_text="could not be started")
    # The script that waits comes late itself.
    for _ in range(40):
        page.clock.fast_forward(61_000)
        if notice.is_visible():
            break
        page.wait_for_timeout(250)
    assert notice.is_visible()
    viewer.errors.clear()
