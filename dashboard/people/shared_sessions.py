"""Sessions of browsers that several machines know: in rows that they share, each with a MAC under their secret.

Who can write the store, and does not have the secret, lets nobody in. While the store is gone, a process relies on
what it has read; people that are not known to it wait.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Sequence
from typing import Any, Final, Protocol

from cachetools import LRUCache

from dashboard.errors import Busy
from dashboard.people.accounts import ACCOUNT
from dashboard.people.person import NOBODY
from dashboard.people.sessions import (
    KEPT,
    MOST,
    PROVIDER,
    SHARE,
    ListedSession,
    ReadSession,
    Sessions,
    StoredSession,
    digest_of,
)
from dashboard.storage.rows import Rows, RowsUnavailable

log = logging.getLogger(__name__)

SESSION: Final = "session:"
# The sessions of one person: the key ends with the hash of the id.
OF: Final = "of:"
_MAC_BYTES: Final = 32

WAIT: Final = (
    "Nobody can sign in for a moment, since the store that the machines share does not answer;"
    " try again."
)


class ReadableRows(Rows, Protocol):
    """Rows that say whether they could be read."""

    def read(self, key: str) -> tuple[bytes, float | None] | None:
        """The value and for how long it lasts; raises `RowsUnavailable`."""
        ...


class SharedSessions(Sessions):
    """Sessions in `rows`; `secret` is the one of all machines.

    Accounts and shares are looked up with each session of theirs, so there are such sessions only where all
    machines have them of one: `people_everywhere`. Methods raise `Busy` where the store does not answer.
    """

    def __init__(
        self,
        rows: ReadableRows,
        secret: str,
        *given: Any,
        people_everywhere: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(*given, **options)
        self._rows = rows
        self._secret = secret.encode()
        self._people_everywhere = people_everywhere
        # Hash of the id → the row as it was read last, which counts while the store does not answer.
        self._kept_rows: LRUCache[str, StoredSession] = LRUCache(KEPT)

    def end_all(self, session: str) -> int:
        row = self._stored(digest_of(session))
        if row is None:
            return 0
        ended = self._of(row)
        self._end(ended, row)
        with self._lock:
            self._kept.clear()
            self._kept_rows.clear()
        return len(ended)

    def end_of(self, name: str) -> int:
        """End all sessions of a person, whatever they began with; returns their number."""
        ended = 0
        for kind in (ACCOUNT, PROVIDER):
            row = StoredSession(kind, name, "[]", "", "", 0.0, 0.0)
            digests = self._of(row)
            self._end(digests, row)
            ended += len(digests)
        return ended

    def listed(self) -> list[ListedSession]:
        try:
            keys = self._rows.keys_with_prefix(SESSION)
        except RowsUnavailable as error:
            raise Busy(WAIT) from error
        rows = [self._stored(key.removeprefix(SESSION)) for key in keys]
        found = [
            ListedSession(row.kind, row.name, row.network, row.began, row.renewed)
            for row in rows
            if row is not None and self._clock() - row.renewed < self.idle_s
        ]
        return sorted(found, key=lambda one: -one.renewed)

    def remove_expired(self) -> None:
        """Rows expire by themselves."""

    def _insert(self, digest: str, row: StoredSession, old: str) -> None:
        if row.kind in (ACCOUNT, SHARE) and not self._people_everywhere:
            raise Busy(
                "Accounts and shares are known to one machine, and people sign in to all of them."
            )
        before = self._stored(old)
        if before is not None:
            self._end([old], before)
        self._store_row(digest, row)
        # Those that were used least lately are not among the newest.
        newest = frozenset(self._of(row, MOST))
        self._end([one for one in self._of(row) if one not in newest], row)

    def _remove(self, digest: str) -> str | None:
        row = self._stored(digest)
        if row is None:
            return None
        self._end([digest], row)
        return row.name

    def _row(self, digest: str) -> tuple[Any, ...] | None:
        try:
            row = self._stored(digest)
        except Busy:
            row = self._kept_row(digest)
            if row is None:
                raise
        else:
            self._keep_row(digest, row)
        if row is None:
            return None
        if row.kind != ACCOUNT:
            return (*row, None, None, None)
        with self._store.reading() as database:
            account = database.execute(
                "SELECT groups, admin, password_set FROM person WHERE name = ?", (row.name,)
            ).fetchone()
        return (*row, *(account or (None, None, None)))

    def _forget(self, digest: str) -> None:
        super()._forget(digest)
        self._keep_row(digest, None)

    def _kept_row(self, digest: str) -> StoredSession | None:
        """A session as it was read last, if that has not expired; another machine may have renewed it since."""
        with self._lock:
            row = self._kept_rows.get(digest)
        if row is None:
            return None
        read = ReadSession(NOBODY, row.network, row.began, row.renewed)
        return row if self.is_current(read, self._clock()) else None

    def _keep_row(self, digest: str, row: StoredSession | None) -> None:
        with self._lock:
            self._kept_rows.pop(digest, None)
            if row is not None:
                self._kept_rows[digest] = row

    def _renew(self, digest: str, read: ReadSession, now: float) -> bool:
        try:
            row = self._stored(digest)
            if row is None or row.renewed != read.renewed:
                return False
            row = row._replace(renewed=now)
            self._store_row(digest, row)
        except Busy:
            return False
        self._keep_row(digest, row)
        return True

    def _store_row(self, digest: str, row: StoredSession) -> None:
        body = json.dumps(row).encode()
        value = self._mac(digest, body) + body
        stored = {SESSION + digest: value, _name_of(row) + digest: b""}
        try:
            self._rows.replace((), stored, dict.fromkeys(stored, self.lifetime_s))
        except RowsUnavailable as error:
            raise Busy(WAIT) from error

    def _stored(self, digest: str) -> StoredSession | None:
        """A session that a machine with the secret has stored; None for any other row."""
        try:
            found = self._rows.read(SESSION + digest)
        except RowsUnavailable as error:
            raise Busy(WAIT) from error
        if found is None:
            return None
        mac, body = found[0][:_MAC_BYTES], found[0][_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(digest, body)):
            log.warning("a session was refused: no machine of this service has stored it")
            return None
        return StoredSession(*json.loads(body))

    def _mac(self, digest: str, body: bytes) -> bytes:
        return hmac.digest(self._secret, b"session\0" + digest.encode() + b"\0" + body, "sha256")

    def _of(self, row: StoredSession, newest: int | None = None) -> list[str]:
        """The hashes of the sessions of one person."""
        prefix = _name_of(row)
        try:
            keys = self._rows.keys_with_prefix(prefix, newest)
        except RowsUnavailable as error:
            raise Busy(WAIT) from error
        return [key.removeprefix(prefix) for key in keys]

    def _end(self, digests: Sequence[str], row: StoredSession) -> None:
        """End sessions of the person of a row; raises `Busy` where one is not known to have ended."""
        for digest in digests:
            for key in (SESSION + digest, _name_of(row) + digest):
                self._rows.delete(key)
            if self._stored(digest) is not None:
                raise Busy(WAIT)


def _name_of(row: StoredSession) -> str:
    """What the keys of the sessions of one person begin with."""
    return f"{OF}{digest_of(f'{row.kind} {row.name}')}:"
