"""Accounts, tokens and bookmarks of one machine at all of them, and what is left when it is killed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from dashboard.people.accounts import Accounts
from dashboard.people.person import Scope
from dashboard.people.store import PeopleStore, open_people
from dashboard.people.tokens import Tokens
from tests import redis_server
from tests.cluster.conftest import Cluster, eventually

pytestmark = pytest.mark.cluster

PASSWORD = "a long password of ann"
# That of the documentation, and the time in which figures of a busy machine come.
WITHIN_S = 5.0
FILES = "/api/v1/files"


def settings(cluster: Cluster, name: str) -> dict[str, str]:
    given = {"LAMELLA_PEOPLE_NODE": f"a=http://127.0.0.1:{cluster.ports['a']}"}
    return given | ({"LAMELLA_PEOPLE": str(people_of(cluster.folder))} if name == "a" else {})


def people_of(folder: Path) -> Path:
    return folder / "people" / "people.sqlite"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "data").mkdir()
    with closing(open_people(people_of(tmp_path))) as store:
        # A machine does not start without anybody who could sign in.
        for name in ("ann", "bob"):
            Accounts(store).add(name, PASSWORD)
    with redis_server.running(tmp_path / "redis") as redis, ExitStack() as stack:
        yield Cluster(tmp_path, redis, stack, ("a", "b"), settings)


class Caller:
    """A browser or a script at one machine."""

    def __init__(self, cluster: Cluster, name: str, **headers: str) -> None:
        self._url = f"http://127.0.0.1:{cluster.ports[name]}"
        self.headers = {"Origin": self._url} | headers

    def ask(
        self, method: str, path: str, *, form: bool = False, **more: object
    ) -> urllib3.BaseHTTPResponse:
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        return urllib3.request(
            method,
            self._url + path,
            headers=self.headers | kind,
            redirect=False,
            retries=False,
            timeout=60.0,
            **more,
        )

    def sign_in(self) -> int:
        form = {"name": "ann", "password": PASSWORD}
        answer = self.ask("POST", "/sign-in", body=urlencode(form), form=True)
        if answer.status == 303:
            self.headers["Cookie"] = answer.headers["Set-Cookie"].partition(";")[0]
        return answer.status


def test_people_of_a_machine_that_is_killed(cluster: Cluster, store: PeopleStore) -> None:
    ann = Caller(cluster, "b")
    assert ann.sign_in() == 303
    tokens = Tokens(store)
    secret, other = (tokens.add(name, [Scope.READ], 9) for name in ("nightly", "other"))
    script, revoked = (
        Caller(cluster, "b", Authorization=f"Bearer {one}") for one in (secret, other)
    )
    eventually(lambda: revoked.ask("GET", FILES).status == 200, WITHIN_S)
    for caller in (ann, script):
        assert caller.ask("GET", FILES).status == 200
    tokens.revoke("other")
    eventually(lambda: revoked.ask("GET", FILES).status == 401, WITHIN_S)
    bookmark = {"view": "file=data/volume.h5", "name": "left edge"}
    assert ann.ask("POST", "/api/v1/bookmarks", json=bookmark).status == 201

    cluster.kill("a")
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        began = time.monotonic()
        for caller in (ann, script):
            assert caller.ask("GET", FILES).status == 200
        assert time.monotonic() - began < 1.0
        time.sleep(0.2)
    assert revoked.ask("GET", FILES).status == 401
    assert Caller(cluster, "b").ask("GET", FILES).status == 401
    assert Caller(cluster, "b").sign_in() == 503
    refused = ann.ask("POST", "/api/v1/bookmarks", json=bookmark)
    assert refused.status == 503
    assert "The machine a, which has the list of people" in refused.json()["error"]["message"]

    Accounts(store).remove("ann")
    cluster.start("a")
    eventually(lambda: ann.ask("GET", FILES).status == 401, WITHIN_S)
    assert script.ask("GET", FILES).status == 200


@pytest.fixture
def store(cluster: Cluster) -> Iterator[PeopleStore]:
    with closing(open_people(people_of(cluster.folder))) as made:
        yield made
