"""Who makes a request: a person's name and groups, and what the way of signing in lets that person do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """What a token may be used for."""

    READ = "read"
    WARM = "warm"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Person:
    """A person, or a script with a token of that person.

    `name` is empty for a caller with the token of the start, and for all callers where no sign-in is asked for.
    `groups` are those that the way of signing in gives; a configuration may add others. `shared` is what a guest
    may see, who has a link instead of an account. `token` is the name of the API token that a script has; it
    makes nobody another person.
    """

    name: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    shared: Shared | None = None
    token: str = field(default="", compare=False)

    @property
    def is_operator(self) -> bool:
        """Whether it is the operator, or a script with a token of the operator, which may do less."""
        return not self.name and bool(self.scopes)

    def may(self, scope: Scope) -> bool:
        """Whether the person may do what `scope` is for."""
        return scope in self.scopes


@dataclass(frozen=True, slots=True)
class Shared:
    """The one file that a guest may see, as long as the person who shared it may."""

    file: str
    by: Person


# What people may do who sign in by name, and those among them who administer.
PERSON_SCOPES: Final = frozenset({Scope.READ, Scope.WARM})
ADMIN_SCOPES: Final = frozenset(Scope)

# A caller with the token of the start, or any where none is asked for: sees all files, and may do everything.
OPERATOR: Final = Person("", scopes=frozenset(Scope))
# A caller who is not signed in, where sign-in is asked for.
NOBODY: Final = Person("")


@dataclass(frozen=True, slots=True)
class Admins:
    """Who administers besides the accounts that do: `names` of the configuration, and members of `groups` that the
    proxy or the identity provider says.
    """

    names: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def with_account(self, name: str, groups: frozenset[str], *, admin: bool) -> Person:
        """Who has an account here, which may be one of an `admin`."""
        return self._person(name, groups, admin=admin)

    def from_elsewhere(self, name: str, groups: frozenset[str]) -> Person:
        """Who signs in somewhere else, by what is said of them there."""
        return self._person(name, groups, admin=not self.groups.isdisjoint(groups))

    def _person(self, name: str, groups: frozenset[str], *, admin: bool) -> Person:
        administers = admin or name in self.names
        return Person(name, groups, ADMIN_SCOPES if administers else PERSON_SCOPES)


NO_ADMINS: Final = Admins()
