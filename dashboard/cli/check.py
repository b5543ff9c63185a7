"""`lamella check`: what the configuration says, what a person sees and why, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import click

from dashboard.errors import SetupError
from dashboard.people.accounts import Accounts
from dashboard.people.configuration import Configuration, load_configuration
from dashboard.people.file_rights_helper import FIRST_UID, account_of
from dashboard.people.person import Admins, Person, Scope
from dashboard.people.rights import listed
from dashboard.people.store import open_people
from dashboard.runtime.served_roots import ServedRoots, check_sign_in, served_roots
from dashboard.settings import Settings


def run(settings: Settings, name: str | None, groups: Sequence[str]) -> None:
    """Print the roots, and what the person `name` sees of them; raises `SetupError`.

    `groups` are those that the sign-in says, beside those of the configuration and of the person's account.
    """
    served = served_roots(settings)
    if not served.paths:
        raise SetupError("There is no root; name files or folders, or a file with --config.")
    if groups and name is None:
        raise SetupError("Groups are those of a person; name one with --as.")
    admins = Admins(served.rights.admins, frozenset(settings.admin_groups))
    lines, remarks = [*_roots(served)], [*_remarks(settings, served)]
    if name is not None:
        person, remark = _person(settings, admins, name, frozenset(groups))
        lines, remarks = [*_seen(served, person)], [*remark, *remarks]
    for line in (*lines, *remarks):
        click.echo(line)


def _person(
    settings: Settings, admins: Admins, name: str, groups: frozenset[str]
) -> tuple[Person, list[str]]:
    """The person as the server would know them, and what to say of their account."""
    elsewhere = admins.from_elsewhere(name, groups)
    if settings.people_elsewhere(settings.node_name) is not None:
        return elsewhere, ["Note: accounts are on another machine, and were not looked at."]
    if not settings.people_file.exists():
        return elsewhere, []
    try:
        with closing(open_people(settings.people_file)) as store:
            account = Accounts(store).person(name)
    except SetupError as error:
        return elsewhere, [f"Note: the account of {name} was not looked at. {error.message}"]
    if account is None:
        missing = f"Note: there is no account {name}; `lamella user add {name}` makes one."
        return elsewhere, [] if settings.elsewhere else [missing]
    administers = account.may(Scope.ADMIN) or elsewhere.may(Scope.ADMIN)
    return admins.with_account(name, account.groups | groups, admin=administers), []


def _roots(served: ServedRoots) -> Iterator[str]:
    for name, path in served.paths.items():
        yield f"{name}: {path}, seen by {served.rights.audience(name)}."
    yield _accounts(served)


def _seen(served: ServedRoots, person: Person) -> Iterator[str]:
    groups = sorted(served.rights.groups(person))
    yield f"{person.name} is in {listed('group', groups) if groups else 'no group'}."
    for name, path in served.paths.items():
        reason = served.rights.why(person, name)
        if reason is not None:
            yield f"{person.name} sees {name} ({path}): {reason}."
        else:
            audience = served.rights.audience(name)
            yield f"{person.name} does not see {name} ({path}): it is seen by {audience}."
    if served.rights.sees_everything(person):
        return
    yield _accounts(served)
    if served.by_accounts and account_of(person.name) is None:
        yield (
            f"{person.name} sees no file: this machine has no account of that name with a user id from"
            f" {FIRST_UID} on."
        )


def _accounts(served: ServedRoots) -> str:
    if not served.by_accounts:
        return "Who sees a root sees all files in it."
    return "Of the files in a root, people see those that the account of the same name may read."


def _remarks(settings: Settings, served: ServedRoots) -> Iterator[str]:
    """What is not wrong enough to refuse the configuration."""
    try:
        check_sign_in(settings, served)
    except SetupError as error:
        yield f"Note: {error.message}"
    configuration = Configuration()
    if settings.config is not None:
        configuration = load_configuration(settings.config)
    for group in configuration.groups:
        if not any(group in (served.rights.audience(root).groups or ()) for root in served.paths):
            yield f"Note: no root names the group {group}; add it to the groups of one, or remove it."
    for root in served.paths:
        if not served.rights.reach(root).issuperset(served.paths):
            others = ", ".join(sorted(set(served.paths) - served.rights.reach(root)))
            yield f"Note: links from {root} to {others} are not followed, since other people see these."
