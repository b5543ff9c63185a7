"""What the commands about people share: the opened people file, its audit, and how a password is asked for."""

from __future__ import annotations

import json
import os
import pwd
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from dashboard.errors import BadRequest, NotFound, SetupError
from dashboard.people.accounts import Accounts
from dashboard.people.audit import Audit, Event
from dashboard.people.configuration import load_configuration
from dashboard.people.person import Admins
from dashboard.people.shares import DAY_S, Shares
from dashboard.people.store import PeopleStore, open_people
from dashboard.people.tokens import Tokens
from dashboard.settings import Settings, load_settings

if TYPE_CHECKING:
    from dashboard.people.shared_sessions import SharedSessions


@dataclass(frozen=True)
class People:
    """What a command changes."""

    accounts: Accounts
    tokens: Tokens
    shares: Shares
    audit: Audit
    # Those of several machines, which are not in the people file; None: there are none.
    sessions: SharedSessions | None = None

    def end_sessions(self, name: str) -> int:
        """End all sessions of a person; returns their number, and raises `NotFound`."""
        ended = 0 if self.sessions is None else self.sessions.end_of(name)
        try:
            return ended + self.accounts.end_sessions(name)
        except NotFound:
            if not ended:
                raise
            return ended

    def record(self, event: Event, **parts: str | list[str] | None) -> None:
        """Record what the command did, with the account of the machine that gave it."""
        self.audit.record(event, **parts, way="command", by=_own_account())


@contextmanager
def opened_people(given: dict[str, Any]) -> Iterator[People]:
    """The people file of these options and the environment; raises `SetupError`."""
    settings = load_settings({"people": given["people"]})
    elsewhere = settings.people_elsewhere(settings.node_name)
    if elsewhere is not None:
        raise SetupError(
            f"The list of people is on the machine {elsewhere[0]}; give the command there."
        )
    store = open_people(settings.people_file)
    try:
        audit = Audit(store.path, settings.audit_days)
        admins = Admins()
        if settings.config is not None:
            admins = Admins(frozenset(load_configuration(settings.config).admins))
        sessions = _shared_sessions(settings, store)
        yield People(Accounts(store), Tokens(store, admins=admins), Shares(store), audit, sessions)
    finally:
        store.close()


def _shared_sessions(settings: Settings, store: PeopleStore) -> SharedSessions | None:
    """The sessions that several machines share, if there are such."""
    if settings.cluster is None or settings.node_token is None:
        return None
    from dashboard.people.shared_sessions import SharedSessions  # noqa: PLC0415
    from dashboard.runtime.caches import open_shared_sessions  # noqa: PLC0415

    return SharedSessions(
        open_shared_sessions(settings),
        settings.node_token.get_secret_value(),
        store,
        None,
        settings.session_days * DAY_S,
        settings.session_max_days * DAY_S,
    )


def ask_password(name: str) -> str:
    """A new password: typed twice at a terminal, or the first line of the standard input."""
    if sys.stdin.isatty():
        text: str = click.prompt(
            f"Password of {name}", hide_input=True, confirmation_prompt="The same again", err=True
        )
        return text
    line = sys.stdin.readline()
    if not line:
        raise BadRequest(
            "The standard input has no password; write it there, or run it in a terminal."
        )
    return line.rstrip("\r\n")


class Listed(Protocol):
    """A named tuple."""

    def _asdict(self) -> dict[str, Any]: ...


Row = TypeVar("Row", bound=Listed)


def print_list(
    found: Sequence[Row], columns: Mapping[str, Callable[[Row], str]], *, as_json: bool
) -> None:
    """Print rows as a table with these columns, or all of their fields as JSON."""
    if as_json:
        rows = [one._asdict() for one in found]  # a named tuple's own
        click.echo(json.dumps(rows, default=sorted))
        return
    table(tuple(columns), [tuple(text(one) for text in columns.values()) for one in found])


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns as wide as their longest text."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def day(moment: float | None) -> str:
    """The date and time of a Unix time (s), in UTC."""
    if moment is None:
        return "never"
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")


def end(moment: float) -> str:
    """The date and time at which something expires, or that it has expired."""
    return "expired" if moment <= time.time() else day(moment)


def _own_account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
