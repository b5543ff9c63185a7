"""API tokens: shown once, stored hashed, with scopes, an expiry, and the time of the last use."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from dashboard.errors import BadRequest, NotFound
from dashboard.people.accounts import Accounts
from dashboard.people.person import Admins, Scope
from dashboard.people.store import PeopleStore
from dashboard.people.tokens import DAY_S, KEPT_S, PREFIX, USED_EVERY_S, Tokens
from tests.clock import Clock
from tests.people import PASSWORD

READ = [Scope.READ]


@pytest.fixture
def make(store: PeopleStore, clock: Clock) -> Callable[[], Tokens]:
    """The tokens of another process."""
    return lambda: Tokens(store, clock)


@pytest.fixture
def tokens(make: Callable[[], Tokens]) -> Tokens:
    return make()


def test_a_token_of_the_operator(tokens: Tokens, store: PeopleStore) -> None:
    secret = tokens.add("prometheus", [Scope.METRICS, Scope.METRICS], 90)
    assert re.fullmatch(r"lam_[A-Za-z0-9_-]{43}", secret)
    person, name, expired, _ = tokens.check(secret)
    assert person is not None
    assert (person.name, person.scopes, name, expired) == (
        "", {Scope.METRICS}, "prometheus", False
    )  # fmt: skip
    store.close()
    assert secret.encode() not in store.path.read_bytes()
    assert secret.removeprefix(PREFIX).encode() not in store.path.read_bytes()


def test_a_token_of_a_person_has_none_but_that_persons_scopes(
    tokens: Tokens, accounts: Accounts, store: PeopleStore, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD, ["imaging"], admin=True)
    accounts.add("bob", PASSWORD)
    secret = tokens.add("hers", [Scope.READ, Scope.ADMIN], 90, "ann")
    person = tokens.check(secret).person
    assert person is not None
    assert (person.name, person.groups) == ("ann", {"imaging"})
    assert person.scopes == {Scope.READ, Scope.ADMIN}
    with pytest.raises(BadRequest, match="bob may not do what the scope admin is for"):
        tokens.add("his", [Scope.READ, Scope.ADMIN], 90, "bob")
    with store.writing() as database:
        database.execute("UPDATE person SET admin = 0")
    clock.pass_(KEPT_S)
    person = tokens.check(secret).person
    assert person is not None
    assert person.scopes == {Scope.READ}


def test_a_token_of_an_admin_of_the_configuration(
    accounts: Accounts, store: PeopleStore, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    tokens = Tokens(store, clock, Admins(frozenset({"ann"})))
    secret = tokens.add("hers", [Scope.READ, Scope.ADMIN], 90, "ann")
    person = tokens.check(secret).person
    assert person is not None
    assert person.scopes == {Scope.READ, Scope.ADMIN}
    person = Tokens(store, clock).check(secret).person
    assert person is not None
    assert person.scopes == {Scope.READ}, "the configuration names her no more"


def test_a_token_ends_with_its_person(tokens: Tokens, accounts: Accounts, clock: Clock) -> None:
    accounts.add("ann", PASSWORD)
    secret, other = tokens.add("hers", READ, 90, "ann"), tokens.add("script", READ, 90)
    assert tokens.check(secret).person
    accounts.remove("ann")
    accounts.add("ann", PASSWORD)
    clock.pass_(KEPT_S)
    assert tokens.check(secret).person is None
    assert tokens.check(other).person
    assert [one.name for one in tokens.listed()] == ["script"]


def test_a_revoked_token(tokens: Tokens, make: Callable[[], Tokens], clock: Clock) -> None:
    secret = tokens.add("script", READ, 90)
    there = make()
    assert there.check(secret).person
    assert tokens.revoke("script").name == "script"
    clock.pass_(KEPT_S)
    assert there.check(secret).person is None
    assert not there.check(secret).expired
    with pytest.raises(NotFound, match="no token script"):
        tokens.revoke("script")
    assert tokens.add("script", READ, 90) != secret


def test_a_token_expires(tokens: Tokens, clock: Clock) -> None:
    secret = tokens.add("script", READ, 1.5)
    clock.pass_(1.5 * DAY_S - 0.1)
    assert tokens.check(secret).person
    clock.pass_(0.1)
    assert tokens.check(secret) == (None, "script", True, False)
    clock.pass_(-1.5 * DAY_S)
    assert tokens.check(secret).person
    clock.pass_(-61.0)
    assert tokens.check(secret) == (None, "script", False, True)


def test_the_last_use_is_written_once_a_minute(
    tokens: Tokens, make: Callable[[], Tokens], clock: Clock
) -> None:
    def used() -> float | None:
        return make().listed()[0].used

    secret = tokens.add("script", READ, 90)
    assert used() is None
    tokens.check(secret)
    first = clock.now
    assert used() == first
    for _ in range(int(USED_EVERY_S) - 1):
        clock.pass_(1.0)
        tokens.check(secret)
    assert used() == first
    clock.pass_(1.0)
    tokens.check(secret)
    assert used() == clock.now
    clock.pass_(1.0)
    make().check(secret)
    assert used() == clock.now - 1.0


def test_requests_do_not_read_the_file(
    tokens: Tokens, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tokens.add("script", READ, 90)
    # The first check writes that the token was used.
    assert tokens.check(secret).person
    assert tokens.check(secret).person
    monkeypatch.setattr(PeopleStore, "reading", None)
    for _ in range(100):
        clock.pass_(KEPT_S / 200)
        assert tokens.check(secret).person


@pytest.mark.parametrize(
    "secret", ["", PREFIX, PREFIX + "a" * 43, PREFIX + "a" * 42, PREFIX + "ä" * 43, "x" * 10_000]
)
def test_what_is_no_token(tokens: Tokens, secret: str) -> None:
    right = tokens.add("script", READ, 90)
    assert tokens.check(secret) == (None, "", False, False)
    for other in (right[:-1], right + "x", right.upper(), right.removeprefix(PREFIX), f"{right}\n"):
        assert tokens.check(other).person is None


@pytest.mark.parametrize("days", [0, -1, 1e9, float("nan"), float("inf")])
def test_days_that_cannot_be(tokens: Tokens, days: float) -> None:
    with pytest.raises(BadRequest, match="valid for more than 0"):
        tokens.add("script", READ, days)


def test_tokens_that_cannot_be(tokens: Tokens) -> None:
    with pytest.raises(BadRequest, match="cannot be the name of a token"):
        tokens.add("a b", READ, 90)
    with pytest.raises(BadRequest, match="needs a scope"):
        tokens.add("script", [], 90)
    with pytest.raises(NotFound, match="no account eve"):
        tokens.add("script", READ, 90, "eve")
    tokens.add("script", READ, 90)
    with pytest.raises(BadRequest, match="token script already"):
        tokens.add("script", READ, 90)


def test_an_unknown_scope_of_a_newer_version_counts_for_nothing(
    tokens: Tokens, store: PeopleStore
) -> None:
    secret = tokens.add("script", READ, 90)
    with store.writing() as database:
        database.execute("""UPDATE token SET scopes = '["read", "fly", 3]'""")
    person = tokens.check(secret).person
    assert person is not None
    assert person.scopes == {Scope.READ}
