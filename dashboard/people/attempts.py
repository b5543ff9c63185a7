"""The limit of failed sign-ins, and which of them are worth a line in the audit."""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import math
import secrets
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from cachetools import LRUCache

from dashboard.errors import TooManyRequests
from dashboard.rate_limit import RateLimit

# Failed attempts of one client in one way, and of all clients in that way.
FAILURES: Final = 10
ALL_FAILURES: Final = 100
WINDOW_S: Final = 60.0
CLIENTS: Final = 4096
# Wrong secrets that are recognised when they come again.
GUESSES: Final = 16_384


class Way(StrEnum):
    """How somebody signs in."""

    BEARER = "bearer"
    FORM = "form"
    LINK = "link"
    PROXY = "proxy"
    PROVIDER = "provider"
    SHARE = "share"


class Client(NamedTuple):
    """What is known of who sends a request, before anything is verified."""

    address: str
    way: Way
    agent: str = ""
    # The account of this machine that sends the request, where that is known.
    account: int | None = None

    @property
    def network(self) -> str:
        """What counts as one client."""
        return network(self.address, self.account)


class Attempts:
    """Limits failed attempts by client and way, and in all by way; thread-safe. `clock` gives seconds.

    Beyond either limit no secret is verified, not even the right one, else the limit would not slow anybody who
    guesses. A client that has had a right one is exempt from the common limit, so that it cannot be locked out
    from elsewhere. The same wrong secret counts once: a script with a token of yesterday does not guess, and does
    not lock out who shares its address.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._failures = RateLimit(FAILURES, WINDOW_S, CLIENTS, clock)
        self._all_failures = RateLimit(ALL_FAILURES, WINDOW_S, len(Way), clock)
        self._lock = threading.Lock()
        self._known: LRUCache[str, None] = LRUCache(CLIENTS)
        # Time of the last line in the audit, by client and secret.
        self._seen: LRUCache[bytes, float] = LRUCache(GUESSES)

    def check(self, client: Client) -> None:
        """Raise `TooManyRequests` beyond a limit."""
        name = client.network
        with self._lock:
            known = name in self._known
        wait_s = max(
            self._failures.wait_s(f"{client.way} {name}"),
            0.0 if known else self._all_failures.wait_s(client.way),
        )
        if wait_s > 0.0:
            error = TooManyRequests("There were too many failed sign-ins; wait a minute.")
            error.retry_after_s = math.ceil(wait_s)
            raise error

    def fingerprint(self, client: Client, *parts: str) -> bytes:
        """What a wrong secret of this client is recognised by; nobody gets the secret from it."""
        text = "\0".join((client.way, client.network, *parts))
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")

    def is_known_wrong(self, fingerprint: bytes) -> bool:
        """Whether this secret failed before."""
        with self._lock:
            return fingerprint in self._seen

    def failed(self, client: Client, fingerprint: bytes) -> bool:
        """Count a wrong secret; returns whether it is worth a line, which it is once a minute."""
        if not self.is_known_wrong(fingerprint):
            self._failures.admit(f"{client.way} {client.network}")
            self._all_failures.admit(client.way)
        return self.is_news(fingerprint)

    def is_news(self, fingerprint: bytes, within_s: float = WINDOW_S) -> bool:
        """Whether this was not recorded within the last minute, or the time that is given."""
        now = self._clock()
        with self._lock:
            last = self._seen.get(fingerprint)
            if last is not None and 0.0 <= now - last < within_s:
                return False
            self._seen[fingerprint] = now
            return True

    def succeeded(self, client: Client) -> None:
        """Remember a client that had a right secret."""
        with self._lock:
            self._known[client.network] = None


@functools.lru_cache(maxsize=CLIENTS)
def network(address: str, account: int | None = None) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 one, all of which a client may use.

    On this machine, whose accounts share an address, each account is a client of its own.
    """
    if account is not None:
        return f"{network(address)} account {account}".lstrip()
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ipaddress.ip_network((found, 64), strict=False))


def digest(secret: str) -> bytes:
    """A hash of a secret, so that the time of a comparison says nothing about the length either."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
