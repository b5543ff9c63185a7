"""An id for each request: in its response, in the lines of the log about it, and in those of a proxy."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from dashboard.log_format import request_id
from dashboard.web.client_address import comes_from
from dashboard.web.server_timing import Environ, StartResponse, Wsgi

HEADER: Final = "X-Request-ID"
_KEY: Final = "HTTP_X_REQUEST_ID"
# nginx's `$request_id` has 32 hexadecimal digits; others have UUIDs.
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_BITS: Final = 64


class RequestIdMiddleware:
    """WSGI middleware around everything else.

    One of the proxies `peers` may give the id, with which it writes its own log; anybody else's is not taken, so
    that nobody chooses under which id a request is found.
    """

    def __init__(self, application: Wsgi, peers: Collection[str]) -> None:
        self._application = application
        self._peers = frozenset(peers)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # No secret: the system's source of them would have this thread yield to others.
        identifier = self._given(environ) or f"{random.getrandbits(_BITS):016x}"
        # It stays until the thread's next request, for what the server says about the end of this one.
        request_id.set(identifier)

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            headers.append((HEADER, identifier))
            return start_response(status, headers, *rest)

        return self._application(environ, started)

    def _given(self, environ: Environ) -> str | None:
        identifier: str = environ.get(_KEY, "")
        if _WELL_FORMED.fullmatch(identifier) and comes_from(self._peers, environ):
            return identifier
        return None
