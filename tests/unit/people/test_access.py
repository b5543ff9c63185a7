"""Signing in with the start token, an API token, or a name and a password; and what the audit has of it."""

from __future__ import annotations

import json
import logging

import pytest

from dashboard.errors import TooManyRequests, Unauthorized
from dashboard.people.access import Access
from dashboard.people.accounts import Credentials
from dashboard.people.attempts import FAILURES, WINDOW_S, Client, Way
from dashboard.people.person import OPERATOR, Person, Scope
from dashboard.people.sessions import KEPT_S
from dashboard.people.store import PeopleStore
from dashboard.people.tokens import DAY_S
from tests.clock import Clock
from tests.people import PASSWORD, make_access

TOKEN = "correct-horse-battery"
HOME = "192.0.2.1"
BEARER, FORM, LINK = (Client(HOME, way) for way in (Way.BEARER, Way.FORM, Way.LINK))


@pytest.fixture
def access(store: PeopleStore, clock: Clock) -> Access:
    made = make_access(store, TOKEN, clock)
    made.accounts.add("ann", PASSWORD)
    return made


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [json.loads(record.getMessage().removeprefix("audit ")) for record in caplog.records]


@pytest.mark.parametrize(
    "token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\udcff", "é" * 30, "lam_x"]
)
def test_other_tokens_are_wrong(access: Access, token: str) -> None:
    with pytest.raises(Unauthorized, match="The token is wrong"):
        access.bearer(token, BEARER)
    assert access.bearer(TOKEN, BEARER) is OPERATOR


