"""API tokens over HTTP: what each scope opens, and what ends a token; and the page of people."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from dashboard.people.access import Access
from dashboard.people.audit import Event
from dashboard.people.person import Scope
from dashboard.people.sessions import KEPT_S
from dashboard.people.tokens import DAY_S
from dashboard.people.view import parse_view
from dashboard.web.scopes import SCOPES, needed, table_name
from dashboard.web.sign_in import OPEN
from tests.clock import Clock
from tests.contract.sign_in.requests import (
    BEARER,
    COOKIE,
    HTML,
    SLICE,
    TOKEN,
    addresses,
    ask,
    bearer,
    session,
    session_of,
    sign_in_as,
    status,
)
from tests.people import PASSWORD
from tests.web import App

pytestmark = pytest.mark.usefixtures("people")

SCOPE_TABLE = [
    # path, method, scopes of which one opens it
    ("/api/v1/files", "GET", {Scope.READ}),
    (SLICE, "GET", {Scope.READ}),
    ("/api/v1/datasets?file=data/volume.h5", "GET", {Scope.READ}),
    ("/api/v1/contents", "GET", {Scope.READ}),
    ("/api/v1/contents/drop", "POST", {Scope.WARM}),
    ("/api/v1/stats", "GET", {Scope.READ, Scope.METRICS}),
    ("/api/v1/slow", "GET", {Scope.READ, Scope.METRICS}),
    ("/metrics", "GET", {Scope.METRICS}),
    ("/", "GET", {Scope.READ}),
    ("/monitor", "GET", {Scope.READ}),
    ("/assets/main.mjs", "GET", {Scope.READ}),
    ("/_dash-layout", "GET", {Scope.READ}),
    ("/sign-out", "GET", {Scope.READ}),
    ("/api/v1/nothing", "GET", set(Scope)),
]


@pytest.mark.parametrize("scope", Scope)
def test_a_token_opens_what_its_scope_is_for(
    closed: App, prefix: str, access: Access, scope: Scope
) -> None:
    secret = access.tokens.add("script", [scope], 90)
    for path, method, scopes in SCOPE_TABLE:
        response = ask(closed, prefix + path, method, bearer(secret))
        refused = response.status_code == 403
        assert refused is (scope not in scopes), (path, response.status_code)
        if refused:
            assert "This needs the scope" in response.get_json()["error"]["message"]


def test_people_read_and_administrators_do_the_rest(closed: App, prefix: str) -> None:
    ann, root = session(closed, "ann"), session(closed, "root")
    for path, method, scopes in SCOPE_TABLE:
        mine = ask(closed, prefix + path, method, ann).status_code
        assert (mine == 403) is not bool(scopes & {Scope.READ, Scope.WARM}), path
        assert ask(closed, prefix + path, method, root).status_code != 403


def test_every_route_has_scopes(closed: App, prefix: str) -> None:
    endpoints = {rule.endpoint for rule in closed.client.application.url_map.iter_rules()}
    names = {table_name(endpoint, prefix) for endpoint in endpoints - OPEN}
    assert names == set(SCOPES)
    assert endpoints >= OPEN
    assert needed("something.new", prefix) == {Scope.ADMIN}
    assert needed(f"{prefix}/_dash-new", prefix) == {Scope.ADMIN}


def test_the_page_of_people_is_for_administrators(closed: App, prefix: str, access: Access) -> None:
    secret = access.tokens.add("nightly", [Scope.READ], 90, "ann")
    ann, root = session(closed, "ann"), session(closed, "root")
    for headers in (ann, bearer(secret)):
        assert status(closed, "/people", headers) == 403
    assert status(closed, "/people", {}) == 401
    assert "/people" not in ask(closed, f"{prefix}/sign-out", headers=ann).get_data(as_text=True)
    page = ask(closed, f"{prefix}/sign-out", headers=root).get_data(as_text=True)
    assert f'href="{prefix}/people"' in page
    access.audit.record(Event.REFUSED, name="<script>alert(1)</script>", reason="wrong token")
    view = parse_view("file=data/volume.h5&dataset=volume")
    ann_ = access.accounts.person("ann")
    assert ann_ is not None
    share, share_secret = access.shares.add(view, ann_, 3.0, "<b>for Eve</b>")
    response = ask(closed, f"{prefix}/people", headers=root)
    assert response.status_code == 200
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["Cache-Control"] == "no-store"
    body = response.get_data(as_text=True)
    assert "<script" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    for text in ("<td>ann</td><td>imaging</td>", "<td>nightly</td><td>ann</td><td>read</td>"):
        assert text in body
    assert "<td>ann</td><td>name and password</td><td>127.0.0.1</td>" in body
    assert "<td>sign-in</td><td>root</td>" in body
    assert "<td>requests a second</td><td>no limit</td>" in body
    cells = f"<td>{share.id}</td><td>ann</td><td>data/volume.h5</td>"
    assert f"{cells}<td>&lt;b&gt;for Eve&lt;/b&gt;</td>" in body
    for secret_ in (
        PASSWORD,
        secret,
        share_secret,
        TOKEN,
        root["Cookie"].partition("=")[2],
        "argon2",
    ):
        assert secret_ not in body


def test_a_token_makes_neither_tokens_nor_sessions(
    closed: App, prefix: str, access: Access
) -> None:
    secret = access.tokens.add("script", list(Scope), 90)
    ask(closed, f"{prefix}/sign-in", "POST", bearer(secret), data={"token": secret})
    for response in (
        ask(closed, f"{prefix}/sign-in", "POST", data={"token": secret}),
        ask(closed, f"{prefix}/sign-in", "POST", data={"name": "ann", "password": secret}),
        ask(closed, f"{prefix}/?token={secret}", headers=HTML),
    ):
        assert "Set-Cookie" not in response.headers
    for method, path in addresses(closed):
        ask(closed, path, method, bearer(secret) | HTML)
    assert [one.name for one in access.tokens.listed()] == ["script"]


@pytest.mark.parametrize("end", ["expired", "revoked", "removed"])
def test_a_token_that_ended(
    closed: App, prefix: str, access: Access, clock: Clock, end: str
) -> None:
    secret = access.tokens.add("script", [Scope.READ], 1, "ann")
    assert status(closed, SLICE, bearer(secret)) == 200
    clock.pass_(KEPT_S)
    if end == "expired":
        clock.pass_(DAY_S)
    if end == "revoked":
        access.tokens.revoke("script")
    if end == "removed":
        access.accounts.remove("ann")
    response = ask(closed, prefix + SLICE, headers=bearer(secret))
    assert response.status_code == 401
    sentence = response.get_json()["error"]["message"]
    assert sentence == (
        "The token script has expired; ask for a new one (`lamella token add`)."
        if end == "expired"
        else "The token is wrong."
    )


def test_headers_cookies_and_tokens(closed: App, prefix: str, access: Access) -> None:
    """Which of them counts, in all pairs of a header and a cookie."""
    reading = access.tokens.add("reading", [Scope.READ], 90)
    figures = access.tokens.add("figures", [Scope.METRICS], 90)
    headers = {
        "none": ({}, None),
        "start token": (BEARER, 200),
        "api token": (bearer(reading), 200),
        "other scope": (bearer(figures), 403),
        "lower case": ({"Authorization": f"bearer {reading}"}, 200),
        "wrong": (bearer("wrong"), 401),
        "wrong api token": (bearer(reading[:-1]), 401),
        "two": (bearer(f"{reading} {reading}"), 401),
        "empty": ({"Authorization": "Bearer "}, 401),
        "basic": ({"Authorization": "Basic YTpi"}, None),
        "digest": ({"Authorization": f"Digest {reading}"}, None),
        "elsewhere": ({"X-Api-Key": reading, "X-Remote-User": "root"}, None),
    }
    ann = session_of(sign_in_as(closed, "ann"))
    cookies = {
        "none": ("", 401),
        "session": (f"{COOKIE}={ann}", 200),
        "wrong": (f"{COOKIE}={'a' * 43}", 401),
        "token": (f"{COOKIE}={reading}", 401),
        "start token": (f"{COOKIE}={quote(TOKEN)}", 401),
        "both": (f"{COOKIE}={'a' * 43}; {COOKIE}={ann}", 200),
        "fifth": (f"{COOKIE}={'a' * 43}; " * 4 + f"{COOKIE}={ann}", 401),
        "other port": (f"lamella-session-1={ann}", 401),
        "other prefix": (f"__Host-{COOKIE}={ann}", 401),
    }
    for header, (sent, by_header) in headers.items():
        for cookie, (value, by_cookie) in cookies.items():
            given = sent | ({"Cookie": value} if value else {})
            expected = by_cookie if by_header is None else by_header
            assert status(closed, SLICE, given) == expected, (header, cookie)
