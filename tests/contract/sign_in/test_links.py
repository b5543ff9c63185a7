"""Sign-in by links and by the page: where they lead, how failures are limited, and what the page has."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

import pytest

from dashboard.client import Client, ServerError
from dashboard.people.attempts import FAILURES
from dashboard.people.store import PeopleStore
from tests.clock import Clock
from tests.contract.conftest import VOLUME
from tests.contract.sign_in.requests import (
    BEARER,
    HTML,
    PEER,
    SLICE,
    TOKEN,
    ask,
    session_of,
    sign_in,
    with_session,
)
from tests.services import add_up
from tests.web import App, listening


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
    for number in range(FAILURES):
        response = ask(closed, f"{link}{number}", headers=HTML | cookie)
        assert response.headers["Location"] == f"{prefix}/?index=7"


def test_a_link_beyond_the_limit_leaves_no_token_in_the_address_bar(
    closed: App, prefix: str
) -> None:
    for number in range(FAILURES):
        ask(closed, f"{prefix}/?token=wrong-{number}", headers=HTML)
    link = f"{prefix}/?index=7&token={quote(TOKEN, safe='')}"
    response = ask(closed, link, headers=HTML)
    assert response.status_code == 303
    target = urlsplit(response.headers["Location"])
    assert target.path == f"{prefix}/sign-in"
    assert parse_qs(target.query) == {"next": [f"{prefix}/?index=7"], "said": ["many"]}
    page = ask(closed, response.headers["Location"]).get_data(as_text=True)
    assert "wait a minute, and follow the link again" in page
    assert TOKEN not in page


def test_a_link_while_the_people_file_cannot_be_used(
    closed: App, prefix: str, store: PeopleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "path", store.path.with_name("gone"))
        response = ask(closed, f"{prefix}/?index=7&token={quote(TOKEN, safe='')}", headers=HTML)
    assert response.headers["Location"].endswith("&said=busy")
    assert quote(TOKEN, safe="") not in response.headers["Location"]


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
        assert ways[2](f"wrong-but-secret-{number}").status_code == 401
    assert sign_in(closed).status_code == 303
    for way in ways:
        for number in range(FAILURES):
            way(f"wrong-but-secret-{number}")
        for token in ("wrong-but-secret", TOKEN):
            response = way(token)
            assert "Set-Cookie" not in response.headers
            if way is ways[1]:
                assert "said=many" in response.headers["Location"]
            else:
                assert response.status_code == 429
                assert 0 < int(response.headers["Retry-After"]) <= 60
    assert ask(closed, f"{prefix}/metrics", headers=cookie).status_code == 200
    assert ask(closed, f"{prefix}/healthz").status_code == 200
    clock.pass_(60.0)
    assert sign_in(closed).status_code == 303
    for record in caplog.records:
        assert TOKEN not in record.getMessage()
        assert "wrong-but-secret" not in record.getMessage()


def test_the_scope_of_an_address_is_no_text_for_the_log(
    closed: App, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Authorization": "Bearer wrong"}
    peer = {"REMOTE_ADDR": PEER, "HTTP_X_FORWARDED_FOR": "fe80::1%" + "x" * 3000}
    path = closed.services.settings.url_prefix + SLICE
    assert ask(closed, path, headers=headers, environ_overrides=peer).status_code == 401
    assert '"address": "fe80::1"' in caplog.text
    assert "xxxx" not in caplog.text


def test_behind_a_proxy_clients_are_counted_apart(closed: App) -> None:
    proxy = {"REMOTE_ADDR": PEER}
    for number in range(FAILURES):
        wrong, headers = f"wrong {number}", {"X-Forwarded-For": "10.0.0.1, 192.0.2.1"}
        sign_in(closed, wrong, headers=headers, environ_overrides=proxy)
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    limited = sign_in(closed, headers=forwarded, environ_overrides=proxy)
    assert limited.status_code == 429
    forwarded = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
    other = sign_in(closed, headers=forwarded, environ_overrides=proxy)
    assert other.status_code == 303


@pytest.mark.parametrize(
    "peer",
    [
        {"REMOTE_ADDR": "198.51.100.1"},
        {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000"},
        # Of a socket file.
        {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "0"},
    ],
)
def test_who_is_no_proxy_of_this_server_says_nothing_about_others(
    closed: App, peer: dict[str, str]
) -> None:
    for number in range(FAILURES):
        forwarded = {"X-Forwarded-For": f"203.0.113.{number}"}
        sign_in(closed, f"wrong {number}", headers=forwarded, environ_overrides=peer)
    assert sign_in(closed, environ_overrides=peer).status_code == 429


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
    response = ask(closed, prefix + path, "POST", with_session(session) | headers, data=form)
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
    assert "'Account'" in str(monitor.get_json())
    assert "Account" not in ask(app, "/monitor/_dash-layout").get_data(as_text=True)


def test_nobody_is_counted_as_a_viewer(closed: App, prefix: str) -> None:
    def figures() -> tuple[str, object]:
        add_up(closed.services)
        other = {"REMOTE_ADDR": "192.0.2.9"}  # not limited below
        by, whole = (
            ask(closed, prefix + path, headers=BEARER, environ_overrides=other)
            for path in ("/api/v1/stats?by=viewer&window=all", "/api/v1/stats?window=all")
        )
        return by.get_data(as_text=True), whole.get_json()["demand"]

    before = figures()
    slice_ = f"{prefix}{SLICE}&viewer=nobody"
    assert ask(closed, slice_).status_code == 401
    assert ask(closed, slice_, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    elsewhere = BEARER | {"Host": "evil.example"}
    assert ask(closed, slice_, headers=elsewhere).status_code == 421
    for number in range(FAILURES):
        ask(closed, slice_, headers={"Authorization": f"Bearer {number}"})
    assert ask(closed, slice_, headers={"Authorization": "Bearer x"}).status_code == 429
    body = {"viewer": "nobody", "slices": []}
    assert ask(closed, f"{prefix}/api/v1/telemetry", "POST", json=body).status_code == 401
    after = figures()
    assert "nobody" not in after[0]
    assert after[1] == before[1]


def test_the_token_is_in_no_file(closed: App, store: PeopleStore) -> None:
    sign_in(closed)
    settings = closed.services.settings
    for path in (*settings.cache_dir.rglob("*"), *store.path.parent.iterdir()):
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
