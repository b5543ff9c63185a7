"""Accounts with the real server and the real commands: what one of them changes, all web processes see."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.conftest import Server
from tests.peers import knows_accounts

pytestmark = pytest.mark.stress

PASSWORD = "four words of hers"
WITHIN_S = 60.0
OTHER = 54_321


class Accounts:
    """Commands with one people file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str, password: str = "") -> str:
        """What a command prints."""
        line = [sys.executable, "-m", "dashboard", *arguments, "--people", str(self.path)]
        done = subprocess.run(line, input=password, text=True, capture_output=True, check=True)
        assert done.stderr == ""
        return done.stdout


def request(
    url: str, path: str, headers: dict[str, str], form: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and cookie of a request over a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=WITHIN_S)
    try:
        if form is None:
            connection.request("GET", path, headers=headers)
        else:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", path, urlencode(form), headers | kind)
        answer = connection.getresponse()
        answer.read()
        return answer.status, (answer.getheader("Set-Cookie") or "").partition(";")[0]
    finally:
        connection.close()


def sign_in(url: str, name: str = "ann", password: str = PASSWORD) -> tuple[int, dict[str, str]]:
    status, cookie = request(url, "/sign-in", {}, {"name": name, "password": password})
    return status, {"Cookie": cookie}


def expect_refused(url: str, headers: dict[str, str]) -> None:
    """Wait until no process answers: twenty connections in a row, which both of them take."""
    end, refused = time.monotonic() + WITHIN_S, 0
    while refused < 20:
        assert time.monotonic() < end, "a process still answers"
        status, _ = request(url, "/api/v1/files", headers)
        assert status in (200, 401)
        refused = refused + 1 if status == 401 else 0


def test_a_cookie_is_of_no_use_to_another_account_of_the_machine(
    serve: Callable[..., Server], volume: Path
) -> None:
    """A server of another account, at another port of this host, gets the cookie of who opens a link to it."""
    if os.getuid() != 0 or not knows_accounts():
        pytest.skip("takes another account, and a kernel that says whose a connection is")
    server = serve(str(volume), LAMELLA_TOKEN="correct-horse-battery")
    status, cookie = request(server.url, "/sign-in", {}, {"token": "correct-horse-battery"})
    assert status == 303
    assert request(server.url, "/api/v1/files", {"Cookie": cookie})[0] == 200
    script = (
        "import encodings.idna, http.client, os, sys\n"
        "os.setuid(int(sys.argv[1]))\n"
        "connection = http.client.HTTPConnection(sys.argv[2])\n"
        "connection.request('GET', '/api/v1/files', headers={'Cookie': sys.argv[3]})\n"
        "print(connection.getresponse().status)\n"
    )
    for account, expected in ((OTHER, "401"), (0, "200")):
        line = [sys.executable, "-c", script, str(account), urlsplit(server.url).netloc, cookie]
        done = subprocess.run(line, text=True, capture_output=True, check=True)
        assert done.stdout.strip() == expected


def test_commands_change_a_running_server(
    serve: Callable[..., Server], volume: Path, tmp_path: Path
) -> None:
    accounts = Accounts(tmp_path / "people" / "people.sqlite")
    assert accounts.run("user", "add", "ann", password=PASSWORD) == "Added ann.\n"
    server = serve(
        str(volume),
        "--people",
        str(accounts.path),
        LAMELLA_WEB_PROCESSES="2",
        LAMELLA_LOG_LEVEL="INFO",
    )
    # Nobody needs a token where there are accounts, so none is made.
    assert "token" not in server.line
    assert request(server.url, "/api/v1/files", {})[0] == 401
    assert sign_in(server.url, password="wrong words of hers")[0] == 401
    status, session = sign_in(server.url)
    assert status == 303
    secret = accounts.run("token", "add", "script", "--scope", "read", "--user", "ann").strip()
    bearer = {"Authorization": f"Bearer {secret}"}
    for headers in (session, bearer):
        for _ in range(10):
            assert request(server.url, "/api/v1/files", headers)[0] == 200

    accounts.run("user", "passwd", "ann", password="other words of hers")
    expect_refused(server.url, session)
    assert request(server.url, "/api/v1/files", bearer)[0] == 200
    status, session = sign_in(server.url, password="other words of hers")
    assert status == 303

    accounts.run("token", "revoke", "script")
    expect_refused(server.url, bearer)
    assert request(server.url, "/api/v1/files", session)[0] == 200
    accounts.run("user", "remove", "ann")
    expect_refused(server.url, session)
    assert sign_in(server.url, password="other words of hers")[0] == 401

    events = accounts.run("audit")
    for event in ("user-added", "refused", "sign-in", "password-changed", "token-revoked"):
        assert f'"event": "{event}"' in events
    assert server.stop() == 0
    for text in (server.log.read_text(), events):
        assert not any(one in text for one in (PASSWORD, "words of hers", secret))
