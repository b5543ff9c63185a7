"""Sessions of browsers: random ids, known to all processes of a cache directory by a keyed hash alone."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from cachetools import LRUCache

from dashboard.errors import Busy
from dashboard.storage.rows import Rows, RowsUnavailable

PREFIX: Final = "session/"

# For this time (s) a process relies on what it has read, so that a request costs no read of the database. It is
# also how long another process may go on to answer after a sign-out.
KEPT_S: Final = 2.0
# Sessions that a process has read lately, about 200 bytes each.
KEPT: Final = 4096
# A session is renewed when this share of its lifetime has gone by, so that most requests write nothing.
RENEW_SHARE: Final = 0.05

_ID_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class Checked(NamedTuple):
    """Whether a session is valid, and whether its lifetime has just begun anew."""

    valid: bool
    renewed: bool = False


class Sessions:
    """Sessions that end `lifetime_s` after their last use; thread-safe. `clock` gives Unix time (s).

    A row's key is the hash of the id under `secret`, its value the time at which its lifetime began. So nobody
    gets an id from the database, or makes a session by writing to it, and with another secret no session is valid.
    """

    def __init__(
        self,
        rows: Rows,
        secret: bytes,
        lifetime_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.rows = rows
        self._secret = secret
        self.lifetime_s = lifetime_s
        self._clock = clock
        self._lock = threading.Lock()
        # Key → (time of the read, start of the lifetime).
        self._kept: LRUCache[str, tuple[float, float]] = LRUCache(KEPT)

    def begin(self) -> str:
        """A new session's id; raises `Busy` where it cannot be stored."""
        session = secrets.token_urlsafe(_ID_BYTES)
        if not self.rows.set(self._key(session), _encoded(self._clock()), self.lifetime_s):
            raise Busy("The sign-in could not be stored; try again.")
        return session

    def check(self, session: str) -> Checked:
        """Whether a session is valid; one that has been used for a while is renewed."""
        if not _ID.fullmatch(session):
            return Checked(False)
        key, now = self._key(session), self._clock()
        with self._lock:
            read_at, began = self._kept.get(key, (float("-inf"), 0.0))
            if 0.0 <= now - read_at < KEPT_S and 0.0 <= now - began < self.lifetime_s:
                return Checked(True)
        value = self.rows.get(key)
        began = _decoded(value)
        # A clock that was set back ends sessions: their age is not known any more.
        if value is None or not 0.0 <= now - began < self.lifetime_s:
            self._forget(key)
            return Checked(False)
        renewed = now - began >= RENEW_SHARE * self.lifetime_s and self._renew(key, value, now)
        with self._lock:
            self._kept[key] = (now, now if renewed else began)
        return Checked(True, renewed)

    def end(self, session: str) -> bool:
        """End a session in all processes; returns whether there was one."""
        if not _ID.fullmatch(session):
            return False
        key = self._key(session)
        ended = self.rows.delete(key)
        self._forget(key)
        return ended

    def _renew(self, key: str, value: bytes, now: float) -> bool:
        # Not if the row has changed: a session that was ended meanwhile must not come back.
        with suppress(RowsUnavailable):
            return self.rows.compare_and_set(key, value, _encoded(now), self.lifetime_s)
        return False

    def _forget(self, key: str) -> None:
        with self._lock:
            self._kept.pop(key, None)

    def _key(self, session: str) -> str:
        return PREFIX + hmac.digest(self._secret, session.encode(), "sha256").hex()


def _encoded(began: float) -> bytes:
    return repr(began).encode()


def _decoded(value: bytes | None) -> float:
    """The start of the lifetime; minus infinity for a damaged row."""
    with suppress(ValueError):
        return float(value or b"-inf")
    return float("-inf")
