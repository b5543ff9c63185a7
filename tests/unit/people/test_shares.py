"""Shares: secrets stored hashed, with an expiry, and what their person may see now."""

from __future__ import annotations

import pytest

from dashboard.errors import BadRequest, NotFound
from dashboard.people import shares as shares_module
from dashboard.people.accounts import Accounts
from dashboard.people.person import ADMIN_SCOPES, OPERATOR, PERSON_SCOPES, Admins, Person, Scope
from dashboard.people.shares import DAY_S, LONGEST_DAYS, LONGEST_NOTE, Share, Shares
from dashboard.people.store import PeopleStore
from dashboard.people.view import LONGEST, View, parse_view
from tests.clock import Clock
from tests.people import PASSWORD

VIEW = View("a/b.h5", "file=a/b.h5&dataset=/x&index=3")
ANN = Person("ann", frozenset({"imaging"}), PERSON_SCOPES)


@pytest.fixture
def shares(store: PeopleStore, clock: Clock) -> Shares:
    return Shares(store, clock, admins=Admins(groups=frozenset({"staff"})))


def by(shares: Shares, share: Share) -> Person | None:
    """Whose rights the guest of a share has."""
    guest = shares.guest(share.id)
    if guest is None:
        return None
    assert guest.person.shared is not None
    assert guest.person.scopes == {Scope.READ}
    assert guest.person.shared.file == VIEW.file
    assert not guest.person.is_operator
    return guest.person.shared.by


def test_a_secret_is_stored_nowhere(shares: Shares, store: PeopleStore) -> None:
    share, secret = shares.add(VIEW, OPERATOR, 7, "for the referee")
    assert len(secret) == 43
    opened = shares.opened(secret)
    assert opened is not None
    assert (opened.id, opened.view, opened.note) == (share.id, VIEW.query, "for the referee")
    assert by(shares, share) == OPERATOR
    assert shares.opened("x" * 43) is None
    assert shares.opened(share.id) is None
    store.close()
    assert secret.encode() not in store.path.read_bytes()


def test_a_share_expires(shares: Shares, clock: Clock) -> None:
    share, secret = shares.add(VIEW, OPERATOR, 2)
    clock.pass_(2 * DAY_S - 1)
    assert shares.opened(secret)
    clock.pass_(1)
    assert shares.opened(secret) is None
    assert shares.guest(share.id) is None
    shares.remove_expired()
    assert [one.id for one in shares.listed()] == [share.id]
    clock.pass_(DAY_S + 1)
    shares.remove_expired()
    assert shares.listed() == []


def test_a_clock_that_was_set_back_makes_no_share_valid(shares: Shares, clock: Clock) -> None:
    _, secret = shares.add(VIEW, OPERATOR, 2)
    clock.pass_(-10)
    assert shares.opened(secret) is None


def test_own_shares_are_listed_and_revoked(shares: Shares) -> None:
    share, secret = shares.add(VIEW, ANN, 7)
    assert [one.id for one in shares.listed("ann")] == [share.id]
    assert shares.listed("bob") == []
    with pytest.raises(NotFound, match="There is no share"):
        shares.revoke(share.id, "bob")
    assert shares.opened(secret)
    shares.revoke(share.id, "ann")
    assert shares.opened(secret) is None
    with pytest.raises(NotFound):
        shares.revoke(share.id)


def test_the_rights_are_those_of_the_account_now(
    shares: Shares, accounts: Accounts, store: PeopleStore
) -> None:
    accounts.add("ann", PASSWORD, ["imaging"], admin=True)
    share, _ = shares.add(VIEW, ANN, 7)
    assert by(shares, share) == Person("ann", frozenset({"imaging"}), ADMIN_SCOPES)
    with store.writing() as database:
        database.execute("UPDATE person SET admin = 0, groups = '[]'")
    assert by(shares, share) == Person("ann", frozenset(), PERSON_SCOPES)
    accounts.remove("ann")
    assert by(shares, share) is None
    accounts.add("ann", PASSWORD)
    assert by(shares, share) is None


def test_the_rights_follow_the_groups_that_are_said_elsewhere(shares: Shares) -> None:
    share, _ = shares.add(VIEW, ANN, 7)
    other, _ = shares.add(VIEW, Person("bob", frozenset(), PERSON_SCOPES), 7)
    assert by(shares, share) == ANN
    shares.groups_said("ann", ["staff"])
    assert by(shares, share) == Person("ann", frozenset({"staff"}), ADMIN_SCOPES)
    shares.groups_said("ann", [])
    assert by(shares, share) == Person("ann", frozenset(), PERSON_SCOPES)
    assert by(shares, other) == Person("bob", frozenset(), PERSON_SCOPES)


def test_sharing_that_is_switched_off(shares: Shares, store: PeopleStore, clock: Clock) -> None:
    share, secret = shares.add(VIEW, OPERATOR, 7)
    off = Shares(store, clock, allowed=False)
    assert off.opened(secret) is None
    assert off.guest(share.id) is None


def test_bounds(shares: Shares, monkeypatch: pytest.MonkeyPatch) -> None:
    for days in (0, -1, LONGEST_DAYS + 1, float("nan")):
        with pytest.raises(BadRequest, match="A link is valid for"):
            shares.add(VIEW, ANN, days)
    with pytest.raises(BadRequest, match="note"):
        shares.add(VIEW, ANN, 7, "x" * (LONGEST_NOTE + 1))
    monkeypatch.setattr(shares_module, "MOST", 2)
    shares.add(VIEW, ANN, 7)
    shares.add(VIEW, ANN, 7)
    with pytest.raises(BadRequest, match="revoke one"):
        shares.add(VIEW, ANN, 7)
    shares.add(VIEW, OPERATOR, 7)


def test_views() -> None:
    assert parse_view("?file=a%2Fb.h5&dataset=/x") == View("a/b.h5", "file=a%2Fb.h5&dataset=/x")
    for text in (
        "",
        "dataset=/x",
        "file=a&file=b",
        "file=a&token=secret",
        "file=a&%74oken=secret",
        "file=a#b",
        "file=a b",
        "file=a\r\nX: y",
        "file=%ff",
        f"file={'x' * LONGEST}",
        "file=a" + "&b=1" * 200,
    ):
        with pytest.raises(BadRequest):
            parse_view(text)
