"""The sign-in of a web process and the bookmarks, over the people file of this machine or of another one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial as bind
from typing import TYPE_CHECKING, Final, NamedTuple

from dashboard.errors import SetupError
from dashboard.people.access import Access
from dashboard.people.accounts import Accounts
from dashboard.people.audit import Audit
from dashboard.people.bookmarks import Bookmarks
from dashboard.people.person import Admins
from dashboard.people.sessions import Sessions
from dashboard.people.shared_limit import SharedMemory
from dashboard.people.shared_sessions import SharedSessions
from dashboard.people.shares import Shares
from dashboard.people.store import PeopleStore, PeopleStoreAtUse, open_people
from dashboard.people.tokens import Tokens
from dashboard.runtime.engine import Engine
from dashboard.runtime.maintenance import Maintenance
from dashboard.settings import Settings
from dashboard.telemetry.history import DAY_S

if TYPE_CHECKING:
    from dashboard.people.people_calls import PeopleCalls
    from dashboard.people.provider import Provider

SWEEP_EVERY_S: Final = 60.0
PROVIDER_EVERY_S: Final = 60.0
HOUR_S: Final = 3600.0


class SignIn(NamedTuple):
    """What a process has of people; `access` is None where nobody is asked to sign in."""

    access: Access | None
    bookmarks: Bookmarks
    # What this machine does for others with its people file; None: nothing.
    calls: PeopleCalls | None = None


class _Parts(NamedTuple):
    """The parts of a people file; `everywhere`: all machines have those of one."""

    store: PeopleStore
    accounts: Accounts
    tokens: Tokens
    shares: Shares
    everywhere: bool


def sign_in_of(engine: Engine, tasks: Maintenance, memory: SharedMemory | None = None) -> SignIn:
    """The sign-in of a process, with its periodic tasks.

    Raises `SetupError` for an unusable people file, and where there is nothing to sign in with.
    """
    settings = engine.settings
    asks = engine.role == "web" and settings.asks_sign_in
    if asks and settings.people_elsewhere(engine.shared.node) is not None:
        return _elsewhere(engine, tasks, memory)
    people = PeopleStoreAtUse(settings.people_file)
    bookmarks = Bookmarks(people, people.exists, close=people.close)
    if not asks:
        return SignIn(None, bookmarks)
    admins, clock = admins_of(engine), engine.shared.clock
    named = settings.people_node is not None
    store = open_people(settings.people_file)
    alone = engine.shared.sessions is None
    shares = Shares(store, clock, admins, allowed=settings.sharing and (alone or named))
    parts = _Parts(
        store, Accounts(store, clock=clock), Tokens(store, clock, admins), shares, everywhere=named
    )
    try:
        _check_ways(settings, parts.accounts, alone=alone)
    except SetupError:
        store.close()
        raise
    access = _access_of(engine, tasks, parts, memory)
    tasks.add("Removing expired shares", shares.remove_expired, SWEEP_EVERY_S)
    if not named:
        return SignIn(access, bookmarks)
    from dashboard.people.people_calls import PeopleCalls  # noqa: PLC0415  # on several machines

    return SignIn(
        access, bookmarks, PeopleCalls(store, parts.accounts, parts.tokens, shares, bookmarks)
    )


def _elsewhere(engine: Engine, tasks: Maintenance, memory: SharedMemory | None) -> SignIn:
    """The sign-in where another machine has the people file."""
    from dashboard.people.people_node import CopiedPeople, PeopleNode  # noqa: PLC0415
    from dashboard.people.remote import (  # noqa: PLC0415
        RemoteAccounts,
        RemoteBookmarks,
        RemoteShares,
        RemoteTokens,
    )

    settings, admins, clock = engine.settings, admins_of(engine), engine.shared.clock
    found = settings.people_elsewhere(engine.shared.node)
    assert found is not None
    assert settings.node_token is not None
    node = PeopleNode(*found, settings.node_token.get_secret_value())
    copy = CopiedPeople(settings.people_file.expanduser().absolute(), node)
    parts = _Parts(
        copy,
        RemoteAccounts(copy, node),
        RemoteTokens(copy, node, clock, admins),
        RemoteShares(copy, node, clock, admins, allowed=settings.sharing),
        everywhere=True,
    )
    # The audit is of each machine its own.
    copy.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    tasks.add("Asking the machine with the people file", copy.try_again)
    return SignIn(_access_of(engine, tasks, parts, memory), RemoteBookmarks(node))


def admins_of(engine: Engine) -> Admins:
    """Who administers besides the accounts that do."""
    return Admins(engine.rights.admins, frozenset(engine.settings.admin_groups))


def _check_ways(settings: Settings, accounts: Accounts, *, alone: bool) -> None:
    """Raise `SetupError` where nobody could sign in, or people to this machine alone."""
    if not alone and settings.people_node is None and accounts.exist():
        raise SetupError(
            "Accounts are known to one machine alone: with --cluster, name the machine that has them on all"
            " (--people-node), or let people sign in at an identity provider, with the start token or at a proxy,"
            " and name an empty file with --people."
        )
    if settings.token is None and not settings.elsewhere and not accounts.exist():
        raise SetupError(
            "Sign-in needs an account or a token: add one with `lamella user add NAME`, or set LAMELLA_TOKEN."
        )


def _access_of(
    engine: Engine, tasks: Maintenance, parts: _Parts, memory: SharedMemory | None
) -> Access:
    settings, shared = engine.settings, engine.shared.sessions
    token = None if settings.token is None else settings.token.get_secret_value()
    make: Callable[..., Sessions] = Sessions
    if shared is not None:
        assert settings.node_token is not None
        secret = settings.node_token.get_secret_value()
        make = bind(SharedSessions, shared, secret, people_everywhere=parts.everywhere)
    access = Access(
        token,
        make(
            parts.store,
            token,
            settings.session_days * DAY_S,
            settings.session_max_days * DAY_S,
            clock=engine.shared.clock,
            admins=admins_of(engine),
            provider_s=settings.oidc_session_hours * HOUR_S,
            guest=parts.shares.guest,
        ),
        parts.accounts,
        parts.tokens,
        parts.shares,
        Audit(parts.store.path, settings.audit_days),
        close=parts.store.close,
        memory=memory,
        provider=provider_of(settings),
    )
    if access.provider is not None:
        tasks.add("Asking the identity provider", access.provider.check, PROVIDER_EVERY_S)
    tasks.add("Removing expired sessions", access.sessions.remove_expired, SWEEP_EVERY_S)
    tasks.add("Removing old audit files", access.audit.trim, SWEEP_EVERY_S)
    return access


def provider_of(settings: Settings) -> Provider | None:
    """The identity provider of the settings; raises `SetupError` without its library."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    # Its library takes a seventh of the time that a web process needs to start.
    from dashboard.people.provider import Provider  # noqa: PLC0415

    secret = settings.oidc_client_secret
    return Provider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        None if secret is None else secret.get_secret_value(),
        settings.oidc_name_claim,
        settings.oidc_groups_claim,
    )
