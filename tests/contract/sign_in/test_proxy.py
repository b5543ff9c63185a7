"""Sign-in by a proxy: whose header counts, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from dashboard.people.audit import lines_since
from dashboard.settings import load_settings
from tests.contract.sign_in.requests import HTML, OPEN, SLICE, addresses, ask
from tests.web import App, running

PROXY, UNIX_PEER = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "0"}
ANN = {"X-Remote-User": "ann", "X-Remote-Groups": "imaging, beam"}


@pytest.fixture(scope="module")
def proxied(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server behind a proxy at 192.0.2.1."""
    folder = tmp_path_factory.mktemp("proxied")
    settings: dict[str, Any] = {
        "proxy_header": "X-Remote-User",
        "proxy_groups_header": "X-Remote-Groups",
        "proxy_peers": "192.0.2.1,2001:db8:0:0::1",
        "admin_groups": "admins",
        "people": folder / "people" / "people.sqlite",
        "allowed_hosts": "127.0.0.1",
    }
    with running(folder, data, **settings) as app:
        yield app


# The fixture of the other modules, which has an application of its own.
@pytest.fixture
def access() -> None:
    return None


def send(
    app: App, path: str, headers: dict[str, str], peer: dict[str, str], **more: Any
) -> TestResponse:
    return ask(app, path, headers=headers, environ_overrides=peer, **more)


def message(response: TestResponse) -> str:
    text: str = response.get_json()["error"]["message"]
    return text


def test_the_proxy_says_who_it_is(proxied: App) -> None:
    assert send(proxied, SLICE, ANN, PROXY).status_code == 200
    assert send(proxied, SLICE, ANN, {"REMOTE_ADDR": "::ffff:192.0.2.1"}).status_code == 200
    assert send(proxied, SLICE, ANN, {"REMOTE_ADDR": "2001:db8::1"}).status_code == 200
    page = send(proxied, "/sign-out", ANN, PROXY).get_data(as_text=True)
    assert "You are signed in as ann." in page


@pytest.mark.parametrize(
    ("groups", "status"),
    [("admins", 200), ("beam,admins ", 200), ("beam", 403), ("", 403), ("Admins", 403)],
)
def test_groups_that_administer(proxied: App, groups: str, status: int) -> None:
    headers = ANN | {"X-Remote-Groups": groups}
    assert send(proxied, "/metrics", headers, PROXY).status_code == status


