"""The limit of failed sign-ins, and which of them are worth a line in the audit."""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from dashboard.errors import TooManyRequests
from dashboard.people.shared_limit import SharedLimit, SharedMemory, Table

# Failed attempts of one client in one way, and of all clients in that way.
FAILURES: Final = 10
ALL_FAILURES: Final = 100
WINDOW_S: Final = 60.0
# A proxy names the person with each request; each person's sign-in is a line this often (s).
SIGN_IN_EVERY_S: Final = 3600.0

_NETWORKS: Final = 4096


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
    """Limits failed attempts by client and way, and in all by way, over all processes with the same memory.

    Thread-safe. `clock` gives seconds and is the same in all processes.

    Beyond either limit no secret is verified, not even the right one, else the limit would not slow anybody who
    guesses. A client that has had a right one is exempt from the common limit, so that it cannot be locked out
    from elsewhere. The same wrong secret counts once: a script with a token of yesterday does not guess, and does
    not lock out who shares its address.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, memory: SharedMemory | None = None
    ) -> None:
        memory = memory or SharedMemory()
        self._key = memory.key

        def limit(most: int, window_s: float, table: Table) -> SharedLimit:
            return SharedLimit(most, window_s, memory, table, clock)

        self._failures = limit(FAILURES, WINDOW_S, Table.FAILURES)
        self._all_failures = limit(ALL_FAILURES, WINDOW_S, Table.ALL_FAILURES)
        # What happened at all, of as many names as a table has rows for.
        self._wrong = limit(1, math.inf, Table.WRONG_SECRETS)
        self._known = limit(1, math.inf, Table.KNOWN_CLIENTS)
        self._lines = limit(1, WINDOW_S, Table.AUDIT_LINES)
        self._sign_ins = limit(1, SIGN_IN_EVERY_S, Table.AUDIT_LINES)

    def check(self, client: Client) -> None:
        """Raise `TooManyRequests` beyond a limit."""
        name = client.network
        wait_s = self._failures.wait_s(f"{client.way} {name}")
        common_s = self._all_failures.wait_s(client.way)
        if common_s > wait_s and self._known.wait_s(name) == 0.0:
            wait_s = common_s
        if wait_s > 0.0:
            error = TooManyRequests("There were too many failed sign-ins; wait a minute.")
            error.retry_after_s = math.ceil(wait_s)
            raise error

    def fingerprint(self, client: Client, *parts: str) -> str:
        """What a wrong secret of this client is recognised by; nobody gets the secret from it."""
        text = "\0".join((client.way, client.network, *parts))
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def is_known_wrong(self, fingerprint: str) -> bool:
        """Whether this secret failed before."""
        return self._wrong.wait_s(fingerprint) > 0.0

    def failed(self, client: Client, fingerprint: str) -> bool:
        """Count a wrong secret; returns whether it is worth a line, which it is once a minute."""
        if self._wrong.admit(fingerprint):
            self._failures.admit(f"{client.way} {client.network}")
            self._all_failures.admit(client.way)
        return self.is_news(fingerprint)

    def is_news(self, fingerprint: str) -> bool:
        """Whether this was not recorded within the last minute."""
        return self._lines.admit(fingerprint) > 0

    def is_new_sign_in(self, fingerprint: str) -> bool:
        """Whether a sign-in that comes with each request was not recorded within the last hour."""
        return self._sign_ins.admit(fingerprint) > 0

    def succeeded(self, client: Client) -> None:
        """Remember a client that had a right secret."""
        self._known.admit(client.network)


@functools.lru_cache(maxsize=_NETWORKS)
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
