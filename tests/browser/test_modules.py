"""The page's modules in a browser: one state of each."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashboard.assets_path import assets_folder
from dashboard.web.modules import VIEWER, modules_of
from tests.page_scripts import script

pytestmark = pytest.mark.browser


def test_each_module_is_evaluated_once(fresh_viewer: Any) -> None:
    """V8 compiles a module once for each address under which it is imported, and evaluates it as often."""
    session = fresh_viewer.page.context.new_cdp_session(fresh_viewer.page)
    compiled: list[str] = []
    session.on("Debugger.scriptParsed", lambda script: compiled.append(script["url"]))
    session.send("Debugger.enable")
    fresh_viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20")
    session.send("Debugger.disable")
    found = [urlsplit(url) for url in compiled if ".mjs" in url]
    needed = modules_of(assets_folder(), VIEWER)
    assert sorted(url.path for url in found) == [f"/assets/{name}" for name in needed]
    assert all(url.query.startswith("m=") for url in found)


def test_modules_come_in_one_wave(fresh_viewer: Any) -> None:
    """The preloads name them all: none is discovered by the import of another."""
    fresh_viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20")
    modules = fresh_viewer.page.evaluate(script("modules/requests"))
    assert len(modules) == len({path for path, _ in modules}) > 30
    assert "script" not in {kind for _, kind in modules}


def test_plotly_comes_with_the_other_scripts(fresh_viewer: Any) -> None:
    """Dash asks for it once the layout is there; the preload has it by then, and it is loaded once."""
    fresh_viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20")
    scripts = fresh_viewer.page.evaluate(script("modules/late-scripts"))
    assert sorted(scripts) == [["async-graph.js", "link"], ["plotly.min.js", "link"]]


def test_files_that_do_not_fit_together_are_one_sentence(fresh_viewer: Any) -> None:
    """A server that is not restarted after an update hands out modules of another state than its pages."""
    other = {"body": "export const other = 1;", "content_type": "text/javascript"}
    fresh_viewer.page.route(re.compile("/ui/viewer.mjs"), lambda route: route.fulfill(**other))
    fresh_viewer.load("")
    notice = fresh_viewer.page.get_by_role("alert").filter(has_text="could not be started")
    notice.get_by_role("link", name="Load it again").wait_for()
    fresh_viewer.errors.clear()
