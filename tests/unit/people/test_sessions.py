"""Sessions: shared by processes, bound to the token, ended by time and by sign-out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.errors import Busy
from dashboard.people.sessions import KEPT_S, PREFIX, RENEW_SHARE, Sessions
from dashboard.storage.rows import RowsUnavailable
from tests.clock import Clock
from tests.rows import MemoryRows

LIFETIME_S = 1000.0


class CountingRows(MemoryRows):
    """Rows that count what is read and written."""

    reads = writes = 0

    def get(self, key: str) -> bytes | None:
        self.reads += 1
        return super().get(key)

    def set(self, key: str, value: bytes, expire: float | None = None) -> bool:
        self.writes += 1
        return super().set(key, value, expire)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rows(clock: Clock) -> CountingRows:
    return CountingRows(clock)


@pytest.fixture
def make(rows: CountingRows, clock: Clock) -> Callable[..., Sessions]:
    """The sessions of another process."""
    return lambda secret=b"secret": Sessions(rows, secret, LIFETIME_S, clock)


def test_all_processes_know_a_session(make: Callable[..., Sessions]) -> None:
    here, there = make(), make()
    first, second = here.begin(), here.begin()
    assert first != second
    assert there.check(first).valid
    assert there.check(second).valid


@pytest.mark.parametrize("session", ["", "x", "a" * 43, "a" * 42 + "/", "a" * 10_000, "ä" * 43])
def test_what_is_no_session(make: Callable[..., Sessions], session: str) -> None:
    make().begin()
    assert not make().check(session).valid
    assert not make().end(session)


def test_a_session_ends_with_the_sign_out_in_all_processes(
    make: Callable[..., Sessions], clock: Clock
) -> None:
    here, there = make(), make()
    session = here.begin()
    assert there.check(session).valid
    assert here.end(session)
    assert not here.check(session).valid
    clock.pass_(KEPT_S)
    assert not there.check(session).valid
    assert not here.end(session)


def test_a_session_ends_when_it_is_not_used(make: Callable[..., Sessions], clock: Clock) -> None:
    session = make().begin()
    clock.pass_(LIFETIME_S - 1)
    assert make().check(session).valid  # which is a use
    clock.pass_(LIFETIME_S - 1)
    assert make().check(session).valid
    clock.pass_(LIFETIME_S)
    assert not make().check(session).valid


def test_a_kept_session_ends_on_time(rows: CountingRows, clock: Clock) -> None:
    sessions = Sessions(rows, b"secret", KEPT_S / 2, clock)
    session = sessions.begin()
    assert sessions.check(session).valid
    clock.pass_(KEPT_S / 2)
    assert not sessions.check(session).valid


def test_requests_do_not_read_the_database(
    make: Callable[..., Sessions], rows: CountingRows, clock: Clock
) -> None:
    sessions = make()
    session = sessions.begin()
    assert sessions.check(session).valid
    reads, writes = rows.reads, rows.writes
    for _ in range(100):
        clock.pass_(KEPT_S / 200)
        assert sessions.check(session).valid
    assert (rows.reads, rows.writes) == (reads, writes)
    clock.pass_(KEPT_S)
    assert sessions.check(session).valid
    assert rows.reads == reads + 1


def test_a_session_is_renewed_now_and_then(
    make: Callable[..., Sessions], rows: CountingRows, clock: Clock
) -> None:
    sessions = make()
    session = sessions.begin()
    writes = rows.writes
    assert not sessions.check(session).renewed
    clock.pass_(RENEW_SHARE * LIFETIME_S)
    assert sessions.check(session).renewed
    assert not sessions.check(session).renewed
    assert rows.writes == writes + 1


def test_a_renewal_does_not_undo_a_sign_out(
    make: Callable[..., Sessions], rows: CountingRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = make()
    session = sessions.begin()
    clock.pass_(LIFETIME_S / 2)
    replace = rows.compare_and_set

    def late(key: str, *rest: object) -> bool:
        make().end(session)
        return replace(key, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "compare_and_set", late)
    assert not sessions.check(session).renewed
    clock.pass_(KEPT_S)
    assert not sessions.check(session).valid


def test_another_token_ends_all_sessions(make: Callable[..., Sessions]) -> None:
    session = make(b"one").begin()
    assert not make(b"other").check(session).valid


def test_the_database_has_no_ids(make: Callable[..., Sessions], rows: CountingRows) -> None:
    session = make().begin()
    (key,) = rows.keys_with_prefix(PREFIX)
    assert session not in key
    assert session.encode() not in (rows.get(key) or b"")


@pytest.mark.parametrize("value", [b"", b"x", b"nan", b"inf", b"-inf", b"1e300", b"\xff"])
def test_a_damaged_row_is_no_session(
    make: Callable[..., Sessions], rows: CountingRows, value: bytes
) -> None:
    session = make().begin()
    (key,) = rows.keys_with_prefix(PREFIX)
    rows.set(key, value)
    assert not make().check(session).valid


def test_a_clock_that_is_set_back_ends_sessions(
    make: Callable[..., Sessions], clock: Clock
) -> None:
    session = make().begin()
    clock.pass_(-3600.0)
    assert not make().check(session).valid


def test_a_database_that_fails(
    make: Callable[..., Sessions], rows: CountingRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise RowsUnavailable

    session = make().begin()
    clock.pass_(LIFETIME_S / 2)
    monkeypatch.setattr(rows, "compare_and_set", fail)
    assert make().check(session) == (True, False)
    monkeypatch.setattr(rows, "set", lambda *_: False)
    with pytest.raises(Busy):
        make().begin()
