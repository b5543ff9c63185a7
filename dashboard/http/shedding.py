"""Load shedding: while a queue stands, requests that have waited too long in it are refused.

With more requests than the server can take, a queue without a limit makes all responses late, and later with
every second. As in CoDel (RFC 8289), a queue that only absorbs a burst is left alone, and one that stands for
more than an interval is cut by age. So what is served stays prompt, and clients are refused alike. The event loop
refuses before anything but the request line is read: what refusals cost is missing for responses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from dashboard.errors import Busy
from dashboard.http.connection import Connection

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
_HEAD: Final = (
    f"HTTP/1.1 {Busy.status} Service Unavailable",
    "Connection: %s",
    "Content-Type: application/json",
    f"Content-Length: {len(_BODY)}",
    "Cache-Control: no-store",
    f"Retry-After: {RETRY_AFTER_S}",
    "X-Content-Type-Options: nosniff",
    "Cross-Origin-Resource-Policy: same-origin",
)
KEPT, CLOSED = (
    "\r\n".join((*_HEAD, "", "")).encode() % connection + _BODY
    for connection in (b"keep-alive", b"close")
)
_ENDS: Final = re.compile(rb"\nconnection[ \t]*:[^\n]*\bclose\b", re.IGNORECASE)


class StandingQueue:
    """Whether a queue has been standing, judged by how long requests waited when they were taken.

    Times are monotonic (s). Threads may call it at the same time: at worst one request is judged by the state
    before.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def taken(self, queued_s: float, now: float) -> None:
        """Note that a request was taken from the queue, in which it was for `queued_s`."""
        if queued_s <= TARGET_S:
            self._since = None
        elif self._since is None:
            self._since = now

    def refuses(self, queued_s: float, now: float) -> bool:
        """Whether a request that has waited for `queued_s` seconds is to be refused."""
        since = self._since
        return queued_s > LIMIT_S and since is not None and now - since >= INTERVAL_S


class Shedding:
    """Which requests are refused while a queue stands: GET requests for `path`, with a query.

    `refused(query, queued_s)` is called for each one, in the event loop.
    """

    def __init__(self, path: str, refused: Callable[[str, float], None]) -> None:
        self.queue = StandingQueue()
        self.refused = refused
        self._line = re.compile(rb"GET %s\?([!-~]*) HTTP/1\.([01])\r\n" % re.escape(path.encode()))

    def is_overdue(self, now: float, connection: Connection) -> bool:
        """Whether the request of a connection, which waits for a thread, is to be refused."""
        queued_s = now - connection.readable_at
        return self.queue.refuses(queued_s, now) and self.query(connection.unparsed) is not None

    def query(self, head: bytes) -> str | None:
        """The query of a request that may be refused, by its head; None for any other."""
        found = self._line.match(head)
        return None if found is None else found[1].decode("ascii")

    def keeps_alive(self, head: bytes) -> bool:
        """Whether the connection of such a request may have another one."""
        found = self._line.match(head)
        return found is not None and found[2] == b"1" and _ENDS.search(head) is None
