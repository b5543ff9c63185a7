"""Responses to invalid requests, in the format of all errors, without calling the application."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from gunicorn.http import errors as http

BODY_LIMIT = 2**20
HEAD_LIMIT = 64 * 2**10
LINE_LIMIT = 8190

MESSAGES = {
    400: "The request is not well-formed HTTP.",
    408: "The request did not arrive in time.",
    413: "Request bodies are limited to 1 MiB.",
    414: f"Request lines are limited to {LINE_LIMIT} bytes.",
    417: "The only expectation that is met is 100-continue.",
    426: "This server speaks HTTPS: its address begins with https://.",
    431: "Request headers are limited to 100 fields of 8 KiB and 64 KiB together.",
    500: "Something went wrong in the server; see its log.",
    501: "The only transfer coding is chunked.",
    505: "The HTTP version is 1.0 or 1.1.",
}

# The same codes as the application's errors; others are the name of the status.
CODES = {400: "bad_request", 413: "too_large", 500: "internal"}


class Malformed(Exception):
    """An invalid request; `status` is that of the response."""

    def __init__(self, status: int = 400) -> None:
        super().__init__(MESSAGES[status])
        self.status = status


STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (http.LimitRequestLine, 414),
    (http.LimitRequestHeaders, 431),
    (http.ExpectationFailed, 417),
    (http.UnsupportedTransferCoding, 501),
    (http.InvalidHTTPVersion, 505),
)


def status_of(error: Exception) -> int:
    """The status for an error of gunicorn's parser."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 400)


@dataclass(frozen=True)
class Refusal:
    """A complete response, after which the connection is closed."""

    status: int

    @property
    def code(self) -> str:
        """The error's code in the JSON body."""
        name = HTTPStatus(self.status).phrase.lower().replace("-", "_").replace(" ", "_")
        return CODES.get(self.status, name)

    def encode(self) -> bytes:
        """Head and body as bytes."""
        error = {"code": self.code, "message": MESSAGES[self.status]}
        body = json.dumps({"error": error}).encode()
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Cross-Origin-Resource-Policy: same-origin",
            "X-Content-Type-Options: nosniff",
            # RFC 9110, section 15.5.22.
            *(("Upgrade: TLS/1.2, HTTP/1.1",) if self.status == 426 else ()),
        )
        return "\r\n".join((*head, "", "")).encode() + body
