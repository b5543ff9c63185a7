"""The generated parts of the documentation are what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import dashboard

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


def test_the_published_schema_is_that_of_the_code(reference: ModuleType) -> None:
    assert reference.SCHEMA.read_text() == reference.schema(), "run `make reference`"
