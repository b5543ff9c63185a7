"""A client of the HTTP interface: one keep-alive connection, and the headers of a slice."""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from dashboard.addressing.outcomes import Outcome

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class SliceResponse:
    """One response. `outcome` is that of the demand; `frame_cache_hit` means that the frame was cached.

    `began` (monotonic, s) is taken before the request is sent, `ended` at the last byte; `total_ms` is the
    server's own time.
    """

    status: int
    outcome: str
    frame_cache_hit: bool
    total_ms: float
    began: float
    ended: float
    body: bytes


class Client:
    """One keep-alive connection to a server on this machine, signed in with `token`; not thread-safe."""

    def __init__(self, port: int, timeout_s: float = TIMEOUT_S, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def json(self, path: str, **query: str) -> Any:
        """The JSON of the response, whatever its status."""
        _, body = self._get(_target(path, query))
        return json.loads(body)

    def body(self, path: str, **query: str) -> bytes:
        """The body of a response; raises `RuntimeError` unless its status is 200."""
        answer, body = self._get(_target(path, query))
        if answer.status != 200:
            raise RuntimeError(f"the server answered {answer.status}: {body[:200]!r}")
        return body

    def status(self, path: str) -> int:
        """The status of the response."""
        return self._get(path)[0].status

    def slice(self, file: str, dataset: str, selection: str, **more: str) -> SliceResponse:
        """Request a slice; `more` are other query parameters."""
        query = {"file": file, "dataset": dataset, "selection": selection, **more}
        began = time.monotonic()
        answer, body = self._get(_target("/api/v1/slice", query))
        ended = time.monotonic()
        cache = answer.getheader("Cache-Status", "")
        timing = answer.getheader("Server-Timing", "")
        return SliceResponse(
            answer.status,
            outcome_of(cache),
            cache.startswith("frames; hit"),
            total_ms_of(timing),
            began,
            ended,
            body,
        )

    def _get(self, target: str) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            return self._once(target)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # The server closes idle connections, which is not a failure of the request.
            self._connection.close()
            return self._once(target)

    def _once(self, target: str) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            self._connection.request("GET", target, headers=self._headers)
            answer = self._connection.getresponse()
            return answer, answer.read()
        except BaseException:
            self._connection.close()
            raise


def outcome_of(cache_status: str) -> Outcome:
    """The demand's outcome in a `Cache-Status` header (RFC 9211)."""
    if "detail=prefetched" in cache_status:
        return Outcome.PREFETCHED
    if "collapsed" in cache_status:
        return Outcome.COALESCED
    missed = cache_status.startswith("bricks; fwd=miss")
    return Outcome.MISS if missed else Outcome.HIT


def total_ms_of(server_timing: str) -> float:
    """`total` in a `Server-Timing` header, in ms; NaN where there is none."""
    found = re.search(r"\btotal;dur=([0-9.]+)", server_timing)
    return float(found[1]) if found else float("nan")


def _target(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
