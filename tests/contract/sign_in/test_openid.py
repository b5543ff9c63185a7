"""Sign-in at an identity provider over HTTP: there, back, and what does not lead in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from dashboard.people.attempts import FAILURES
from dashboard.people.audit import lines_since
from dashboard.settings import SetupError, load_settings
from tests import conftest
from tests.contract.sign_in.requests import HTML, SLICE, ask, session_of, with_session
from tests.identity_provider import CLIENT, SECRET, FakeProvider
from tests.nightly import mostly
from tests.web import App, listening, running

VIEW = "/?file=data%2Fvolume.h5&dataset=volume&index=3"


# The fixture of the other modules, which has an application of its own.
@pytest.fixture
def access() -> None:
    return None


@pytest.fixture(scope="module")
def fake() -> FakeProvider:
    return FakeProvider()


@pytest.fixture(scope="module", params=mostly(["", "/lamella"], [""]))
def open_id(
    fake: FakeProvider,
    data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[App]:
    """A server at which people sign in elsewhere."""
    folder = tmp_path_factory.mktemp("open-id")
    with listening(fake.application) as issuer:
        settings: dict[str, Any] = {
            "oidc_issuer": issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            "admin_groups": "admins",
            "url_prefix": request.param,
            "people": folder / "people" / "people.sqlite",
        }
        with running(folder, data, **settings) as app:
            yield app


@pytest.fixture(autouse=True)
def _as_it_was(fake: FakeProvider) -> None:
    fake.claims = {}


@pytest.fixture
def prefix(open_id: App) -> str:
    return open_id.services.settings.url_prefix


def begin(app: App, prefix: str, target: str = VIEW, **more: Any) -> tuple[str, str]:
    """Where the browser is sent, and the cookie that it gets."""
    query = {"next": prefix + target}
    response = ask(app, f"{prefix}/sign-in/provider", query_string=query, **more)
    assert response.status_code == 303
    assert response.headers["Cache-Control"] == "no-store"
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert f"Path={prefix}/sign-in;" in cookie
    return response.headers["Location"], cookie.partition(";")[0]


def back(app: App, prefix: str, query: str, cookie: str, **more: Any) -> TestResponse:
    """The response to the browser that comes back from the provider, by a link of another site."""
    headers = {
        "Cookie": cookie,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    return ask(app, f"{prefix}/sign-in/callback?{query}", headers=HTML | headers, **more)


def session(response: TestResponse) -> dict[str, str]:
    cookies = response.headers.getlist("Set-Cookie")
    (mine,) = [one for one in cookies if one.startswith("lamella-session")]
    response.headers.setlist("Set-Cookie", [mine])
    return with_session(session_of(response))


def test_the_page_leads_to_the_provider(open_id: App, prefix: str) -> None:
    page = ask(open_id, prefix + VIEW, headers=HTML)
    assert page.status_code == 401
    body = page.get_data(as_text=True)
    assert "Sign in at 127.0.0.1" in body
    assert "password" not in body
    (link,) = re.findall(r'href="([^"]*/sign-in/provider[^"]*)"', body)
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(link).query) == {"next": [prefix + VIEW]}


def test_there_and_back(open_id: App, prefix: str, fake: FakeProvider) -> None:
    address, cookie = begin(open_id, prefix)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
    assert query["redirect_uri"] == f"http://127.0.0.1{prefix}/sign-in/callback"
    response = back(open_id, prefix, fake.authorize(address), cookie)
    assert (response.status_code, response.headers["Location"]) == (303, prefix + VIEW)
    signed_in = session(response)
    assert ask(open_id, prefix + SLICE, headers=signed_in).status_code == 200
    assert ask(open_id, f"{prefix}/metrics", headers=signed_in).status_code == 403
    page = ask(open_id, f"{prefix}/sign-out", headers=signed_in).get_data(as_text=True)
    assert "You are signed in as ann." in page
    lines = "".join(lines_since(open_id.services.settings.people_file, 0.0))
    assert '"event": "sign-in", "name": "ann", "way": "provider"' in lines
    assert ask(open_id, f"{prefix}/sign-out", "POST", signed_in).status_code == 303
    assert ask(open_id, prefix + SLICE, headers=signed_in).status_code == 401


def test_the_provider_is_asked_again_after_a_time(
    open_id: App, prefix: str, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = open_id.services.access
    assert access is not None
    assert access.sessions.provider_s == 12 * 3600.0
    monkeypatch.setattr(access.sessions, "provider_s", 0.0)
    address, cookie = begin(open_id, prefix)
    signed_in = session(back(open_id, prefix, fake.authorize(address), cookie))
    page = ask(open_id, prefix + VIEW, headers=HTML | signed_in)
    assert page.status_code == 401
    assert "Sign in at 127.0.0.1" in page.get_data(as_text=True)


def test_groups_that_administer(open_id: App, prefix: str, fake: FakeProvider) -> None:
    fake.claims = {"groups": ["admins"], "preferred_username": "root"}
    address, cookie = begin(open_id, prefix)
    signed_in = session(back(open_id, prefix, fake.authorize(address), cookie))
    assert ask(open_id, f"{prefix}/metrics", headers=signed_in).status_code == 200


def test_what_does_not_lead_in(open_id: App, prefix: str, fake: FakeProvider) -> None:
    address, cookie = begin(open_id, prefix)
    _, other = begin(open_id, prefix)
    right = fake.authorize(address)
    code, _, state = right.partition("&")
    name = cookie.partition("=")[0]
    for query, sent, status, sentence in (
        (right, "", 400, "took too long"),
        (right, other, 400, "took too long"),
        (right, f"{name}=x", 400, "took too long"),
        (right, f"{name}=W10", 400, "took too long"),
        (right, f"{name}=WyIiLCIiLCIiLCIvIl0=", 400, "took too long"),
        (code, cookie, 400, "took too long"),
        (f"{code}&state=", cookie, 400, "took too long"),
        ("", cookie, 400, "took too long"),
        (f"error=access_denied&{state}", cookie, 401, "did not sign you in"),
        (f"code=x&{state}", cookie, 401, "cannot be verified"),
        (state, cookie, 401, "cannot be verified"),
    ):
        response = back(open_id, prefix, query, sent)
        assert response.status_code == status, (query, sent)
        assert sentence in response.get_data(as_text=True)
        assert not any(
            one.startswith("lamella-session") for one in response.headers.getlist("Set-Cookie")
        )
    assert back(open_id, prefix, right, cookie).status_code == 303


@pytest.mark.parametrize("name", ["ann lee", "", "a/b", "x" * 65, "<b>"])
def test_names_that_cannot_be(open_id: App, prefix: str, fake: FakeProvider, name: str) -> None:
    fake.claims = {"preferred_username": name}
    address, cookie = begin(open_id, prefix)
    response = back(open_id, prefix, fake.authorize(address), cookie)
    assert response.status_code == 401
    assert "LAMELLA_OIDC_NAME_CLAIM" in response.get_data(as_text=True)


def test_it_leads_to_no_other_site(open_id: App, prefix: str, fake: FakeProvider) -> None:
    for target in ("//evil.example", "https://evil.example/", "/sign-out"):
        response = ask(open_id, f"{prefix}/sign-in/provider", query_string={"next": target})
        cookie = response.headers["Set-Cookie"].partition(";")[0]
        query = fake.authorize(response.headers["Location"])
        assert back(open_id, prefix, query, cookie).headers["Location"] == f"{prefix}/"


def test_a_provider_that_is_down(open_id: App, prefix: str, fake: FakeProvider) -> None:
    address, cookie = begin(open_id, prefix)
    query = fake.authorize(address)
    fake.failing = {"token": 502}
    response = back(open_id, prefix, query, cookie)
    fake.failing = {}
    assert response.status_code == 503
    assert "cannot be reached; try again" in response.get_data(as_text=True)
    assert "Sign in at 127.0.0.1" in response.get_data(as_text=True)
    assert "sign_in" in ask(open_id, f"{prefix}/readyz").get_json()["degraded"]
    address, cookie = begin(open_id, prefix)
    assert back(open_id, prefix, fake.authorize(address), cookie).status_code == 303
    assert "sign_in" not in ask(open_id, f"{prefix}/readyz").get_json()["degraded"]


def test_answers_that_are_made_up_are_limited(
    open_id: App, prefix: str, fake: FakeProvider
) -> None:
    stranger = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.77"}}
    address, cookie = begin(open_id, prefix)
    _, _, state = fake.authorize(address).partition("&")
    for number in range(FAILURES):
        response = back(open_id, prefix, f"code=made-up-{number}&{state}", cookie, **stranger)
        assert response.status_code == 401
    asked = len(fake.requests)
    response = back(open_id, prefix, f"code=made-up&{state}", cookie, **stranger)
    assert response.status_code == 429
    assert len(fake.requests) == asked
    assert back(open_id, prefix, fake.authorize(address), cookie).status_code == 303


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"oidc_issuer": "https://login.example"}, "give both"),
        ({"oidc_client_id": "x"}, "give both"),
        ({"oidc_issuer": "http://login.example", "oidc_client_id": "x"}, "begins with https://"),
        ({"oidc_issuer": "login.example", "oidc_client_id": "x"}, "begins with https://"),
        ({"oidc_issuer": "https://a", "oidc_client_id": "x", "public": True}, "one or the other"),
    ],
)
def test_settings_that_are_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SetupError, match=reason):
        load_settings(given)


def post(address: str, **form: str) -> str:
    """Where a form leads."""

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    body = urllib.parse.urlencode(form).encode()
    try:
        urllib.request.build_opener(NoRedirect).open(address, body)
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers["Location"])
    raise AssertionError


def test_with_a_provider_of_somebody_else(data: Path, tmp_path: Path) -> None:
    """The provider is the package oidc-provider-mock, which knows nothing of this server."""
    port = conftest.unused_port()
    issuer = f"http://127.0.0.1:{port}"
    script = (
        "import oidc_provider_mock as mock, werkzeug.serving as serving\n"
        "user = mock.User(sub='ann', claims={'preferred_username': 'ann', 'groups': ['imaging']})\n"
        f"server = serving.make_server('127.0.0.1', {port}, mock.app(user_claims=[user]))\n"
        "print('ready', flush=True)\n"
        "server.serve_forever()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        settings: dict[str, Any] = {
            "oidc_issuer": issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            "people": tmp_path / "people" / "people.sqlite",
        }
        with running(tmp_path, data, **settings) as app:
            address, cookie = begin(app, "")
            query = urllib.parse.urlsplit(post(address, sub="ann")).query
            response = back(app, "", query, cookie)
            assert response.status_code == 303, response.get_data(as_text=True)
            assert ask(app, SLICE, headers=session(response)).status_code == 200
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