@pytest.mark.parametrize(
    "peer",
    [
        {"REMOTE_ADDR": "192.0.2.2"},
        {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000"},
        UNIX_PEER,
        {"REMOTE_ADDR": "::1"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "unix"},
        {"REMOTE_ADDR": "192.0.2.10"},
    ],
)
@pytest.mark.parametrize(
    "headers",
    [ANN, {"X-Remote-User": ""}, {"x-remote-user": "ann"}, {"X-Remote-Groups": "admins"}],
)
def test_nobody_else_says_who_it_is(
    proxied: App, peer: dict[str, str], headers: dict[str, str]
) -> None:
    for more in ({}, {"X-Forwarded-For": "192.0.2.1"}, HTML):
        response = send(proxied, SLICE, headers | more, peer)
        assert response.status_code == 403
        assert "for the proxy of this server alone" in message(response)
    for path in ("/", "/sign-in", "/?token=x"):
        assert send(proxied, path, headers | HTML, peer).status_code == 403


def test_a_refusal_is_in_the_audit(proxied: App) -> None:
    store = proxied.services.settings.people_file
    send(proxied, SLICE, ANN, {"REMOTE_ADDR": "192.0.2.77"})
    send(proxied, SLICE, ANN, PROXY)
    send(proxied, SLICE, ANN, PROXY)
    found = [json.loads(line) for line in lines_since(store, 0.0)]
    (refused,) = [one for one in found if one.get("address") == "192.0.2.77"]
    assert (refused["event"], refused["reason"]) == ("refused", "header of a proxy")
    signed_in = [one for one in found if one["event"] == "sign-in" and one["way"] == "proxy"]
    assert [(one["name"], one["address"]) for one in signed_in].count(("ann", "192.0.2.1")) == 1


def test_the_client_of_the_proxy_is_in_the_audit(proxied: App) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.1, 198.51.100.7"}
    send(proxied, SLICE, ANN | forwarded, PROXY)
    lines = "".join(lines_since(proxied.services.settings.people_file, 0.0))
    assert '"address": "198.51.100.7"' in lines


@pytest.mark.parametrize(
    "name", ["a b", "ann,root", "ann,ann", "<b>", "x" * 65, "ä", "../x", "(null)", "a;b"]
)
def test_names_that_cannot_be(proxied: App, name: str) -> None:
    response = send(proxied, SLICE, {"X-Remote-User": name}, PROXY)
    assert response.status_code == 403
    assert "sent a name that cannot be one of a person" in message(response)
    assert name not in message(response)


@pytest.mark.parametrize("headers", [{}, {"X-Remote-User": ""}, {"X-Remote-User": "  "}])
def test_without_a_name_there_is_nobody(proxied: App, headers: dict[str, str]) -> None:
    for method, path in addresses(proxied):
        if path not in OPEN or (method, path) == ("GET", "/sign-out"):
            response = send(proxied, path, headers, PROXY, method=method)
            assert response.status_code == 401, (method, path)
    page = send(proxied, "/", headers | HTML, PROXY)
    assert page.status_code == 401
    body = page.get_data(as_text=True)
    assert "open it at the address of the proxy" in body
    assert "password" not in body


def test_health_is_asked_for_by_anybody(proxied: App) -> None:
    assert send(proxied, "/healthz", ANN, {"REMOTE_ADDR": "192.0.2.2"}).status_code == 200


def test_the_socket_file(data: Path, tmp_path: Path) -> None:
    settings = {
        "proxy_header": "X-Remote-User",
        "proxy_peers": "unix",
        "people": tmp_path / "people" / "people.sqlite",
    }
    with running(tmp_path, data, **settings) as app:
        assert send(app, SLICE, {"X-Remote-User": "ann"}, UNIX_PEER).status_code == 200
        for port in ("1", "", "00"):
            peer = UNIX_PEER | {"REMOTE_PORT": port}
            assert send(app, SLICE, {"X-Remote-User": "ann"}, peer).status_code == 403


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"proxy_header": "X-Remote-User"}, "give that proxy's address too"),
        ({"proxy_header": "X-User", "proxy_peers": "unix"}, "give --bind unix:PATH"),
        ({"proxy_header": "X_User", "proxy_peers": "unix"}, "LAMELLA_PROXY_HEADER is not valid"),
        *(
            ({setting: name}, "sent by all clients or means something else")
            for setting in ("proxy_header", "proxy_groups_header")
            for name in (
                *(
                    "Host",
                    "cookie",
                    "Authorization",
                    "Forwarded",
                    "X-Forwarded-For",
                    "x-forwarded-host",
                ),
                *("Connection", "Content-Type", "Origin", "Referer", "User-Agent", "Accept"),
                *("Accept-Language", "Sec-Fetch-Site"),
            )
        ),
        ({"proxy_header": "X-User", "proxy_peers": "10.0.0.0/8"}, "each is one address"),
        ({"proxy_header": "X-User", "proxy_peers": "proxy.example"}, "each is one address"),
        ({"proxy_header": "X-User", "proxy_peers": "unix", "public": True}, "one or the other"),
    ],
)
def test_settings_that_are_refused(given: dict[str, Any], reason: str) -> None:
    from dashboard.errors import SetupError

    with pytest.raises(SetupError, match=reason):
        load_settings(given)


@pytest.mark.parametrize("name", ["X-Remote-User", "Remote-User", "X-Forwarded-User"])
def test_headers_in_which_proxies_name_people(name: str) -> None:
    assert load_settings({"proxy_header": name, "proxy_peers": "127.0.0.1"}).proxy_header == name


def test_a_share_follows_the_groups_that_the_proxy_says(proxied: App) -> None:
    access = proxied.services.access
    assert access is not None
    view = {"view": "file=data/volume.h5&dataset=/volume"}
    made = send(proxied, "/api/v1/shares", ANN, PROXY, method="POST", json=view)
    assert made.status_code == 201

    def groups() -> frozenset[str]:
        guest = access.shares.guest(made.get_json()["id"])
        assert guest is not None
        assert guest.person.shared is not None
        return guest.person.shared.by.groups

    assert groups() == {"imaging", "beam"}
    # Of no other test: what was said within the last two seconds is not written again.
    send(proxied, SLICE, {**ANN, "X-Remote-Groups": "optics"}, PROXY)
    assert groups() == {"optics"}
