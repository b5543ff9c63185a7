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
    viewer.until("() => document.querySelector('#dataset-tree').innerText.includes('scan_12')")
    scans = [text for text in labels(viewer) if text.startswith("scan_")]
    assert scans == [f"scan_{n}" for n in range(1, 13)]


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
    viewer.until("() => document.body.innerText.includes('the first is \\'part_1.h5\\'')")


def test_a_large_group_is_cut_and_says_so(viewer: Viewer) -> None:
    viewer.open(link("many.h5", "/spots/1499"))
    assert viewer.trace["z"].shape == (2, 2)
    tree: Any = viewer.page.locator("#dataset-tree")
    tree.get_by_text("spots", exact=True).click()
    viewer.until("() => document.querySelector('#dataset-tree').innerText.includes('500 more')")
    shown = [text for text in labels(viewer) if text.isdigit()]
    assert shown == [str(n) for n in range(1000)]


def test_a_list_that_was_cut_says_so(fresh_viewer: Viewer) -> None:
    viewer = fresh_viewer

    def cut(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"complete": False})

    viewer.page.route(re.compile(r"/api/v1/(files|datasets)\b"), cut)
    viewer.open(link("order.h5", "/scan_2/image"))
    viewer.until(
        "() => document.querySelector('#dataset-tree').innerText.includes('the first 12 datasets are listed')"
    )
    assert "the first 6 files are listed" in viewer.page.locator("#dataset-tree").inner_text()
