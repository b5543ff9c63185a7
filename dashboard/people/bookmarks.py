"""Bookmarks: views with a name and a note, private or for a group; kept in the people file."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from dashboard.errors import BadRequest, NotFound
from dashboard.people.accounts import check_name
from dashboard.people.store import PeopleStore
from dashboard.people.view import View

LONGEST_NAME: Final = 200
LONGEST_NOTE: Final = 2000
# Of one person.
MOST: Final = 1000

_SELECT: Final = "SELECT id, person, shown_to, name, note, file, view, created FROM bookmark"


class Bookmark(NamedTuple):
    """A bookmark; `person` made it (empty: the operator), and `group` sees it as well, if it is not empty."""

    id: str
    person: str
    group: str
    name: str
    note: str
    file: str
    view: str
    # Unix time (s).
    created: float


class Bookmarks:
    """The bookmarks of a people file; methods raise `Busy` where it cannot be used.

    `store` opens the file when it is first used: a server without sign-in has none before that. `clock` gives Unix
    time (s), `close` releases what `store` opened.
    """

    def __init__(
        self,
        store: Callable[[], PeopleStore],
        exists: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._exists = exists
        self.close = close
        self._clock = clock

    def add(self, view: View, person: str, name: str, note: str = "", group: str = "") -> Bookmark:
        """A new bookmark of a person; raises `BadRequest`."""
        if not name.strip() or len(name) > LONGEST_NAME:
            raise BadRequest(f"A bookmark has a name of at most {LONGEST_NAME} characters.")
        if len(note) > LONGEST_NOTE:
            raise BadRequest(f"A note has at most {LONGEST_NOTE} characters.")
        if group:
            check_name(group, "group")
        made = Bookmark(
            secrets.token_hex(8),
            person,
            group,
            name.strip(),
            note,
            view.file,
            view.query,
            self._clock(),
        )
        with self._store().writing() as database:
            ((count,),) = database.execute(
                "SELECT COUNT(*) FROM bookmark WHERE person = ?", (person,)
            )
            if count >= MOST:
                raise BadRequest(f"You have {MOST} bookmarks; delete one that is not needed.")
            database.execute("INSERT INTO bookmark VALUES (?, ?, ?, ?, ?, ?, ?, ?)", made)
        return made

    def listed(self, person: str, groups: Collection[str] | None = ()) -> list[Bookmark]:
        """The bookmarks of a person, and those for one of `groups` (None: for any), by name."""
        if not self._exists():
            return []
        with self._store().reading() as database:
            rows = database.execute(
                f"{_SELECT} WHERE person = ? OR shown_to != ''", (person,)
            ).fetchall()
        found = (Bookmark(*row) for row in rows)
        seen = [
            one for one in found if one.person == person or groups is None or one.group in groups
        ]
        return sorted(seen, key=lambda one: (one.name.casefold(), one.created, one.id))

    def remove(self, id_: str, person: str | None) -> Bookmark:
        """Remove a bookmark of a person, or of anybody for None; raises `NotFound`."""
        row = None
        if self._exists():
            with self._store().writing() as database:
                row = database.execute(
                    f"{_SELECT} WHERE id = ? AND (? IS NULL OR person = ?)", (id_, person, person)
                ).fetchone()
                if row is not None:
                    database.execute("DELETE FROM bookmark WHERE id = ?", (id_,))
        if row is None:
            raise NotFound(f"There is no bookmark {id_:.40} of yours.")
        return Bookmark(*row)
