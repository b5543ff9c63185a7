"""The application with a token, at the root and below a prefix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.people.access import Access
from dashboard.people.sessions import Sessions
from tests.clock import Clock
from tests.contract.sign_in.requests import TOKEN
from tests.web import App, running


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
