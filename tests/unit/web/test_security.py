"""Request guards: hosts, proxies, cross-site requests, sizes; and the form of every error."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from dashboard.errors import NotFound
from dashboard.settings import Settings
from dashboard.web import security

MakeSettings = Callable[..., Settings]


def client_for(settings: Settings, script_hashes: tuple[str, ...] = ()) -> FlaskClient:
    server = flask.Flask("test")
    security.register(server, settings, script_hashes=script_hashes)

    @server.get(f"{settings.url_prefix}/healthz")
    @server.get(f"{settings.url_prefix}/page")
    def page() -> str:
        return "fine"

    @server.post("/echo")
    def echo() -> str:
        return str(len(flask.request.get_data()))

    @server.get("/missing-volume")
    def missing() -> str:
        raise NotFound("There is no file 'x'.")

    @server.get("/bug")
    @server.get("/bug/<path:rest>")
    def bug(rest: str = "") -> str:
        raise RuntimeError("/secret/path")

    @server.get("/moved/")
    def moved() -> str:
        return "here"

    return server.test_client()


@pytest.fixture
def client(make_settings: MakeSettings) -> FlaskClient:
    return client_for(make_settings())


def error(response: Any) -> dict[str, str]:
    found: dict[str, str] = response.get_json()["error"]
    assert set(found) == {"code", "message"}
    assert "\n" not in found["message"]
    return found


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8050",
        "localhost:1",
        "LOCALHOST.",
        "[::1]:8050",
        "[::1]",
        "127.1.2.3",
    ],
)
def test_loopback_hosts_are_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/page", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8050",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.168.1.5",
        "[::2]",
        "[",
        "",
        "127.0.0.1@evil.example",
    ],
)
def test_other_hosts_are_misdirected(client: FlaskClient, host: str) -> None:
    response = client.get("/page", headers={"Host": host})
    assert response.status_code == 421
    assert error(response)["code"] == "wrong_host"
    assert "--allowed-host" in error(response)["message"]


def test_allowed_hosts_are_answered(make_settings: MakeSettings) -> None:
    client = client_for(make_settings(allowed_hosts=("scans.example",)))
    assert client.get("/page", headers={"Host": "Scans.example:80"}).status_code == 200
    assert client.get("/page", headers={"Host": "127.0.0.1"}).status_code == 200
    assert client.get("/page", headers={"Host": "evil.example"}).status_code == 421


def test_a_server_with_sign_in_answers_through_a_proxy(make_settings: MakeSettings) -> None:
    client = client_for(make_settings(token="correct-horse-battery"))
    assert client.get("/page", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200
    assert client.get("/page", headers={"Host": "any.example"}).status_code == 421
    away = {"host": "0.0.0.0", "token": "correct-horse-battery"}
    client = client_for(make_settings(**away))
    assert client.get("/page", headers={"Host": "any.example"}).status_code == 200
    client = client_for(make_settings(**away, allowed_hosts=("scans.example",)))
    assert client.get("/page", headers={"Host": "scans.example"}).status_code == 200
    assert client.get("/page", headers={"Host": "any.example"}).status_code == 421


def test_a_public_server_answers_all_hosts_unless_some_are_named(
    make_settings: MakeSettings,
) -> None:
    open_to_all = client_for(make_settings(host="0.0.0.0", public=True))
    assert open_to_all.get("/page", headers={"Host": "any.example"}).status_code == 200
    named = client_for(make_settings(public=True, allowed_hosts=("scans.example",)))
    assert named.get("/page", headers={"Host": "any.example"}).status_code == 421


@pytest.mark.parametrize(
    "header",
    [
        *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-proto", "X-Forwarded"),
        *("X-Real-IP", "Via", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"),
        *("X-Original-Host", "X-Original-Forwarded-For", "X-Envoy-External-Address"),
    ],
)
def test_nobody_comes_through_a_proxy(
    client: FlaskClient, make_settings: MakeSettings, header: str
) -> None:
    response = client.get("/page", headers={header: "x"})
    assert response.status_code == 403
    assert error(response)["code"] == "forbidden"
    assert "--public" in error(response)["message"]
    public = client_for(make_settings(public=True))
    assert public.get("/page", headers={header: "x"}).status_code == 200


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("/page", "", 421),
        ("http://evil.example/page", "localhost", 421),
        ("http://localhost:8050/page", "localhost", 200),
        ("/page?next=http://evil.example/", "localhost", 200),
    ],
)
def test_the_host_is_that_of_the_header_and_of_the_target(
    client: FlaskClient, target: str, host: str, status: int
) -> None:
    response = client.get("/page", environ_overrides={"RAW_URI": target, "HTTP_HOST": host})
    assert response.status_code == status


@pytest.mark.parametrize("prefix", ["", "/lamella"])
def test_health_checks_are_open(make_settings: MakeSettings, prefix: str) -> None:
    client = client_for(make_settings(url_prefix=prefix))
    headers = {"Host": "10.0.0.1:8050", "X-Forwarded-For": "x"}
    assert client.get(f"{prefix}/healthz", headers=headers).status_code == 200
    assert client.get(f"{prefix}/page", headers=headers).status_code == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://LOCALHOST"}, 200),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_other_sites_cannot_post(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    response = client.post("/echo", data=b"x", headers=headers)
    assert response.status_code == status
    if status == 403:
        assert error(response)["code"] == "forbidden"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "unheard-of"])
@pytest.mark.parametrize(
    ("mode", "dest"),
    [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("no-cors", "empty"),
        ("cors", "empty"),
        ("navigate", "iframe"),
        ("navigate", "object"),
        ("", ""),
    ],
)
def test_other_sites_cannot_read(client: FlaskClient, site: str, mode: str, dest: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    response = client.get("/page", headers=headers)
    assert response.status_code == 403
    assert error(response)["code"] == "forbidden"
    assert client.options("/page", headers=headers).status_code == 403


LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("prefix", ["", "/lamella"])
@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "same-origin"])
def test_other_sites_may_link_to_the_page(
    make_settings: MakeSettings, prefix: str, site: str
) -> None:
    client = client_for(make_settings(url_prefix=prefix))
    headers = LINK | {"Sec-Fetch-Site": site}
    assert client.get(f"{prefix}/page", headers=headers).status_code == 200
    ours = site in ("none", "same-origin")
    assert client.get(f"{prefix}/healthz", headers=headers).status_code == (200 if ours else 403)
    assert client.get(f"{prefix}/api/v1/x", headers=headers).status_code == (404 if ours else 403)
    assert client.post("/echo", headers=headers).status_code == (200 if ours else 403)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 200),
        ("http://localhost:81", 403),
        ("http://127.0.0.1", 403),
        ("null", 403),
        ("http://[::1", 403),
        ("http://[", 403),
        ("\xff", 403),
        ("", 403),
    ],
)
def test_without_fetch_metadata_the_origin_counts_for_reads_too(
    client: FlaskClient, origin: str, status: int
) -> None:
    assert client.get("/page", headers={"Origin": origin}).status_code == status


def test_behind_a_proxy_the_allowed_names_are_origins_too(make_settings: MakeSettings) -> None:
    client = client_for(make_settings(public=True, allowed_hosts=("scans.example",)))
    fine = client.post("/echo", data=b"", headers={"Origin": "http://scans.example"})
    assert fine.status_code == 200


def test_bodies_are_bounded(client: FlaskClient) -> None:
    assert client.post("/echo", data=b"x" * security.MAX_BODY).text == str(security.MAX_BODY)
    response = client.post("/echo", data=b"x" * (security.MAX_BODY + 1))
    assert response.status_code == 413
    assert error(response)["code"] == "too_large"


class Chunked:
    """A body that comes in pieces: its length is not said."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, count: int = -1) -> bytes:
        taken = self.left if count < 0 else min(count, self.left)
        self.left -= taken
        return b"x" * taken


