"""Sessions of browsers: random ids, of which the people file has hashes, each with the person that signed in."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from cachetools import LRUCache

from dashboard.errors import Busy
from dashboard.people.accounts import ACCOUNT, mark_of, names_of, person_of
from dashboard.people.person import NO_ADMINS, OPERATOR, Admins, Person
from dashboard.people.shares import Guest
from dashboard.people.store import PeopleStore

log = logging.getLogger(__name__)

# For this time (s) a process relies on what it has read, so that a request costs no read of the database, unless
# the people file changes. Where that is another machine's, it is also how long this one may go on to answer after
# a sign-out, or for somebody who was removed.
KEPT_S: Final = 2.0
# Sessions that a process has read lately, about 300 bytes each.
KEPT: Final = 4096
# A session is renewed when this share of its idle time has gone by, so that most requests write nothing.
RENEW_SHARE: Final = 0.05
# Of one person, and of all who have the start token; the ones that were used least lately end first.
MOST: Final = 200

# A clock may be set back by this much (s), as a time server does, without consequences.
CLOCK_STEP_S: Final = 60.0

TOKEN: Final = "token"  # noqa: S105  # a kind of session
PROVIDER: Final = "provider"
SHARE: Final = "share"

_ID_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")

_FIND: Final = """
    SELECT session.kind, session.name, session.groups, mark, network, began, renewed,
        person.groups, admin, password_set
    FROM session LEFT JOIN person ON session.kind = 'account' AND person.name = session.name
    WHERE digest = ?
