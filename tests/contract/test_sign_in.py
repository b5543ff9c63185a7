"""Sign-in over the whole application: nobody gets anything, and the token and its sessions get everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from werkzeug.test import TestResponse

from dashboard.client import Client, ServerError
from dashboard.people.access import FAILURES, Access
from dashboard.people.sessions import KEPT_S, Sessions
from tests.clock import Clock
from tests.contract.conftest import VOLUME
from tests.contract.test_client import listening
from tests.services import add_up
from tests.web import HOST, App, running

TOKEN = "correct-horse-battery+staple/=&%?"
HTML = {"Accept": "text/html,application/xhtml+xml"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SLICE = "/api/v1/slice?file=data/volume.h5&dataset=volume&selection=3,:,:"
COOKIE = "lamella-session-8050"
OPEN = {"/healthz", "/readyz", "/sign-in", "/sign-out"}


@pytest.fixture(scope="module", params=["", "/lamella"])
def closed(
    data: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[App]:
    """The application over `data`, with a token; at the root, and below a prefix."""
    with running(
        tmp_path_factory.mktemp("closed"), data, token=TOKEN, url_prefix=request.param
    ) as app:
        yield app


@pytest.fixture(scope="module")
def prefix(closed: App) -> str:
    return closed.services.settings.url_prefix


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def access(closed: App, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Access:
    """Sessions and limits of the test's own, with a clock that it sets."""
    access = closed.services.access
    assert access is not None
    fresh = Access(TOKEN, Sessions(access.sessions.rows, TOKEN.encode(), 1000.0, clock), clock)
    for name, value in vars(fresh).items():
        monkeypatch.setattr(access, name, value)
    return access


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


def with_session(session: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={session}"}


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
        if path in OPEN or "/sign-" in path:
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
    response = sign_in(closed, environ_overrides={"wsgi.url_scheme": "https"})
    assert "; Secure" in response.headers["Set-Cookie"]


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


def test_a_link_signs_in_and_loses_its_token(closed: App, prefix: str) -> None:
    view = "file=data%2Fvolume.h5&dataset=volume&axis=0&index=7&x=0,10"
    for query in (f"{view}&token={quote(TOKEN, safe='')}", f"token={quote(TOKEN, safe='')}&{view}"):
        for path in ("/", "/monitor"):
            response = ask(closed, f"{prefix}{path}?{query}", headers=HTML)
            assert response.status_code == 303
            assert response.headers["Location"] == f"{prefix}{path}?{view}"
            assert response.headers["Cache-Control"] == "no-store"
            cookie = with_session(session_of(response))
            assert ask(closed, f"{prefix}/", headers=HTML | cookie).status_code == 200
    bare = ask(closed, f"{prefix}/?token={quote(TOKEN, safe='')}", headers=HTML)
    assert bare.headers["Location"] == f"{prefix}/"
    spelled = ask(closed, f"{prefix}/?to%6ben={quote(TOKEN, safe='')}", headers=HTML)
    assert spelled.headers["Location"] == f"{prefix}/"


def test_a_link_with_a_wrong_token(closed: App, prefix: str) -> None:
    link = f"{prefix}/?index=7&token=wrong-token-of-yesterday"
    response = ask(closed, link, headers=HTML)
    assert response.status_code == 303
    assert "Set-Cookie" not in response.headers
    target = urlsplit(response.headers["Location"])
    assert target.path == f"{prefix}/sign-in"
    assert parse_qs(target.query)["next"] == [f"{prefix}/?index=7"]
    page = ask(closed, response.headers["Location"]).get_data(as_text=True)
    assert "The token in the link is wrong" in page
    assert "yesterday" not in response.headers["Location"] + page
    cookie = with_session(session_of(sign_in(closed)))
    response = ask(closed, link, headers=HTML | cookie)
    assert response.headers["Location"] == f"{prefix}/?index=7"
    for _ in range(FAILURES):
        response = ask(closed, link, headers=HTML | cookie)
        assert response.headers["Location"] == f"{prefix}/?index=7"
    assert ask(closed, link, headers=HTML).status_code == 429


def test_a_link_to_another_host_leads_nowhere(closed: App, prefix: str) -> None:
    for path in ("//evil.example/", "/%5cevil.example/", "/\\evil.example", "/%0d%0aX:y"):
        response = ask(closed, f"{path}?token={quote(TOKEN, safe='')}", headers=HTML)
        assert response.headers.get("Location", f"{prefix}/") == f"{prefix}/" or (
            response.headers["Location"].startswith(f"{prefix}/%")
        )


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\tevil",
        "/\n/evil.example",
        "https://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/\u2215evil.example",
        "/a b",
        " /",
        "",
        "/" + "x" * 9000,
        "/sign-in",
        "/sign-in?next=/sign-in",
        "/sign-out",
        "/../x",
        "/%2e%2e/x",
        "/..%2f..%2fx",
    ],
)
def test_addresses_that_sign_in_does_not_lead_to(closed: App, prefix: str, target: str) -> None:
    for given in dict.fromkeys((target, prefix + target)):
        # Behind a prefix these are paths like any other.
        if prefix and given.startswith(prefix) and given.startswith(f"{prefix}//"):
            continue
        assert sign_in(closed, next_=given).headers["Location"] == f"{prefix}/", given
        page = ask(closed, f"{prefix}/sign-in", query_string={"next": given})
        assert f'name="next" type="hidden" value="{prefix}/"' in page.get_data(as_text=True)


