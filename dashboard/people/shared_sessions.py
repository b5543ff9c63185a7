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

from dashboard.errors import Busy
from dashboard.people.sessions import (
    MOST,
    PROVIDER,
    TOKEN,
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
    """Sessions of the start token and of an identity provider in `rows`; `secret` is the one of all machines.

    Accounts and shares are known to one machine alone, so there are no sessions of them. Methods raise `Busy`
    where the store does not answer.
    """

    def __init__(self, rows: ReadableRows, secret: str, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._rows = rows
        self._secret = secret.encode()

    def end_all(self, session: str) -> int:
        row = self._stored(digest_of(session))
        if row is None:
            return 0
        ended = self._of(row)
        self._end(ended, row)
        with self._lock:
            self._kept.clear()
        return len(ended)

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
        if row.kind not in (TOKEN, PROVIDER):
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
        row = self._stored(digest)
        return None if row is None else (*row, None, None, None)

    def _read_or_keep(
        self, session: str, digest: str, now: float, kept: ReadSession | None
    ) -> ReadSession | None:
        try:
            return self._read(session, digest, now)
        except Busy:
            if kept is None or not self.is_current(kept, now):
                raise
            return kept

    def _renew(self, digest: str, read: ReadSession, now: float) -> bool:
        try:
            row = self._stored(digest)
            if row is None or row.renewed != read.renewed:
                return False
            self._store_row(digest, row._replace(renewed=now))
        except Busy:
            return False
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
