"""Parameters of requests, valid and malformed."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlencode

import flask
import pytest
from flask.ctx import RequestContext

from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import parse
from dashboard.errors import BadRequest
from dashboard.web import query
from dashboard.web.parameters import Choice, Flag, Required, WholeNumber


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


COLOUR = Choice(name="c", first=Colour.BLUE, text="A colour.")
NAME = Required(name="f", text="A name.")
FLAG = Flag(name="a", text="A flag.")
STEP = WholeNumber(name="step", largest=100, text="A step.")
NUMBER = WholeNumber(name="n", largest=100, text="A number.")


def asked(text: str = "", **parameters: str) -> RequestContext:
    """A request with this query."""
    return flask.Flask(__name__).test_request_context(f"/?{text or urlencode(parameters)}")


@pytest.mark.parametrize(
    ("text", "value"), [("c=red", "red"), ("", "blue"), ("c=blue&c=red", "blue")]
)
def test_one_of_a_choice(text: str, value: str) -> None:
    with asked(text):
        assert COLOUR.value() == value


@pytest.mark.parametrize("text", ["c=", "c=green", "c=RED", "c=red%20", "c=Colour.RED"])
def test_none_of_a_choice(text: str) -> None:
    with asked(text), pytest.raises(BadRequest) as caught:
        COLOUR.value()
    assert caught.value.message == "The parameter 'c' is one of red, blue."


@pytest.mark.parametrize("text", ["", "f=", "F=x"])
def test_what_is_required(text: str) -> None:
    with asked(text), pytest.raises(BadRequest, match="'f' is missing"):
        NAME.value()


@pytest.mark.parametrize(("text", "flag"), [("", False), ("a=0", False), ("a=1", True)])
def test_a_flag(text: str, flag: bool) -> None:
    with asked(text):
        assert FLAG.value() is flag


@pytest.mark.parametrize("text", ["a=", "a=true", "a=2", "a=-1"])
def test_no_flag(text: str) -> None:
    with asked(text), pytest.raises(BadRequest, match="'a' is 0 or 1"):
        FLAG.value()


@pytest.mark.parametrize("text", ["v", "A-_9", "v" * 64])
def test_a_viewer_s_id(text: str) -> None:
    with asked(viewer=text):
        assert query.requester() == Requester(Purpose.DEMAND, text)
    with asked(viewer=text, ahead="1"):
        assert query.requester() == Requester(Purpose.PREFETCH_MOVING, text)


@pytest.mark.parametrize(
    "text", ["", "v" * 65, "a b", "é", "a\n", "../x", "plan:x", "<b>"], ids=ascii
)
def test_no_viewer_s_id(text: str) -> None:
    with asked(viewer=text), pytest.raises(BadRequest, match="1 to 64 letters"):
        query.requester()


@pytest.mark.parametrize(
    ("text", "seconds"), [("300", 300.0), ("0.5", 0.5), ("1e7", 1e7), ("all", None)]
)
def test_a_stretch_of_time(text: str, seconds: float | None) -> None:
    with asked(window=text):
        assert query.window_seconds() == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e999", "ALL", "x", "1,2"])
def test_no_stretch_of_time(text: str) -> None:
    with asked(window=text), pytest.raises(BadRequest, match="a number of seconds"):
        query.window_seconds()


def test_a_time_span() -> None:
    with asked():
        assert query.time_span(300.0) == (-300.0, 0.0)
    with asked(**{"from": "-3600", "to": "1764370000.5"}):
        assert query.time_span(300.0) == (-3600.0, 1764370000.5)


@pytest.mark.parametrize("text", ["from=", "from=nan", "to=inf", "to=now", "from=-1&to=1,5"])
def test_no_time_span(text: str) -> None:
    with asked(text), pytest.raises(BadRequest, match="Unix times in seconds"):
        query.time_span(300.0)


def test_a_breakdown() -> None:
    with asked():
        assert query.breakdown() is None
    with asked(by="axis"):
        assert query.breakdown() == "axis"
    with (
        asked(by=""),
        pytest.raises(BadRequest, match="volume, axis, outcome, reason, format, viewer"),
    ):
        query.breakdown()


def test_a_whole_number() -> None:
    with asked(step="60"):
        assert STEP.value() == 60
        assert NUMBER.value() is None


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1e1", "101", "٣", "9" * 5000])
def test_no_whole_number(text: str) -> None:
    with (
        asked(step=text),
        pytest.raises(BadRequest, match="'step' is a whole number from 1 to 100"),
    ):
        STEP.value()


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
    with asked(axis=axis):
        chosen = parse(selection, shape)
        if fine:
            assert query.axis(chosen) == int(axis)
        else:
            with pytest.raises(
                BadRequest, match="The axis is a dimension that the selection fixes"
            ):
                query.axis(chosen)
