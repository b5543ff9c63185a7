"""Who sends a request, as far as that can be known before anything is verified."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import flask

from dashboard.http.environment import PEER_ACCOUNT
from dashboard.people.attempts import Client, Way, network
from dashboard.settings import Settings, is_loopback
from dashboard.sign_in_settings import UNIX

# What the HTTP server says of clients of a socket file, which have neither address nor port.
_NO_PORT: Final = "0"


def _account(request: flask.Request) -> int | None:
    """The account of this machine that sends the request; None from elsewhere, and with other HTTP servers."""
    found: Callable[[], int | None] | None = request.environ.get(PEER_ACCOUNT)
    return None if found is None else found()


class Clients:
    """The clients of requests, some of which come through proxies."""

    def __init__(self, settings: Settings) -> None:
        self._peers = frozenset(settings.proxy_peers)

    def of(self, request: flask.Request, way: Way) -> Client:
        """The client of a request, for the limit of attempts and the audit."""
        agent = request.headers.get("User-Agent", "")
        return Client(self.address(request), way, agent, _account(request))

    def network(self, request: flask.Request) -> str:
        """What counts as one client."""
        return network(self.address(request), _account(request))

    def address(self, request: flask.Request) -> str:
        """The client's address; behind a trusted proxy, what the proxy has added."""
        peer = request.remote_addr or ""
        if self.is_trusted_proxy(request):
            # A proxy appends the address of its client, so the ones before may be made up.
            last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            if not last:
                return peer
            try:
                # Without the scope of an IPv6 address, which may be any text.
                return str(ipaddress.ip_address(last.partition("%")[0]))
            except ValueError:
                return peer
        return peer

    def is_trusted_proxy(self, request: flask.Request) -> bool:
        """Whether the connection is one of a proxy that may say who sends the request."""
        return comes_from(self._peers, request.environ)


def comes_from(peers: Collection[str], environ: Mapping[str, Any]) -> bool:
    """Whether the connection is one of a proxy among `peers`: addresses, and `unix` for the socket file."""
    peer = environ.get("REMOTE_ADDR") or ""
    if environ.get("REMOTE_PORT") == _NO_PORT and is_loopback(peer):
        return UNIX in peers
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address) in peers
