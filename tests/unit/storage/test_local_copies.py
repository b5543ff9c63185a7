"""Local copies of shared rows: their contract, and what is known while the store is gone or was emptied."""

from __future__ import annotations

import pytest

from dashboard.storage.local_copies import FRESH_S, MOST_BYTES, MOST_S, LocalCopies
from dashboard.storage.rows import RowsUnavailable, update
from tests.clock import Clock
from tests.rows import MemoryRows
from tests.unit.storage.test_rows import RowsContract


class SharedMemory(MemoryRows):
    """Rows of several machines that can be gone, and count how often they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = False
        self.reads = 0
        self.lifetimes: dict[str, float | None] = {}

    def read(self, key: str) -> tuple[bytes, float | None] | None:
        self.reads += 1
        if self.gone:
            raise RowsUnavailable("gone")
        value = super().get(key)
        return None if value is None else (value, self.lifetimes.get(key))

    def set(self, key: str, value: bytes, expire: float | None = None) -> bool:
        self.lifetimes[key] = expire
        return not self.gone and super().set(key, value, expire)

    def delete(self, key: str) -> bool:
        return not self.gone and super().delete(key)

    def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, expire: float | None = None
    ) -> bool:
        if self.gone:
            raise RowsUnavailable("gone")
        return super().compare_and_set(key, expected, value, expire)


@pytest.fixture
def shared() -> SharedMemory:
    return SharedMemory()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def here(shared: SharedMemory, clock: Clock) -> LocalCopies:
    return LocalCopies(shared, MemoryRows(), clock)


@pytest.fixture
def there(shared: SharedMemory, clock: Clock) -> LocalCopies:
    return LocalCopies(shared, MemoryRows(), clock)


class TestLocalCopies(RowsContract):
    @pytest.fixture
    def rows(self, here: LocalCopies) -> LocalCopies:
        return here


def test_another_machine_sees_it_within_a_moment(
    here: LocalCopies, there: LocalCopies, clock: Clock
) -> None:
    assert there.get("key") is None
    here.set("key", b"1")
    assert there.get("key") is None
    clock.pass_(FRESH_S)
    assert there.get("key") == b"1"
    here.set("key", b"2")
    clock.pass_(FRESH_S)
    assert there.get("key") == b"2"


def test_a_key_is_read_once_in_a_while(
    here: LocalCopies, shared: SharedMemory, clock: Clock
) -> None:
    for _ in range(3):
        assert here.get("absent") is None
    assert shared.reads == 1
    clock.pass_(FRESH_S)
    here.get("absent")
    assert shared.reads == 2


def test_what_was_known_stays_known_while_the_store_is_gone(
    here: LocalCopies, there: LocalCopies, shared: SharedMemory, clock: Clock
) -> None:
    here.set("key", b"1")
    assert there.get("key") == b"1"
    shared.gone = True
    clock.pass_(FRESH_S)
    assert here.get("key") == there.get("key") == b"1"
    assert here.set("new", b"2")
    update(here, "verdicts", lambda before: (before or b"") + b"x")
    assert (here.get("new"), here.get("verdicts")) == (b"2", b"x")


def test_an_emptied_store_is_filled_again(
    here: LocalCopies, shared: SharedMemory, clock: Clock
) -> None:
    here.set("key", b"1")
    super(SharedMemory, shared).delete("key")
    clock.pass_(FRESH_S)
    assert here.get("key") == b"1"
    update(here, "key", lambda before: (before or b"") + b"2")
    assert shared.get("key") == b"12"


def test_large_values_stay_here(
    here: LocalCopies, there: LocalCopies, shared: SharedMemory, clock: Clock
) -> None:
    here.set("large", bytes(MOST_BYTES + 1))
    clock.pass_(FRESH_S)
    assert here.get("large") == bytes(MOST_BYTES + 1)
    assert there.get("large") is None


def test_copies_last_as_long_as_the_rows(
    here: LocalCopies, there: LocalCopies, shared: SharedMemory, clock: Clock
) -> None:
    here.set("lasting", b"1")
    here.set("short", b"2", 60.0)
    assert shared.lifetimes == {"lasting": MOST_S, "short": 60.0}
    shared.lifetimes["short"] = -1.0
    assert there.get("short") == b"2"
    shared.gone = True
    clock.pass_(FRESH_S)
    assert there.get("short") is None


def test_an_update_goes_on_from_what_another_machine_wrote(
    here: LocalCopies, there: LocalCopies
) -> None:
    here.set("key", b"1")
    assert there.get("key") == b"1"
    here.set("key", b"2")
    update(there, "key", lambda before: (before or b"") + b"3")
    assert here.get("key") == b"2"  # for a moment
    assert there.get("key") == b"23"