def test_a_prefix_is_not_left(closed: App, prefix: str) -> None:
    if prefix:
        for target in ("/", "/other", "/lamellas", "/lamella/../other"):
            assert sign_in(closed, next_=target).headers["Location"] == "/lamella/"


@pytest.mark.parametrize(
    "view",
    [
        "/",
        "/?file=data%2Fa+b.h5&dataset=%2Fentry%2Fdata&selection=3,:,:&axis=0&window=1,2",
        "/monitor?range=3600&volume=%3Cb%3E%22",
        "/?x='\"<script>alert(1)</script>",
    ],
)
def test_the_view_is_kept(closed: App, prefix: str, view: str) -> None:
    page = ask(closed, prefix + view, headers=HTML)
    assert page.status_code == 401
    assert "<script" not in page.get_data(as_text=True)
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    if "script" not in view:
        shown = f'value="{prefix}{view}"'.replace("&", "&amp;")
        assert shown in page.get_data(as_text=True)
        assert sign_in(closed, next_=prefix + view).headers["Location"] == prefix + view


def test_the_page_for_who_is_signed_in(closed: App, prefix: str) -> None:
    cookie = with_session(session_of(sign_in(closed)))
    response = ask(closed, f"{prefix}/sign-in?next={prefix}/monitor", headers=cookie)
    assert (response.status_code, response.headers["Location"]) == (303, f"{prefix}/monitor")


