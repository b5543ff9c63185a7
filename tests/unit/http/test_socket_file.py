"""Clients of a socket file: processes of this machine, such as a proxy."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.unit.http.applications import GET


@pytest.mark.parametrize("path", ["lamella.sock", "with:colon"])
def test_they_count_as_loopback(run: Any, tmp_path: Path, path: str) -> None:
    seen: list[dict[str, Any]] = []

    def view(environ: dict[str, Any], start: Any) -> list[bytes]:
        seen.append(environ)
        start("204 No Content", [])
        return []

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / path))
    listener.listen()
    client = run(view, listener=listener).connect()
    forwarded = GET[:-2] + b"X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    for request in (GET, forwarded, b"GET / HTTP/1.0\r\n\r\n"):
        assert client.send(request).reply().status == 204
    assert {one["REMOTE_ADDR"] for one in seen} == {"127.0.0.1"}
    # The proxy alone may connect, and says how the browser came.
    assert [one["wsgi.url_scheme"] for one in seen] == ["http", "https", "http"]
    assert not any(
        str(tmp_path) in str(value)
        for one in seen
        for value in one.values()
        if isinstance(value, str)
    )
