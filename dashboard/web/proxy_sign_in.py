"""Sign-in by a proxy, which says in a header of each request who sends it.

connection of a trusted proxy ─ header with a name ─▶ that person
                              └ no header, or an empty one ─▶ the other ways to sign in
any other connection ─ one of the proxy's headers, whatever is in it ─▶ 403, and a line in the audit
"""

from __future__ import annotations

import flask

from dashboard.errors import Forbidden
from dashboard.people.access import Access
from dashboard.people.attempts import Way
from dashboard.people.person import Person
from dashboard.settings import Settings
from dashboard.web.client_address import Clients


class ProxySignIn:
    """The person that a trusted proxy names."""

    def __init__(self, settings: Settings, access: Access, clients: Clients) -> None:
        self._name = settings.proxy_header
        self._groups = settings.proxy_groups_header
        self._access = access
        self._clients = clients

    def person(self, request: flask.Request) -> Person | None:
        """The person of a request; raises `Forbidden` for a header that is not the proxy's, or has no name."""
        if self._name is None:
            return None
        headers = request.headers
        client = self._clients.of(request, Way.PROXY)
        if not self._clients.is_trusted_proxy(request):
            if any(name in headers for name in (self._name, self._groups) if name is not None):
                self._access.refuse(client, "header of a proxy")
                raise Forbidden(f"The header {self._name} is for the proxy of this server alone.")
            return None
        name = headers.get(self._name, "").strip()
        if not name:
            return None
        groups = headers.get(self._groups, "") if self._groups else ""
        return self._access.by_proxy(name, groups.split(","), client)
