"""A people file and a clock of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.people.accounts import Accounts
from dashboard.people.bookmarks import Bookmarks
from dashboard.people.people_calls import PeopleCalls
from dashboard.people.shares import Shares
from dashboard.people.store import PeopleStore
from dashboard.people.tokens import Tokens
from tests.clock import Clock
from tests.people import people_file, quick_passwords


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PeopleStore]:
    made = people_file(tmp_path)
    yield made
    made.close()


@pytest.fixture
def accounts(store: PeopleStore, clock: Clock) -> Accounts:
    return Accounts(store, quick_passwords(), clock)


@pytest.fixture
def tokens(store: PeopleStore, clock: Clock) -> Tokens:
    return Tokens(store, clock)


@pytest.fixture
def shares(store: PeopleStore, clock: Clock) -> Shares:
    return Shares(store, clock)


@pytest.fixture
def calls(store: PeopleStore, accounts: Accounts, tokens: Tokens, shares: Shares) -> PeopleCalls:
    """What the machine with the file does for others."""
    return PeopleCalls(store, accounts, tokens, shares, Bookmarks(lambda: store))
