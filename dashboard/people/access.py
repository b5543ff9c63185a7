"""Access by one token: its check, the limit of failed attempts, sessions, and a line in the log for each event."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import logging
import math
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from cachetools import LRUCache

from dashboard.errors import TooManyRequests, Unauthorized
from dashboard.people.sessions import Sessions
from dashboard.rate_limit import RateLimit

log = logging.getLogger(__name__)

# Failed attempts of one address, and of all together.
FAILURES: Final = 10
ALL_FAILURES: Final = 100
WINDOW_S: Final = 60.0
ADDRESSES: Final = 4096

_AGENT_LENGTH: Final = 200


class Way(StrEnum):
    """How a token comes."""

    BEARER = "bearer"
    FORM = "form"
    LINK = "link"


class Access:
    """Who has the token, or a session that somebody with the token began; thread-safe.

    Failed attempts are limited by client address and in all. Beyond either limit no token is looked at, not even
    the right one, else the limit would not slow anybody who guesses; an address that has had the right one is
    exempt from the common limit, so that nobody can lock it out from elsewhere. Sessions are not affected.
    `clock` gives seconds.
    """

    def __init__(
        self, token: str, sessions: Sessions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._digest = _digest(token)
        self.sessions = sessions
        self._failures = RateLimit(FAILURES, WINDOW_S, ADDRESSES, clock)
        self._all_failures = RateLimit(ALL_FAILURES, WINDOW_S, 1, clock)
        self._lock = threading.Lock()
        self._known: LRUCache[str, None] = LRUCache(ADDRESSES)

    def check_token(self, token: str, address: str, way: Way, agent: str = "") -> None:
        """Raise `Unauthorized` for a wrong token, and `TooManyRequests` after too many of them."""
        name = network(address)
        with self._lock:
            known = name in self._known
        wait_s = max(self._failures.wait_s(name), 0.0 if known else self._all_failures.wait_s(""))
        if wait_s > 0.0:
            log.warning("audit %s", _event("refused", way, address, agent, "too many attempts"))
            error = TooManyRequests("There were too many failed sign-ins; wait a minute.")
            error.retry_after_s = math.ceil(wait_s)
            raise error
        if not hmac.compare_digest(_digest(token), self._digest):
            self._failures.admit(name)
            self._all_failures.admit("")
            log.warning("audit %s", _event("refused", way, address, agent, "wrong token"))
            raise Unauthorized("The token is wrong.")
        if not known:
            with self._lock:
                self._known[name] = None

    def sign_in(self, token: str, address: str, way: Way, agent: str = "", old: str = "") -> str:
        """The id of a new session, which replaces the session `old`; raises as `check_token`, and `Busy`."""
        self.check_token(token, address, way, agent)
        session = self.sessions.begin()
        self.sessions.end(old)
        log.info("audit %s", _event("sign-in", way, address, agent))
        return session

    def sign_out(self, session: str, address: str, agent: str = "") -> None:
        """End a session, if there is one."""
        if self.sessions.end(session):
            log.info("audit %s", _event("sign-out", None, address, agent))


def network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 one, all of which a client may use."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ipaddress.ip_network((found, 64), strict=False))


def _digest(token: str) -> bytes:
    """A hash, so that the time of the comparison says nothing about the length either."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _event(event: str, way: Way | None, address: str, agent: str, reason: str = "") -> str:
    """An event as one line of JSON, which escapes control characters."""
    parts = {
        "event": event,
        "way": way,
        "reason": reason,
        "address": address,
        "agent": agent[:_AGENT_LENGTH],
    }
    return json.dumps({name: value for name, value in parts.items() if value})
