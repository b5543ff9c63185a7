"""The generated parts of the documentation are what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import dashboard
from dashboard.assets_path import assets_folder
from dashboard.web.page.controls import TOOLS

TOP = Path(dashboard.__file__).parent.parent


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", TOP / ".ci" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_as_the_code_has_it(reference: ModuleType) -> None:
    outdated = [
        path.name
        for path in reference.pages()
        if reference.regenerated(path.read_text()) != path.read_text()
    ]
    assert not outdated, "run `make reference`"


def test_every_block_is_on_one_page(reference: ModuleType) -> None:
    used = [name for path in reference.pages() for name in reference.blocks_of(path.read_text())]
    assert sorted(used) == sorted(reference.BLOCKS)


def test_a_page_that_differs_is_outdated(reference: ModuleType) -> None:
    page = "before\n<!-- generated: outcomes -->\nold\n<!-- end -->\nafter\n"
    made = reference.regenerated(page)
    assert "old" not in made
    assert "| `hit` |" in made
    assert made.startswith("before\n")
    assert made.endswith("after\n")


def test_every_route_has_a_description(reference: ModuleType) -> None:
    assert "|  |" not in reference.routes()


def test_no_key_is_described_that_is_not_bound(reference: ModuleType) -> None:
    rows = [row for group in reference.described_keys().values() for row in group]
    assert {bound for _, _, bound in rows if bound} == set(reference.bound_keys())
    assert len(rows) == reference.KEYS.read_text().count("      [")


def test_what_keys_do_with_slices_and_the_view_is_an_action_of_the_palette(
    reference: ModuleType,
) -> None:
    groups = reference.described_keys()
    rows = [row for name in ("Slices", "Picture") for row in groups[name]]
    titles = {text for key, text, bound in rows if bound or key.startswith("Ctrl + Z")}
    sources = [assets_folder() / name for name in ("ui/palette/page-actions.mjs", "ui/undo.mjs")]
    text = " ".join(path.read_text() for path in sources).lower()
    assert [one for one in titles if f"'{one}'" not in text] == []
    assert {label.lower() for _, label, _ in TOOLS} <= {text for _, text, _ in groups["Tools"]}


def test_the_published_schema_is_that_of_the_code(reference: ModuleType) -> None:
    assert reference.SCHEMA.read_text() == reference.schema(), "run `make reference`"
