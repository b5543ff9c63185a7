"""Parameters of the HTTP interface, and its cache header."""

from __future__ import annotations

from enum import StrEnum

import flask
import pytest

from dashboard.addressing.selection import parse
from dashboard.errors import BadRequest
from dashboard.web import api


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("outcome", "from_frames", "header"),
    [
        ("hit", False, "bricks; hit, frames; fwd=miss"),
        ("prefetched", False, "bricks; hit; detail=prefetched, frames; fwd=miss"),
        ("coalesced", False, "bricks; fwd=miss; collapsed, frames; fwd=miss"),
        ("miss", False, "bricks; fwd=miss, frames; fwd=miss"),
        ("hit", True, "frames; hit"),
        ("prefetched", True, "frames; hit; detail=prefetched"),
    ],
)
def test_the_cache_s_header(outcome: str, from_frames: bool, header: str) -> None:
    assert api.cache_status(outcome, from_frames) == header


def asked(query: str) -> object:
    """A request with this query."""
    return flask.Flask(__name__).test_request_context(f"/?{query}")


@pytest.mark.parametrize(
    ("query", "value"), [("c=red", "red"), ("", "blue"), ("c=blue&c=red", "blue")]
)
def test_one_of_a_choice(query: str, value: str) -> None:
    with asked(query):
        assert api._choice(Colour, "c", Colour.BLUE) == value


@pytest.mark.parametrize("query", ["c=", "c=green", "c=RED", "c=red%20", "c=Colour.RED"])
def test_none_of_a_choice(query: str) -> None:
    with asked(query), pytest.raises(BadRequest) as caught:
        api._choice(Colour, "c", Colour.BLUE)
    assert caught.value.message == "The parameter 'c' is one of red, blue."


@pytest.mark.parametrize("query", ["", "f=", "F=x"])
def test_what_is_required(query: str) -> None:
    with asked(query), pytest.raises(BadRequest, match="'f' is missing"):
        api._required("f")


@pytest.mark.parametrize(("query", "flag"), [("", False), ("a=0", False), ("a=1", True)])
def test_a_flag(query: str, flag: bool) -> None:
    with asked(query):
        assert api._flag("a") is flag


@pytest.mark.parametrize("query", ["a=", "a=true", "a=2", "a=-1"])
def test_no_flag(query: str) -> None:
    with asked(query), pytest.raises(BadRequest, match="'a' is 0 or 1"):
        api._flag("a")


@pytest.mark.parametrize("text", ["v", "A-_9", "v" * 64])
def test_a_viewer_s_id(text: str) -> None:
    assert api._viewer(text) == text


@pytest.mark.parametrize(
    "text", ["", "v" * 65, "a b", "é", "a\n", "../x", "plan:x", "<b>"], ids=ascii
)
def test_no_viewer_s_id(text: str) -> None:
    with pytest.raises(BadRequest):
        api._viewer(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("300", 300.0), ("0.5", 0.5), ("86400", 86400.0), ("all", None)]
)
def test_a_stretch_of_time(text: str, seconds: float | None) -> None:
    assert api._window_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "86401", "1e9", "ALL", "x", "1,2"])
def test_no_stretch_of_time(text: str) -> None:
    with pytest.raises(BadRequest):
        api._window_seconds(text)


@pytest.mark.parametrize(
    ("selection", "shape", "axis", "fine"),
    [
        ("1,:,:", (3, 4, 5), "0", True),
        (":,1,:", (3, 4, 5), "1", True),
        ("1,:,2,:", (3, 4, 5, 6), "2", True),
        ("1,:,:", (3, 4, 5), "1", False),
        ("1,:,:", (3, 4, 5), "3", False),
        ("1,:,:", (3, 4, 5), "-3", False),
        ("1,:,:", (3, 4, 5), "0.0", False),
        ("1,:,:", (3, 4, 5), "٠", False),
        ("1,:,:", (3, 4, 5), "9" * 50, False),
        (":,:", (3, 4), "0", False),
    ],
)
def test_an_axis_is_one_that_is_fixed(
    selection: str, shape: tuple[int, ...], axis: str, fine: bool
) -> None:
    with flask.Flask(__name__).test_request_context("/", query_string={"axis": axis}):
        chosen = parse(selection, shape)
        if fine:
            assert api._axis(chosen) == int(axis)
        else:
            with pytest.raises(
                BadRequest, match="The axis is a dimension that the selection fixes"
            ):
                api._axis(chosen)
