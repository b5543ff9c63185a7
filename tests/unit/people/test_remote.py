"""People whose file is on another machine: who is let in there is let in here, and nobody for long who is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import BadRequest, Busy, LamellaError, NotFound, Unauthorized
from dashboard.people.access import NO_SHARE, WRONG_PASSWORD, Access
from dashboard.people.accounts import Accounts
from dashboard.people.attempts import Client, Way
from dashboard.people.audit import Audit
from dashboard.people.people_calls import PeopleCalls
from dashboard.people.people_node import (
    COPY_LIMIT_S,
    FRESH_S,
    KNOWN_S,
    PAUSE_S,
    CopiedPeople,
    PeopleNode,
)
from dashboard.people.person import Person, Scope
from dashboard.people.remote import (
    RemoteAccounts,
    RemoteBookmarks,
    RemoteShares,
    RemoteTokens,
)
from dashboard.people.sessions import KEPT_S, PROVIDER
from dashboard.people.shared_sessions import SharedSessions
from dashboard.people.shares import Shares
from dashboard.people.store import PeopleStore
from dashboard.people.tokens import USED_EVERY_S, Tokens
from dashboard.people.view import View
from tests.clock import Clock
from tests.people import IDLE_S, LIFETIME_S, PASSWORD
from tests.unit.people.test_shared_sessions import GoneRows

# What the documentation says: after this time nobody who was removed is let in.
WITHIN_S = 5.0
VIEW = View("data/a.h5", "file=data/a.h5")
CLIENT = Client("10.0.0.9", Way.FORM)


class Link(PeopleNode):
    """The calls of one machine by another one without a network, which may be cut, or answered by a stranger."""

    def __init__(self, calls: PeopleCalls, clock: Clock) -> None:
        super().__init__("a", "http://a", "token", clock)
        self._calls = calls
        self.gone = False
        self.stranger: dict[str, Any] | None = None
        self.asked: list[str] = []

    def _answer(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(name)
        if self.gone:
            raise OSError("gone")
        if self.stranger is not None:
            return self.stranger
        from pydantic_core import to_jsonable_python

        body = json.dumps({"call": name, "arguments": to_jsonable_python(given)})
        found: dict[str, Any] = json.loads(self._calls.answer(body.encode()))
        return found


@pytest.fixture
def link(calls: PeopleCalls, clock: Clock) -> Link:
    return Link(calls, clock)


@pytest.fixture
def copy(link: Link, clock: Clock, tmp_path: Path) -> Iterator[CopiedPeople]:
    made = CopiedPeople(tmp_path / "other" / "people.sqlite", link, clock)
    yield made
    made.close()


@pytest.fixture
def rows(clock: Clock) -> GoneRows:
    return GoneRows(clock)


@pytest.fixture
def b(copy: CopiedPeople, link: Link, clock: Clock, rows: GoneRows) -> Access:
    """The sign-in of a machine that has no people file."""
    shares = RemoteShares(copy, link, clock)
    given = (copy, None, IDLE_S, LIFETIME_S, clock)
    return Access(
        None,
        SharedSessions(rows, "secret", *given, people_everywhere=True, guest=shares.guest),
        RemoteAccounts(copy, link),
        RemoteTokens(copy, link, clock),
        shares,
        Audit(None),
        clock,
    )


def until(clock: Clock, holds: Callable[[], bool]) -> float:
    """The time after which something holds."""
    for tenth in range(100):
        if holds():
            return tenth / 10
        clock.pass_(0.1)
    raise AssertionError


def refused(use: Callable[[], object], kind: type[LamellaError]) -> bool:
    try:
        use()
    except kind:
        return True
    return False


def test_who_has_an_account_signs_in_where_its_file_is_not(
    b: Access, accounts: Accounts, link: Link
) -> None:
    accounts.add("ann", PASSWORD, ["imaging"])
    assert b.has_accounts()
    session = b.sign_in("ann", PASSWORD, CLIENT)
    person = b.sessions.check(session).person
    assert person is not None
    assert (person.name, person.groups) == ("ann", frozenset({"imaging"}))
    with pytest.raises(Unauthorized, match=WRONG_PASSWORD):
        b.sign_in("ann", "another password", CLIENT)
    with pytest.raises(Unauthorized, match=WRONG_PASSWORD):
        b.sign_in("ben", PASSWORD, CLIENT)
    # An account that is newer than the copy.
    accounts.add("eve", PASSWORD)
    assert b.sessions.check(b.sign_in("eve", PASSWORD, CLIENT)).person == Person(
        "eve", scopes=frozenset({Scope.READ, Scope.WARM})
    )


def test_hashes_of_passwords_stay_where_they_are(
    copy: CopiedPeople, accounts: Accounts, calls: PeopleCalls
) -> None:
    accounts.add("ann", PASSWORD)
    stored = accounts.credentials("ann")
    assert stored is not None
    assert "argon2" in stored.hash
    for call in (
        {"call": "copied", "arguments": {"known": ""}},
        {"call": "mark", "arguments": {"name": "ann"}},
    ):
        assert b"argon2" not in calls.answer(json.dumps(call).encode())
    with copy.reading() as database:
        assert database.execute("SELECT name, password FROM person").fetchall() == [("ann", "")]


def test_requests_ask_the_other_machine_once_in_two_seconds(
    b: Access, accounts: Accounts, tokens: Tokens, link: Link, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    secret = tokens.add("nightly", [Scope.READ], 9, "ann")
    sessions = [b.sign_in("ann", PASSWORD, CLIENT) for _ in range(3)]
    b.bearer(secret, CLIENT)
    link.asked.clear()
    for _ in range(100):
        clock.pass_(0.1)
        for session in sessions:
            assert b.sessions.check(session).person is not None
        b.bearer(secret, CLIENT)
    assert set(link.asked) == {"copied"}
    assert len(link.asked) <= 10.0 / FRESH_S


def test_who_was_removed_loses_access_within_the_time_that_is_documented(
    b: Access, accounts: Accounts, tokens: Tokens, shares: Shares, clock: Clock
) -> None:
    assert FRESH_S + COPY_LIMIT_S + KEPT_S <= WITHIN_S
    for name in ("ann", "ben"):
        accounts.add(name, PASSWORD)
    mine = tokens.add("mine", [Scope.READ], 9, "ann")
    other, kept = (tokens.add(name, [Scope.READ], 9) for name in ("other", "kept"))
    share, link = shares.add(VIEW, Person("ben"), 7)
    session, changed = (b.sign_in(name, PASSWORD, CLIENT) for name in ("ann", "ben"))
    guest = b.let_in(b.share(link, CLIENT), CLIENT)
    assert b.sessions.check(guest).person is not None
    for secret in (mine, other, kept):
        b.bearer(secret, CLIENT)
    clock.pass_(1.9)
    b.bearer(kept, CLIENT)
    accounts.remove("ann")
    accounts.set_password("ben", "five quite different words")
    tokens.revoke("other")
    shares.revoke(share.id)
    for gone in (
        lambda: b.sessions.check(session).person is None,
        lambda: b.sessions.check(changed).person is None,
        lambda: b.sessions.check(guest).person is None,
        lambda: refused(lambda: b.bearer(mine, CLIENT), Unauthorized),
        lambda: refused(lambda: b.bearer(other, CLIENT), Unauthorized),
        lambda: refused(lambda: b.share(link, CLIENT), Unauthorized),
    ):
        assert until(clock, gone) <= WITHIN_S
    b.bearer(kept, CLIENT)


def test_while_the_other_machine_is_gone_who_is_known_stays_for_a_while_and_nobody_comes(
    b: Access, accounts: Accounts, tokens: Tokens, shares: Shares, link: Link, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    secret = tokens.add("nightly", [Scope.READ], 90, "ann")
    revoked = tokens.add("revoked", [Scope.READ], 90)
    tokens.revoke("revoked")
    share, open_link = shares.add(VIEW, Person("ann"), 7)
    session = b.sign_in("ann", PASSWORD, CLIENT)
    guest = b.let_in(b.share(open_link, CLIENT), CLIENT)
    b.bearer(secret, CLIENT)
    bookmarks = RemoteBookmarks(link, clock)
    made = bookmarks.add(VIEW, "ann", "left edge")
    assert bookmarks.listed("ann") == [made]
    assert b.works()
    link.gone = True
    for _ in range(20):
        clock.pass_(FRESH_S)
        assert b.sessions.check(session).person is not None
        assert b.sessions.check(guest).person is not None
        b.bearer(secret, CLIENT)
    assert not b.works()
    with pytest.raises(Unauthorized):
        b.bearer(revoked, CLIENT)
    assert bookmarks.listed("ann") == [made]
    assert b.has_accounts()
    for change in (
        lambda: b.sign_in("ann", PASSWORD, CLIENT),
        lambda: b.share(open_link, CLIENT),
        lambda: b.shares.add(VIEW, Person("ann"), 7),
        lambda: b.shares.revoke(share.id),
        b.shares.listed,
        b.tokens.listed,
        lambda: b.accounts.add("eve", PASSWORD),
        lambda: bookmarks.add(VIEW, "ann", "another"),
        lambda: bookmarks.listed("ben"),
        lambda: bookmarks.remove(made.id, "ann"),
    ):
        clock.pass_(PAUSE_S)
        with pytest.raises(Busy) as caught:
            change()
        assert caught.value.status == 503
    clock.pass_(KNOWN_S)
    for use in (
        lambda: b.sessions.check(session),
        lambda: b.sessions.check(guest),
        lambda: b.bearer(secret, CLIENT),
        lambda: bookmarks.listed("ann"),
        b.accounts.exist,
    ):
        with pytest.raises(Busy):
            use()
    link.gone = False
    clock.pass_(PAUSE_S)
    assert b.sessions.check(session).person is not None
    b.bearer(secret, CLIENT)
    assert b.works()
    assert bookmarks.listed("ann") == [made]


def test_no_request_waits_for_a_machine_that_does_not_answer(
    b: Access, accounts: Accounts, copy: CopiedPeople, link: Link, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    session = b.sign_in("ann", PASSWORD, CLIENT)
    link.gone = True
    clock.pass_(FRESH_S + KEPT_S)
    assert b.sessions.check(session).person is not None
    link.asked.clear()
    for _ in range(20):
        clock.pass_(KEPT_S)
        assert b.sessions.check(session).person is not None
    assert link.asked == []
    # A periodic task asks instead, and finds the machine when it is back.
    copy.try_again()
    link.gone = False
    clock.pass_(PAUSE_S)
    copy.try_again()
    assert link.asked == ["copied", "copied"]
    assert copy.answers


def test_somebody_else_at_the_address_lets_nobody_in(
    b: Access, accounts: Accounts, copy: CopiedPeople, link: Link, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    session = b.sign_in("ann", PASSWORD, CLIENT)
    for answer in (
        {},
        {"answer": {"digest": 1, "tables": {}}},
        {"answer": {"digest": "x", "tables": {"person": [["eve"]]}}},
        {"answer": {"digest": "x", "tables": {"sqlite_master": [["eve"]]}}},
        {"answer": True},
        {"refused": {"code": "forbidden", "message": "No."}},
        {"refused": "no"},
    ):
        link.stranger = answer
        clock.pass_(KEPT_S + PAUSE_S)
        assert b.sessions.check(session).person is not None
        clock.pass_(PAUSE_S)
        copy.try_again()
        assert not copy.answers
        clock.pass_(PAUSE_S)
        with pytest.raises(Busy):
            b.sign_in("eve", PASSWORD, CLIENT)
    clock.pass_(KNOWN_S)
    with pytest.raises(Busy):
        b.sessions.check(session)


def test_a_person_who_is_removed_while_the_store_is_gone_is_gone(
    b: Access, accounts: Accounts, rows: GoneRows, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    session = b.sign_in("ann", PASSWORD, CLIENT)
    assert b.sessions.check(session).person is not None
    rows.gone = True
    clock.pass_(KEPT_S)
    assert b.sessions.check(session).person is not None
    accounts.remove("ann")
    assert until(clock, lambda: b.sessions.check(session).person is None) <= WITHIN_S


def test_a_session_that_was_ended_does_not_come_back_while_the_store_is_gone(
    b: Access, accounts: Accounts, rows: GoneRows, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    session = b.sign_in("ann", PASSWORD, CLIENT)
    assert b.sessions.check(session).person is not None
    b.sessions.end(session)
    rows.gone = True
    with pytest.raises(Busy):
        b.sessions.check(session)


def test_all_sessions_of_a_person_end(b: Access, accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    sessions = b.sessions
    assert isinstance(sessions, SharedSessions)
    both = [b.sign_in("ann", PASSWORD, CLIENT), sessions.begin(PROVIDER, Person("ann"))]
    other = sessions.begin(PROVIDER, Person("ben"))
    assert sessions.end_of("ann") == 2
    assert [one.name for one in sessions.listed()] == ["ben"]
    assert sessions.check(other).person is not None
    assert both


def test_changes_are_made_there_and_seen_at_once(
    b: Access, accounts: Accounts, shares: Shares, store: PeopleStore, link: Link, clock: Clock
) -> None:
    accounts.add("ann", PASSWORD)
    share, secret = b.shares.add(VIEW, Person("ann"), 7, "for ben")
    assert b.shares.listed("ann") == shares.listed("ann") == [share]
    assert b.sessions.check(b.let_in(b.share(secret, CLIENT), CLIENT)).person is not None
    assert shares.listed("ann")[0].used == clock()
    b.shares.revoke(share.id, "ann")
    with pytest.raises(Unauthorized, match=NO_SHARE):
        b.share(secret, CLIENT)
    with pytest.raises(NotFound, match="There is no share"):
        b.shares.revoke(share.id)
    with pytest.raises(BadRequest, match="A link is valid"):
        b.shares.add(VIEW, Person("ann"), 1000)
    # Groups that a proxy says, of somebody without an account.
    outside, _ = b.shares.add(VIEW, Person("pat", frozenset({"old"})), 7)
    b.by_proxy("pat", ["new"], CLIENT)
    guest = shares.guest(outside.id)
    assert guest is not None
    assert guest.person.shared is not None
    assert guest.person.shared.by.groups == {"new"}
    assert b.shares.guest(outside.id) == guest
    bookmarks = RemoteBookmarks(link, clock)
    made = bookmarks.add(VIEW, "ann", "left edge", group="imaging")
    assert bookmarks.listed("ben", {"imaging"}) == [made]
    assert bookmarks.remove(made.id, None) == made
    with pytest.raises(NotFound):
        bookmarks.remove(made.id, None)


def test_the_last_use_of_a_token_is_written_once_a_minute(
    b: Access, tokens: Tokens, link: Link, clock: Clock
) -> None:
    secret = tokens.add("nightly", [Scope.READ], 9)
    for _ in range(20):
        b.bearer(secret, CLIENT)
        clock.pass_(KEPT_S)
    assert link.asked.count("token_used") == 1
    clock.pass_(USED_EVERY_S)
    b.bearer(secret, CLIENT)
    assert link.asked.count("token_used") == 2
    assert b.tokens.listed()[0].used == tokens.listed()[0].used == clock()
