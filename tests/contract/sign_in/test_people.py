"""People over HTTP: names and passwords, sessions, and what ends them."""

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
from dashboard.people.audit import lines_since
from dashboard.people.person import Scope
from dashboard.people.sessions import KEPT_S
from dashboard.people.store import PeopleStore
from dashboard.people.tokens import DAY_S
from tests.clock import Clock
from tests.contract.sign_in.requests import (
    BEARER,
    HTML,
    SLICE,
    TOKEN,
    ask,
    bearer,
    session,
    session_of,
    sign_in_as,
    status,
    with_session,
)
from tests.people import PASSWORD, make_access
from tests.web import App

pytestmark = pytest.mark.usefixtures("people")


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
    response = sign_in_as(closed, "ann")
    assert (response.status_code, response.headers["Location"]) == (303, f"{prefix}/")
    cookie = with_session(session_of(response))
    assert status(closed, SLICE, cookie) == 200
    with closed.client.application.test_client(use_cookies=False) as client:
        client.get(f"{prefix}/api/v1/files", headers=cookie, base_url="http://127.0.0.1")
        assert g.person.name == "ann"
        assert g.person.groups == {"imaging"}
        assert g.person.scopes == {Scope.READ, Scope.WARM}


def test_a_name_with_a_space_that_a_phone_adds(closed: App) -> None:
    assert sign_in_as(closed, "ann ").status_code == 303


def test_without_a_name_it_is_the_start_token(closed: App) -> None:
    response = sign_in_as(closed, "", f" {TOKEN} ")
    assert response.status_code == 303
    assert status(closed, "/metrics", with_session(session_of(response))) == 200


def test_wrong_passwords(closed: App, clock: Clock) -> None:
    pages = []
    for name, password in (("ann", "mistaken words of hers"), ("eve", PASSWORD), ("", "mistake")):
        response = sign_in_as(closed, name, password)
        assert response.status_code == 401
        assert "Set-Cookie" not in response.headers
        body = response.get_data(as_text=True)
        assert password not in body
        assert body.count(" autofocus") == 1
        pages.append(body.replace(f'value="{name}"', ""))
    assert pages[0] == pages[1]
    assert "The name or the password is wrong." in pages[0]
    assert "The token is wrong." in pages[2]
    page = sign_in_as(closed, "<script>", "x").get_data(as_text=True)
    assert "script" not in page


def test_failures_do_not_lock_out_scripts_and_links(closed: App, prefix: str, clock: Clock) -> None:
    for number in range(FAILURES):
        assert sign_in_as(closed, "ann", f"wrong words {number}").status_code == 401
    refused = sign_in_as(closed, "ann")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "wait a minute" in refused.get_data(as_text=True)
    assert status(closed, "/metrics", BEARER) == 200
    link = ask(closed, f"{prefix}/?token={quote(TOKEN, safe='')}", headers=HTML)
    assert "Set-Cookie" in link.headers
    clock.pass_(60.0)
    assert sign_in_as(closed, "ann").status_code == 303


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
    assert sign_in_as(closed, "ann").status_code == 503
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
    assert sign_in_as(closed, "ann").status_code == 503
    store.path.chmod(0o600)
    assert status(closed, SLICE, cookie) == 200


def test_the_audit_file(closed: App, access: Access, store: PeopleStore) -> None:
    cookie = session(closed, "ann")
    sign_in_as(closed, "ann", "wrong words of hers", headers={"User-Agent": "x\ny"[:1]})
    ask(closed, f"{closed.services.settings.url_prefix}/sign-out", "POST", cookie)
    found = [json.loads(line) for line in lines_since(store.path, 0.0)]
    mine = [(one["event"], one["name"], one["way"]) for one in found if one.get("name") == "ann"]
    assert mine[-3:] == [
        ("sign-in", "ann", "form"),
        ("refused", "ann", "form"),
        ("sign-out", "ann", "form"),
    ]
    assert PASSWORD not in json.dumps(found)
