"""Requests to an application that asks for sign-in."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.test import TestResponse

from tests.people import PASSWORD
from tests.web import HOST, App

TOKEN = "correct-horse-battery+staple/=&%?"
HTML = {"Accept": "text/html,application/xhtml+xml"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SLICE = "/api/v1/slice?file=data/volume.h5&dataset=volume&selection=3,:,:"
COOKIE = "lamella-session-8050"
# A trusted proxy.
PEER = "192.0.2.100"
HTTPS = {"wsgi.url_scheme": "https"}
OPEN = {
    *("/healthz", "/readyz", "/sign-in", "/sign-out"),
    *("/sign-in/provider", "/sign-in/callback"),
    # The link of a share, here one that is not valid.
    "/s/x",
}


def ask(
    app: App, path: str, method: str = "GET", headers: dict[str, str] | None = None, **more: Any
) -> TestResponse:
    client = app.client.application.test_client(use_cookies=False)
    response = client.open(path, method=method, headers=headers, base_url=HOST, **more)
    response.get_data()
    response.close()
    return response


def sign_in(app: App, token: str = TOKEN, next_: str | None = None, **more: Any) -> TestResponse:
    prefix = app.services.settings.url_prefix
    form = {"token": token} | ({} if next_ is None else {"next": next_})
    return ask(app, f"{prefix}/sign-in", "POST", data=form, **more)


def sign_in_as(app: App, name: str, password: str = PASSWORD, **more: Any) -> TestResponse:
    prefix = app.services.settings.url_prefix
    return ask(app, f"{prefix}/sign-in", "POST", data={"name": name, "password": password}, **more)


def session(app: App, name: str) -> dict[str, str]:
    return with_session(session_of(sign_in_as(app, name)))


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def status(app: App, path: str, headers: dict[str, str]) -> int:
    return ask(app, app.services.settings.url_prefix + path, headers=headers).status_code


def with_session(session: str) -> dict[str, str]:
    """What a browser sends; the origin identifies the page."""
    return {"Cookie": f"{COOKIE}={session}", "Origin": HOST}


def session_of(response: TestResponse) -> str:
    (cookie,) = response.headers.getlist("Set-Cookie")
    name, _, rest = cookie.partition("=")
    assert name == COOKIE
    return rest.partition(";")[0]


def addresses(app: App) -> list[tuple[str, str]]:
    """Method and address of each route, with something in its variable parts, and spellings of the open ones."""
    found = []
    for rule in app.client.application.url_map.iter_rules():
        path = re.sub("<path:[a-z_]+>", "x/y.js", rule.rule)
        path = re.sub("<(string:)?[a-z_]+>", "x", path)
        assert "<" not in path, path
        found += [(method, path) for method in rule.methods or ()]
    prefix = app.services.settings.url_prefix
    for path in OPEN:
        ends = ("/", "//", "/x", "%2F", ";x")
        spellings = [f"/{path}", path.upper(), *(path + end for end in ends)]
        found += [("GET", prefix + spelling) for spelling in spellings]
    found += [
        ("GET", f"{prefix}/sign-out"),
        ("GET", f"{prefix}/assets/favicon.svg"),
        ("GET", f"{prefix}/assets/css/sign-in.css"),
        ("GET", f"{prefix}/assets/main.mjs"),
        ("GET", f"{prefix}/_dash-layout"),
        ("GET", f"{prefix}/_dash-dependencies"),
        ("POST", f"{prefix}/_dash-update-component"),
        ("GET", f"{prefix}/monitor"),
        ("GET", f"{prefix}/anything"),
        ("GET", f"{prefix}/healthz/../metrics"),
        ("GET", prefix + SLICE),
        ("PUT", f"{prefix}/healthz"),
        ("BREW", f"{prefix}/api/v1/files"),
    ]
    return found
