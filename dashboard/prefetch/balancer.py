"""The load balancer as a worker uses it: planned bricks are sent through it to where their slabs belong."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import urllib3

from dashboard.cluster_settings import NODE_TOKEN_HEADER
from dashboard.prefetch.exchange import AskedBrick, Taken

LIMIT_S: Final = 1.0

_TAKEN: Final[dict[int, Taken]] = {
    HTTPStatus.ACCEPTED: Taken.WAITS,
    HTTPStatus.NO_CONTENT: Taken.CACHED,
    HTTPStatus.TOO_MANY_REQUESTS: Taken.REFUSED,
}


class Balancer:
    """Sends bricks to `address`, with the token that all machines have."""

    def __init__(self, address: str, token: str) -> None:
        self._url = f"{address.rstrip('/')}/api/v1/prefetch"
        self._headers = {NODE_TOKEN_HEADER: token, "Content-Type": "application/json"}
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(LIMIT_S), retries=False, maxsize=2)

    def __call__(self, asked: AskedBrick, slab: str) -> Taken:
        """Send a brick; raises OSError where nobody takes such."""
        try:
            response = self._pool.request(
                "POST",
                f"{self._url}?slab={quote(slab)}",
                body=asked.model_dump_json().encode(),
                headers=self._headers,
            )
        except urllib3.exceptions.HTTPError as error:
            raise OSError(type(error).__name__) from error
        taken = _TAKEN.get(response.status)
        if taken is None:
            raise OSError(f"it answers with status {response.status}")
        return taken
