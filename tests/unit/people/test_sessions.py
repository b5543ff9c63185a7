"""Sessions: shared by processes, bound to a person, ended by time, by sign-out, and with the account."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from dashboard.errors import Busy
from dashboard.people.accounts import ACCOUNT, Accounts
from dashboard.people.person import OPERATOR, Person, Scope
from dashboard.people.sessions import (
    CLOCK_STEP_S,
    KEPT_S,
    MOST,
    PROVIDER,
    RENEW_SHARE,
    TOKEN,
    Sessions,
)
from dashboard.people.store import PeopleStore
from tests.clock import Clock
from tests.people import IDLE_S, LIFETIME_S, PASSWORD

Make = Callable[..., Sessions]


@pytest.fixture
def make(store: PeopleStore, clock: Clock) -> Make:
    """The sessions of another process."""
    return lambda token="secret": Sessions(store, token, IDLE_S, LIFETIME_S, clock)


@pytest.fixture
def ann(accounts: Accounts) -> Person:
    accounts.add("ann", PASSWORD, ["imaging"])
    person = accounts.person("ann")
    assert person is not None
    return person


def begin(sessions: Sessions, accounts: Accounts, name: str = "ann", **more: str) -> str:
    person, stored = accounts.person(name), accounts.credentials(name)
    assert person is not None
    assert stored is not None
    return sessions.begin(ACCOUNT, person, stored.mark, **more)


def operators(sessions: Sessions) -> str:
    return sessions.begin(TOKEN, OPERATOR)


@contextmanager
def counted(store: PeopleStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """How often the file is read and written."""
    seen = {"reading": 0, "writing": 0}

    def count(name: str, real: Callable[[], object]) -> object:
        seen[name] += 1
        return real()

    with monkeypatch.context() as patch:
        for name in seen:
            patch.setattr(store, name, partial(count, name, getattr(store, name)))
        yield seen


def test_all_processes_know_a_session(make: Make, accounts: Accounts, ann: Person) -> None:
    here, there = make(), make()
    first, second = begin(here, accounts), operators(here)
    assert first != second
    assert there.check(first).person == ann
    assert there.check(second).person is OPERATOR


@pytest.mark.parametrize("session", ["", "x", "a" * 43, "a" * 42 + "/", "a" * 10_000, "ä" * 43])
def test_what_is_no_session(make: Make, session: str) -> None:
    operators(make())
    assert make().check(session).person is None
    assert make().end(session) is None
    assert make().end_all(session) == 0


def test_a_session_ends_with_the_sign_out_in_all_processes(
    make: Make, accounts: Accounts, ann: Person, clock: Clock
) -> None:
    here, there = make(), make()
    session = begin(here, accounts)
    assert there.check(session).person == ann
    ended = here.end(session)
    assert ended is not None
    assert ended.name == "ann"
    assert here.check(session).person is None
    clock.pass_(KEPT_S)
    assert there.check(session).person is None
    assert here.end(session) is None


def test_a_sign_out_everywhere_ends_the_sessions_of_that_person_alone(
    make: Make, accounts: Accounts, ann: Person, clock: Clock
) -> None:
    accounts.add("bob", PASSWORD)
    sessions = make()
    first, second = begin(sessions, accounts), begin(sessions, accounts)
    others = [begin(sessions, accounts, "bob"), operators(sessions)]
    assert sessions.end_all(first) == 2
    assert all(sessions.check(one).person is None for one in (first, second))
    assert all(sessions.check(one).person is not None for one in others)
    assert sessions.end_all(others[1]) == 1
    assert sessions.check(others[1]).person is None


@pytest.mark.parametrize("change", ["removed", "removed and added", "password", "signed out"])
def test_a_change_of_the_account_ends_its_sessions_within_two_seconds(
    make: Make, accounts: Accounts, ann: Person, clock: Clock, change: str
) -> None:
    there = make()
    session, other = begin(there, accounts), operators(there)
    assert there.check(session).person == ann
    clock.pass_(0.5)
    if change.startswith("removed"):
        accounts.remove("ann")
    if change == "removed and added":
        accounts.add("ann", PASSWORD)
    if change == "password":
        accounts.set_password("ann", "other words of hers")
    if change == "signed out":
        assert accounts.end_sessions("ann") == 1
    assert make().check(session).person is None
    clock.pass_(KEPT_S - 0.5)
    assert there.check(session).person is None
    assert there.check(other).person is OPERATOR


def test_a_sign_in_that_is_overtaken_by_a_change_of_the_password(
    make: Make, accounts: Accounts, ann: Person, clock: Clock
) -> None:
    before = accounts.credentials("ann")
    assert before is not None
    clock.pass_(0.1)
    accounts.set_password("ann", "other words of hers")
    session = make().begin(ACCOUNT, ann, before.mark)
    assert make().check(session).person is None


def test_other_groups_count_at_once(
    make: Make, accounts: Accounts, ann: Person, store: PeopleStore, clock: Clock
) -> None:
    sessions = make()
    session = begin(sessions, accounts)
    with store.writing() as database:
        database.execute("""UPDATE person SET groups = '["x"]', admin = 1""")
    clock.pass_(KEPT_S)
    person = sessions.check(session).person
    assert person is not None
    assert person.groups == {"x"}
    assert person.may(Scope.ADMIN)


def test_a_session_ends_when_it_is_not_used(make: Make, clock: Clock) -> None:
    session = operators(make())
    clock.pass_(IDLE_S - 1)
    assert make().check(session).person  # which is a use
    clock.pass_(IDLE_S - 1)
    assert make().check(session).person
    clock.pass_(IDLE_S)
    assert make().check(session).person is None


def test_a_session_ends_however_much_it_is_used(make: Make, clock: Clock) -> None:
    sessions = make()
    session = operators(sessions)
    for _ in range(int(LIFETIME_S / 500) - 1):
        clock.pass_(500.0)
        assert sessions.check(session).person
    clock.pass_(499.0)
    assert sessions.check(session).person
    clock.pass_(1.0)
    assert sessions.check(session).person is None


def test_a_session_that_was_just_read_ends_on_time(store: PeopleStore, clock: Clock) -> None:
    sessions = Sessions(store, "secret", KEPT_S / 2, LIFETIME_S, clock)
    session = operators(sessions)
    assert sessions.check(session).person
    clock.pass_(KEPT_S / 2)
    assert sessions.check(session).person is None


def test_requests_do_not_read_the_file(
    make: Make, store: PeopleStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = make()
    session = operators(sessions)
    assert sessions.check(session).person
    with counted(store, monkeypatch) as seen:
        for _ in range(100):
            clock.pass_(KEPT_S / 200)
            assert sessions.check(session).person
        assert seen == {"reading": 0, "writing": 0}
        clock.pass_(KEPT_S)
        assert sessions.check(session).person
        assert seen == {"reading": 1, "writing": 0}


def test_a_session_is_renewed_now_and_then(
    make: Make, store: PeopleStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = make()
    session = operators(sessions)
    assert not sessions.check(session).renewed
    clock.pass_(RENEW_SHARE * IDLE_S)
    with counted(store, monkeypatch) as seen:
        assert sessions.check(session).renewed
        assert not sessions.check(session).renewed
        assert seen["writing"] == 1


def test_a_renewal_does_not_undo_a_sign_out(
    make: Make, store: PeopleStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = make()
    session = operators(sessions)
    clock.pass_(IDLE_S / 2)
    reading = store.reading

    @contextmanager
    def then_signed_out() -> Iterator[sqlite3.Connection]:
        with reading() as database:
            yield database
        make().end(session)

    with monkeypatch.context() as patch:
        patch.setattr(store, "reading", then_signed_out)
        assert not sessions.check(session).renewed
    clock.pass_(KEPT_S)
    assert sessions.check(session).person is None


def test_another_start_token_ends_its_sessions_alone(
    make: Make, accounts: Accounts, ann: Person
) -> None:
    session, hers = operators(make("one")), begin(make("one"), accounts)
    assert make("other").check(session).person is None
    assert make(None).check(session).person is None
    assert make("other").check(hers).person == ann
    planted = make(None).begin(TOKEN, OPERATOR)
    assert make(None).check(planted).person is None


def test_what_a_provider_said_is_in_the_session(make: Make) -> None:
    session = make().begin(PROVIDER, Person("eve@lab", frozenset({"b", "a"})))
    person = make().check(session).person
    assert person is not None
    assert (person.name, person.groups) == ("eve@lab", {"a", "b"})
    assert person.may(Scope.READ)
    assert not person.may(Scope.ADMIN)


def test_a_provider_is_asked_again(store: PeopleStore, clock: Clock, ann: Person) -> None:
    sessions = Sessions(store, None, IDLE_S, LIFETIME_S, clock, provider_s=300.0)
    other = Sessions(store, None, IDLE_S, LIFETIME_S, clock, provider_s=300.0)
    session, account = sessions.begin(PROVIDER, Person("eve")), sessions.begin(TOKEN, OPERATOR)
    clock.pass_(299.0)
    assert sessions.check(session).person
    assert [one.name for one in sessions.listed() if one.kind == PROVIDER] == ["eve"]
    clock.pass_(1.0)
    for process in (sessions, other):
        assert process.check(session).person is None, "however it was used meanwhile"
    assert not [one for one in sessions.listed() if one.kind == PROVIDER]
    sessions.remove_expired()
    with store.reading() as database:
        kinds = database.execute("SELECT kind FROM session").fetchall()
    assert kinds == [(TOKEN,)]
    assert account


def test_a_session_of_one_network_alone(make: Make) -> None:
    sessions = make()
    bound = sessions.begin(TOKEN, OPERATOR, network="192.0.2.1")
    for _ in range(2):
        assert sessions.check(bound, "192.0.2.1").person
        assert sessions.check(bound, "192.0.2.2").person is None
        assert sessions.check(bound).person is None
    assert make().check(bound, "192.0.2.2").person is None
    assert sessions.check(operators(sessions), "192.0.2.2").person


def test_the_sessions_of_a_person_have_a_limit(
    make: Make, accounts: Accounts, ann: Person, clock: Clock
) -> None:
    accounts.add("bob", PASSWORD)
    sessions = make()
    other = begin(sessions, accounts, "bob")
    first = begin(sessions, accounts)
    for _ in range(MOST):
        clock.pass_(0.01)
        last = begin(sessions, accounts)
    assert make().check(first).person is None
    assert make().check(last).person
    assert make().check(other).person


def test_expired_sessions_are_removed(make: Make, store: PeopleStore, clock: Clock) -> None:
    def rows() -> int:
        with store.reading() as database:
            ((number,),) = database.execute("SELECT COUNT(*) FROM session").fetchall()
        return int(number)

    operators(make())
    clock.pass_(IDLE_S / 2)
    operators(make())
    make().remove_expired()
    assert rows() == 2
    clock.pass_(IDLE_S / 2)
    make().remove_expired()
    assert rows() == 1


def test_the_file_has_neither_ids_nor_the_token(make: Make, store: PeopleStore) -> None:
    sessions = make("correct-horse-battery")
    session = operators(sessions)
    store.close()
    content = store.path.read_bytes()
    assert session.encode() not in content
    assert b"correct-horse-battery" not in content


@pytest.mark.parametrize("column", ["began", "renewed"])
@pytest.mark.parametrize("value", ["'x'", "1e300", "-1e300", "9e999", "x''"])
def test_a_damaged_row_is_no_session(
    make: Make, store: PeopleStore, column: str, value: str
) -> None:
    session = operators(make())
    with store.writing() as database:
        database.execute(f"UPDATE session SET {column} = {value}")
    assert make().check(session).person is None


def test_a_clock_that_is_set_back_ends_sessions(
    make: Make, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    session = operators(make())
    clock.pass_(-3600.0)
    assert make().check(session).person is None
    assert "correct the clock" in caplog.text
    make().remove_expired()
    clock.pass_(3600.0)
    assert make().check(session).person is None


def test_a_clock_that_is_set_back_a_little_ends_none(make: Make, clock: Clock) -> None:
    session = operators(make())
    clock.pass_(-CLOCK_STEP_S)
    make().remove_expired()
    assert make().check(session).person


def test_a_file_that_cannot_be_used(
    make: Make, store: PeopleStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def failing() -> Iterator[None]:
        raise Busy("No.")
        yield

    sessions = make()
    session = operators(sessions)
    clock.pass_(IDLE_S / 2)
    monkeypatch.setattr(store, "writing", failing)
    assert sessions.check(session) == (OPERATOR, False)
    for act in (sessions.end, sessions.end_all):
        with pytest.raises(Busy):
            act(session)
    with pytest.raises(Busy):
        operators(sessions)
    assert sessions.check(session).person is OPERATOR
    monkeypatch.setattr(store, "reading", failing)
    clock.pass_(KEPT_S)
    with pytest.raises(Busy):
        sessions.check(session)
