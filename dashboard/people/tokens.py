"""API tokens: secrets for scripts, each with scopes and an expiry, of which the people file has hashes."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final, NamedTuple

from cachetools import LRUCache

from dashboard.errors import BadRequest, Busy, NotFound
from dashboard.people.accounts import check_name, names_of, person_of
from dashboard.people.person import ADMIN_SCOPES, NO_ADMINS, Admins, Person, Scope
from dashboard.people.sessions import CLOCK_STEP_S
from dashboard.people.store import PeopleStore

# By it, people and scanners of published files recognise a token.
PREFIX: Final = "lam_"
# For this time (s) a process relies on what it has read, unless the people file changes. Where that is another
# machine's, so long may this one go on to answer a revoked token.
KEPT_S: Final = 2.0
KEPT: Final = 1024
# The time of the last use is written no more often than this (s).
USED_EVERY_S: Final = 60.0
DAY_S: Final = 86_400.0
LONGEST_DAYS: Final = 3660

_SECRET: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class Token(NamedTuple):
    """What is known of a token; times are Unix times (s), `used` is None before the first use."""

    name: str
    # Empty for a token of the operator.
    person: str
    scopes: frozenset[Scope]
    created: float
    expires: float
    used: float | None


class CheckedToken(NamedTuple):
    """Who uses a token: `person` is None for one that is not valid, but was (`expired`) or will be (`early`)."""

    person: Person | None
    name: str = ""
    expired: bool = False
    early: bool = False


_Kept = tuple[float, tuple[int, ...], Person, Token]


class Tokens:
    """The tokens of a people file; thread-safe. Methods raise `Busy` where it cannot be used.

    `clock` gives Unix time (s).
    """

    def __init__(
        self,
        store: PeopleStore,
        clock: Callable[[], float] = time.time,
        admins: Admins = NO_ADMINS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._admins = admins
        self._lock = threading.Lock()
        # Hash of the secret → (time of the read, revision of the file before it, person, token).
        self._kept: LRUCache[str, _Kept] = LRUCache(KEPT)

    def add(self, name: str, scopes: Collection[Scope], days: float, person: str = "") -> str:
        """The secret of a new token, which is stored nowhere; raises `BadRequest`, `NotFound`.

        It acts for `person` and has none but that person's scopes; without one it acts for the operator.
        """
        check_name(name, "token")
        if not scopes:
            raise BadRequest("A token needs a scope; give --scope read, or another, once for each.")
        if not 0 < days <= LONGEST_DAYS:
            raise BadRequest(f"A token is valid for more than 0 and at most {LONGEST_DAYS} days.")
        secret, now = PREFIX + secrets.token_urlsafe(32), self._clock()
        row = (_digest(secret), name, person, json.dumps(sorted(scopes)), now, now + days * DAY_S)
        with self._store.writing() as database:
            missing = frozenset(scopes) - self._scopes_of(database, person)
            if missing:
                raise BadRequest(
                    f"{person} may not do what the scope {min(missing)} is for; leave it out, or make the token"
                    " for an administrator."
                )
            try:
                database.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
            except sqlite3.IntegrityError:
                raise BadRequest(
                    f"There is a token {name} already; choose another name, or `lamella token revoke {name}`"
                    " first."
                ) from None
        return secret

    def revoke(self, name: str) -> Token:
        """Make a token invalid; raises `NotFound`."""
        with self._store.writing() as database:
            row = database.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise NotFound(
                    f"There is no token {name:.80}; `lamella token list` has all of them."
                )
            database.execute("DELETE FROM token WHERE name = ?", (name,))
        return _token(row)

    def listed(self) -> list[Token]:
        """All tokens by name, expired ones too."""
        with self._store.reading() as database:
            return [_token(row) for row in database.execute(f"{_SELECT} ORDER BY name").fetchall()]

    def check(self, secret: str) -> CheckedToken:
        """Who uses the token `secret`."""
        if not _SECRET.fullmatch(secret):
            return CheckedToken(None)
        digest, now = _digest(secret), self._clock()
        with self._lock:
            kept = self._kept.get(digest)
        revision = self._store.revision()
        if kept is None or not 0.0 <= now - kept[0] < KEPT_S or kept[1] != revision:
            found = self._read(digest)
            with self._lock:
                self._kept.pop(digest, None)
                if found is not None:
                    self._kept[digest] = kept = (now, revision, *found)
            if found is None:
                return CheckedToken(None)
        assert kept is not None
        *_, person, token = kept
        # A clock that was set back by much does not give a token time that it did not have.
        if now < token.created - CLOCK_STEP_S:
            return CheckedToken(None, token.name, early=True)
        if now >= token.expires:
            return CheckedToken(None, token.name, expired=True)
        if token.used is None or not 0.0 <= now - token.used < USED_EVERY_S:
            self._record_use(digest, kept, now)
        return CheckedToken(person, token.name)

    def _read(self, digest: str) -> tuple[Person, Token] | None:
        with self._store.reading() as database:
            row = database.execute(f"{_SELECT} WHERE digest = ?", (digest,)).fetchone()
            if row is None:
                return None
            token = _token(row)
            if not token.person:
                return Person("", scopes=token.scopes, token=token.name), token
            account = database.execute(
                "SELECT groups, admin FROM person WHERE name = ?", (token.person,)
            ).fetchone()
        if account is None:
            return None
        person = person_of(token.person, account[0], account[1], self._admins)
        scopes = person.scopes & token.scopes
        return Person(person.name, person.groups, scopes, token=token.name), token

    def _record_use(self, digest: str, kept: _Kept, now: float) -> None:
        read_at, revision, person, token = kept
        with self._lock:
            self._kept[digest] = (read_at, revision, person, token._replace(used=now))
        with suppress(Busy):
            self.write_use(digest, now)

    def write_use(self, digest: str, used: float) -> None:
        """Write when the token with this hash was used last (Unix time, s)."""
        with self._store.writing() as database:
            database.execute("UPDATE token SET used = ? WHERE digest = ?", (used, digest))

    def _scopes_of(self, database: sqlite3.Connection, person: str) -> frozenset[Scope]:
        if not person:
            return ADMIN_SCOPES
        row = database.execute(
            "SELECT groups, admin FROM person WHERE name = ?", (person,)
        ).fetchone()
        if row is None:
            raise NotFound(
                f"There is no account {person:.80}; `lamella user list` has all of them."
            )
        return person_of(person, row[0], row[1], self._admins).scopes


_SELECT: Final = "SELECT name, person, scopes, created, expires, used FROM token"


def _token(row: tuple[str, str, str, float, float, float | None]) -> Token:
    name, person, scopes, created, expires, used = row
    known = frozenset(scope for scope in Scope if scope in names_of(scopes))
    return Token(name, person, known, created, expires, used)


def _digest(secret: str) -> str:
    """A hash to find a token by. The secret is 256 random bits, so that a keyed or slow hash adds nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()
