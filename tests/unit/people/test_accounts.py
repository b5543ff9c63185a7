"""Accounts and passwords: what is refused, what is stored, and that a name without an account takes as long."""

from __future__ import annotations

import unicodedata

import pytest
from argon2 import PasswordHasher

from dashboard.errors import BadRequest, Busy, NotFound
from dashboard.people import passwords as passwords_module
from dashboard.people.accounts import Accounts
from dashboard.people.passwords import LONGEST, SHORTEST, Passwords
from dashboard.people.person import Scope
from dashboard.people.store import PeopleStore
from tests.clock import Clock
from tests.people import PASSWORD, quick_hasher, quick_passwords


def verified(accounts: Accounts, name: str, password: str) -> bool:
    return accounts.verified(name, password, accounts.credentials(name)) is not None


def test_an_account(accounts: Accounts, clock: Clock) -> None:
    assert not accounts.exist()
    accounts.add("ann", PASSWORD, ["imaging", "beamline", "imaging"])
    accounts.add("root", PASSWORD, admin=True)
    assert accounts.exist()
    ann, root = accounts.listed()
    assert (ann.name, ann.groups, ann.admin, ann.created) == (
        "ann", ("beamline", "imaging"), False, clock.now
    )  # fmt: skip
    assert root.admin
    person, admin = accounts.person("ann"), accounts.person("root")
    assert person is not None
    assert admin is not None
    assert person.groups == {"beamline", "imaging"}
    assert person.scopes == {Scope.READ, Scope.WARM}
    assert admin.scopes == set(Scope)
    accounts.remove("ann")
    assert accounts.person("ann") is None
    assert [one.name for one in accounts.listed()] == ["root"]


def test_passwords_are_verified(accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    assert verified(accounts, "ann", PASSWORD)
    for password in ("", PASSWORD + " ", PASSWORD.upper(), "x" * 10_000, "\udcff", "\0"):
        assert not verified(accounts, "ann", password)
    for name in ("eve", "Ann", "", "ann\0", "' OR 1=1 --"):
        assert not verified(accounts, name, PASSWORD)
    accounts.set_password("ann", "other words of hers")
    assert verified(accounts, "ann", "other words of hers")
    assert not verified(accounts, "ann", PASSWORD)


def test_the_same_password_from_another_keyboard(accounts: Accounts) -> None:
    accounts.add("ann", "vier schöne Wörter")
    assert verified(accounts, "ann", unicodedata.normalize("NFD", "vier schöne Wörter"))


def test_a_name_without_an_account_costs_as_many_hashes(
    store: PeopleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = quick_hasher()
    accounts = Accounts(store, Passwords(hasher))
    accounts.add("ann", PASSWORD)
    compared: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, password: bytes) -> bool:
        compared.append(stored)
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    assert not verified(accounts, "ann", "wrong words of hers")
    assert not verified(accounts, "eve", "wrong words of hers")
    hers, nobodys = compared
    # Parameters, and the lengths of salt and hash.
    assert [hers.split("$")[1:4], *map(len, hers.split("$"))] == [
        nobodys.split("$")[1:4],
        *map(len, nobodys.split("$")),
    ]


def test_a_hash_is_made_anew_when_its_cost_is_outdated(
    accounts: Accounts, store: PeopleStore, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    before = accounts.credentials("ann")
    later = Accounts(store, quick_passwords(memory_cost=16), clock)
    assert not verified(later, "ann", "wrong words of hers")
    assert accounts.credentials("ann") == before
    assert verified(later, "ann", PASSWORD)
    after = accounts.credentials("ann")
    assert before is not None
    assert after is not None
    assert "m=16" in after.hash
    # The password is the same, and so sessions go on.
    assert after.mark == before.mark
    assert verified(later, "ann", PASSWORD)


def test_the_default_cost_is_that_of_the_standard() -> None:
    # RFC 9106, section 4, second recommendation.
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in Passwords().hash(PASSWORD)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", f"has 0 characters; choose one of at least {SHORTEST}"),
        ("x" * (SHORTEST - 1), "has 11 characters"),
        ("a" * 40, "easy to guess: repeats like"),
        ("password1234", "easy to guess"),
        ("123456789012", "easy to guess"),
        ("katherine123", "easy to guess"),
        ("KATHERINE-katherine", "easy to guess"),
        ("four words\x1b[2J", "control character"),
        ("abcdefg" * LONGEST, "too long"),
    ],
)
def test_weak_passwords(accounts: Accounts, password: str, sentence: str) -> None:
    with pytest.raises(BadRequest) as caught:
        accounts.add("katherine", password)
    assert sentence in caught.value.message
    assert password not in caught.value.message or not password
    assert not accounts.exist()
    accounts.add("katherine", PASSWORD)
    with pytest.raises(BadRequest):
        accounts.set_password("katherine", password)
    assert verified(accounts, "katherine", PASSWORD)


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "-x", ".x", "a" * 65, "ä", "a\n", "<b>", "a/b", "a:b", "a\0"]
)
def test_names_that_cannot_be(accounts: Accounts, name: str) -> None:
    with pytest.raises(BadRequest, match="cannot be the name of a person"):
        accounts.add(name, PASSWORD)
    with pytest.raises(BadRequest, match="cannot be the name of a group"):
        accounts.add("ann", PASSWORD, [name])
    assert not accounts.exist()


@pytest.mark.parametrize("name", ["ann", "Ann.Lee", "ann@lab.example", "a", "_x-1", "a" * 64, "7"])
def test_names_that_can_be(accounts: Accounts, name: str) -> None:
    accounts.add(name, PASSWORD)
    assert verified(accounts, name, PASSWORD)
    with pytest.raises(BadRequest, match="lamella user passwd"):
        accounts.add(name, PASSWORD)


def test_accounts_that_are_not_there(accounts: Accounts) -> None:
    for act in (
        lambda: accounts.remove("eve"),
        lambda: accounts.set_password("eve", PASSWORD),
        lambda: accounts.end_sessions("eve"),
        lambda: accounts.check_known("eve"),
    ):
        with pytest.raises(NotFound, match="no account eve"):
            act()


@pytest.mark.parametrize("value", ["", "x", "{}", "3", '["a", 3]', "[" * 10_000])
def test_a_damaged_row_has_no_groups(accounts: Accounts, store: PeopleStore, value: str) -> None:
    accounts.add("ann", PASSWORD, ["g"])
    with store.writing() as database:
        database.execute("UPDATE person SET groups = ?", (value,))
    person = accounts.person("ann")
    assert person is not None
    assert person.groups <= {"a"}


@pytest.mark.parametrize("value", ["", "x", "$argon2id$v=19$m=8,t=1,p=1$x$y", "$2b$12$abc"])
def test_a_damaged_hash_is_no_password(accounts: Accounts, store: PeopleStore, value: str) -> None:
    accounts.add("ann", PASSWORD)
    with store.writing() as database:
        database.execute("UPDATE person SET password = ?", (value,))
    assert not verified(accounts, "ann", PASSWORD)


def test_hashes_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = quick_passwords()
    monkeypatch.setattr(passwords_module, "WAIT_S", 0.0)

    def another(*_: object) -> bool:
        with pytest.raises(Busy, match="try again"):
            passwords.verify(PASSWORD, None)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", another)
        assert passwords.verify(PASSWORD, "x")
    assert not passwords.verify(PASSWORD, None)
