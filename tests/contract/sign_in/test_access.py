"""Sign-in over the whole application: nobody gets anything, and the token and its sessions get everything."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from dashboard.http.environment import PEER_ACCOUNT
from dashboard.people.access import Access
from dashboard.people.sessions import KEPT_S
from tests.clock import Clock
from tests.contract.conftest import VOLUME
from tests.contract.sign_in.requests import (
    BEARER,
    COOKIE,
    HTML,
    HTTPS,
    OPEN,
    SLICE,
    TOKEN,
    addresses,
    ask,
    session_of,
    sign_in,
    with_session,
)
from tests.web import App


def test_nobody_gets_anything_from_any_route(closed: App, prefix: str) -> None:
    tried = addresses(closed)
    assert len(tried) > 60
    for method, path in tried:
        if path.removeprefix(prefix) in OPEN and (method, path) != ("GET", f"{prefix}/sign-out"):
            continue
        for headers in ({}, HTML, {"Cookie": f"{COOKIE}={'a' * 43}"}):
            response = ask(closed, path, method, headers)
            assert response.status_code == 401, (method, path, response.status_code)
            assert response.headers["WWW-Authenticate"].startswith("Bearer"), (method, path)
            assert response.headers["Cache-Control"] == "no-store"
            body = response.get_data(as_text=True)
            if response.is_json and method != "HEAD":
                assert response.get_json()["error"]["code"] == "unauthorized"
            elif body:
                assert 'name="token"' in body
                assert len(body) < 10_000
            assert "dash" not in body.lower().replace("lamella", "")


def test_data_is_refused_as_json_and_pages_by_the_form(closed: App, prefix: str) -> None:
    for path in ("/api/v1/files", "/metrics", "/_dash-layout", "/assets/main.mjs"):
        assert ask(closed, prefix + path, headers=HTML).is_json
    for path in ("/", "/monitor", "/x"):
        assert ask(closed, prefix + path, headers=HTML).mimetype == "text/html"
        assert (
            ask(closed, prefix + path, headers={"Sec-Fetch-Mode": "navigate"}).mimetype
            == "text/html"
        )
        assert ask(closed, prefix + path).is_json
    assert ask(closed, f"{prefix}/_dash-update-component", "POST", HTML, json={}).is_json


def test_health_is_open_and_says_no_more_than_before(closed: App, app: App, prefix: str) -> None:
    for path in ("/healthz", "/readyz"):
        there = ask(closed, prefix + path)
        here = ask(app, path)
        assert (there.status_code, there.get_json()) == (here.status_code, here.get_json())


@pytest.mark.parametrize("way", ["bearer", "cookie"])
def test_who_has_the_token_gets_what_anybody_gets_from_an_open_server(
    closed: App, app: App, prefix: str, way: str
) -> None:
    headers = BEARER if way == "bearer" else with_session(session_of(sign_in(closed)))
    for method, path in addresses(app):
        if path in OPEN or "/sign-" in path or "/s/x" in path:
            continue
        here = ask(app, path, method, HTML)
        there = ask(closed, prefix + path, method, HTML | headers)
        assert there.status_code == here.status_code, (method, path)
    response = ask(closed, prefix + SLICE + "&format=npy", headers=headers)
    assert response.status_code == 200
    assert VOLUME[3].tobytes() in response.get_data()


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        f"Token {TOKEN}",
        f"Bearer {TOKEN} {TOKEN}",
    ],
)
def test_other_authorizations_are_refused(closed: App, prefix: str, header: str) -> None:
    response = ask(closed, f"{prefix}/api/v1/files", headers={"Authorization": header})
    assert response.status_code == 401
    assert TOKEN not in response.get_data(as_text=True)


def test_a_wrong_token_is_refused_whatever_the_cookie(closed: App, prefix: str) -> None:
    cookie = with_session(session_of(sign_in(closed)))
    refused = ask(
        closed, f"{prefix}/api/v1/files", headers=cookie | {"Authorization": "Bearer wrong"}
    )
    assert refused.status_code == 401
    # A proxy's own authorization is none of ours.
    passed = ask(closed, f"{prefix}/api/v1/files", headers=cookie | {"Authorization": "Basic eA=="})
    assert passed.status_code == 200


def test_the_token_in_a_query_opens_no_data(closed: App, prefix: str) -> None:
    for path in ("/api/v1/files", "/metrics"):
        response = ask(closed, f"{prefix}{path}?token={quote(TOKEN)}", headers=HTML)
        assert response.status_code == 401
        assert "Set-Cookie" not in response.headers


def test_the_cookie(closed: App, prefix: str) -> None:
    response = sign_in(closed)
    assert response.status_code == 303
    assert response.headers["Location"] == f"{prefix}/"
    (cookie,) = response.headers.getlist("Set-Cookie")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", f"path={prefix or '/'}", "max-age=1000"} <= parts
    assert "secure" not in parts
    assert TOKEN not in cookie
    assert len(session_of(response)) == 43
    response = sign_in(closed, environ_overrides=HTTPS)
    (cookie,) = response.headers.getlist("Set-Cookie")
    assert "; Secure" in cookie
    assert cookie.startswith(f"{'__Secure' if prefix else '__Host'}-{COOKIE}=")


def test_over_https_a_cookie_of_plain_http_is_none(closed: App, prefix: str) -> None:
    files = f"{prefix}/api/v1/files"
    plain = session_of(sign_in(closed))
    name, _, rest = sign_in(closed, environ_overrides=HTTPS).headers["Set-Cookie"].partition("=")
    secure = rest.partition(";")[0]
    for cookie, over, status in (
        (f"{COOKIE}={plain}", {}, 200),
        (f"{COOKIE}={plain}", HTTPS, 401),
        (f"{name}={secure}", HTTPS, 200),
        (f"{name}={secure}", {}, 401),
        (f"{COOKIE}={plain}; {name}={secure}", HTTPS, 200),
    ):
        response = ask(closed, files, headers={"Cookie": cookie}, environ_overrides=over)
        assert response.status_code == status, (cookie, over)


def test_over_plain_http_a_cookie_is_of_no_use_elsewhere(closed: App, prefix: str) -> None:
    files = f"{prefix}/api/v1/files"
    here, there = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}
    cookie = with_session(session_of(sign_in(closed, environ_overrides=here)))
    assert ask(closed, files, headers=cookie, environ_overrides=here).status_code == 200
    assert ask(closed, files, headers=cookie, environ_overrides=there).status_code == 401
    forged = cookie | {"X-Forwarded-For": "192.0.2.1"}
    assert ask(closed, files, headers=forged, environ_overrides=there).status_code == 401
    out = ask(closed, f"{prefix}/sign-out", "POST", cookie, environ_overrides=there)
    assert out.status_code == 303
    # Who moves between networks keeps a session over HTTPS.
    given = sign_in(closed, environ_overrides=HTTPS | here).headers["Set-Cookie"]
    moved = {"Cookie": given.partition(";")[0]}
    response = ask(closed, files, headers=moved, environ_overrides=HTTPS | there)
    assert response.status_code == 200


def test_a_change_by_cookie_says_where_it_comes_from(closed: App, prefix: str) -> None:
    cookie = with_session(session_of(sign_in(closed)))
    silent = {"Cookie": cookie["Cookie"]}
    prefetch = (f"{prefix}/api/v1/prefetch", "POST")
    more = {"json": {"viewer": "mine", "pause_s": 0}}
    for headers, status in (
        (silent, 403),
        (silent | {"Origin": "http://elsewhere.example"}, 403),
        (silent | {"Origin": "null"}, 403),
        (silent | {"Sec-Fetch-Site": "same-site"}, 403),
        (cookie, 204),
        (silent | {"Sec-Fetch-Site": "same-origin"}, 204),
        (silent | BEARER, 204),
        (BEARER, 204),
    ):
        assert ask(closed, *prefetch, headers, **more).status_code == status, headers
    refused = ask(closed, *prefetch, silent, **more)
    assert "does not say which page it comes from" in refused.get_json()["error"]["message"]
    for method, path in (("DELETE", "bookmarks/0123456789abcdef"), ("POST", "warm")):
        assert ask(closed, f"{prefix}/api/v1/{path}", method, silent).status_code == 403
    assert ask(closed, f"{prefix}/sign-out", "POST", silent).status_code == 403
    assert ask(closed, f"{prefix}/api/v1/files", headers=silent).status_code == 200
    assert ask(closed, f"{prefix}/sign-out", "POST").status_code == 303, "nothing to end"


def test_on_one_machine_a_cookie_is_of_no_use_to_other_accounts(closed: App, prefix: str) -> None:
    files = f"{prefix}/api/v1/files"
    mine, other, unknown = ({PEER_ACCOUNT: lambda uid=uid: uid} for uid in (1000, 1001, None))
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    for headers in ({}, forwarded):
        signed_in = sign_in(closed, environ_overrides=mine, headers=headers)
        cookie = with_session(session_of(signed_in)) | headers
        for account, status in ((mine, 200), (other, 401), (unknown, 401), ({}, 401)):
            response = ask(closed, files, headers=cookie, environ_overrides=account)
            assert response.status_code == status


def test_sessions_that_are_wrong_expired_or_ended(
    closed: App, prefix: str, clock: Clock, access: Access
) -> None:
    files = f"{prefix}/api/v1/files"
    session = session_of(sign_in(closed))
    assert ask(closed, files, headers=with_session(session)).status_code == 200
    for other in ("", "x", session[:-1], session + "x", session.swapcase(), TOKEN):
        assert ask(closed, files, headers=with_session(other)).status_code == 401
    # Another server of this host may have set a cookie of this name.
    both = {"Cookie": f"{COOKIE}=planted; {COOKIE}={session}"}
    assert ask(closed, files, headers=both).status_code == 200
    clock.pass_(999.0)
    renewed = ask(closed, files, headers=with_session(session))
    assert renewed.status_code == 200
    assert session_of(renewed) == session
    assert "Set-Cookie" not in ask(closed, files, headers=with_session(session)).headers
    clock.pass_(1000.0)
    assert ask(closed, files, headers=with_session(session)).status_code == 401

    session = session_of(sign_in(closed))
    assert ask(closed, files, headers=with_session(session)).status_code == 200
    out = ask(closed, f"{prefix}/sign-out", "POST", with_session(session))
    assert out.status_code == 303
    assert out.headers["Location"] == f"{prefix}/sign-in?said=out"
    assert f"{COOKIE}=;" in out.headers["Set-Cookie"]
    assert ask(closed, files, headers=with_session(session)).status_code == 401
    again = ask(closed, f"{prefix}/sign-out", "POST", with_session(session))
    assert again.status_code == 303


def test_a_sign_in_ends_the_session_before(closed: App, prefix: str, clock: Clock) -> None:
    first = session_of(sign_in(closed))
    second = session_of(sign_in(closed, headers=with_session(first)))
    assert first != second
    clock.pass_(KEPT_S)
    assert ask(closed, f"{prefix}/metrics", headers=with_session(first)).status_code == 401
    assert ask(closed, f"{prefix}/metrics", headers=with_session(second)).status_code == 200
