"""Bookmarks: private ones, those for a group, bounds, and files that do not exist yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.errors import BadRequest, Busy, NotFound
from dashboard.people import bookmarks as bookmarks_module
from dashboard.people.accounts import Accounts
from dashboard.people.bookmarks import LONGEST_NAME, LONGEST_NOTE, Bookmarks
from dashboard.people.store import PeopleStore, PeopleStoreAtUse
from dashboard.people.view import View
from tests.clock import Clock
from tests.people import PASSWORD

VIEW = View("a/b.h5", "file=a/b.h5&dataset=/x&index=3")


@pytest.fixture
def bookmarks(store: PeopleStore, clock: Clock) -> Bookmarks:
    return Bookmarks(lambda: store, clock=clock)


def names(bookmarks: Bookmarks, person: str, groups: set[str] | None) -> list[str]:
    return [one.name for one in bookmarks.listed(person, groups)]


def test_who_sees_a_bookmark(bookmarks: Bookmarks) -> None:
    bookmarks.add(VIEW, "ann", "  private ", "a note")
    bookmarks.add(VIEW, "ann", "For imaging", group="imaging")
    bookmarks.add(VIEW, "", "of the operator")
    assert names(bookmarks, "ann", set()) == ["For imaging", "private"]
    assert names(bookmarks, "bob", {"imaging"}) == ["For imaging"]
    assert names(bookmarks, "bob", {"others"}) == []
    assert names(bookmarks, "", None) == ["For imaging", "of the operator"]
    (found,) = bookmarks.listed("", ())
    assert (found.file, found.view, found.note) == (VIEW.file, VIEW.query, "")


def test_own_bookmarks_are_removed(bookmarks: Bookmarks) -> None:
    made = bookmarks.add(VIEW, "ann", "x", group="imaging")
    with pytest.raises(NotFound):
        bookmarks.remove(made.id, "bob")
    bookmarks.remove(made.id, "ann")
    assert names(bookmarks, "ann", None) == []
    other = bookmarks.add(VIEW, "ann", "x")
    assert bookmarks.remove(other.id, None) == other
    with pytest.raises(NotFound):
        bookmarks.remove(other.id, None)


def test_bookmarks_end_with_their_person(bookmarks: Bookmarks, accounts: Accounts) -> None:
    accounts.add("ann", PASSWORD)
    bookmarks.add(VIEW, "ann", "x", group="imaging")
    bookmarks.add(VIEW, "bob", "y", group="imaging")
    accounts.remove("ann")
    assert names(bookmarks, "", None) == ["y"]


def test_bounds(bookmarks: Bookmarks, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("", "  ", "x" * (LONGEST_NAME + 1)):
        with pytest.raises(BadRequest, match="name"):
            bookmarks.add(VIEW, "ann", name)
    with pytest.raises(BadRequest, match="note"):
        bookmarks.add(VIEW, "ann", "x", "x" * (LONGEST_NOTE + 1))
    with pytest.raises(BadRequest, match="group"):
        bookmarks.add(VIEW, "ann", "x", group="a b")
    monkeypatch.setattr(bookmarks_module, "MOST", 1)
    bookmarks.add(VIEW, "ann", "x")
    with pytest.raises(BadRequest, match="delete one"):
        bookmarks.add(VIEW, "ann", "x")


def test_a_file_is_made_by_the_first_bookmark(tmp_path: Path) -> None:
    path = tmp_path / "people" / "people.sqlite"
    store = PeopleStoreAtUse(path)
    bookmarks = Bookmarks(store, store.exists, close=store.close)
    assert bookmarks.listed("", None) == []
    with pytest.raises(NotFound):
        bookmarks.remove("0" * 16, None)
    assert not path.exists()
    bookmarks.add(VIEW, "", "x")
    assert names(bookmarks, "", None) == ["x"]
    bookmarks.close()


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite"
    path.write_text("no database")
    path.chmod(0o600)
    store = PeopleStoreAtUse(path)
    with pytest.raises(Busy, match="its log has the reason"):
        Bookmarks(store, store.exists).listed("", None)
