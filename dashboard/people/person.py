"""Who makes a request: a person's name and groups, and what the way of signing in lets that person do."""

from __future__ import annotations

from dataclasses import dataclass
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

    `name` is empty for whoever has the token of the start, and for everybody on a server that asks for no sign-in.
    `groups` are those that the way of signing in gives; a configuration may add others.
    """

    name: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[Scope] = frozenset()

    def may(self, scope: Scope) -> bool:
        """Whether the person may do what `scope` is for."""
        return scope in self.scopes


# Whoever has the token of the start, or anybody where none is asked for: sees all files, and may do everything.
OPERATOR: Final = Person("", scopes=frozenset(Scope))
# Whoever is not signed in, where sign-in is asked for.
NOBODY: Final = Person("")
