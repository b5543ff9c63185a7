"""A people file and a clock of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.people.accounts import Accounts
from dashboard.people.store import PeopleStore
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