def test_failures_are_limited_in_all_ways(
    closed: App, prefix: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    cookie = with_session(session_of(sign_in(closed)))
    ways = [
        lambda token: sign_in(closed, token),
        lambda token: ask(closed, f"{prefix}/?token={quote(token, safe='')}", headers=HTML),
        lambda token: ask(
            closed, f"{prefix}/metrics", headers={"Authorization": f"Bearer {token}"}
        ),
    ]
    for number in range(FAILURES):
        assert ways[number % 3]("wrong-but-secret").status_code in (303, 401)
    for way in ways:
        for token in ("wrong-but-secret", TOKEN):
            response = way(token)
            assert response.status_code == 429
            assert 0 < int(response.headers["Retry-After"]) <= 60
            assert "Set-Cookie" not in response.headers
    assert ask(closed, f"{prefix}/metrics", headers=cookie).status_code == 200
    assert ask(closed, f"{prefix}/healthz").status_code == 200
    clock.pass_(60.0)
    assert sign_in(closed).status_code == 303
    for record in caplog.records:
        assert TOKEN not in record.getMessage()
        assert "wrong-but-secret" not in record.getMessage()


def test_behind_a_proxy_clients_are_counted_apart(closed: App) -> None:
    for _ in range(FAILURES):
        sign_in(closed, "wrong", headers={"X-Forwarded-For": "10.0.0.1, 192.0.2.1"})
    limited = sign_in(closed, headers={"X-Forwarded-For": "192.0.2.1"})
    assert limited.status_code == 429
    other = sign_in(closed, headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.2"})
    assert other.status_code == 303
    # Who is not this machine says nothing about others.
    for number in range(FAILURES):
        sign_in(
            closed,
            "wrong",
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
            environ_overrides={"REMOTE_ADDR": "198.51.100.1"},
        )
    remote = sign_in(closed, environ_overrides={"REMOTE_ADDR": "198.51.100.1"})
    assert remote.status_code == 429


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_other_sites_neither_sign_in_nor_out(
    closed: App, prefix: str, path: str, headers: dict[str, str]
) -> None:
    session = session_of(sign_in(closed))
    form = {"token": TOKEN}
    response = ask(closed, prefix + path, "POST", headers | with_session(session), data=form)
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers
    assert ask(closed, f"{prefix}/metrics", headers=with_session(session)).status_code == 200


def test_scripts_are_kept_by_browsers_alone(closed: App, app: App, prefix: str) -> None:
    page = ask(closed, f"{prefix}/", headers=HTML | BEARER).get_data(as_text=True)
    assert "Sign in" not in page
    address = page.partition('rel="modulepreload" href="')[2].partition('"')[0]
    response = ask(closed, address, headers=BEARER)
    assert response.headers["Cache-Control"].startswith("private, max-age=")


def test_the_button_is_there_where_sign_in_is(closed: App, app: App, prefix: str) -> None:
    layout = ask(closed, f"{prefix}/_dash-layout", headers=BEARER)
    assert f"'{prefix}/sign-out'" in str(layout.get_json())
    assert "sign-out" not in ask(app, "/_dash-layout").get_data(as_text=True)
    monitor = ask(closed, f"{prefix}/monitor/_dash-layout", headers=BEARER)
    assert f"'{prefix}/sign-out'" in str(monitor.get_json())


def test_nobody_is_counted_as_a_viewer(closed: App, prefix: str) -> None:
    def figures() -> tuple[str, object]:
        add_up(closed.services)
        by = ask(closed, f"{prefix}/api/v1/stats?by=viewer&window=all", headers=BEARER)
        whole = ask(closed, f"{prefix}/api/v1/stats?window=all", headers=BEARER)
        return by.get_data(as_text=True), whole.get_json()["demand"]

    before = figures()
    assert ask(closed, f"{prefix}{SLICE}&viewer=nobody").status_code == 401
    body = {"viewer": "nobody", "slices": []}
    assert ask(closed, f"{prefix}/api/v1/telemetry", "POST", json=body).status_code == 401
    after = figures()
    assert "nobody" not in after[0]
    assert after[1] == before[1]


def test_a_token_in_the_cache_directory(closed: App) -> None:
    sign_in(closed)
    for path in closed.services.settings.cache_dir.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path


def test_the_client_has_a_token(closed: App, prefix: str) -> None:
    with listening(closed.client.application) as address:
        client = Client(address + prefix, token=TOKEN)
        assert client.volume("data/volume.h5", "volume")[3].tobytes() == VOLUME[3].tobytes()
        assert TOKEN not in repr(client)
        with pytest.raises(ServerError, match="not signed in") as caught:
            Client(address + prefix).files()
        assert caught.value.status == 401
        with pytest.raises(ServerError, match="token is wrong"):
            Client(address + prefix, token="wrong").files()
    with pytest.raises(ValueError, match="visible ASCII") as refused:
        Client(token="a-secret\r\nX: y")
    assert "a-secret" not in str(refused.value)
