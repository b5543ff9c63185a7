"""The roots that are served and who may see them: from arguments, the option `--root` and the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Final

from dashboard.errors import SetupError
from dashboard.files.catalog import parse_roots, resolved_root
from dashboard.people.configuration import (
    Configuration,
    Decision,
    RootTable,
    load_configuration,
    path_of,
)
from dashboard.people.quotas import Limits
from dashboard.people.rights import EVERYBODY, Audience, Rights
from dashboard.settings import Settings

_HINT: Final = "correct the path, and end one that has a colon in it with :* or with :GROUP"

# What stands for all groups in `NAME=PATH:*`.
ALL: Final = "*"


@dataclass(frozen=True)
class ServedRoots:
    """The resolved paths of the roots by name, and who may see them.

    `limits` are those of each person; `brick_quotas` are bytes in the brick cache by root, of those that have one.
    With `by_accounts`, of the files of a root a person sees those that the account of the same name may read.
    """

    paths: dict[str, Path]
    rights: Rights
    by_accounts: bool = False
    limits: Limits = field(default_factory=Limits)
    brick_quotas: Mapping[str, int] = field(default_factory=dict)

    @property
    def restricted(self) -> bool:
        """Whether not everybody who is signed in sees the same files."""
        return self.by_accounts or self.rights.restricted


@dataclass(frozen=True, slots=True)
class _Option:
    """A root that was given as `NAME=PATH`, `NAME=PATH:GROUP,…` or `NAME=PATH:*`."""

    name: str
    path: str
    groups: tuple[str, ...] | None


def served_roots(settings: Settings) -> ServedRoots:
    """The roots of these settings; raises `SetupError` for what cannot be served or is contradictory."""
    configuration = Configuration()
    if settings.config is not None:
        configuration = load_configuration(settings.config)
    paths = parse_roots(settings.data)
    audiences = dict.fromkeys(paths, EVERYBODY)
    for option in map(_option, settings.roots):
        for group in option.groups or ():
            if settings.config is not None and group not in configuration.groups:
                raise SetupError(
                    f"--root {option.name} names the group {group!r}, which is unknown: add it to [groups] of"
                    f" {settings.config}."
                )
        _add(paths, option.name, _resolved(option))
        audiences[option.name] = Audience.of(option.groups, None)
    for name, root in configuration.roots.items():
        assert settings.config is not None
        _add(paths, name, _configured(name, root, settings.config))
        audiences[name] = Audience.of(root.groups, root.people)
    rights = Rights(audiences, configuration.groups, configuration.admins)
    _check_nested(paths, rights)
    quotas, bricks = (
        configuration.quotas,
        {
            name: int(root.brick_cache_bytes)
            for name, root in configuration.roots.items()
            if root.brick_cache_bytes is not None
        },
    )
    limits = Limits(quotas.requests_per_second, quotas.cold_bytes_per_minute)
    return ServedRoots(paths, rights, configuration.rights is Decision.FILESYSTEM, limits, bricks)


def named_roots(settings: Settings) -> tuple[str, ...]:
    """The same roots as arguments, `PATH` or `NAME=PATH`, without who may see them."""
    given = [f"{option.name}={option.path}" for option in map(_option, settings.roots)]
    if settings.config is not None:
        roots = load_configuration(settings.config).roots
        given += [f"{name}={path_of(root, settings.config)}" for name, root in roots.items()]
    return (*settings.data, *given)


def check_sign_in(settings: Settings, roots: ServedRoots) -> None:
    """Raise `SetupError` where not everybody may see everything, and nobody is asked who they are."""
    if roots.restricted and not settings.asks_sign_in:
        raise SetupError(
            "Not everybody may see all roots, but the server asks nobody to sign in: give --sign-in"
            " (LAMELLA_SIGN_IN=1), or leave out groups, people and rights."
        )


def _option(text: str) -> _Option:
    """A value of `--root`: the groups follow the last colon, unless a slash follows it."""
    name, equals, rest = text.partition("=")
    if not equals or not name or "/" in name or not name.isprintable():
        raise SetupError(f"--root {text} is not NAME=PATH, NAME=PATH:GROUP,… or NAME=PATH:*.")
    path, colon, groups = rest.rpartition(":")
    if not colon or "/" in groups:
        return _Option(name, rest, None)
    names = tuple(group.strip() for group in groups.split(","))
    if not path or not all(names):
        # An unset variable of a script must not open the root to everybody.
        raise SetupError(
            f"--root {text} has an empty name of a group: give NAME=PATH:GROUP,…, or NAME=PATH:* for everybody."
        )
    return _Option(name, path, None if names == (ALL,) else names)


def _resolved(option: _Option) -> Path:
    try:
        return resolved_root(option.path)
    except SetupError as error:
        raise SetupError(f"--root {option.name}: {error.message[:-1]}; {_HINT}.") from None


def _configured(name: str, root: RootTable, configuration: Path) -> Path:
    try:
        return resolved_root(str(path_of(root, configuration)))
    except SetupError as error:
        raise SetupError(
            f"{configuration}: roots.{name}.path cannot be served; correct it: {error.message}"
        ) from None


def _add(paths: dict[str, Path], name: str, path: Path) -> None:
    if name in paths:
        raise SetupError(f"Two roots are called {name!r}; give each its own name.")
    paths[name] = path


def _check_nested(paths: dict[str, Path], rights: Rights) -> None:
    for inner, outer in _nested(paths):
        if not rights.same_audience(inner, outer):
            raise SetupError(
                f"The root {inner!r} is inside the root {outer!r}, and other people may see that: give"
                f" roots.{inner} and roots.{outer} the same groups and people, or move one out of the other."
            )


def _nested(paths: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Pairs of roots of which the first is inside the second, or the same."""
    for (inner, below), (outer, above) in permutations(paths.items(), 2):
        if below.is_relative_to(above):
            yield inner, outer
