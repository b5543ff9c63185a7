"""Every route behind a real nginx: nothing to nobody, 404 to who may not see, data to who may."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPSConnection
from urllib.parse import urlencode

import numpy as np
import pytest

from tests import certificates, files, nginx
from tests.conftest import serving, unused_port
from tests.contract.rights.test_routes import FIGURES, FILES
from tests.nginx import Nginx
from tests.stress.test_accounts import PASSWORD, Accounts
from tests.stress.test_rights import CONFIG, WITHIN_S, configuration, token

pytestmark = [pytest.mark.stress, pytest.mark.timeout(300)]

NAME = "scans.example"
VALUES = np.arange(8 * 30 * 20, dtype="u2").reshape(8, 30, 20)
HIDDEN, ABSENT = "two/v.h5", "nowhere/v.h5"


@dataclass
class Site:
    """A server behind nginx, and the tokens of ann, who sees the root `one`, and of bob, who sees `two`."""

    nginx: Nginx
    context: ssl.SSLContext
    tokens: dict[str, str]

    def ask(
        self, who: str | None, route: str, method: str = "GET", body: str = "", **query: str
    ) -> tuple[int, bytes]:
        connection = HTTPSConnection(
            "localhost", self.nginx.https, timeout=WITHIN_S, context=self.context
        )
        headers = {"Host": NAME, "Content-Type": "application/json"}
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        # What a client says of itself is of no use to it.
        headers |= {"X-Remote-User": "bob", "X-Forwarded-For": "127.0.0.1", "Forwarded": "for=::1"}
        try:
            connection.request(method, f"/lamella{route}?{urlencode(query)}", body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    accounts = Accounts(folder / "people" / "people.sqlite")
    for name in ("ann", "bob"):
        accounts.run("user", "add", name, password=PASSWORD)
    for name in ("one", "two"):
        (folder / name).mkdir()
        files.write(folder / name / "v.h5", scan=(VALUES, {"chunks": (4, 10, 10)}))
    config, path = configuration(folder, CONFIG), folder / "lamella.sock"
    certificate = certificates.make(folder)
    arguments = ("serve", "--url-prefix", "/lamella", "--bind", f"unix:{path}")
    arguments += ("--config", str(config), "--people", str(accounts.path), "--proxy-peer", "unix")
    with ExitStack() as stack:
        stack.enter_context(serving(folder / "server", unused_port(), *arguments))
        made = stack.enter_context(nginx.running(folder / "nginx", str(path), certificate))
        tokens = {name: token(accounts, name) for name in ("ann", "bob")}
        yield Site(made, certificate.client_context(), tokens)


def test_a_file_is_there_for_who_may_see_it_and_absent_for_others(site: Site) -> None:
    for (method, path), more in FILES.items():
        query = {"dataset": "scan", **more}
        if "path" in query:
            query["path"] = "/scan"
        status, body = site.ask("bob", path, method, file=HIDDEN, **query)
        assert status == 200, (path, body)
        hidden = site.ask("ann", path, method, file=HIDDEN, **query)
        absent = site.ask("ann", path, method, file=ABSENT, **query)
        assert hidden[0] == absent[0] == 404, path
        assert hidden[1].replace(b"two", b"nowhere") == absent[1]
        assert site.ask(None, path, method, file=HIDDEN, **query)[0] == 401


def test_lists_and_figures_name_nothing_that_is_hidden(site: Site) -> None:
    for (method, path), queries in FIGURES.items():
        for query in queries:
            status, body = site.ask("ann", path, method, **query)
            # Metrics take a scope of their own.
            assert status == (403 if path == "/metrics" else 200), path
            assert b"two" not in body, path
            assert site.ask(None, path, method, **query)[0] in (401, 403), path
    listed = json.loads(site.ask("bob", "/api/v1/files")[1])["files"]
    assert [one["file"] for one in listed] == [HIDDEN]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("jobs", {"kind": "warm", "axis": "0", "dataset": "/scan"}),
        ("shares", {"view": "file=FILE"}),
        ("bookmarks", {"view": "file=FILE", "name": "mine"}),
    ],
)
def test_what_is_made_of_a_hidden_file_is_as_of_an_absent_one(
    site: Site, path: str, body: dict[str, str]
) -> None:
    answers = []
    for file in (HIDDEN, ABSENT):
        made = {name: value.replace("FILE", file) for name, value in body.items()}
        made |= {"file": file} if path == "jobs" else {}
        status, text = site.ask("ann", f"/api/v1/{path}", "POST", json.dumps(made))
        assert status in (403, 404), text
        answers.append((status, text.replace(b"two", b"nowhere")))
        assert site.ask(None, f"/api/v1/{path}", "POST", json.dumps(made))[0] == 401
    assert answers[0] == answers[1]
