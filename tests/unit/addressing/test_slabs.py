"""Slabs as the page has them (`tests/js/slab.test.mjs`)."""

from __future__ import annotations

import pytest

from dashboard.addressing.slabs import slab_of, thickness


@pytest.mark.parametrize(
    ("file", "dataset", "fixed", "thick", "slab"),
    [
        ("a.h5", "/v", {0: 700}, [68, 43, 43], "5ba9bd01"),
        ("a.h5", "/v", {0: 747}, [68, 43, 43], "5ba9bd01"),
        ("ä/ß.h5", "/größe", {2: 7, 0: 3}, [1, 8, 4, 8], "949c6274"),
        ("a.h5", "/v", {}, [9, 9], "fd1de296"),
    ],
)
def test_slabs_are_those_of_the_page(
    file: str, dataset: str, fixed: dict[int, int], thick: list[int], slab: str
) -> None:
    assert slab_of(file, dataset, fixed, thick) == slab


def test_names_that_are_no_text_have_slabs() -> None:
    assert len(slab_of("\udcff.h5", "/v", {0: 1}, [1, 1, 1])) == 8


@pytest.mark.parametrize(
    ("shape", "chunks", "expected"),
    [
        ((2160, 1360), (68, 43), [68, 43]),
        ((2160, 0, 3), None, [64, 1, 3]),
    ],
)
def test_slabs_are_as_thick_as_chunks(
    shape: tuple[int, ...], chunks: tuple[int, ...] | None, expected: list[int]
) -> None:
    assert thickness(shape, chunks) == expected