"""


class Checked(NamedTuple):
    """Whose session it is (None: it is not valid), and whether its idle time has just begun anew."""

    person: Person | None
    renewed: bool = False


class ListedSession(NamedTuple):
    """What is known of a session, apart from its id; times are Unix times (s)."""

    kind: str
    name: str
    # The only network that it works for; empty for any.
    network: str
    began: float
    renewed: float


class StoredSession(NamedTuple):
    """A session as it is stored, apart from the hash of its id; `groups` is a JSON list."""

    kind: str
    name: str
    groups: str
    mark: str
    network: str
    began: float
    renewed: float


class ReadSession(NamedTuple):
    """A valid session as it was read; times are Unix times (s)."""

    person: Person
    network: str
    began: float
    renewed: float
    # That of what the session depends on, where it has an end of its own.
    ends: float = float("inf")


class Sessions:
    """Sessions that end `idle_s` after their last use, and `lifetime_s` after the sign-in; thread-safe.

    A session of an account is valid while its password is the same, one of the start token while `token` is: its
    row has the HMAC of the token under the session's id, so nobody can guess tokens who has the file alone. One of
    a share, whose id is its mark, is valid while `guest` says who has the link.
    What a provider said of somebody counts for `provider_s` at most. Methods raise `Busy` where the people file
    cannot be used. `clock` gives Unix time (s).
    """

    def __init__(
        self,
        store: PeopleStore,
        token: str | None,
        idle_s: float,
        lifetime_s: float,
        clock: Callable[[], float] = time.time,
        admins: Admins = NO_ADMINS,
        provider_s: float = float("inf"),
        guest: Callable[[str], Guest | None] = lambda _: None,
    ) -> None:
        self._store = store
        self._token = None if token is None else token.encode()
        self.idle_s = idle_s
        self.lifetime_s = lifetime_s
        self._clock = clock
        self.admins = admins
        self.provider_s = provider_s
        self._guest = guest
        self._lock = threading.Lock()
        # Hash of the id → (time of the read, revision of the file before it, the session).
        self._kept: LRUCache[str, tuple[float, tuple[int, ...], ReadSession]] = LRUCache(KEPT)

    def begin(
        self, kind: str, person: Person, mark: str = "", network: str = "", old: str = ""
    ) -> str:
        """A new session's id; it replaces the session `old`, and works for `network` alone unless that is empty.

        `mark` is that of the account's credentials.
        """
        session, now = secrets.token_urlsafe(_ID_BYTES), self._clock()
        groups = json.dumps(sorted(person.groups)) if kind == PROVIDER else "[]"
        mark = self._mark(session) if kind == TOKEN else mark
        row = StoredSession(kind, person.name, groups, mark, network, now, now)
        self._insert(digest_of(session), row, digest_of(old))
        self._forget(digest_of(old))
        return session

    def _insert(self, digest: str, row: StoredSession, old: str) -> None:
        """Store a session in place of the session `old`, and end the oldest of its person beyond `MOST`."""
        with self._store.writing() as database:
            database.execute("DELETE FROM session WHERE digest = ?", (old,))
            database.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (digest, *row))
            database.execute(
                "DELETE FROM session WHERE digest IN (SELECT digest FROM session"
                " WHERE kind = ? AND name = ? ORDER BY renewed DESC LIMIT -1 OFFSET ?)",
                (row.kind, row.name, MOST),
            )

    def check(self, session: str, network: str = "") -> Checked:
        """Whose session it is; one that has been used for a while is renewed."""
        if not _ID.fullmatch(session):
            return Checked(None)
        digest, now = digest_of(session), self._clock()
        with self._lock:
            read_at, then, read = self._kept.get(digest, (float("-inf"), (), None))
        revision = self._store.revision()
        is_fresh = read is not None and 0.0 <= now - read_at < KEPT_S and then == revision
        if read is None or not is_fresh or not self.is_current(read, now):
            read, is_fresh = self._read(session, digest, now), False
        if read is None:
            self._forget(digest)
            return Checked(None)
        if read.network not in ("", network):
            return Checked(None)
        if is_fresh:
            return Checked(read.person)
        renewed = now - read.renewed >= RENEW_SHARE * self.idle_s and self._renew(digest, read, now)
        with self._lock:
            kept = read._replace(renewed=now) if renewed else read
            self._kept[digest] = (now, revision, kept)
        return Checked(read.person, renewed)

    def end(self, session: str) -> Person | None:
        """End a session in all processes; returns whose it was, None where there was none."""
        if not _ID.fullmatch(session):
            return None
        digest = digest_of(session)
        name = self._remove(digest)
        self._forget(digest)
        return None if name is None else Person(name)

    def _remove(self, digest: str) -> str | None:
        """Remove a session; returns the name of its person."""
        with self._store.writing() as database:
            row = database.execute(_FIND, (digest,)).fetchone()
            database.execute("DELETE FROM session WHERE digest = ?", (digest,))
        return None if row is None else row[1]

    def end_all(self, session: str) -> int:
        """End the session and all others of its person; returns their number.

        Those who have the start token are one person here.
        """
        digest = digest_of(session)
        with self._store.writing() as database:
            ended = database.execute(
                "DELETE FROM session WHERE (kind, name) IN"
                " (SELECT kind, name FROM session WHERE digest = ?)",
                (digest,),
            ).rowcount
        with self._lock:
            self._kept.clear()
        return ended

    def listed(self) -> list[ListedSession]:
        """The sessions that have not expired, those used latest first.

        One may be among them that is not valid any more, since a password or the start token is another.
        """
        now = self._clock()
        with self._store.reading() as database:
            rows = database.execute(
                "SELECT kind, name, network, began, renewed FROM session"
                " WHERE renewed > ? AND began > ? AND (kind <> ? OR began > ?) ORDER BY renewed DESC",
                (now - self.idle_s, now - self.lifetime_s, PROVIDER, now - self.provider_s),
            ).fetchall()
        return [ListedSession(*row) for row in rows]

    def remove_expired(self) -> None:
        """Remove the rows of sessions that have expired."""
        now = self._clock()
        with self._store.writing() as database:
            database.execute(
                "DELETE FROM session WHERE renewed <= ? OR began <= ? OR renewed > ? OR began > ?"
                " OR (kind = ? AND began <= ?)",
                (
                    *(now - self.idle_s, now - self.lifetime_s),
                    *(now + CLOCK_STEP_S, now + CLOCK_STEP_S),
                    *(PROVIDER, now - self.provider_s),
                ),
            )

    def cookie_s(self) -> int:
        """How long a browser keeps the id after a renewal (s)."""
        return int(min(self.idle_s, self.lifetime_s))

    def _row(self, digest: str) -> tuple[Any, ...] | None:
        """A session, with groups, rights and the time of the password of its account, if it has one."""
        with self._store.reading() as database:
            row: tuple[Any, ...] | None = database.execute(_FIND, (digest,)).fetchone()
        return row

    def _read(self, session: str, digest: str, now: float) -> ReadSession | None:
        row = self._row(digest)
        if row is None:
            return None
        kind, name, groups, mark, network, began, renewed, account_groups, admin, password_set = row
        person: Person | None = None
        ends = float("inf")
        if kind == ACCOUNT and admin is not None and mark == mark_of(password_set):
            person = person_of(name, account_groups, admin, self.admins)
        elif kind == TOKEN and self._token and hmac.compare_digest(mark, self._mark(session)):
            person = OPERATOR
        elif kind == PROVIDER:
            person = self.admins.from_elsewhere(name, names_of(groups))
            ends = began + self.provider_s if isinstance(began, float) else 0.0
        elif kind == SHARE and (guest := self._guest(mark)) is not None:
            person, ends = guest
        if person is None or not isinstance(began, float) or not isinstance(renewed, float):
            return None
        found = ReadSession(person, network, began, renewed, ends)
        return found if self.is_current(found, now) else None

    def is_current(self, read: ReadSession, now: float) -> bool:
        """Whether a session that was read is valid now."""
        # A clock that was set back by much ends sessions: their age is not known any more.
        if now < read.began - CLOCK_STEP_S:
            log.warning(
                "the clock of this machine is before the time of a sign-in, which ends so: correct the clock"
            )
        is_young = (
            -CLOCK_STEP_S <= now - read.renewed < self.idle_s
            and -CLOCK_STEP_S <= now - read.began < self.lifetime_s
        )
        return is_young and now < read.ends

    def _renew(self, digest: str, read: ReadSession, now: float) -> bool:
        # Not where there is no row: a session that was ended meanwhile must not come back.
        with suppress(Busy), self._store.writing() as database:
            changed = database.execute(
                "UPDATE session SET renewed = ? WHERE digest = ? AND renewed = ?",
                (now, digest, read.renewed),
            )
            return changed.rowcount == 1
        return False

    def _mark(self, session: str) -> str:
        """What binds a session to the start token; of no session without one."""
        if self._token is None:
            return ""
        return hmac.digest(session.encode(), self._token, "sha256").hex()

    def _forget(self, digest: str) -> None:
        with self._lock:
            self._kept.pop(digest, None)


def digest_of(secret: str) -> str:
    """A hash to find a session by. Its id is 256 random bits, so that a keyed or slow hash adds nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
