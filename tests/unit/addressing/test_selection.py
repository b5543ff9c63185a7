"""Selections in NumPy's syntax: meaning, canonical text, refusals."""

from __future__ import annotations

import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.addressing.selection import Selection, Span, parse
from dashboard.errors import BadRequest

SHAPE = (68, 30, 41)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("7,:,:", "7,0:30:1,0:41:1"),
        ("-1,:,:", "67,0:30:1,0:41:1"),
        ("-68,::,::", "0,0:30:1,0:41:1"),
        (":,0,:", "0:68:1,0,0:41:1"),
        ("1:2,-30,-1:", "1:2:1,0,40:41:1"),
        ("7,10:30:2,-41:-1:3", "7,10:30:2,0:40:3"),
        ("+7 , : ,\t:41", "7,0:30:1,0:41:1"),
        ("7,:30,::100000000000", "7,0:30:1,0:41:100000000000"),
        ("007,00:30,:", "7,0:30:1,0:41:1"),
        ("7,-0:,:", "7,0:30:1,0:41:1"),
    ],
)
def test_what_a_selection_means(text: str, canonical: str) -> None:
    assert str(parse(text, SHAPE)) == canonical
    assert parse(canonical, SHAPE) == parse(text, SHAPE)


def test_its_parts() -> None:
    chosen = parse("3:9:2,-5,:", SHAPE)
    assert chosen.plane == (0, 2)
    assert chosen.row_span == Span(3, 9, 2)
    assert chosen.col_span == Span(0, 41)
    assert chosen.fixed == {1: 25}
    assert chosen.shape == (3, 41)


def test_rank_two_has_nothing_fixed() -> None:
    chosen = parse(":,1:4", (5, 6))
    assert chosen.fixed == {}
    assert chosen.shape == (5, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1 entries, but the dataset has 3"),
        (":,:", "2 entries, but the dataset has 3"),
        ("0,0,:,:", "4 entries, but the dataset has 3"),
        ("0,:,:,", "4 entries"),
        ("...", "1 entries"),
        ("...,:,:", "no integer or slice: '...'"),
        ("0,...,:", "no integer or slice"),
        ("0,0,0", "exactly two slices, and this one has 0"),
        ("0,0,:", "exactly two slices, and this one has 1"),
        (":,:,:", "exactly two slices, and this one has 3"),
        ("68,:,:", "Index 68 is out of range: dimension 0 has 68 entries"),
        ("-69,:,:", "Index -69 is out of range"),
        ("99999999999999999999,:,:", "no integer or slice"),
        ("0,:31,:", "Bound 31 is out of range: dimension 1 has 30 entries"),
        ("0,-31:,:", "Bound -31 is out of range"),
        ("0,:,42:", "Bound 42 is out of range"),
        ("0,5:5,:", "slice of dimension 1 is empty"),
        ("0,9:3,:", "slice of dimension 1 is empty"),
        ("0,30:,:", "slice of dimension 1 is empty"),
        ("0,:,:0", "slice of dimension 2 is empty"),
        ("0,::0,:", "step of dimension 1 must be at least 1, not 0"),
        ("0,::-1,:", "step of dimension 1 must be at least 1, not -1"),
        ("0,:::,:", "too many colons"),
        ("0,1:2:3:4,:", "too many colons"),
        ("1.0,:,:", "no integer or slice"),
        ("1e3,:,:", "no integer or slice"),
        ("0x1,:,:", "no integer or slice"),
        ("1_0,:,:", "no integer or slice"),
        ("٣,:,:", "no integer or slice"),
        ("0,a:,:", "no integer or slice: 'a'"),
        ("True,:,:", "no integer or slice"),
        ("None,:,:", "no integer or slice"),
        ("[0],:,:", "no integer or slice"),
        ("--1,:,:", "no integer or slice"),
        ("0,,:", "no integer or slice: ''"),
        ("0,:,:\0", "no integer or slice"),
        ("0,:,<img src=x onerror=alert(1)>", "no integer or slice: '<img src=x onerror=alert…'"),
        ("0,:," + "9" * 500, "too long"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(text, SHAPE)
    assert re.search(words, caught.value.message), caught.value.message
    assert caught.value.message.endswith(".")


def entry(length: int) -> st.SearchStrategy[str]:
    number = st.integers(-length - 2, length + 2).map(str)
    bound = st.one_of(st.just(""), number)
    step = st.one_of(st.just(""), st.integers(-1, length + 2).map(str))
    span = st.tuples(bound, bound, st.one_of(st.just(None), step)).map(
        lambda t: f"{t[0]}:{t[1]}" if t[2] is None else f"{t[0]}:{t[1]}:{t[2]}"
    )
    return st.one_of(number, span)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, tuple[int, ...]]:
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=2, max_size=4)))
    return ",".join(draw(entry(n)) for n in shape), shape


def as_numpy(text: str) -> tuple[int | slice, ...]:
    return tuple(
        slice(*(int(part) if part else None for part in field.split(":")))
        if ":" in field
        else int(field)
        for field in text.split(",")
    )


@given(texts())
@example((":,:", (1, 1)))
def test_it_means_what_numpy_means_or_is_refused(case: tuple[str, tuple[int, ...]]) -> None:
    text, shape = case
    values = np.arange(np.prod(shape)).reshape(shape)
    try:
        chosen = parse(text, shape)
    except BadRequest:
        items = as_numpy(text)
        slices = [item for item in items if isinstance(item, slice)]
        fine = len(slices) == 2 and all((item.step or 1) >= 1 for item in slices)
        fine = fine and not any(item.step == 0 for item in slices)
        for length, item in zip(shape, items, strict=True):
            if isinstance(item, slice):
                bounds = [b for b in (item.start, item.stop) if b is not None]
                fine = fine and all(-length <= b <= length for b in bounds)
            else:
                fine = fine and -length <= item < length
        assert not fine or values[items].size == 0, "NumPy sees nothing wrong with it"
        return
    expected = values[as_numpy(text)]
    found = values[
        tuple(slice(i.start, i.stop, i.step) if isinstance(i, Span) else i for i in chosen.items)
    ]
    np.testing.assert_array_equal(found, expected)
    assert chosen.shape == expected.shape
    assert parse(str(chosen), shape) == chosen


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadRequest):
        assert isinstance(parse(text, SHAPE), Selection)
