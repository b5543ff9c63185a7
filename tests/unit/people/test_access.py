"""The token, the limit of failed attempts, and the log of both."""

from __future__ import annotations

import json
import logging

import pytest

from dashboard.errors import TooManyRequests, Unauthorized
from dashboard.people.access import ALL_FAILURES, FAILURES, WINDOW_S, Access, Way, network
from dashboard.people.sessions import Sessions
from tests.clock import Clock
from tests.rows import MemoryRows

TOKEN = "correct-horse-battery"
HOME = "192.0.2.1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access:
    return Access(TOKEN, Sessions(MemoryRows(), TOKEN.encode(), 1000.0), clock)


def fail(access: Access, address: str, token: str = "wrong") -> None:
    with pytest.raises(Unauthorized):
        access.check_token(token, address, Way.BEARER)


@pytest.mark.parametrize(
    "token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\udcff", "é" * 30]
)
def test_other_tokens_are_wrong(access: Access, token: str) -> None:
    fail(access, HOME, token)
    access.check_token(TOKEN, HOME, Way.BEARER)


def test_failures_of_an_address_are_limited(access: Access, clock: Clock) -> None:
    for _ in range(FAILURES):
        fail(access, HOME)
        clock.pass_(1.0)
    with pytest.raises(TooManyRequests) as caught:
        access.check_token(TOKEN, HOME, Way.BEARER)
    assert caught.value.retry_after_s == WINDOW_S - FAILURES
    access.check_token(TOKEN, "192.0.2.2", Way.BEARER)
    clock.pass_(WINDOW_S - FAILURES)
    access.check_token(TOKEN, HOME, Way.BEARER)


def test_success_is_not_limited(access: Access) -> None:
    for _ in range(10 * FAILURES):
        access.check_token(TOKEN, HOME, Way.BEARER)


def test_failures_of_all_are_limited_but_not_for_those_who_had_the_token(
    access: Access, clock: Clock
) -> None:
    access.check_token(TOKEN, HOME, Way.BEARER)
    for number in range(ALL_FAILURES):
        fail(access, f"198.51.100.{number}")
    with pytest.raises(TooManyRequests):
        access.check_token(TOKEN, "203.0.113.1", Way.FORM)
    access.check_token(TOKEN, HOME, Way.BEARER)
    clock.pass_(WINDOW_S)
    access.check_token(TOKEN, "203.0.113.1", Way.FORM)


def test_what_counts_as_one_client() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") != network("192.0.2.2")
    assert network("fe80::1%eth0") == network("fe80::2")
    assert network("no address") == network("") == ""


def test_a_sign_in_replaces_the_session_before(access: Access) -> None:
    first = access.sign_in(TOKEN, HOME, Way.FORM)
    second = access.sign_in(TOKEN, HOME, Way.FORM, old=first)
    assert not access.sessions.check(first).valid
    assert access.sessions.check(second).valid
    with pytest.raises(Unauthorized):
        access.sign_in("wrong", HOME, Way.FORM, old=second)
    assert access.sessions.check(second).valid
    access.sign_out(second, HOME)
    assert not access.sessions.check(second).valid


def test_each_event_is_one_line_without_secrets(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    agent = "evil\r\n2026-01-01 INFO \x1b[2J" + "x" * 1000
    session = access.sign_in(TOKEN, HOME, Way.LINK, agent)
    access.check_token(TOKEN, HOME, Way.BEARER, agent)
    fail(access, HOME, "a-guess-that-was-close")
    access.sign_out(session, HOME)
    access.sign_out(session, HOME)
    for _ in range(FAILURES - 1):
        fail(access, HOME)
    with pytest.raises(TooManyRequests):
        access.sign_in("a-guess-that-was-close", HOME, Way.FORM)
    lines = [record.getMessage() for record in caplog.records]
    events = [json.loads(line.removeprefix("audit ")) for line in lines]
    assert [event["event"] for event in events[:3]] == ["sign-in", "refused", "sign-out"]
    assert events[0]["way"] == "link"
    assert events[1] == {
        "event": "refused", "way": "bearer", "reason": "wrong token", "address": HOME
    }  # fmt: skip
    assert events[-1]["reason"] == "too many attempts"
    for line in lines:
        assert line.isprintable()
        assert len(line) < 500
        assert not any(secret in line for secret in (TOKEN, session, "a-guess"))
