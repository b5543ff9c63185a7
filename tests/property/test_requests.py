"""Arbitrary requests to every route, Dash's included: answered or refused, never an internal error."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web import HOST, App

METHODS = "GET GET GET GET POST POST POST PUT DELETE PATCH OPTIONS HEAD TRACE CONNECT FOO".split()

PIECES = [
    "x",
    "x/y",
    "..",
    "%2e%2e/%2e%2e",
    "%00",
    "%ff%fe",
    "%c3%28",
    "%",
    "%zz",
    "a%0d%0aX-Injected: 1",
    "%e2%80%ae",
    "dash/deps/react.min.js",
    "dash/dash.py",
    "dash/__init__.py",
    "plotly/package_data/plotly.min.js",
    "plotly/package_data/plotly.v1m1.min.js",
    "x" * 3000,
    "/".join("x" * 500),
    "boot.js",
    "css",
    ".",
]
QUERIES = [
    "",
    "m=1",
    "m=%00",
    "file=%ff",
    "file=data/x.h5&dataset=%00&selection=0,:,:",
    "&&==%%%",
    "a=" + "x" * 5000,
    "&".join(f"x{n}=1" for n in range(2000)),
    "file=x&file=y",
    "window=1e999",
]
VALUES = ["", "x", "\xff", "*", ",,,;;", "x" * 8000, "0", "-1", "9" * 400, '"', "a=b; c=\xe9"]
NAMES = (
    "Accept Accept-Encoding Accept-Language Authorization Cookie Content-Type Content-Encoding Range Origin"
    " If-Match If-None-Match If-Modified-Since If-Unmodified-Since If-Range Referer Sec-Fetch-Site"
    " Sec-Fetch-Mode Sec-Fetch-Dest Host X-Forwarded-For X-HTTP-Method-Override Upgrade TE"
).split()
TYPES = [
    "application/json",
    "application/json; charset=utf-7",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "text/plain; charset=\xff",
    "",
    "/",
]
BODIES = [
    b"",
    b"{",
    b"null",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"\xed\xa0\x80",
    b"[" * 200_000,
    b'{"output":' * 50_000,
    b'{"output": "x", "inputs": ' + b"[" * 500 + b"]" * 500 + b"}",
    b"9" * 10_000,
    b'{"viewer": "v", "slices": ' + b"[" * 900 + b"]" * 900 + b"}",
    b"--x\r\nContent-Disposition: form-data; name=x\r\n\r\n",
    b"a=" + b"x" * 100_000,
    b"x" * (2**20 + 1),
]


class Torn:
    """What a WSGI server gives for a body whose chunks are malformed."""

    class InvalidChunk(Exception):
        pass

    def read(self, count: int = -1) -> bytes:
        raise self.InvalidChunk

    readline = read


def request(rule: str, chance: random.Random) -> dict[str, Any]:
    """Something hostile, or nearly well-formed, for the route."""
    path = re.sub(r"<[^>]*>", lambda _: chance.choice(PIECES), rule)
    if chance.random() < 0.1:
        path += chance.choice(PIECES)
    headers = [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(4))]
    made: dict[str, Any] = {
        "path": path,
        "query_string": chance.choice(QUERIES),
        "method": chance.choice(METHODS),
        "headers": headers,
        "base_url": HOST,
    }
    if chance.random() < 0.6:
        made["data"] = chance.choice(BODIES)
        made["content_type"] = chance.choice(TYPES)
    elif chance.random() < 0.3:
        headers.append(("Transfer-Encoding", "chunked"))
        made["environ_overrides"] = {"wsgi.input": Torn(), "wsgi.input_terminated": True}
    return made


def check(response: TestResponse, made: dict[str, Any]) -> None:
    # Where no prefetch process runs a 503 is the answer, with the checks.
    unready = response.status_code == 503 and made["path"].startswith("/readyz")
    assert response.status_code < 500 or unready, made
    assert "X-Injected" not in response.headers
    assert "Cache-Control" in response.headers, made
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    if response.status_code >= 400 and not unready and made.get("method") != "HEAD":
        assert response.headers["Cache-Control"] == "no-store"
        assert set(response.get_json()) == {"error"}, made
        assert "Traceback" not in response.text


@pytest.fixture
def ask(app: App, caplog: pytest.LogCaptureFixture) -> Callable[[dict[str, Any]], None]:
    def asked(made: dict[str, Any]) -> None:
        caplog.clear()
        with app.client.open(**made) as response:
            check(response, made)
        assert not [one for one in caplog.records if one.levelno >= logging.ERROR or one.exc_info]

    return asked


def test_any_request_to_any_route(app: App, ask: Callable[[dict[str, Any]], None]) -> None:
    rules = sorted({rule.rule for rule in app.client.application.url_map.iter_rules()})
    assert "/_dash-update-component" in rules
    assert "/api/v1/slice" in rules
    for number, rule in enumerate(rules):
        chance = random.Random(number)
        for _ in range(60):
            ask(request(rule, chance))


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("path", ["/_dash-update-component", "/api/v1/telemetry"])
def test_any_body_to_what_takes_one(
    ask: Callable[[dict[str, Any]], None], path: str, kind: str, body: bytes
) -> None:
    made = {"path": path, "method": "POST", "data": body, "content_type": kind, "base_url": HOST}
    ask(made)


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("start", ["/_dash-component-suites/", "/assets/", "/api/", "/"])
def test_any_path(ask: Callable[[dict[str, Any]], None], start: str, piece: str) -> None:
    ask({"path": start + piece, "base_url": HOST})
