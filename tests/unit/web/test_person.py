"""The person of a request: nobody until somebody is admitted, the operator on an open server."""

from __future__ import annotations

import flask
import pytest

from dashboard.people.person import NOBODY, OPERATOR, Scope
from dashboard.web import person


@pytest.fixture
def server() -> flask.Flask:
    server = flask.Flask(__name__)

    @server.get("/")
    def name() -> str:
        return "operator" if person.current() is OPERATOR else "nobody"

    return server


def test_a_request_is_nobodys_until_somebody_is_admitted(server: flask.Flask) -> None:
    assert server.test_client().get("/").text == "nobody"


def test_everybody_is_the_operator_of_an_open_server(server: flask.Flask) -> None:
    person.register_open(server)
    assert server.test_client().get("/").text == "operator"


@pytest.mark.parametrize("scope", Scope)
def test_the_operator_may_do_everything_and_nobody_nothing(scope: Scope) -> None:
    assert OPERATOR.may(scope)
    assert not NOBODY.may(scope)
