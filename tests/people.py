"""People for tests: a people file, and passwords that are hashed in no time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from argon2 import PasswordHasher

from dashboard.people.access import Access
from dashboard.people.accounts import Accounts
from dashboard.people.audit import Audit
from dashboard.people.passwords import Passwords
from dashboard.people.person import NO_ADMINS, Admins
from dashboard.people.sessions import Sessions
from dashboard.people.shared_limit import SharedMemory
from dashboard.people.shares import Shares
from dashboard.people.store import PeopleStore, open_people
from dashboard.people.tokens import Tokens

PASSWORD = "four words of hers"
IDLE_S, LIFETIME_S = 1000.0, 5000.0


def quick_hasher(memory_cost: int = 8) -> PasswordHasher:
    """Hashes that cost nothing."""
    return PasswordHasher(time_cost=1, memory_cost=memory_cost, parallelism=1)


def quick_passwords(memory_cost: int = 8) -> Passwords:
    """Passwords that are hashed in no time."""
    return Passwords(quick_hasher(memory_cost))


def make_access(
    store: PeopleStore,
    token: str | None,
    clock: Callable[[], float],
    audit_days: float = 30.0,
    admins: Admins = NO_ADMINS,
    memory: SharedMemory | None = None,
) -> Access:
    """The sign-in of another process with the same people file."""
    shares = Shares(store, clock, admins)
    return Access(
        token,
        Sessions(store, token, IDLE_S, LIFETIME_S, clock, admins, guest=shares.guest),
        Accounts(store, quick_passwords(), clock),
        Tokens(store, clock, admins),
        shares,
        Audit(store.path, audit_days, clock),
        clock,
        store.close,
        memory,
    )


def people_file(folder: Path) -> PeopleStore:
    """A new people file, in a folder of its own."""
    return open_people(folder / "people" / "people.sqlite")
