"""The application with a token, at the root and below a prefix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.people.access import Access
from dashboard.people.sessions import KEPT_S
from dashboard.people.store import PeopleStore
from tests.clock import Clock
from tests.contract.sign_in.requests import PEER, TOKEN
from tests.nightly import mostly
from tests.people import PASSWORD, make_access, people_file
from tests.web import App, running


@pytest.fixture(scope="module", params=mostly(["", "/lamella"], [""]))
def closed(
    data: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[App]:
    """The application over `data`, with a token; at the root, and below a prefix."""
    folder = tmp_path_factory.mktemp("closed")
    people = folder / "people" / "people.sqlite"
    more = {"people": people, "proxy_peers": PEER}
    with running(folder, data, token=TOKEN, url_prefix=request.param, **more) as app:
        yield app


@pytest.fixture(scope="module")
def prefix(closed: App) -> str:
    return closed.services.settings.url_prefix


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PeopleStore]:
    """A people file of the test's own: the application's tasks have another clock."""
    store = people_file(tmp_path)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def access(
    closed: App, store: PeopleStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Access:
    """People and limits of the test's own, with a clock that it sets, and passwords that cost nothing."""
    access = closed.services.access
    assert access is not None
    for name, value in vars(make_access(store, TOKEN, clock)).items():
        monkeypatch.setattr(access, name, value)
    return access


@pytest.fixture
def people(access: Access, clock: Clock) -> None:
    """Ann, and root who administers."""
    access.accounts.add("ann", PASSWORD, ["imaging"])
    access.accounts.add("root", PASSWORD, admin=True)
    clock.pass_(KEPT_S)
