"""Dash's endpoint accepts callbacks of the page's form, with any values, and refuses others."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.web.callback_guard import is_deeper, is_valid_callback

KNOWN = {
    "a.children": {
        "inputs": [{"id": "x", "property": "data"}],
        "state": [{"id": "y", "property": "value"}],
        "callback": object(),
    },
    "..b.figure...c.className..": {
        "inputs": [{"id": "t", "property": "n_intervals"}],
        "state": [],
        "callback": object(),
    },
    "in-the-page": {"inputs": [{"id": "x", "property": "data"}], "state": []},
}
ONE: dict[str, Any] = {
    "output": "a.children",
    "outputs": {"id": "a", "property": "children"},
    "inputs": [{"id": "x", "property": "data", "value": {"any": ["thing"]}}],
    "state": [{"id": "y", "property": "value"}],
    "changedPropIds": ["x.data"],
}
TWO: dict[str, Any] = {
    "output": "..b.figure...c.className..",
    "outputs": [{"id": "b", "property": "figure"}, {"id": "c", "property": "className"}],
    "inputs": [{"id": "t", "property": "n_intervals", "value": None}],
}


@pytest.mark.parametrize("body", [ONE, TWO], ids=["one output", "several"])
def test_the_page_s_calls(body: dict[str, Any]) -> None:
    assert is_valid_callback(body, KNOWN)


@pytest.mark.parametrize(
    "body", [None, [], 3, "x", {}, {"output": 3}, {"output": "unknown.x"}], ids=str
)
def test_what_is_no_call(body: Any) -> None:
    assert not is_valid_callback(body, KNOWN)


@pytest.mark.parametrize(
    "changes",
    [
        {"output": "in-the-page"},
        {"output": "..b.figure...c.className.."},
        {"outputs": None},
        {"outputs": []},
        {"outputs": [{"id": "a", "property": "children"}]},
        {"outputs": {"id": "a"}},
        {"outputs": {"id": "b", "property": "children"}},
        {"outputs": {"id": {"index": 1}, "property": "children"}},
        {"inputs": None},
        {"inputs": []},
        {"inputs": {}},
        {"inputs": [None]},
        {"inputs": [[{"id": "x", "property": "data"}]]},
        {"inputs": [{"id": "x", "property": "data"}] * 2},
        {"inputs": [{"id": "z", "property": "data"}]},
        {"inputs": [{"id": "x", "property": ["data"]}]},
        {"state": None},
        {"state": []},
        {"changedPropIds": None},
        {"changedPropIds": "x.data"},
        {"changedPropIds": [1]},
        {"changedPropIds": [None]},
    ],
    ids=str,
)
def test_a_call_in_another_form(changes: dict[str, Any]) -> None:
    assert not is_valid_callback(ONE | changes, KNOWN)


@pytest.mark.parametrize("missing", ["output", "outputs", "inputs", "state"])
def test_a_call_that_lacks_something(missing: str) -> None:
    assert not is_valid_callback(
        {key: value for key, value in ONE.items() if key != missing}, KNOWN
    )


def test_depth_is_bounded() -> None:
    deep: Any = 1
    for levels in range(1, 5):
        deep = [deep] if levels % 2 else {"x": deep, "y": 2}
        assert is_deeper(deep, levels - 1)
        assert not is_deeper(deep, levels)
    for _ in range(100_000):
        deep = [deep]
    assert is_deeper(deep, 32)
    while isinstance(
        deep, list
    ):  # taken apart by hand, which the interpreter would do by recursion
        deep = deep[0]