@pytest.mark.parametrize(("size", "status"), [(security.MAX_BODY, 200), (10**7, 413)])
def test_bodies_of_unknown_length_are_bounded(client: FlaskClient, size: int, status: int) -> None:
    response = client.post(
        "/echo",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input": Chunked(size), "wsgi.input_terminated": True},
    )
    assert response.status_code == status


class Torn:
    """A body that the server cannot take apart, which it says with an error of its own."""

    class InvalidChunkSize(Exception):
        pass

    def read(self, count: int = -1) -> bytes:
        raise self.InvalidChunkSize


def test_a_body_that_cannot_be_read_is_malformed(client: FlaskClient) -> None:
    response = client.post(
        "/echo",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input": Torn(), "wsgi.input_terminated": True},
    )
    assert response.status_code == 400
    assert error(response)["message"] == "The body of the request is malformed."


@pytest.mark.parametrize("path", ["/page%00", "/%ff", "/page/%c3%28"])
def test_an_address_that_is_no_text_is_malformed(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 400
    assert error(response)["code"] == "bad_request"


def test_an_error_is_one_line_of_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/bug/%0aforged")
    assert "\n" not in caplog.messages[0]
    assert len(caplog.messages[0]) < 300


def test_errors_are_json_without_a_traceback(client: FlaskClient) -> None:
    response = client.get("/missing-volume")
    assert response.status_code == 404
    assert error(response) == {"code": "not_found", "message": "There is no file 'x'."}
    assert response.headers["Cache-Control"] == "no-store"
    response = client.get("/bug")
    assert response.status_code == 500
    assert error(response)["code"] == "internal"
    assert "secret" not in response.text


def test_the_frameworks_own_errors_have_the_same_form(client: FlaskClient) -> None:
    assert error(client.get("/nowhere"))["code"] == "not_found"
    response = client.post("/page")
    assert response.status_code == 405
    assert error(response) == {"code": "method_not_allowed", "message": "Method not allowed."}
    assert "GET" in response.headers["Allow"]
    assert client.get("/moved").status_code == 308


def test_every_response_is_hardened(make_settings: MakeSettings) -> None:
    client = client_for(make_settings(), ("'sha256-abc='", "'sha256-def='"))
    for path in ("/page", "/nowhere", "/bug"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == ("private, no-cache" if path == "/page" else "no-store")
        assert "Cross-Origin-Opener-Policy" not in headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert policy["script-src"] == "'self' 'sha256-abc=' 'sha256-def='"
        assert policy["worker-src"] == "'self' blob:"
        assert policy["frame-ancestors"] == "'self'"


def test_the_opener_policy_is_for_browsers_that_take_it(client: FlaskClient) -> None:
    headers = client.get("/page", headers=LINK).headers
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (MemoryError(), 503),
        (OSError(errno.EMFILE, "Too many open files"), 503),
        (OSError(errno.ENFILE, "Too many open files in system"), 503),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 503),
        (OSError(errno.ENOENT, "No such file"), 500),
    ],
)
def test_what_the_machine_lacks_is_asked_for_again(
    client: FlaskClient, raised: Exception, status: int
) -> None:
    def short() -> str:
        raise raised

    client.application.add_url_rule("/short", "short", short)
    response = client.get("/short")
    assert response.status_code == status
    assert (error(response)["code"] == "busy") == (status == 503)
