"""Shares: links with a secret that open one view for somebody without an account, until a date.

    /s/SECRET ─ hash ─▶ the share ─▶ a session of a guest, who may see one file
    session of a guest ─ id of the share ─▶ valid while the share is, and its person may see the file

Whose share it is decides what a guest may see at the time of each request, never what that person could see when
the link was made (`people/rights.py`).
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from dashboard.errors import BadRequest, Busy, NotFound
from dashboard.people.accounts import names_of, person_of
from dashboard.people.person import NO_ADMINS, OPERATOR, Admins, Person, Scope, Shared
from dashboard.people.store import PeopleStore
from dashboard.people.view import View

# What the name of a guest begins with; no name of a person has a colon.
GUEST: Final = "share:"
GUEST_SCOPES: Final = frozenset({Scope.READ})
DAY_S: Final = 86_400.0
LONGEST_DAYS: Final = 366
LONGEST_NOTE: Final = 2000
# Of one person.
MOST: Final = 1000

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SELECT: Final = "SELECT id, person, file, view, note, created, expires, used FROM share"


class Share(NamedTuple):
    """What is known of a share, without its secret; times are Unix times (s), `used` is None before the first.

    `person` is who made it, empty for the operator.
    """

    id: str
    person: str
    file: str
    view: str
    note: str
    created: float
    expires: float
    used: float | None


class Guest(NamedTuple):
    """Who has the link of a share, and when that ends (Unix time, s)."""

    person: Person
    expires: float


class Shares:
    """The shares of a people file; methods raise `Busy` where it cannot be used.

    While sharing is not `allowed` no
    share can be made, and none is valid. `clock` gives Unix time (s).
    """

    def __init__(
        self,
        store: PeopleStore,
        clock: Callable[[], float] = time.time,
        admins: Admins = NO_ADMINS,
        *,
        allowed: bool = True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._admins = admins
        self.allowed = allowed

    def add(self, view: View, person: Person, days: float, note: str = "") -> tuple[Share, str]:
        """A new share of `person`, and its secret, which is stored nowhere; raises `BadRequest`."""
        if not 0 < days <= LONGEST_DAYS:
            raise BadRequest(f"A link is valid for more than 0 and at most {LONGEST_DAYS} days.")
        if len(note) > LONGEST_NOTE:
            raise BadRequest(f"A note has at most {LONGEST_NOTE} characters.")
        secret, now = secrets.token_urlsafe(32), self._clock()
        share = Share(
            secrets.token_hex(8),
            person.name,
            view.file,
            view.query,
            note,
            now,
            now + days * DAY_S,
            None,
        )
        with self._store.writing() as database:
            ((count,),) = database.execute(
                "SELECT COUNT(*) FROM share WHERE person = ?", (person.name,)
            )
            if count >= MOST:
                raise BadRequest(f"You have {MOST} shares; revoke one that is not needed any more.")
            account = _account(database, person.name) is not None or not person.name
            groups = None if account else json.dumps(sorted(person.groups))
            row = (share.id, _digest(secret), person.name, groups, *share[2:])
            database.execute("INSERT INTO share VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return share, secret

    def listed(self, person: str | None = None) -> list[Share]:
        """The shares of one person, or all, the newest first."""
        where, values = ("", ()) if person is None else (" WHERE person = ?", (person,))
        with self._store.reading() as database:
            rows = database.execute(f"{_SELECT}{where} ORDER BY created DESC, id", values)
            return [Share(*row) for row in rows.fetchall()]

    def revoke(self, id_: str, person: str | None = None) -> Share:
        """Make a share invalid, if it is one of `person` where that is given; raises `NotFound`."""
        with self._store.writing() as database:
            row = database.execute(f"{_SELECT} WHERE id = ?", (id_,)).fetchone()
            share = None if row is None else Share(*row)
            if share is None or person not in (None, share.person):
                raise NotFound(f"There is no share {id_:.40}.")
            database.execute("DELETE FROM share WHERE id = ?", (id_,))
        return share

    def opened(self, secret: str) -> Share | None:
        """The share that a link opens, None for one that is not valid."""
        if not _SECRET.fullmatch(secret):
            return None
        digest = _digest(secret)
        with self._store.reading() as database:
            row = database.execute(f"{_SELECT} WHERE digest = ?", (digest,)).fetchone()
        share = None if row is None else Share(*row)
        if share is None or self.guest(share.id) is None:
            return None
        with suppress(Busy), self._store.writing() as database:
            database.execute("UPDATE share SET used = ? WHERE id = ?", (self._clock(), share.id))
        return share

    def guest(self, id_: str) -> Guest | None:
        """Who has the link of a share; None where it has expired or was revoked, or its person is removed."""
        if not self.allowed:
            return None
        with self._store.reading() as database:
            row = database.execute(
                "SELECT person, groups, file, created, expires FROM share WHERE id = ?", (id_,)
            ).fetchone()
            if row is None:
                return None
            name, groups, file, created, expires = row
            account = _account(database, name) if name and groups is None else None
        # A clock that was set back does not give a share time that it did not have.
        if not created <= self._clock() < expires:
            return None
        if not name:
            by = OPERATOR
        elif groups is not None:
            by = self._admins.from_elsewhere(name, names_of(groups))
        elif account is not None:
            by = person_of(name, *account, admins=self._admins)
        else:
            return None
        person = Person(f"{GUEST}{id_}", scopes=GUEST_SCOPES, shared=Shared(file, by))
        return Guest(person, expires)

    def groups_said(self, name: str, groups: Iterable[str]) -> None:
        """Let shares of somebody who signs in elsewhere follow the groups that are said there now."""
        said = json.dumps(sorted(set(groups)))
        with self._store.reading() as database:
            other = database.execute(
                "SELECT 1 FROM share WHERE person = ? AND groups IS NOT NULL AND groups != ?",
                (name, said),
            ).fetchone()
        if other is not None:
            self.write_groups(name, said)

    def write_groups(self, name: str, said: str) -> None:
        """Write the groups that are said elsewhere, as a JSON list, to the shares of a person."""
        with self._store.writing() as database:
            database.execute(
                "UPDATE share SET groups = ? WHERE person = ? AND groups IS NOT NULL", (said, name)
            )

    def remove_expired(self) -> None:
        """Remove the rows of shares that expired a day ago; until then lists show what became of them."""
        with self._store.writing() as database:
            database.execute("DELETE FROM share WHERE expires < ?", (self._clock() - DAY_S,))


def _account(database: sqlite3.Connection, name: str) -> tuple[str, int] | None:
    row: tuple[str, int] | None = database.execute(
        "SELECT groups, admin FROM person WHERE name = ?", (name,)
    ).fetchone()
    return row


def _digest(secret: str) -> str:
    """A hash to find a share by. The secret is 256 random bits, so that a keyed or slow hash adds nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()
