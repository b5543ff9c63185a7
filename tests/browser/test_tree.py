"""The list of files and datasets: order, names, links, missing sources, truncated lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np
import pytest

from tests.browser.conftest import serving
from tests.browser.viewer import Served, Viewer

pytestmark = pytest.mark.browser

VALUES = np.arange(3 * 20 * 30, dtype="i4").reshape(3, 20, 30)
ODD = ["with blank", "100%", "a%2Fb", "a+b", "c#d", "e&f=g", "h?i", "<b>tag</b>", "line\nfeed", "é"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on files with names and links of all sorts."""
    folder = tmp_path_factory.mktemp("tree")
    data = folder / "data"
    data.mkdir()
    with h5py.File(data / "order.h5", "w") as file:
        for n in range(1, 13):
            file[f"scan_{n}/image"] = VALUES
    with h5py.File(data / "odd + #1%.h5", "w") as file:
        for n, name in enumerate(ODD):
            file[f"grp {name}/{name}"] = VALUES + n
    with h5py.File(data / "links.h5", "w") as file:
        file["entry/detector/data"] = VALUES
        file["entry/hard"] = file["entry/detector"]
        file["entry/loop"] = file["entry"]
        file["gone"] = h5py.SoftLink("/nowhere/at/all")
    with h5py.File(data / "part_0.h5", "w") as file:
        file["x"] = VALUES[0]
    with h5py.File(data / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout(VALUES.shape, VALUES.dtype)
        for n in range(3):
            layout[n] = h5py.VirtualSource(f"part_{n}.h5", "x", VALUES.shape[1:])
        file.create_virtual_dataset("x", layout)
    with h5py.File(data / "rows.h5", "w") as file:
        file["volume"] = VALUES
        record = np.dtype([("energy", "f4"), ("name", "S4")])
        value = np.array((2.5, b"a"), record)
        file.create_dataset("table", (10**9,), record, chunks=(1000,), fillvalue=value)
        file["curve"] = np.sin(np.arange(300) / 9)
        file["curve"].attrs["units"] = "keV"
        file["note"] = "two\nlines"
        file["note"].attrs["author"] = "somebody"
    with h5py.File(data / "many.h5", "w", libver="latest") as file:
        for n in range(1500):
            file[f"spots/{n}"] = VALUES[0, :2, :2]
        file["zz"] = VALUES
    with serving(folder, [data], {}) as served:
        yield served


def link(file: str, dataset: str, more: str = "") -> str:
    return f"?file={quote('data/' + file)}&dataset={quote(dataset)}{more}"


def labels(viewer: Viewer) -> list[str]:
    found: list[str] = viewer.page.locator("#dataset-tree .node-label").all_inner_texts()
    return found


def test_the_order_is_the_natural_one(viewer: Viewer) -> None:
    viewer.open(link("order.h5", "/scan_2/image"))
    viewer.until("() => document.querySelector('#dataset-tree').innerText.includes('scan_10')")
    scans = [text for text in labels(viewer) if text.startswith("scan_")]
    assert scans == [f"scan_{n}" for n in range(1, len(scans) + 1)]


def test_any_name_opens_by_its_link_and_by_a_click(
    viewer: Viewer, subtests: pytest.Subtests
) -> None:
    viewer.open(link("order.h5", "/scan_2/image"))
    for number, name in enumerate(ODD):
        with subtests.test(name):
            viewer.switch(link("odd + #1%.h5", f"/grp {name}/{name}", "&axis=0&index=0"))
            assert viewer.trace["z"][0, 0] == number
            viewer.address(f"dataset=/grp {name}/{name}")
            other = ODD[(number + 1) % len(ODD)]
            ending = f"%2F{quote(other, safe='')}"
            node = viewer.page.locator("#dataset-tree [role=treeitem]").locator(
                f"xpath=self::*[contains(@data-value, '{ending}')]"
            )
            node.locator(".node").first.click()
            viewer.settled(painted=2)
            viewer.address(f"dataset=/grp {other}/{other}")


def test_a_dataset_opens_by_each_of_its_names(viewer: Viewer) -> None:
    for name in ("/entry/detector/data", "/entry/hard/data", "/entry/loop/loop/hard/data"):
        viewer.open(link("links.h5", name, "&axis=0&index=1"))
        assert viewer.trace["z"][0, 0] == VALUES[1, 0, 0]
        viewer.address(f"dataset={name}")


def test_a_broken_link_says_where_it_leads(viewer: Viewer) -> None:
    viewer.open(link("links.h5", "/entry/detector/data"))
    viewer.until("() => document.querySelector('#dataset-tree').innerText.includes('/nowhere')")
    text = viewer.page.locator("#dataset-tree").inner_text()
    assert "It is a link that leads to '/nowhere/at/all', which does not exist." in text
    assert "null" not in text
    assert "scalar" not in text


def test_a_missing_source_is_reported_beside_the_dataset(viewer: Viewer) -> None:
    viewer.open(link("virtual.h5", "/x", "&axis=0&index=0"))
    assert (viewer.trace["z"] == VALUES[0]).all()
    viewer.until("() => document.querySelector('#dataset-tree').innerText.includes('are missing')")
    viewer.until(
        "() => document.body.innerText.includes('are missing: \\'part_1.h5\\', \\'part_2.h5\\'')"
    )


def test_only_the_rows_in_sight_are_in_the_page(viewer: Viewer) -> None:
    viewer.open(link("many.h5", "/spots/1499"))
    assert viewer.trace["z"].shape == (2, 2)
    selected = viewer.page.locator("#dataset-tree .node[data-selected]")
    selected.wait_for()
    assert selected.inner_text().startswith("1499")
    box = selected.bounding_box()
    scroll = viewer.page.locator(".tree-scroll")
    around = scroll.bounding_box()
    assert box is not None
    assert around is not None
    assert around["y"] <= box["y"] < around["y"] + around["height"]
    assert viewer.page.locator("#dataset-tree [role=treeitem]").count() < 150
    scroll.evaluate("(node) => { node.scrollTop = 0; }")
    viewer.until("() => document.querySelector('#dataset-tree').innerText.includes('links.h5')")


def test_the_filter_finds_and_opens_by_the_keyboard(viewer: Viewer) -> None:
    viewer.open(link("many.h5", "/zz"))
    page = viewer.page
    page.keyboard.press("/")
    page.keyboard.type("spots 77")
    viewer.until("() => document.querySelector('#dataset-tree').innerText.startsWith('/spots/77')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    viewer.address("dataset=/spots/77")
    viewer.settled(painted=2)
    assert page.input_value("#tree-filter-field") == ""
    viewer.until(
        "() => document.querySelector('#dataset-tree .node[data-selected]').innerText.startsWith('77')"
    )
    # Files that nobody has opened are searched when somebody asks for it.
    page.keyboard.press("/")
    page.keyboard.type("no such thing")
    viewer.until("() => document.querySelector('#dataset-tree').innerText.includes('unopened')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    viewer.until("() => !document.querySelector('#dataset-tree').innerText.includes('unopened')")
    page.fill("#tree-filter-field", "detector data")
    viewer.until(
        "() => document.querySelector('#dataset-tree').innerText.startsWith('/entry/detector/data')"
    )
    page.fill("#tree-filter-field", "nothing of that name")
    viewer.until(
        "() => document.querySelector('#dataset-tree').innerText.includes('nothing matches')"
    )
    page.keyboard.press("Escape")
    viewer.until("() => document.activeElement.id === 'plot-frame'")
    assert page.input_value("#tree-filter-field") == ""


def test_what_is_no_picture_opens_in_its_place(viewer: Viewer) -> None:
    viewer.open(link("rows.h5", "/volume", "&axis=0&index=1"))
    page, sheet = viewer.page, viewer.page.locator("#sheet")
    tree = page.locator("#dataset-tree")
    tree.get_by_text("table", exact=True).click()
    viewer.address("dataset=/table")
    sheet.get_by_text("energy", exact=True).wait_for()
    assert "1,000,000,000 rows" in sheet.inner_text()
    page.fill(".sheet-row", "999999999")
    page.keyboard.press("Enter")
    sheet.locator("[role=row][aria-rowindex='1000000000']").get_by_text("2.5").wait_for()
    assert sheet.locator("[role=row]").count() < 60
    tree.get_by_text("curve", exact=True).click()
    sheet.locator(".xtitle").wait_for()
    assert sheet.locator(".ytitle").text_content() == "curve [keV]"
    tree.get_by_text("note", exact=True).click()
    sheet.get_by_text("two").wait_for()
    viewer.until("() => document.querySelector('#node-details').innerText.includes('author')")
    page.go_back()
    page.go_back()
    viewer.address("dataset=/table")
    sheet.get_by_text("energy", exact=True).wait_for()
    tree.get_by_text("volume", exact=True).click()
    viewer.address("dataset=/volume")
    viewer.until("() => !document.getElementById('sheet').getClientRects().length")
    assert viewer.trace["z"].shape == (20, 30)


def test_a_list_that_was_cut_says_so(fresh_viewer: Viewer) -> None:
    viewer = fresh_viewer

    def cut(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"complete": False})

    viewer.page.route(re.compile(r"/api/v1/(files|datasets)\b"), cut)
    viewer.open(link("order.h5", "/scan_2/image"))
    viewer.until(
        "() => { const at = document.querySelector('.tree-scroll'); at.scrollTop = at.scrollHeight;"
        " return at.innerText.includes('the first 12 datasets are listed'); }"
    )
    assert "the first 7 files are listed" in viewer.page.locator("#dataset-tree").inner_text()
