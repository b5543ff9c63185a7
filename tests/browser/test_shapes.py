"""Slices of any shape and any values: ticks that fit, all digits, a message for an empty slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.browser.viewer import MOVING, NEVER_REST, REST
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
LABEL = "() => document.querySelector('#slice-graph .hoverlayer').textContent"
READOUT = "() => document.getElementById('readout').textContent"
REMARK = "() => document.getElementById('slice-remark').textContent"
BAR = (
    "() => Array.from(document.querySelectorAll('#slice-graph .cbaxis text'), (t) => t.textContent)"
)
# How far the texts of the colour bar reach beyond the frame (px).
BEYOND = script("shapes/beyond")
# Where label and arrow of the hover layer lie, none of them away from the other (px).
HOVER_BOXES = script("shapes/hover-boxes")


def open_values(viewer: Any, dataset: str, more: str = "") -> Any:
    return viewer.open(f"?file=values.h5&dataset=/{dataset}{more}")


def switch_values(viewer: Any, dataset: str) -> Any:
    return viewer.switch(f"?file=values.h5&dataset=/{dataset}")


NARROW = {"column": ":,:", "row": ":,:", "one": ":,:", "table": "::3,:", "long": "::245,:"}


def test_a_narrow_slice_fills_the_plot(viewer: Any, served: Any, subtests: pytest.Subtests) -> None:
    viewer.open(SCAN)
    for dataset, selection in NARROW.items():
        with subtests.test(dataset):
            trace = switch_values(viewer, dataset).trace
            assert trace["meta"] == {"selection": selection, "pool": "mean"}
            same = served.values(
                file="values.h5", dataset=f"/{dataset}", selection=selection, pool="mean"
            )
            assert_array_equal(trace["z"], same.astype(np.float64))
            assert min(trace["pixels"]) >= 40
            rows, cols = served.arrays["values.h5", f"/{dataset}"].shape
            assert trace["x"] == pytest.approx([-0.5, cols - 0.5])
            assert trace["y"] == pytest.approx([rows - 0.5, -0.5])
            for axis in ("xtick", "ytick"):
                ticks = viewer.page.locator(f"#slice-graph .{axis} text").all_text_contents()
                assert 1 <= len(ticks) <= 10
                assert len(set(ticks)) == len(ticks)


DIGITS = {
    "wide": "9007199254740993",
    "unsigned": "18446744073709551615",
    "counts": "16777246",
    "fine": "1.000000000001",
    "names": "2 · BONE",
}


def test_the_pointer_shows_all_digits(viewer: Any, subtests: pytest.Subtests) -> None:
    viewer.open(SCAN)
    for dataset, text in DIGITS.items():
        with subtests.test(dataset):
            viewer.page.mouse.move(0, 0)
            switch_values(viewer, dataset)
            viewer.page.mouse.move(*viewer.point(1, 0))
            viewer.until(f"(text) => ({READOUT})().includes(text)", text)
            viewer.until(f"(text) => ({LABEL})().includes(text)", text)


def test_labels_are_not_averaged_and_their_blocks_name_a_voxel(viewer: Any, served: Any) -> None:
    trace = open_values(viewer, "labels", "&axis=0&index=1").trace
    assert trace["meta"] == {"selection": "1,::2,::2", "pool": "nearest"}
    values = served.arrays["values.h5", "/labels"]
    assert_array_equal(trace["z"], values[1, ::2, ::2].astype(np.float64))
    viewer.page.mouse.move(*viewer.point(300.5, 400.5))
    text = f"[1, 400, 300] = {values[1, 400, 300]}"
    viewer.until(f"(text) => ({READOUT})().includes(text)", text)
    viewer.until(f"(text) => ({LABEL})().includes(text)", text)
    assert "first of 2 × 2 voxels" in viewer.page.evaluate(LABEL)


EMPTY: dict[str, tuple[str, list[str]]] = {
    "void&axis=0&index=1": ("This slice has no values (all NaN).", []),
    "constant&axis=0&index=1": ("All values are 3.25.", ["3.25"]),
    "extreme": ("", ["−1e308", "0", "1e308"]),
    "unsigned": ("The values differ by less than colours can show.", ["1.84e19"]),
    "extreme&window=-1.7e308,1.7e308": ("", ["−1e308", "0", "1e308"]),
    "constant&axis=0&index=1&window=slice": ("All values are 3.25.", ["3.25"]),
}


def test_a_slice_with_nothing_to_see_says_so(viewer: Any, subtests: pytest.Subtests) -> None:
    viewer.open(SCAN)
    for link, (sentence, bar) in EMPTY.items():
        with subtests.test(link):
            switch_values(viewer, link)
            assert viewer.page.evaluate(REMARK) == sentence
            assert viewer.page.is_visible("#slice-remark") == bool(sentence)
            assert viewer.page.evaluate(BAR) == bar
            # All of each text can be seen.
            assert all(beyond <= 0 for beyond in viewer.page.evaluate(BEYOND))


def test_the_hover_label_is_hidden_in_motion_and_of_the_slice_at_rest(viewer: Any) -> None:
    viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=20")
    viewer.page.mouse.move(*viewer.point(50, 60))
    viewer.until(f"() => ({LABEL})().includes('[20, 60, 50]')")
    for turn in (
        lambda: viewer.page.mouse.wheel(0, 60),
        lambda: viewer.page.keyboard.press("ArrowRight"),
    ):
        viewer.page.evaluate(NEVER_REST)
        turn()
        viewer.until(MOVING)
        hidden = (
            "() => getComputedStyle(document.querySelector('#slice-graph .hoverlayer')).visibility"
        )
        assert viewer.page.evaluate(hidden) == "hidden"
        assert viewer.page.evaluate(READOUT) == ""
        viewer.page.evaluate(REST)
        viewer.settled()
        index = viewer.index
        viewer.until(f"(text) => ({LABEL})().includes(text)", f"[{index}, 60, 50]")
        viewer.until(f"(text) => ({READOUT})().includes(text)", f"[{index}, 60, 50]")
        path, text = viewer.page.evaluate(HOVER_BOXES)
        assert path[0] - 1 <= text[0]
        assert text[1] <= path[1] + 1
        assert path[2] - 1 <= text[2]
        assert text[3] <= path[3] + 1
    assert index == 22


def test_a_pointer_that_was_there_before_the_picture_has_a_label_after_the_wheel(
    fresh_viewer: Any,
) -> None:
    viewer = fresh_viewer
    link = "?file=scan.h5&dataset=/entry/data&axis=0&index=20"
    viewer.open(link)
    viewer.page.mouse.move(*viewer.point(50, 60))
    viewer.open(link)
    viewer.page.mouse.wheel(0, 60)
    viewer.until("() => lamella.viewer.current().position[0] === 21")
    viewer.settled()
    viewer.until(f"() => ({LABEL})().includes('[21, 60, 50]')")


def test_the_readout_of_a_phone_has_two_lines_and_stays_in_place(
    make_viewer: Callable[..., Any], served: Any
) -> None:
    # Of so many pixels that each voxel has one.
    viewer = make_viewer(viewport={"width": 390, "height": 844}, device_scale_factor=3)
    open_values(viewer, "labels", "&axis=0&index=1")
    places = script("shapes/places")
    before = viewer.page.evaluate(places)
    viewer.page.mouse.move(*viewer.point(300.5, 400.5))
    text = f"[1, 400, 300] = {served.arrays['values.h5', '/labels'][1, 400, 300]}"
    viewer.until(f"(text) => ({READOUT})().includes(text)", text)
    assert viewer.page.evaluate(places) == before
    boxes = viewer.page.evaluate(script("shapes/boxes"))
    (top, height), _ = before
    assert len({box[0] for box in boxes}) == 2
    for first, right, last, lines in boxes:
        assert top <= first < last <= top + height
        assert right <= 390
        assert lines == 1
