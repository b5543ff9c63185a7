"""Accounts, tokens, shares and bookmarks that are kept by another machine.

Who is let in is read from a copy; everything else is asked for there, and so is each change. Methods raise `Busy`,
with one sentence, where that machine does not answer: nothing was changed then, and nobody is let in by it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from cachetools import LRUCache, TTLCache

from dashboard.errors import Busy
from dashboard.people.accounts import Accounts, Credentials
from dashboard.people.bookmarks import Bookmark, Bookmarks
from dashboard.people.people_calls import PeopleCalls
from dashboard.people.people_node import KNOWN_S, CopiedPeople, PeopleNode
from dashboard.people.person import NO_ADMINS, Admins, Person
from dashboard.people.shares import Share, Shares
from dashboard.people.tokens import KEPT, USED_EVERY_S, Token, Tokens
from dashboard.people.view import View

# People whose bookmarks are remembered.
LISTS: Final = 256


class RemoteAccounts(Accounts):
    """Accounts: passwords are verified by the machine that has their hashes, which never leave it."""

    def __init__(self, copy: CopiedPeople, node: PeopleNode) -> None:
        super().__init__(copy)
        self._copy = copy
        self._node = node

    def works(self) -> bool:
        return self._copy.answers and super().works()

    def credentials(self, name: str) -> Credentials | None:
        """The mark of a person's password, as it is now, in place of what is stored of it."""
        mark = self._node.ask(PeopleCalls.mark, name=name)
        return None if mark is None else Credentials("", mark)

    def verified(self, name: str, password: str, stored: Credentials | None) -> Person | None:
        mark = None if stored is None else stored.mark
        if not self._node.ask(PeopleCalls.verified, name=name, password=password, mark=mark):
            return None
        # The account, or its password, may be newer than the copy.
        self._copy.expire()
        return self.person(name)


class RemoteTokens(Tokens):
    """API tokens."""

    def __init__(
        self,
        copy: CopiedPeople,
        node: PeopleNode,
        clock: Callable[[], float] = time.time,
        admins: Admins = NO_ADMINS,
    ) -> None:
        super().__init__(copy, clock, admins)
        self._node = node
        self._used: TTLCache[str, None] = TTLCache(KEPT, USED_EVERY_S, clock)
        self._used_lock = threading.Lock()

    def listed(self) -> list[Token]:
        return self._node.ask(PeopleCalls.tokens)

    def write_use(self, digest: str, used: float) -> None:
        # The copy does not have when a token was used last.
        with self._used_lock:
            if digest in self._used:
                return
            self._used[digest] = None
        self._node.ask(PeopleCalls.token_used, digest=digest, used=used)


class RemoteShares(Shares):
    """Shares."""

    def __init__(
        self,
        copy: CopiedPeople,
        node: PeopleNode,
        clock: Callable[[], float] = time.time,
        admins: Admins = NO_ADMINS,
        *,
        allowed: bool = True,
    ) -> None:
        super().__init__(copy, clock, admins, allowed=allowed)
        self._copy = copy
        self._node = node

    def add(self, view: View, person: Person, days: float, note: str = "") -> tuple[Share, str]:
        made = self._node.ask(PeopleCalls.add_share, view=view, person=person, days=days, note=note)
        self._copy.expire()
        return made

    def listed(self, person: str | None = None) -> list[Share]:
        return self._node.ask(PeopleCalls.shares, person=person)

    def revoke(self, id_: str, person: str | None = None) -> Share:
        revoked = self._node.ask(PeopleCalls.revoke_share, id_=id_, person=person)
        self._copy.expire()
        return revoked

    def opened(self, secret: str) -> Share | None:
        share = self._node.ask(PeopleCalls.opened_share, secret=secret) if self.allowed else None
        # It may be newer than the copy.
        self._copy.expire()
        return share

    def write_groups(self, name: str, said: str) -> None:
        self._node.ask(PeopleCalls.groups_of_shares, name=name, said=said)
        self._copy.expire()


class RemoteBookmarks(Bookmarks):
    """Bookmarks; those that were listed last are shown for `KNOWN_S` while the other machine does not answer.

    `clock` gives seconds.
    """

    def __init__(self, node: PeopleNode, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._lock = threading.Lock()
        self._listed: LRUCache[tuple[str, frozenset[str] | None], tuple[float, list[Bookmark]]] = (
            LRUCache(LISTS)
        )
        self.close = node.close

    def add(self, view: View, person: str, name: str, note: str = "", group: str = "") -> Bookmark:
        return self._node.ask(
            PeopleCalls.add_bookmark, view=view, person=person, name=name, note=note, group=group
        )

    def listed(self, person: str, groups: Collection[str] | None = ()) -> list[Bookmark]:
        asked, now = (person, None if groups is None else frozenset(groups)), self._clock()
        try:
            found = self._node.ask(PeopleCalls.bookmarks, person=asked[0], groups=asked[1])
        except Busy:
            with self._lock:
                read_at, known = self._listed.get(asked, (float("-inf"), []))
            if not 0.0 <= now - read_at < KNOWN_S:
                raise
            return known
        with self._lock:
            self._listed[asked] = (now, found)
        return found

    def remove(self, id_: str, person: str | None) -> Bookmark:
        return self._node.ask(PeopleCalls.remove_bookmark, id_=id_, person=person)
