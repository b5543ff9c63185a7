"""Load shedding: while a queue stands, slices that have waited too long in it are refused.

With more requests than the server can take, a queue without a limit makes all responses late, and later with
every second. As in CoDel (RFC 8289), a queue that only absorbs a burst is left alone, and one that stands for more
than an interval is cut by age: a request older than the limit gets 503 with `Retry-After` when a thread takes it,
which costs a small part of a response. So what is served stays prompt, and viewers are refused alike.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Final

from dashboard.errors import Busy
from dashboard.http.environment import READABLE_AT
from dashboard.telemetry.ledger import Ledger
from dashboard.web.server_timing import Environ, StartResponse, Wsgi, kind_of

# A queue stands while all requests wait for longer than `TARGET_S`; after `INTERVAL_S` of that, those that have
# waited for longer than `LIMIT_S` are refused.
TARGET_S: Final = 0.1
INTERVAL_S: Final = 1.0
LIMIT_S: Final = 0.4
RETRY_AFTER_S: Final = 1

_BODY: Final = json.dumps(
    {
        "error": {
            "code": Busy.code,
            "message": "The server has more requests than it can take; try again.",
        }
    }
).encode()
_HEADERS: Final = (
    ("Content-Type", "application/json"),
    ("Content-Length", str(len(_BODY))),
    ("Cache-Control", "no-store"),
    ("Retry-After", str(RETRY_AFTER_S)),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


class StandingQueue:
    """Whether a queue has been standing, judged by how long requests waited when they were taken.

    Times are monotonic (s). Threads may call it at the same time: at worst one request is judged by the state
    before.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def refuses(self, queued_s: float, now: float) -> bool:
        """Whether a request that is taken now, after `queued_s` seconds, is to be refused."""
        if queued_s <= TARGET_S:
            self._since = None
            return False
        since = self._since
        if since is None:
            self._since = now
            return False
        return now - since >= INTERVAL_S and queued_s > LIMIT_S


class OverloadMiddleware:
    """WSGI middleware around the application, which sheds requests for slices (`path`).

    `clock` gives monotonic time (s), that of the HTTP server.
    """

    def __init__(
        self,
        application: Wsgi,
        path: str,
        ledger: Ledger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application = application
        self._path = path
        self._ledger = ledger
        self._clock = clock
        self._queue = StandingQueue()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != self._path:
            return self._application(environ, start_response)
        now = self._clock()
        queued_s = now - environ.get(READABLE_AT, now)
        if not self._queue.refuses(queued_s, now):
            return self._application(environ, start_response)
        self._ledger.request(f"{kind_of(environ)}_{Busy.status}", queued_s)
        self._ledger.count("overload.refused")
        start_response(f"{Busy.status} Service Unavailable", list(_HEADERS))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [_BODY]
