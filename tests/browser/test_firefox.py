"""The page in Firefox: everything that a first visit meets, under the policy that is shipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.bidi import Firefox, firefox
from tests.page_scripts import script

pytestmark = pytest.mark.browser

PROGRAMS = ("firefox-esr", "firefox")

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"

SHOWS = script("firefox/shows")

EVALUATE = script("firefox/evaluate")

INDEX = script("firefox/index")

VALUES = script("firefox/values")


@pytest.fixture(scope="session")
def firefox_path() -> str:
    """The path of a Firefox; where FIREFOX names one, it has to be there."""
    named = os.environ.get("FIREFOX")
    for name in (named,) if named else PROGRAMS:
        path = shutil.which(name)
        if path is not None:
            return path
    if named:
        pytest.fail(f"FIREFOX is {named!r}, which is no program.")
    pytest.skip("There is no Firefox: install it (Debian: apt install firefox-esr).")


@pytest.fixture
def tab(firefox_path: str, tmp_path: Path) -> Iterator[Firefox]:
    """A tab at 1280×800; whatever its console says against the page fails the test."""
    with firefox(firefox_path, tmp_path) as tab:
        yield tab
        assert tab.complaints == []


def test_the_page_works_in_firefox(tab: Firefox, served: Any) -> None:
    tab.open(f"{served.url}/{SCAN}")
    tab.until(SHOWS, 20)
    volume = served.arrays["scan.h5", "/entry/data"]
    assert np.array_equal(tab.call(VALUES), volume[20])
    tab.press("ArrowRight", "PageDown")
    tab.until(SHOWS, 31)
    tab.wheel("#plot-frame", 120)
    tab.until(SHOWS, 33)
    assert np.array_equal(tab.call(VALUES), volume[33])
    # Playing paints on the canvas, and the panels learn of it.
    tab.press(" ")
    tab.until(f"() => ({INDEX})() > 40")
    tab.press(" ", "Home")
    tab.until(SHOWS, 0)
    tab.until("() => /[1-9]/.test(document.getElementById('hit-rate-counts').textContent)")
    # A panel that there is no space for is opened by its head.
    tab.click("#latency-panel .card-toggle")
    tab.until("() => document.querySelectorAll('#latency-graph .scatterlayer path').length")
    tab.click("#scheme-toggle")
    tab.until("() => document.documentElement.dataset.mantineColorScheme === 'dark'")
    # Another axis, and back.
    tab.click("#tab-axes")
    tab.click("#axis-select label", nth=1)
    tab.until("() => location.search.includes('axis=1')")
    tab.call("() => history.back()")
    tab.until("() => location.search.includes('axis=0')")
    tab.until(SHOWS, 0)
    tab.click("#export-button")
    tab.click("[data-export=picture]")
    assert tab.downloaded().read_bytes().startswith(b"\x89PNG")
    tab.click("[data-export=npy]")
    assert np.array_equal(np.load(tab.downloaded()), volume[0])
    # The policy holds, and what it blocks is a complaint.
    assert tab.complaints == []
    assert tab.call(EVALUATE) == "EvalError"
    assert "Content-Security-Policy" in tab.next_of(tab.complaints)
