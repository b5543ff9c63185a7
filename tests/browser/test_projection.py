"""Projections of slices around the index, at rest and in motion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.browser.viewer import MOVING, NEVER_REST, REST, reveal
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"
PIXELS = script("axes/pixels")


def test_a_projection_is_chosen_in_the_dock_and_kept_in_the_link(viewer: Any, served: Any) -> None:
    viewer.open(SCAN)
    page = viewer.page
    reveal(page, "#project-select").click()
    page.get_by_role("option", name="Maximum").click()
    viewer.settled().address("project=max:9")
    page.fill("#project-count", "4")
    page.keyboard.press("Enter")
    viewer.settled().address("project=max:4")
    trace = viewer.trace
    assert trace["meta"] == {"selection": "20,:,:", "pool": "mean", "project": "max:4"}
    scan = served.arrays["scan.h5", "/entry/data"]
    assert_array_equal(trace["z"], scan[18:22].max(axis=0).astype(float))
    assert "maximum of 4 slices" in page.inner_text("#readout-detail")
    page.mouse.move(*viewer.point(30, 40))
    viewer.until(
        "(text) => document.getElementById('readout').textContent.includes(text)", "[18–21, 40, 30]"
    )
    # The exact value is that of the slice in the middle.
    exact = f"[20, 40, 30] = {scan[20, 40, 30]}"
    viewer.until("(text) => document.getElementById('readout').textContent.includes(text)", exact)
    page.reload()
    viewer.settled()
    assert_array_equal(viewer.trace["z"], scan[18:22].max(axis=0).astype(float))


def test_what_moves_is_projected_as_what_rests(viewer: Any, served: Any) -> None:
    viewer.open(f"{SCAN}&project=mean:5").idle()
    viewer.page.evaluate(NEVER_REST)
    viewer.page.keyboard.press("ArrowRight")
    viewer.until(MOVING)
    viewer.await_index(21)
    moving = np.array(viewer.page.evaluate(PIXELS, "#slice-canvas"))
    viewer.page.evaluate(REST)
    viewer.until("() => lamella.machine.state().phase === 'rest'")
    resting = np.array(viewer.page.evaluate(PIXELS, ".heatmaplayer image"))
    assert moving.std() > 5
    assert np.abs(moving - resting).max() <= 2
    expected = served.values(
        file="scan.h5", dataset="/entry/data", selection="21,:,:", project="mean:5"
    )
    assert_array_equal(viewer.trace["z"], expected.astype(float))


def test_another_dimension_than_the_first_is_projected_across(viewer: Any, served: Any) -> None:
    viewer.open("?file=other.h5&dataset=/stack&selection=3,2,:,:&axis=1&project=min:3")
    stack = served.arrays["other.h5", "/stack"]
    assert viewer.trace["meta"]["axis"] == 1
    assert_array_equal(viewer.trace["z"], stack[3, 1:4].min(axis=0).astype(float))
