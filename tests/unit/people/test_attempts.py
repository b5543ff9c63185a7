"""The limit of failed sign-ins: by client, by way, in all, and the same wrong secret once."""

from __future__ import annotations

import pytest

from dashboard.errors import TooManyRequests
from dashboard.people.attempts import (
    ALL_FAILURES,
    FAILURES,
    WINDOW_S,
    Attempts,
    Client,
    Way,
    network,
)
from dashboard.people.shared_limit import SharedMemory
from tests.clock import Clock

HOME = Client("192.0.2.1", Way.BEARER)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def fail(attempts: Attempts, client: Client, *secret: str) -> bool:
    attempts.check(client)
    return attempts.failed(client, attempts.fingerprint(client, *secret))


def is_limited(attempts: Attempts, client: Client) -> bool:
    try:
        attempts.check(client)
    except TooManyRequests:
        return True
    return False


def test_failures_of_a_client_are_limited(attempts: Attempts, clock: Clock) -> None:
    for number in range(FAILURES):
        fail(attempts, HOME, f"{number}")
        clock.pass_(1.0)
    with pytest.raises(TooManyRequests) as caught:
        attempts.check(HOME)
    assert caught.value.retry_after_s == WINDOW_S - FAILURES
    assert not is_limited(attempts, HOME._replace(address="192.0.2.2"))
    clock.pass_(WINDOW_S - FAILURES)
    assert not is_limited(attempts, HOME)


@pytest.mark.parametrize("way", Way)
def test_each_way_has_a_limit_of_its_own(attempts: Attempts, way: Way) -> None:
    for number in range(FAILURES):
        fail(attempts, HOME._replace(way=way), f"{number}")
    assert [one for one in Way if is_limited(attempts, HOME._replace(way=one))] == [way]


def test_the_same_wrong_secret_counts_once(attempts: Attempts, clock: Clock) -> None:
    for _ in range(10 * FAILURES):
        fail(attempts, HOME, "token of yesterday")
        clock.pass_(0.1)
    for number in range(FAILURES - 1):
        assert not is_limited(attempts, HOME)
        fail(attempts, HOME, f"{number}")
    assert is_limited(attempts, HOME)


def test_processes_with_one_memory_have_one_limit(clock: Clock) -> None:
    memory = SharedMemory()
    processes = [Attempts(clock, memory) for _ in range(3)]
    for number in range(3 * FAILURES):
        fail(processes[number % 3], HOME._replace(way=Way.LINK), "token of yesterday")
    for number in range(FAILURES):
        fail(processes[number % 3], HOME, f"{number}")
    assert [is_limited(one, HOME) for one in processes] == [True] * 3
    assert not is_limited(processes[0], HOME._replace(way=Way.LINK))

    processes[0].succeeded(HOME._replace(way=Way.FORM))
    form = Client("", Way.FORM)
    for number in range(ALL_FAILURES):
        fail(processes[1], form._replace(address=f"198.51.100.{number}"), "x")
    assert is_limited(processes[2], form._replace(address="203.0.113.1"))
    assert not is_limited(processes[2], HOME._replace(way=Way.FORM))

    proxy = processes[0].fingerprint(HOME._replace(way=Way.PROXY), "ann")
    assert [one.is_new_sign_in(proxy) for one in processes] == [True, False, False]


def test_what_is_recognised(attempts: Attempts) -> None:
    def fingerprint(*parts: str, **client: str) -> str:
        return attempts.fingerprint(HOME._replace(**client), *parts)  # type: ignore[arg-type]

    found = [
        fingerprint("a"),
        fingerprint("b"),
        fingerprint("a", "b"),
        fingerprint("ab"),
        fingerprint("a", address="192.0.2.2"),
        fingerprint("a", way=Way.FORM),
        Attempts().fingerprint(HOME, "a"),
    ]
    assert len(set(found)) == len(found)
    assert fingerprint("a", agent="other") == found[0]
    attempts.failed(HOME, found[0])
    assert [attempts.is_known_wrong(one) for one in found] == [True] + [False] * 6


def test_a_refusal_is_worth_a_line_once_a_minute(attempts: Attempts, clock: Clock) -> None:
    assert fail(attempts, HOME, "a")
    assert fail(attempts, HOME, "b")
    clock.pass_(WINDOW_S - 1)
    assert not fail(attempts, HOME, "a")
    clock.pass_(1.0)
    assert fail(attempts, HOME, "a")


def test_failures_of_all_are_limited_but_not_for_those_who_had_a_right_secret(
    attempts: Attempts, clock: Clock
) -> None:
    attempts.succeeded(HOME)
    for number in range(ALL_FAILURES):
        fail(attempts, HOME._replace(address=f"198.51.100.{number}"), "x")
    other = HOME._replace(address="203.0.113.1")
    assert is_limited(attempts, other)
    assert not is_limited(attempts, other._replace(way=Way.FORM))
    assert not is_limited(attempts, HOME)
    clock.pass_(WINDOW_S)
    assert not is_limited(attempts, other)


def test_what_counts_as_one_client() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") != network("192.0.2.2")
    assert network("fe80::1%eth0") == network("fe80::2")
    assert network("no address") == network("") == ""


def test_on_one_machine_each_account_is_a_client(attempts: Attempts) -> None:
    here = HOME._replace(address="127.0.0.1")
    for number in range(FAILURES):
        fail(attempts, here._replace(account=1001), f"{number}")
    assert is_limited(attempts, here._replace(account=1001))
    assert not is_limited(attempts, here._replace(account=1002))
    assert not is_limited(attempts, here._replace(account=0))
    assert not is_limited(attempts, here)
