"""What the machine with the people file does for the others, which have nothing of it on their disks.

    page, script ─▶ machine b ─ `POST /api/v1/people`, token of the machines ─▶ machine a ─▶ people file

Each call is a method here, on both sides: the other machine names it with its arguments (`people/people_node.py`).
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, validate_call

from dashboard.errors import BadRequest, Busy, LamellaError, NotFound
from dashboard.people.accounts import Accounts
from dashboard.people.bookmarks import Bookmark, Bookmarks
from dashboard.people.person import Person
from dashboard.people.shares import Share, Shares
from dashboard.people.store import PeopleStore
from dashboard.people.tokens import Token, Tokens
from dashboard.people.view import View

Row = tuple[str | int | float | None, ...]

# What it takes to decide who is let in. Hashes of passwords stay where they are, and so does what changes with
# each use, since a copy would be another one every minute.
COPIED: Final = {
    "person": "SELECT name, '', groups, admin, created, password_set FROM person ORDER BY name",
    "token": "SELECT digest, name, person, scopes, created, expires, NULL FROM token ORDER BY digest",
    "share": (
        "SELECT id, digest, person, groups, file, '', '', created, expires, NULL FROM share ORDER BY id"
    ),
}

# Errors of a call that are the caller's to know; others are failures of the machine.
SAID: Final[tuple[type[LamellaError], ...]] = (BadRequest, NotFound, Busy)


class Copied(NamedTuple):
    """Rows of the tables in `COPIED`, and their digest."""

    digest: str
    tables: dict[str, list[Row]]


class Call(BaseModel):
    """A method of `PeopleCalls`, and its arguments by name."""

    model_config = ConfigDict(extra="forbid")

    call: str
    arguments: dict[str, Any]


class PeopleCalls:
    """The calls; errors are those of the parts. A machine that has the token is believed who it asks for."""

    def __init__(
        self,
        store: PeopleStore,
        accounts: Accounts,
        tokens: Tokens,
        shares: Shares,
        bookmarks: Bookmarks,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._tokens = tokens
        self._shares = shares
        self._bookmarks = bookmarks

    def copied(self, known: str) -> Copied | None:
        """What decides who is let in; None where its digest is `known`."""
        with self._store.reading() as database:
            tables = {name: database.execute(query).fetchall() for name, query in COPIED.items()}
        digest = hashlib.sha256(json.dumps(tables).encode()).hexdigest()
        return None if digest == known else Copied(digest, tables)

    def mark(self, name: str) -> str | None:
        """The mark of when an account's password was set; None for a name without an account."""
        stored = self._accounts.credentials(name)
        return None if stored is None else stored.mark

    def verified(self, name: str, password: str, mark: str | None) -> bool:
        """Whether the password with this mark is the account's."""
        stored = self._accounts.credentials(name)
        person = self._accounts.verified(name, password, stored)
        return person is not None and stored is not None and stored.mark == mark

    def tokens(self) -> list[Token]:
        """As `Tokens.listed`."""
        return self._tokens.listed()

    def token_used(self, digest: str, used: float) -> None:
        """As `Tokens.write_use`."""
        self._tokens.write_use(digest, used)

    def shares(self, person: str | None) -> list[Share]:
        """As `Shares.listed`."""
        return self._shares.listed(person)

    def add_share(self, view: View, person: Person, days: float, note: str) -> tuple[Share, str]:
        """As `Shares.add`."""
        return self._shares.add(view, person, days, note)

    def revoke_share(self, id_: str, person: str | None) -> Share:
        """As `Shares.revoke`."""
        return self._shares.revoke(id_, person)

    def opened_share(self, secret: str) -> Share | None:
        """As `Shares.opened`."""
        return self._shares.opened(secret)

    def groups_of_shares(self, name: str, said: str) -> None:
        """As `Shares.write_groups`."""
        self._shares.write_groups(name, said)

    def bookmarks(self, person: str, groups: frozenset[str] | None) -> list[Bookmark]:
        """As `Bookmarks.listed`."""
        return self._bookmarks.listed(person, groups)

    def add_bookmark(self, view: View, person: str, name: str, note: str, group: str) -> Bookmark:
        """As `Bookmarks.add`."""
        return self._bookmarks.add(view, person, name, note, group)

    def remove_bookmark(self, id_: str, person: str | None) -> Bookmark:
        """As `Bookmarks.remove`."""
        return self._bookmarks.remove(id_, person)

    def answer(self, body: bytes) -> bytes:
        """The answer to a `Call` in JSON: `{"answer": …}`, or `{"refused": {"code", "message"}}`.

        Raises `BadRequest` for what is no call.
        """
        try:
            asked = Call.model_validate_json(body)
        except ValidationError:
            raise BadRequest("That is no call of a machine of this service.") from None
        if asked.call not in CALLS:
            raise BadRequest("There is no such call; all machines have to have one version.")
        try:
            found = _checked(asked.call)(self, **asked.arguments)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise BadRequest(f"Malformed call {asked.call}: {fault['msg'].lower()}.") from None
        except SAID as error:
            return json.dumps({"refused": {"code": error.code, "message": error.message}}).encode()
        return b'{"answer":' + answer_type(asked.call).dump_json(found) + b"}"


CALLS: Final = frozenset(
    name for name in vars(PeopleCalls) if not name.startswith("_") and name != "answer"
)


@functools.cache
def _checked(name: str) -> Callable[..., Any]:
    """The method, with arguments that are validated."""
    made: Callable[..., Any] = validate_call(getattr(PeopleCalls, name))
    return made


@functools.cache
def answer_type(name: str) -> TypeAdapter[Any]:
    """The type of what a call returns."""
    return TypeAdapter(get_type_hints(getattr(PeopleCalls, name))["return"])
