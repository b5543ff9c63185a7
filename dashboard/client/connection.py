"""Requests to a server: connections, the token, retries, and the server's sentences as errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3

from dashboard.settings import is_loopback

# Statuses of a server that is busy, or that a client asks too often.
BUSY: Final = (429, 503)
# Requests that may be sent twice: the same work is queued once.
_RETRIED: Final = frozenset({"GET", "POST", "DELETE"})


class ServerError(Exception):
    """The server refused a request; `status` is that of HTTP, `code` the error's name in the interface.

    `retry_after_s` is the time after which a busy server wants to be asked again (s), None where it does not say.
    """

    def __init__(
        self, status: int, code: str, message: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class Connection:
    """Connections to the server at `address`; the parameters are those of `Client`."""

    def __init__(
        self,
        address: str,
        *,
        token: str | None,
        timeout_s: float,
        retries: int,
        longest_wait_s: float,
        insecure_http: bool,
    ) -> None:
        if token is not None and not re.fullmatch("[!-~]+", token):
            raise ValueError("A token has visible ASCII characters, without spaces.")
        if token is not None and not insecure_http and not _is_private(address):
            raise ValueError(
                "A token over plain HTTP can be read on the way: use https, or insecure_http."
            )
        self._address = address.rstrip("/")
        self._retry = urllib3.Retry(
            total=retries,
            backoff_factor=0.2,
            backoff_max=longest_wait_s,
            retry_after_max=longest_wait_s,  # type: ignore[arg-type]  # it is compared, and slept for
            status_forcelist=BUSY,
            allowed_methods=_RETRIED,
            raise_on_status=False,
        )
        # Not sent on to another host by a redirect.
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._pool = urllib3.PoolManager(timeout=timeout_s, retries=self._retry)

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._pool.clear()

    def get(self, path: str, **query: str) -> urllib3.BaseHTTPResponse:
        """The response to GET; raises `ServerError`."""
        address = f"{self._address}{path}"
        return _checked(
            self._pool.request(
                "GET", f"{address}?{urlencode(query)}" if query else address, headers=self._headers
            )
        )

    @contextmanager
    def stream(self, path: str, **query: str) -> Iterator[urllib3.BaseHTTPResponse]:
        """The response to GET, whose content is read within the block; raises `ServerError`."""
        response = self._pool.request(
            "GET",
            f"{self._address}{path}?{urlencode(query)}",
            headers=self._headers,
            preload_content=False,
        )
        try:
            yield _checked(response)
        finally:
            # One that was not read to its end cannot be used again.
            response.close()
            response.release_conn()

    def get_json(self, path: str, **query: str) -> Any:
        """The JSON of the response to GET; raises `ServerError`."""
        return json.loads(self.get(path, **query).data)

    def post(
        self, path: str, body: Mapping[str, Any], *, repeatable: bool = True
    ) -> urllib3.BaseHTTPResponse:
        """The response to POST with JSON; raises `ServerError`.

        One that is not `repeatable` is not sent again when its response is lost, as it may have been done.
        """
        return _checked(
            self._pool.request(
                "POST",
                f"{self._address}{path}",
                body=json.dumps(body),
                headers={"Content-Type": "application/json", **self._headers},
                retries=self._retry if repeatable else self._retry.new(read=0),
            )
        )

    def delete(self, path: str) -> None:
        """Have something deleted; raises `ServerError`."""
        _checked(self._pool.request("DELETE", f"{self._address}{path}", headers=self._headers))


def _checked(response: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
    if not 200 <= response.status < 300:
        raise _error(response)
    return response


def _is_private(address: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    parts = urlsplit(address)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def _retry_after_s(response: urllib3.BaseHTTPResponse) -> float | None:
    """What the header says (s); None for a date, which our servers do not send, and without one."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() else None


def _error(response: urllib3.BaseHTTPResponse) -> ServerError:
    """The server's sentence, where the response is one of its own."""
    wait_s = _retry_after_s(response)
    try:
        error = json.loads(response.data)["error"]
        return ServerError(response.status, str(error["code"]), str(error["message"]), wait_s)
    except (ValueError, LookupError, TypeError):
        text = f"The server answered {response.status}."
        return ServerError(response.status, "unknown", text, wait_s)
