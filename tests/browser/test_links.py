"""Links beyond the dataset are clamped with a note; links to nothing offer a dataset that exists."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"

# Cases like others of the same test.
NIGHTLY = pytest.mark.nightly
NOTE = "() => document.getElementById('plot-note-text')?.textContent"
MESSAGE = "() => document.getElementById('plot-message-text')?.textContent"
OFFER = "() => document.getElementById('plot-offer')?.getClientRects().length > 0"


@pytest.mark.parametrize(
    ("link", "sentence", "selection"),
    [
        (f"{SCAN}&axis=0&index=5000", "only 0 to 129: this is 129", "129,:,:"),
        (f"{SCAN}&axis=0&index=-1", "slice -1, but there are only 0 to 129: this is 0", "0,:,:"),
        (f"{SCAN}&selection=-131,:,:", "only 0 to 129: this is 0", "0,:,:"),
        (f"{SCAN}&axis=0&index=abc", "no whole number", "65,:,:"),
        (f"{SCAN}&axis=7&index=4", "axis 7, but there are only 0 to 2: this is 2", ":,:,4"),
        pytest.param(f"{SCAN}&axis=x", "axis “x”", "65,:,:", marks=NIGHTLY),
        (f"{SCAN}&selection=1,2,3,:", "has 3 dimensions", "65,:,:"),
        (f"{SCAN}&selection=1,2,:", "exactly two ranges", "65,:,:"),
        pytest.param(
            f"{SCAN}&selection=999,:,:",
            "index 999, but there are only 0 to 129",
            "129,:,:",
            marks=NIGHTLY,
        ),
        (f"{SCAN}&selection=4,5:5,:", "has none of 0 to 119", "4,:,:"),
        (
            f"{SCAN}&selection=4,100:500,:",
            "range “100:500”, but there are only 0 to 119",
            "4,100:120,:",
        ),
        (f"{SCAN}&selection=4,:,:&axis=1", "axis 1, which its selection shows whole", "4,:,:"),
        (f"{SCAN}&axis=0&index=3&x=50,5000&y=0,20", "columns 50 to 5000", "3,0:21,50:100"),
        (f"{SCAN}&axis=0&index=3&x=500,900", "all of them are shown", "3,:,:"),
        pytest.param(f"{SCAN}&axis=0&index=3&x=a,b", "“a,b” for x", "3,:,:", marks=NIGHTLY),
        (f"{SCAN}&axis=0&index=3&norm=cubic&window=5", "“cubic” for norm", "3,:,:"),
        ("?file=scan.h5&dataset=/plane&axis=0&index=9", "two dimensions", ":,:"),
    ],
)
def test_what_does_not_fit_is_clamped_with_a_note(
    viewer: Any, link: str, sentence: str, selection: str
) -> None:
    viewer.open(link)
    assert sentence in viewer.page.evaluate(NOTE)
    assert viewer.trace["meta"]["selection"] == selection
    assert not viewer.page.is_visible("#plot-message")
    viewer.page.click("#plot-note-close")
    assert not viewer.page.is_visible("#plot-note")


def test_a_link_that_fits_has_no_note_and_neither_has_the_next_dataset(viewer: Any) -> None:
    viewer.open(
        f"{SCAN}&selection=-1,:,:&axis=0&x=10,60&y=20,70&norm=sqrt&colorscale=viridis_r&window=1,9"
    )
    assert not viewer.page.is_visible("#plot-note")
    assert viewer.index == 129
    viewer.open(f"{SCAN}&axis=0&index=5000")
    assert viewer.until(NOTE)
    viewer.page.locator("#dataset-tree").get_by_text("plane", exact=True).click()
    viewer.address("dataset=/plane")
    assert not viewer.page.is_visible("#plot-note")


def test_a_zoom_beyond_the_edge_makes_a_link_that_fits(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20&x=10,60&y=20,70")
    viewer.page.evaluate("() => lamella.viewer.setZoom([-30, 60.5], [20, 110])")
    viewer.address("x=-0.5,60.5")
    viewer.settled()
    viewer.open(viewer.page.evaluate("() => location.search"))
    assert not viewer.page.is_visible("#plot-note")


@pytest.mark.parametrize(
    ("link", "sentence", "offer"),
    [
        ("?file=scan.h5&dataset=/nothing", "has no dataset /nothing", "/large of scan.h5"),
        ("?file=scan.h5&dataset=/entry", "/entry of scan.h5 is a group", "/entry/data of scan.h5"),
        ("?file=other.h5&dataset=/gone", "/gone", "/field of other.h5"),
        ("?file=absent.h5&dataset=/x", "absent.h5", "of "),
        pytest.param("?file=absent.h5", "absent.h5", "of ", marks=NIGHTLY),
    ],
)
def test_a_dead_end_says_why_and_offers_what_is_there(
    viewer: Any, link: str, sentence: str, offer: str
) -> None:
    viewer.load(link)
    text = viewer.until(MESSAGE)
    assert sentence in text
    assert text.rstrip(".") != sentence
    # There is nothing to go back to, and to try again helps only where a file may come.
    assert not viewer.page.is_visible("#plot-leave")
    assert viewer.page.is_visible("#plot-retry") == ("absent" in link)
    viewer.until(OFFER)
    assert offer in viewer.page.inner_text("#plot-offer")
    # Of no dataset there are neither axes nor slices.
    assert not viewer.page.is_visible("#axis-select")
    assert viewer.page.is_disabled("#slice-next")
    # The files, and the datasets of that one, can be seen.
    tree = viewer.page.inner_text("#dataset-tree")
    assert "scan.h5" in tree
    viewer.page.click("#plot-offer")
    viewer.settled()
    assert not viewer.page.is_visible("#plot-message")
    assert f"dataset={viewer.page.evaluate('() => lamella.viewer.current().dataset')}" in (
        viewer.page.evaluate("() => decodeURIComponent(location.search)")
    )
    viewer.press("ArrowRight")
    viewer.errors.clear()


def test_a_file_without_datasets_to_show_names_the_reason(
    viewer: Any,
) -> None:
    record = {
        "dataset": "/notes",
        "shape": [],
        "dtype": "object",
        "chunks": None,
        "filters": [],
        "stored_bytes": 0,
        "browsable": False,
        "reason": "It is a scalar of text.",
    }
    viewer.page.route(
        lambda url: "/datasets?file=other.h5" in url,
        lambda route: route.fulfill(json={"datasets": [record]}),
    )
    viewer.load("?file=other.h5")
    text = viewer.until(MESSAGE)
    assert "other.h5 has no dataset with slices to show. /notes: It is a scalar of text." in text
    viewer.until(OFFER)
    assert "/packed of meaning.h5" in viewer.page.inner_text("#plot-offer")


def test_a_dead_end_in_the_tree_leads_back_to_the_picture(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.page.route(
        lambda url: "/slice?" in url and "dataset=/plane" in url,
        lambda route: route.fulfill(
            status=422, json={"error": {"code": "cannot_show", "message": "A chunk is damaged."}}
        ),
    )
    viewer.page.locator("#dataset-tree").get_by_text("plane", exact=True).click()
    assert "A chunk is damaged." in viewer.until(MESSAGE)
    assert "dataset=/entry/data" in viewer.page.evaluate("() => location.search")
    viewer.page.click("#plot-leave")
    assert not viewer.page.is_visible("#plot-message")
    viewer.press("ArrowRight")
    assert viewer.trace["meta"]["selection"] == "21,:,:"
    # A click on it while the error is there tries once more.
    viewer.page.locator("#dataset-tree").get_by_text("plane", exact=True).click()
    viewer.until(MESSAGE)
    viewer.page.unroute_all()
    viewer.page.locator("#dataset-tree").get_by_text("plane", exact=True).click()
    viewer.address("dataset=/plane")
    assert not viewer.page.is_visible("#plot-message")
    viewer.errors.clear()
