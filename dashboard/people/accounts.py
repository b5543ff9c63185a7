"""Accounts: names, passwords, groups, and who administers; kept in the people file."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from dashboard.errors import BadRequest, Busy, NotFound
from dashboard.people.passwords import Passwords, check_strength
from dashboard.people.person import NO_ADMINS, Admins, Person
from dashboard.people.store import PeopleStore

# Of a person, a group or a token: an account of the machine, or an address of mail, as identity providers have it.
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,63}")

ACCOUNT: Final = "account"


class Account(NamedTuple):
    """A person who signs in with a password; times are Unix times (s)."""

    name: str
    groups: tuple[str, ...]
    admin: bool
    created: float
    password_set: float


class Credentials(NamedTuple):
    """The hash of a password, and a mark of when it was set, by which a session belongs to it."""

    hash: str
    mark: str


class Accounts:
    """The accounts of a people file.

    All methods raise `Busy` where it cannot be used. `clock` gives Unix time (s).
    """

    def __init__(
        self,
        store: PeopleStore,
        passwords: Passwords | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._passwords = passwords or Passwords()
        self._clock = clock

    def add(
        self, name: str, password: str, groups: Iterable[str] = (), *, admin: bool = False
    ) -> None:
        """Add an account; raises `BadRequest` for a weak password, and a name that is taken or is none."""
        self.check_new(name, groups)
        check_strength(password, name)
        hashed, now = self._passwords.hash(password), self._clock()
        row = (name, hashed, json.dumps(sorted(set(groups))), admin, now, now)
        with self._store.writing() as database:
            try:
                database.execute("INSERT INTO person VALUES (?, ?, ?, ?, ?, ?)", row)
            except sqlite3.IntegrityError:
                raise _taken(name) from None

    def check_new(self, name: str, groups: Iterable[str] = ()) -> None:
        """Raise `BadRequest` where an account of this name and groups cannot be added."""
        check_name(name, "person")
        for group in groups:
            check_name(group, "group")
        if self.credentials(name) is not None:
            raise _taken(name)

    def check_known(self, name: str) -> None:
        """Raise `NotFound` where there is no such account."""
        if self.credentials(name) is None:
            raise _unknown(name)

    def remove(self, name: str) -> None:
        """Remove an account, its sessions, tokens, shares and bookmarks; raises `NotFound`."""
        with self._store.writing() as database:
            if database.execute("DELETE FROM person WHERE name = ?", (name,)).rowcount == 0:
                raise _unknown(name)
            _end_sessions(database, name)
            database.execute("DELETE FROM token WHERE person = ?", (name,))
            database.execute("DELETE FROM share WHERE person = ?", (name,))
            database.execute("DELETE FROM bookmark WHERE person = ?", (name,))

    def set_password(self, name: str, password: str) -> None:
        """Change a password, and end the sessions that began with the old one; raises `BadRequest`, `NotFound`."""
        check_strength(password, name)
        hashed = self._passwords.hash(password)
        with self._store.writing() as database:
            changed = database.execute(
                "UPDATE person SET password = ?, password_set = ? WHERE name = ?",
                (hashed, self._clock(), name),
            )
            if changed.rowcount == 0:
                raise _unknown(name)
            _end_sessions(database, name)

    def change(
        self, name: str, groups: Iterable[str] | None = None, *, admin: bool | None = None
    ) -> None:
        """Change groups, or whether the person administers; None leaves them. Raises `BadRequest`, `NotFound`."""
        for group in groups or ():
            check_name(group, "group")
        text = None if groups is None else json.dumps(sorted(set(groups)))
        with self._store.writing() as database:
            changed = database.execute(
                "UPDATE person SET groups = COALESCE(?, groups), admin = COALESCE(?, admin)"
                " WHERE name = ?",
                (text, admin, name),
            )
            if changed.rowcount == 0:
                raise _unknown(name)

    def end_sessions(self, name: str) -> int:
        """End all sessions of a person, whatever they began with; returns their number, and raises `NotFound`."""
        with self._store.writing() as database:
            known = database.execute("SELECT 1 FROM person WHERE name = ?", (name,)).fetchone()
            ended = database.execute(
                "DELETE FROM session WHERE name = ? AND name != ''", (name,)
            ).rowcount
            if not known and not ended:
                raise _unknown(name)
            return ended

    def listed(self) -> list[Account]:
        """All accounts, by name."""
        with self._store.reading() as database:
            rows = database.execute(
                "SELECT name, groups, admin, created, password_set FROM person ORDER BY name"
            ).fetchall()
        return [
            Account(name, tuple(sorted(names_of(groups))), bool(admin), created, password_set)
            for name, groups, admin, created, password_set in rows
        ]

    def exist(self) -> bool:
        """Whether there is any account."""
        with self._store.reading() as database:
            return database.execute("SELECT 1 FROM person LIMIT 1").fetchone() is not None

    def works(self) -> bool:
        """Whether the people file can be used."""
        try:
            self.exist()
        except Busy:
            return False
        return True

    def person(self, name: str) -> Person | None:
        """The person of an account, None without one."""
        with self._store.reading() as database:
            row = database.execute(
                "SELECT groups, admin FROM person WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else person_of(name, *row)

    def credentials(self, name: str) -> Credentials | None:
        """What is stored of a person's password, None for a name without an account."""
        with self._store.reading() as database:
            row = database.execute(
                "SELECT password, password_set FROM person WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else Credentials(row[0], mark_of(row[1]))

    def verified(self, name: str, password: str, stored: Credentials | None) -> Person | None:
        """The person, if the password is the stored one; takes as long for a name without an account."""
        right = self._passwords.verify(password, None if stored is None else stored.hash)
        if not right or stored is None:
            return None
        if self._passwords.is_outdated(stored.hash):
            with suppress(Busy):
                fresh = self._passwords.hash(password)
                with self._store.writing() as database:
                    database.execute(
                        "UPDATE person SET password = ? WHERE name = ? AND password = ?",
                        (fresh, name, stored.hash),
                    )
        return self.person(name)


def mark_of(password_set: float) -> str:
    """The mark of a password that was set at this time."""
    return repr(password_set)


def person_of(name: str, groups: str, admin: int, admins: Admins = NO_ADMINS) -> Person:
    """The person of an account's row."""
    return admins.with_account(name, names_of(groups), admin=bool(admin))


def names_of(text: str) -> frozenset[str]:
    """The names in a JSON list; none for a damaged one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return frozenset()
    return (
        frozenset(one for one in found if isinstance(one, str))
        if isinstance(found, list)
        else frozenset()
    )


def check_name(name: str, what: str) -> None:
    """Raise `BadRequest` for what cannot be the name of a person, a group or a token."""
    if not NAME.fullmatch(name):
        raise BadRequest(
            f"{name!r:.80} cannot be the name of a {what}: use up to 64 letters, digits and . _ @ + -, with no"
            " punctuation first."
        )


def _end_sessions(database: sqlite3.Connection, name: str) -> int:
    return database.execute(
        "DELETE FROM session WHERE kind = ? AND name = ?", (ACCOUNT, name)
    ).rowcount


def _taken(name: str) -> BadRequest:
    return BadRequest(
        f"There is an account {name} already; `lamella user passwd {name}` changes its password."
    )


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no account {name:.80}; `lamella user list` has all of them.")
