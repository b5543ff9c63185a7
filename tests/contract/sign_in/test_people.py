"""People over HTTP: names and passwords, API tokens with scopes, and what ends both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from flask import g

from dashboard.errors import Busy
from dashboard.people.access import Access
from dashboard.people.attempts import FAILURES
from dashboard.people.audit import Event, lines_since
from dashboard.people.person import Scope
from dashboard.people.sessions import KEPT_S
from dashboard.people.store import PeopleStore
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
    session_of,
    with_session,
)
from tests.people import PASSWORD, make_access
from tests.web import App


@pytest.fixture(autouse=True)
def people(access: Access, clock: Clock) -> None:
    """Ann, and root who administers."""
    access.accounts.add("ann", PASSWORD, ["imaging"])
    access.accounts.add("root", PASSWORD, admin=True)
    clock.pass_(KEPT_S)


def sign_in(app: App, name: str, password: str = PASSWORD, **more: object):  # type: ignore[no-untyped-def]
    prefix = app.services.settings.url_prefix
    form = {"name": name, "password": password}
    return ask(app, f"{prefix}/sign-in", "POST", data=form, **more)  # type: ignore[arg-type]


def session(app: App, name: str) -> dict[str, str]:
    return with_session(session_of(sign_in(app, name)))


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def status(app: App, path: str, headers: dict[str, str]) -> int:
    return ask(app, app.services.settings.url_prefix + path, headers=headers).status_code


@pytest.mark.parametrize(
    ("accounts", "token", "fields"),
    [
        (True, True, {'name="name"', 'name="password"', "leave the name empty"}),
        (True, False, {'name="name"', 'name="password"', "from the person who runs the server"}),
        (False, True, {'name="token"', "from the person who started the server"}),
    ],
)
def test_the_page_asks_for_what_there_is(
    closed: App,
    prefix: str,
    access: Access,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    accounts: bool,
    token: bool,
    fields: set[str],
) -> None:
    if not accounts:
        access.accounts.remove("ann")
        access.accounts.remove("root")
        clock.pass_(KEPT_S)
    if not token:
        monkeypatch.setattr(access, "_digest", None)
    page = ask(closed, f"{prefix}/?index=7", headers=HTML)
    body = page.get_data(as_text=True)
    assert page.status_code == 401
    shown = {
        text
        for text in (
            *('name="name"', 'name="password"', 'name="token"', "leave the name empty"),
            *("from the person who runs the server", "from the person who started the server"),
        )
        if text in body
    }
    assert fields <= shown
    assert ('name="token"' in shown) is not accounts
    assert body.count(" autofocus") == 1
    assert f'value="{prefix}/?index=7"' in body


def test_a_name_and_a_password(closed: App, prefix: str) -> None:
    response = sign_in(closed, "ann")
    assert (response.status_code, response.headers["Location"]) == (303, f"{prefix}/")
    cookie = with_session(session_of(response))
    assert status(closed, SLICE, cookie) == 200
    with closed.client.application.test_client(use_cookies=False) as client:
        client.get(f"{prefix}/api/v1/files", headers=cookie, base_url="http://127.0.0.1")
        assert g.person.name == "ann"
        assert g.person.groups == {"imaging"}
        assert g.person.scopes == {Scope.READ, Scope.WARM}


def test_a_name_with_a_space_that_a_phone_adds(closed: App) -> None:
    assert sign_in(closed, "ann ").status_code == 303


def test_without_a_name_it_is_the_start_token(closed: App) -> None:
    response = sign_in(closed, "", f" {TOKEN} ")
    assert response.status_code == 303
    assert status(closed, "/metrics", with_session(session_of(response))) == 200


def test_wrong_passwords(closed: App, clock: Clock) -> None:
    pages = []
    for name, password in (("ann", "mistaken words of hers"), ("eve", PASSWORD), ("", "mistake")):
        response = sign_in(closed, name, password)
        assert response.status_code == 401
        assert "Set-Cookie" not in response.headers
        body = response.get_data(as_text=True)
        assert password not in body
        assert body.count(" autofocus") == 1
        pages.append(body.replace(f'value="{name}"', ""))
    assert pages[0] == pages[1]
    assert "The name or the password is wrong." in pages[0]
    assert "The token is wrong." in pages[2]
    page = sign_in(closed, "<script>", "x").get_data(as_text=True)
    assert "script" not in page


def test_failures_do_not_lock_out_scripts_and_links(closed: App, prefix: str, clock: Clock) -> None:
    for number in range(FAILURES):
        assert sign_in(closed, "ann", f"wrong words {number}").status_code == 401
    refused = sign_in(closed, "ann")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "wait a minute" in refused.get_data(as_text=True)
    assert status(closed, "/metrics", BEARER) == 200
    link = ask(closed, f"{prefix}/?token={quote(TOKEN, safe='')}", headers=HTML)
    assert "Set-Cookie" in link.headers
    clock.pass_(60.0)
    assert sign_in(closed, "ann").status_code == 303


@pytest.mark.parametrize("change", ["remove", "password", "everywhere", "command"])
def test_what_ends_a_session(
    closed: App, prefix: str, access: Access, store: PeopleStore, clock: Clock, change: str
) -> None:
    mine, other = session(closed, "ann"), session(closed, "root")
    also = session(closed, "ann")
    secret = access.tokens.add("script", [Scope.READ], 90, "ann")
    assert status(closed, SLICE, bearer(secret)) == 200
    # Another process, such as the command line's.
    there = make_access(store, TOKEN, clock)
    if change == "remove":
        there.accounts.remove("ann")
    if change == "password":
        there.accounts.set_password("ann", "other words of hers")
    if change == "everywhere":
        page = ask(closed, f"{prefix}/sign-out", headers=mine).get_data(as_text=True)
        assert "You are signed in as ann." in page
        assert 'name="everywhere" value="1"' in page
        response = ask(closed, f"{prefix}/sign-out", "POST", mine, data={"everywhere": "1"})
        assert response.headers["Location"] == f"{prefix}/sign-in?said=out"
    if change == "command":
        there.accounts.end_sessions("ann")
    clock.pass_(KEPT_S)
    assert status(closed, SLICE, mine) == 401
    assert status(closed, SLICE, also) == 401
    assert status(closed, SLICE, other) == 200
    assert status(closed, SLICE, bearer(secret)) == (401 if change == "remove" else 200)


def test_a_cookie_of_yesterday(closed: App, prefix: str, clock: Clock) -> None:
    cookie = session(closed, "ann")
    clock.pass_(DAY_S)
    response = ask(closed, prefix + SLICE, headers=cookie)
    assert response.status_code == 401
    assert "You are not signed in: sign in on the page" in response.get_json()["error"]["message"]
    page = ask(closed, f"{prefix}/", headers=cookie | HTML)
    assert page.status_code == 401
    assert 'name="password"' in page.get_data(as_text=True)


@contextmanager
def failing() -> Iterator[None]:
    raise Busy("The server cannot use its list of people now; try again.")
    yield


def test_a_sign_out_that_fails_says_so(
    closed: App, prefix: str, store: PeopleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = session(closed, "ann")
    with monkeypatch.context() as patch:
        patch.setattr(store, "writing", failing)
        response = ask(closed, f"{prefix}/sign-out", "POST", cookie)
        assert response.status_code == 503
        assert "Set-Cookie" not in response.headers
        assert response.headers["Retry-After"]
        assert "try again" in response.get_data(as_text=True)
        assert 'name="everywhere"' not in response.get_data(as_text=True)
        assert f'action="{prefix}/sign-out"' in response.get_data(as_text=True)
    assert status(closed, SLICE, cookie) == 200
    assert ask(closed, f"{prefix}/sign-out", "POST", cookie).status_code == 303
    assert status(closed, SLICE, cookie) == 401


def test_a_people_file_that_cannot_be_read_closes_the_door(
    closed: App, prefix: str, store: PeopleStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = session(closed, "ann")
    clock.pass_(KEPT_S)
    monkeypatch.setattr(store, "reading", failing)
    for path, headers in ((SLICE, cookie), (SLICE, bearer("lam_" + "a" * 43))):
        response = ask(closed, prefix + path, headers=headers)
        assert response.status_code == 503
        assert response.get_json()["error"]["code"] == "busy"
    page = ask(closed, f"{prefix}/", headers=cookie | HTML)
    assert page.status_code == 503
    assert 'name="password"' in page.get_data(as_text=True)
    assert sign_in(closed, "ann").status_code == 503
    assert status(closed, "/healthz", {}) == 200
    assert status(closed, "/metrics", BEARER) == 200


def test_a_people_file_that_others_can_write_closes_the_door(
    closed: App, prefix: str, store: PeopleStore, clock: Clock
) -> None:
    cookie = session(closed, "ann")
    store.path.chmod(0o666)
    clock.pass_(KEPT_S)
    response = ask(closed, prefix + SLICE, headers=cookie)
    assert response.status_code == 503
    assert "cannot use its list of people now" in response.get_json()["error"]["message"]
    assert sign_in(closed, "ann").status_code == 503
    store.path.chmod(0o600)
    assert status(closed, SLICE, cookie) == 200


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
    ann = session_of(sign_in(closed, "ann"))
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


def test_the_audit_file(closed: App, access: Access, store: PeopleStore) -> None:
    cookie = session(closed, "ann")
    sign_in(closed, "ann", "wrong words of hers", headers={"User-Agent": "x\ny"[:1]})
    ask(closed, f"{closed.services.settings.url_prefix}/sign-out", "POST", cookie)
    found = [json.loads(line) for line in lines_since(store.path, 0.0)]
    mine = [(one["event"], one["name"], one["way"]) for one in found if one.get("name") == "ann"]
    assert mine[-3:] == [
        ("sign-in", "ann", "form"),
        ("refused", "ann", "form"),
        ("sign-out", "ann", "form"),
    ]
    assert PASSWORD not in json.dumps(found)
