"""Sessions that several machines know, over rows that they share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.errors import Busy
from dashboard.people.accounts import ACCOUNT
from dashboard.people.person import OPERATOR, Person, Scope
from dashboard.people.sessions import KEPT_S, MOST, PROVIDER, RENEW_SHARE, TOKEN
from dashboard.people.shared_sessions import SESSION, SharedSessions
from dashboard.people.store import PeopleStore
from dashboard.storage.rows import NumberedRow, RowsUnavailable
from tests.clock import Clock
from tests.people import IDLE_S, LIFETIME_S
from tests.rows import MemoryRows

Make = Callable[..., SharedSessions]
ANN = Person("ann", frozenset({"imaging"}), frozenset({Scope.READ}))


class GoneRows(MemoryRows):
    """Rows that can be gone."""

    gone = False

    def _check(self) -> None:
        if self.gone:
            raise RowsUnavailable("gone")

    def read(self, key: str) -> tuple[bytes, float | None] | None:
        self._check()
        value = self.get(key)
        return None if value is None else (value, None)

    def delete(self, key: str) -> bool:
        return not self.gone and super().delete(key)

    def replace(self, *given: object, **more: object) -> bool:
        self._check()
        return super().replace(*given, **more)  # type: ignore[arg-type]

    def keys_with_prefix(self, prefix: str, newest: int | None = None) -> list[str]:
        self._check()
        return super().keys_with_prefix(prefix, newest)

    def rows_after(self, number: int, *prefixes: str) -> list[NumberedRow]:
        self._check()
        return super().rows_after(number, *prefixes)


@pytest.fixture
def rows(clock: Clock) -> GoneRows:
    return GoneRows(clock)


@pytest.fixture
def make(rows: GoneRows, store: PeopleStore, clock: Clock) -> Make:
    """The sessions of a machine."""
    return lambda secret="secret", token="start": SharedSessions(
        rows, secret, store, token, IDLE_S, LIFETIME_S, clock
    )


def test_who_signs_in_at_one_machine_is_known_to_all(make: Make) -> None:
    a, b = make(), make()
    session = a.begin(PROVIDER, ANN)
    person = b.check(session).person
    assert person is not None
    assert (person.name, person.groups) == ("ann", frozenset({"imaging"}))
    assert b.check(a.begin(TOKEN, OPERATOR)).person == OPERATOR
    assert b.check("x" * 43).person is None


def test_a_sign_out_ends_the_session_everywhere(make: Make, clock: Clock) -> None:
    a, b = make(), make()
    session, other = a.begin(PROVIDER, ANN), a.begin(PROVIDER, ANN)
    assert b.check(session).person is not None
    assert a.end(session) == Person("ann")
    clock.pass_(KEPT_S)
    assert b.check(session).person is None
    assert b.check(other).person is not None
    assert b.end_all(other) == 1
    assert a.check(other).person is None
    assert a.end(other) is None


def test_who_can_write_the_store_lets_nobody_in(
    make: Make, rows: GoneRows, caplog: pytest.LogCaptureFixture
) -> None:
    a = make()
    known, operator = a.begin(PROVIDER, ANN), a.begin(TOKEN, OPERATOR)
    forger = make(secret="another")
    forged = forger.begin(PROVIDER, Person("admin", frozenset({"admins"})))
    assert forger.check(forged).person is not None
    assert a.check(forged).person is None
    assert "no machine of this service has stored it" in caplog.text
    # Nor does a sound row under another session's key.
    keys = rows.keys_with_prefix(SESSION)
    values = [rows.get(key) for key in keys]
    for key, value in zip(keys, values[1:] + values[:1], strict=True):
        rows.set(key, value or b"")
    assert {make().check(one).person for one in (known, operator, forged)} == {None}
    rows.set(keys[0], b"\x80\x04planted")
    assert make().listed() == []


def test_another_start_token_ends_its_sessions(make: Make) -> None:
    session = make().begin(TOKEN, OPERATOR)
    assert make(token="other").check(session).person is None


def test_while_the_store_is_gone_people_stay_and_nobody_comes(
    make: Make, rows: GoneRows, clock: Clock
) -> None:
    a, b = make(), make()
    session = a.begin(PROVIDER, ANN)
    assert a.check(session).person is not None
    rows.gone = True
    clock.pass_(10 * KEPT_S)
    assert a.check(session).person is not None
    with pytest.raises(Busy, match="Nobody can sign in for a moment"):
        b.check(session)
    for use in (
        lambda: a.begin(PROVIDER, ANN),
        lambda: a.end(session),
        lambda: a.end_all(session),
        a.listed,
    ):
        with pytest.raises(Busy):
            use()
    clock.pass_(IDLE_S)
    with pytest.raises(Busy):
        a.check(session)
    rows.gone = False
    assert a.check(session).person is None


def test_a_session_lasts_while_it_is_used(make: Make, clock: Clock) -> None:
    a, b = make(), make()
    session = a.begin(PROVIDER, ANN)
    for number in range(3):
        clock.pass_(IDLE_S * 0.9)
        assert (a, b)[number % 2].check(session).renewed
    clock.pass_(IDLE_S * RENEW_SHARE / 2)
    assert not a.check(session).renewed
    clock.pass_(IDLE_S)
    assert a.check(session).person is None


def test_a_person_has_so_many_sessions(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.people.shared_sessions.MOST", 2)
    assert MOST > 2
    a = make()
    sessions = [a.begin(PROVIDER, ANN) for _ in range(3)]
    other = a.begin(PROVIDER, Person("ben"))
    assert [make().check(one).person is not None for one in sessions] == [False, True, True]
    assert make().check(other).person is not None
    assert [one.name for one in a.listed()].count("ann") == 2


def test_a_new_session_replaces_the_old_one(make: Make) -> None:
    a = make()
    old = a.begin(PROVIDER, ANN)
    new = a.begin(PROVIDER, ANN, old=old)
    assert make().check(old).person is None
    assert make().check(new).person is not None


def test_accounts_have_no_shared_sessions(make: Make) -> None:
    with pytest.raises(Busy, match="known to one machine"):
        make().begin(ACCOUNT, ANN)