def test_without_a_start_token_there_is_none(store: PeopleStore, clock: Clock) -> None:
    access = make_access(store, None, clock)
    assert not access.has_token
    for token in ("", "None", TOKEN):
        with pytest.raises(Unauthorized):
            access.bearer(token, BEARER)
        with pytest.raises(Unauthorized):
            access.sign_in("", token, FORM)


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_guesses_at_the_same_time_are_limited_too(
    access: Access, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    verified = access.accounts.verified

    def after_others(name: str, tried: str, stored: Credentials | None) -> Person | None:
        for number in range(FAILURES):
            access.attempts.failed(FORM, access.attempts.fingerprint(FORM, f"{number}"))
        return verified(name, tried, stored)

    monkeypatch.setattr(access.accounts, "verified", after_others)
    with pytest.raises(TooManyRequests):
        access.sign_in("ann", password, FORM)
    assert not access.sessions.listed()


def test_a_clock_that_is_off_is_named(
    access: Access, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    secret = access.tokens.add("script", [Scope.READ], 90)
    clock.pass_(-3600.0)
    with pytest.raises(Unauthorized, match="have the clock of its machine corrected"):
        access.bearer(secret, BEARER)
    assert events(caplog)[-1]["reason"] == "token of the future"


def test_an_api_token_signs_in_nowhere(access: Access) -> None:
    secret = access.tokens.add("script", [Scope.ADMIN], 90)
    assert access.bearer(secret, BEARER).may(Scope.ADMIN)
    for client in (FORM, LINK):
        with pytest.raises(Unauthorized):
            access.sign_in("", secret, client)


def test_an_expired_token_is_named_and_no_guess(
    access: Access, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    secret = access.tokens.add("script", [Scope.READ], 1)
    clock.pass_(DAY_S)
    for _ in range(10 * FAILURES):
        with pytest.raises(Unauthorized, match="The token script has expired; ask for a new one"):
            access.bearer(secret, BEARER)
    assert [(one["reason"], one["token"]) for one in events(caplog)] == [
        ("expired token", "script")
    ]


def test_right_tokens_are_not_limited(access: Access) -> None:
    secret = access.tokens.add("script", [Scope.READ], 1)
    for _ in range(10 * FAILURES):
        access.bearer(TOKEN, BEARER)
        access.bearer(secret, BEARER)


def test_a_token_that_has_just_been_right_is_no_attempt(
    access: Access, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = access.tokens.add("script", [Scope.READ], 1)
    checked: list[Client] = []
    monkeypatch.setattr(access.attempts, "check", checked.append)
    for _ in range(10):
        access.bearer(TOKEN, BEARER)
        access.bearer(secret, BEARER)
    assert len(checked) == 2
    clock.pass_(KEPT_S)
    access.bearer(secret, BEARER)
    access.bearer(secret, Client("192.0.2.9", Way.BEARER))
    assert len(checked) == 4
    access.tokens.revoke("script")
    with pytest.raises(Unauthorized):
        access.bearer(secret, BEARER)
    with pytest.raises(Unauthorized):
        access.bearer(f"{TOKEN}.", BEARER)
    assert len(checked) == 5


def test_beyond_the_limit_the_right_secret_is_refused_too(access: Access, clock: Clock) -> None:
    secret = access.tokens.add("script", [Scope.READ], 1)
    for number in range(FAILURES):
        with pytest.raises(Unauthorized):
            access.sign_in("ann", f"wrong words {number}", FORM)
    for name, one in (("ann", PASSWORD), ("", TOKEN)):
        with pytest.raises(TooManyRequests):
            access.sign_in(name, one, FORM)
    assert access.bearer(secret, BEARER)
    assert access.sign_in("", TOKEN, LINK)
    clock.pass_(WINDOW_S)
    assert access.sign_in("ann", PASSWORD, FORM)


def test_a_name_and_a_password(access: Access) -> None:
    person = access.sessions.check(access.sign_in("ann", PASSWORD, FORM)).person
    assert person is not None
    assert person.name == "ann"
    sentences = set()
    for name, password in (("ann", TOKEN), ("ann", ""), ("eve", PASSWORD), ("ann ", PASSWORD)):
        with pytest.raises(Unauthorized) as caught:
            access.sign_in(name, password, FORM)
        sentences.add(caught.value.message)
    assert sentences == {"The name or the password is wrong."}


def test_a_password_that_was_wrong_is_verified_again_when_another_was_set(access: Access) -> None:
    for _ in range(2):
        with pytest.raises(Unauthorized):
            access.sign_in("ann", "other words of hers", FORM)
    access.accounts.set_password("ann", "other words of hers")
    assert access.sign_in("ann", "other words of hers", FORM)


def test_the_same_wrong_password_costs_one_hash(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify, costs = access.accounts.verified, []
    monkeypatch.setattr(access.accounts, "verified", lambda *a: costs.append(a) or verify(*a))
    for name in ("ann", "eve"):
        for _ in range(100):
            with pytest.raises(Unauthorized):
                access.sign_in(name, "wrong words of hers", FORM)
    assert len(costs) == 2


def test_a_sign_in_replaces_the_session_before(access: Access) -> None:
    first = access.sign_in("", TOKEN, FORM)
    second = access.sign_in("ann", PASSWORD, FORM, old=first)
    assert access.sessions.check(first).person is None
    assert access.sessions.check(second).person
    with pytest.raises(Unauthorized):
        access.sign_in("", "wrong", FORM, old=second)
    assert access.sessions.check(second).person
    access.sign_out(second, FORM)
    assert access.sessions.check(second).person is None


def test_sign_out_everywhere(access: Access) -> None:
    first, second = (access.sign_in("ann", PASSWORD, FORM) for _ in range(2))
    other = access.sign_in("", TOKEN, FORM)
    access.sign_out("a" * 43, FORM, everywhere=True)
    assert access.sessions.check(second).person
    access.sign_out(first, FORM, everywhere=True)
    assert access.sessions.check(second).person is None
    assert access.sessions.check(other).person


def test_accounts_of_another_process_are_seen(store: PeopleStore, clock: Clock) -> None:
    here, there = make_access(store, TOKEN, clock), make_access(store, TOKEN, clock)
    assert not here.has_accounts()
    there.accounts.add("ann", PASSWORD)
    clock.pass_(KEPT_S)
    assert here.has_accounts()


def test_each_event_is_one_line_without_secrets(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    agent = "evil\r\n2026-01-01 INFO \x1b[2J" + "x" * 1000
    session = access.sign_in("", TOKEN, LINK._replace(agent=agent))
    access.bearer(TOKEN, BEARER)
    with pytest.raises(Unauthorized):
        access.bearer("a-guess-that-was-close", BEARER)
    access.sign_out(session, FORM)
    access.sign_out(session, FORM)
    hers = access.sign_in("ann", PASSWORD, FORM)
    for name in ("ann", PASSWORD):
        with pytest.raises(Unauthorized):
            access.sign_in(name, "a-guess-that-was-close", FORM)
    access.sign_out(hers, FORM, everywhere=True)
    for number in range(FAILURES):
        with pytest.raises(Unauthorized):
            access.sign_in("", f"a-guess {number}", LINK)
    for _ in range(3):
        with pytest.raises(TooManyRequests):
            access.sign_in("", "a-guess-that-was-close", LINK)
    found = events(caplog)
    assert [(one["event"], one.get("name"), one.get("reason")) for one in found] == [
        ("sign-in", None, None),
        ("refused", None, "wrong token"),
        ("sign-out", None, None),
        ("sign-in", "ann", None),
        ("refused", "ann", "wrong name or password"),
        ("refused", None, "wrong name or password"),
        ("sessions-ended", "ann", None),
        *[("refused", None, "wrong token")] * FAILURES,
        ("refused", None, "too many attempts"),
    ]
    assert found[1] == {
        "event": "refused", "reason": "wrong token", "way": "bearer", "address": HOME
    }  # fmt: skip
    for line in (record.getMessage() for record in caplog.records):
        assert line.isprintable()
        assert len(line) < 500
        assert not any(secret in line for secret in (TOKEN, session, hers, PASSWORD, "a-guess"))
