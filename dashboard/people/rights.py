"""Who may see which root, and so which files: decided by names alone, without access to any file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dashboard.people.person import Person, Scope

# People whose roots are kept; the next one's take about 20 µs.
MAX_PEOPLE: Final = 1024


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may see a root besides admins: its groups and people, or (None for both) everybody who is signed in."""

    groups: frozenset[str] | None = None
    people: frozenset[str] | None = None

    @classmethod
    def of(cls, groups: Collection[str] | None, people: Collection[str] | None) -> Audience:
        """The audience of lists, None for those that are not given."""
        return cls(
            None if groups is None else frozenset(groups),
            None if people is None else frozenset(people),
        )

    @property
    def everybody(self) -> bool:
        """Whether everybody who is signed in may see the root."""
        return self.groups is None and self.people is None

    def __str__(self) -> str:
        """The audience as the end of a sentence: who sees the root."""
        if self.everybody:
            return "everybody who is signed in"
        parts = []
        if self.groups:
            parts.append(listed("group", sorted(self.groups)))
        if self.people:
            parts.append(", ".join(sorted(self.people)))
        return " and ".join([*parts, "admins"]) if parts else "admins alone"


def listed(word: str, names: Sequence[str]) -> str:
    """`the group a`, or `the groups a, b`."""
    return f"the {word}{'s' if len(names) > 1 else ''} {', '.join(names)}"


EVERYBODY: Final = Audience()


class Rights:
    """The audiences of the roots; thread-safe and without state but a cache.

    `audiences` has those of all roots by name, `groups` the members of groups, beside those that the sign-in says,
    `admins` the names of people who get the scope `admin` when they sign in, by which they see everything.
    """

    def __init__(
        self,
        audiences: Mapping[str, Audience],
        groups: Mapping[str, Collection[str]] | None = None,
        admins: Collection[str] = (),
    ) -> None:
        self._audiences = dict(audiences)
        self._groups = {name: frozenset(members) for name, members in (groups or {}).items()}
        self.admins = frozenset(admins)
        self._seen_by = lru_cache(maxsize=MAX_PEOPLE)(self._roots_of)

    @property
    def restricted(self) -> bool:
        """Whether there is a root that not everybody who is signed in may see."""
        return not all(audience.everybody for audience in self._audiences.values())

    def sentences(self) -> list[str]:
        """All that is decided: who sees each root, who is in each group, who is an admin."""
        roots = [f"{name} is seen by {who}" for name, who in sorted(self._audiences.items())]
        groups = [
            f"the group {name} has {', '.join(sorted(members)) or 'members by sign-in alone'}"
            for name, members in sorted(self._groups.items())
        ]
        return [*roots, *groups, *(f"{name} is an admin" for name in sorted(self.admins))]

    def sees(self, person: Person, file: str) -> bool:
        """Whether a person may see a file, by the file's name; false for a name below no root.

        A guest may see the one that was shared, as long as the person who shared it may.
        """
        if person.shared is not None:
            return file == person.shared.file and self.sees(person.shared.by, file)
        return file.partition("/")[0] in self._seen_by(person)

    def roots(self, person: Person) -> frozenset[str]:
        """The names of the roots that a person may see."""
        return self._seen_by(person)

    def sees_everything(self, person: Person) -> bool:
        """Whether a person may see all files: the operator, also by a token that may do little, and admins."""
        return person.shared is None and (person.is_operator or person.may(Scope.ADMIN))

    def groups(self, person: Person) -> frozenset[str]:
        """The groups of a person: those of the sign-in, and those of the configuration."""
        listed = (name for name, members in self._groups.items() if person.name in members)
        return person.groups.union(listed if person.name else ())

    def why(self, person: Person, root: str) -> str | None:
        """Why a person may see a root, as the end of a sentence; None where the person may not."""
        if root not in self._audiences or person.shared is not None:
            return None
        audience = self._audiences[root]
        if person.may(Scope.ADMIN):
            if person.name in self.admins:
                return "the key admins names this person"
            return "the sign-in is one of an admin"
        if not person.name:
            return "the token is one of the operator" if person.is_operator else None
        if audience.everybody:
            return "everybody who is signed in may"
        if person.name in (audience.people or ()):
            return "the people of the root name this person"
        shared = sorted((audience.groups or frozenset()) & self.groups(person))
        return f"the root names the group {shared[0]}" if shared else None

    def reach(self, root: str) -> frozenset[str]:
        """The roots that links from files of a root may lead to: those that everybody sees who sees this root.

        What is read over a link is cached for all who may see the file with the link.
        """
        return frozenset(name for name in self._audiences if self._covers(name, root))

    def audience(self, root: str) -> Audience:
        """Who may see a root besides admins."""
        return self._audiences[root]

    def same_audience(self, one: str, other: str) -> bool:
        """Whether the same people may see two roots, as far as the lists say."""
        return self._audiences[one] == self._audiences[other]

    def _covers(self, there: str, here: str) -> bool:
        """Whether everybody who may see the root `here` may see `there`, whatever groups the sign-in says."""
        seen, seeing = self._audiences[there], self._audiences[here]
        if seen.everybody or seen == seeing:
            return True
        if seeing.everybody:
            return False
        groups = seen.groups or frozenset()
        members = frozenset[str]().union(*(self._groups.get(name, ()) for name in groups))
        people = (seen.people or frozenset()) | members | self.admins
        return (seeing.groups or frozenset()) <= groups and (seeing.people or frozenset()) <= people

    def _roots_of(self, person: Person) -> frozenset[str]:
        return frozenset(root for root in self._audiences if self.why(person, root) is not None)
