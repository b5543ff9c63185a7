"""The address bar: a link restores the view, and the address follows it."""

from __future__ import annotations

from typing import Any

import pytest
from numpy.testing import assert_array_equal

from tests.browser.viewer import reveal

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"


def test_a_link_restores_the_view(viewer: Any, served: Any) -> None:
    viewer.open(
        f"{SCAN}&axis=1&index=30&window=100,900&norm=sqrt&colorscale=viridis_r&x=10,60&y=20,70"
    )
    trace = viewer.trace
    assert trace["meta"]["selection"] == "20:71,30,10:61"
    assert_array_equal(
        trace["z"], served.arrays["scan.h5", "/entry/data"][20:71, 30, 10:61].astype(float)
    )
    assert (trace["zmin"], trace["zmax"]) == (100, 900)
    assert trace["first"] == "rgb(253,231,37)"
    assert trace["x"] == pytest.approx([10, 60], abs=0.5)
    assert trace["y"] == pytest.approx([70, 20], abs=0.5)
    assert viewer.index == 30
    assert viewer.page.input_value("#norm-select") == "Sqrt"
    assert viewer.page.input_value("#colorscale-select") == "Viridis"
    for part in (
        "axis=1",
        "index=30",
        "window=100,900",
        "norm=sqrt",
        "colorscale=viridis_r",
        "x=10,60",
    ):
        viewer.address(part)


def test_more_dimensions_have_a_selection(viewer: Any, served: Any) -> None:
    viewer.open("?file=other.h5&dataset=/stack&selection=3,7,:,:&axis=1")
    assert viewer.trace["meta"]["selection"] == "3,7,:,:"
    assert viewer.index == 7
    viewer.press("ArrowRight")
    viewer.address("selection=3,8,:,:&axis=1")
    viewer.page.locator("#fixed-index-0").fill("1")
    viewer.page.keyboard.press("Enter")
    viewer.settled(painted=3)
    viewer.address("selection=1,8,:,:")
    assert_array_equal(viewer.trace["z"], served.arrays["other.h5", "/stack"][1, 8].astype(float))


def test_the_address_follows_without_filling_the_history(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=5")
    before = viewer.page.evaluate("() => history.length")
    viewer.press("ArrowRight", "ArrowRight")
    viewer.address("index=7")
    reveal(viewer.page, "#colorscale-select").click()
    viewer.page.get_by_role("option", name="Magma").click()
    viewer.address("colorscale=magma")
    assert viewer.page.evaluate("() => history.length") == before


def test_back_undoes_a_change_of_axis_and_of_dataset(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=5")
    viewer.press("ArrowRight")
    reveal(viewer.page, "#axis-select").get_by_text("1 · 120").click()
    viewer.settled(painted=3)
    viewer.address("axis=1")
    assert viewer.trace["meta"]["selection"] == ":,60,:"
    viewer.press("ArrowLeft")
    assert viewer.trace["meta"]["selection"] == ":,59,:"
    viewer.page.locator("#dataset-tree").get_by_text("plane", exact=True).click()
    viewer.settled(painted=5)
    viewer.address("dataset=/plane")
    viewer.page.go_back()
    viewer.await_painted(5)
    assert viewer.settled().trace["meta"]["selection"] == ":,59,:"
    viewer.page.go_back()
    viewer.await_painted(6)
    assert viewer.settled().trace["meta"]["selection"] == "6,:,:"
    assert viewer.index == 6
