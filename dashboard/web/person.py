"""The person who makes the request in hand: set by the sign-in, else nobody."""

from __future__ import annotations

import flask

from dashboard.people.person import NOBODY, OPERATOR, Person, Scope
from dashboard.settings import Settings
from dashboard.web.server_timing import ADMITTED


def register_open(server: flask.Flask) -> None:
    """Take everybody for the operator, on a server that asks for no sign-in."""

    @server.before_request
    def everybody() -> None:
        admit(OPERATOR)


def admit(person: Person) -> None:
    """Let the request in hand be one of `person`; all checks of who may send it have passed."""
    flask.g.person = person
    flask.request.environ[ADMITTED] = True


def current() -> Person:
    """The person who makes the request in hand: `NOBODY` before sign-in, so that a check that is missed closes."""
    person: Person = flask.g.get("person", NOBODY)
    return person


def may_change_cache(settings: Settings) -> bool:
    """Whether the person may remove bricks or have volumes decoded: not just anybody who reaches the server."""
    return (settings.loopback or settings.asks_sign_in) and current().may(Scope.WARM)


def by_api_token() -> bool:
    """Whether an API token sends the request in hand, which can make nothing that outlives it."""
    return bool(current().token)


def acting() -> str:
    """Who does what the request in hand asks for, as the audit says it: a token, or a person."""
    who = current()
    return f"token {who.token}" if who.token else who.name or "start token"
