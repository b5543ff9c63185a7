"""`lamella user`: accounts of people who sign in with a name and a password."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from dashboard.cli.options import people_option
from dashboard.errors import BadRequest
from dashboard.people.audit import Event

if TYPE_CHECKING:
    from dashboard.people.accounts import Account


@click.group()
def user() -> None:
    """Accounts of people who sign in with a name and a password.

    A server that runs sees a change within two seconds, one on several machines within five. Times are UTC.
    """


@user.command()
@click.argument("name")
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="A group of the person; once for each."
)
@click.option("--admin", is_flag=True, help="May do everything, such as read all figures.")
@people_option
def add(name: str, groups: tuple[str, ...], admin: bool, **given: Any) -> None:
    """Add an account; the password is asked for, or read from the standard input."""
    from dashboard.cli.people import ask_password, opened_people  # noqa: PLC0415

    with opened_people(given) as people:
        people.accounts.check_new(name, groups)
        people.accounts.add(name, ask_password(name), groups, admin=admin)
        people.record(Event.USER_ADDED, name=name, groups=sorted(groups), admin="yes" * admin)
    click.echo(f"Added {name}.")


@user.command()
@click.argument("name")
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="The person's groups from now on."
)
@click.option("--no-groups", is_flag=True, help="From now on, none.")
@click.option("--admin/--no-admin", default=None, help="Whether the person may do everything.")
@people_option
def change(
    name: str, groups: tuple[str, ...], no_groups: bool, admin: bool | None, **given: Any
) -> None:
    """Change a person's groups, or whether the person administers; sessions and tokens go on with that."""
    from dashboard.cli.people import opened_people  # noqa: PLC0415

    if (no_groups and groups) or not (no_groups or groups or admin is not None):
        raise BadRequest("Give --group NAME, --no-groups, --admin or --no-admin.")
    with opened_people(given) as people:
        people.accounts.change(name, groups if groups or no_groups else None, admin=admin)
        said = None if admin is None else ("yes" if admin else "no")
        left = "none" if no_groups else sorted(groups)
        people.record(Event.USER_CHANGED, name=name, groups=left, admin=said)
    click.echo(f"Changed {name}.")


@user.command()
@click.argument("name")
@people_option
def passwd(name: str, **given: Any) -> None:
    """Change a password, which ends the person's sessions; asked for, or read from the standard input."""
    from dashboard.cli.people import ask_password, opened_people  # noqa: PLC0415

    with opened_people(given) as people:
        people.accounts.check_known(name)
        people.accounts.set_password(name, ask_password(name))
        people.record(Event.PASSWORD_CHANGED, name=name)
    click.echo(f"Changed the password of {name}, who has to sign in again.")


@user.command()
@click.argument("name")
@people_option
def remove(name: str, **given: Any) -> None:
    """Remove an account, its sessions and its tokens."""
    from dashboard.cli.people import opened_people  # noqa: PLC0415

    with opened_people(given) as people:
        people.accounts.remove(name)
        people.record(Event.USER_REMOVED, name=name)
    click.echo(f"Removed {name}.")


@user.command(name="sign-out")
@click.argument("name")
@people_option
def sign_out(name: str, **given: Any) -> None:
    """End all sessions of a person; API tokens stay valid."""
    from dashboard.cli.people import opened_people  # noqa: PLC0415

    with opened_people(given) as people:
        ended = people.end_sessions(name)
        people.record(Event.SESSIONS_ENDED, name=name)
    click.echo(f"Ended {ended} session{'' if ended == 1 else 's'} of {name}.")


@user.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@people_option
def list_(as_json: bool, **given: Any) -> None:
    """List the accounts."""
    from dashboard.cli.people import day, opened_people, print_list  # noqa: PLC0415

    with opened_people(given) as people:
        found = people.accounts.listed()
    columns: dict[str, Callable[[Account], str]] = {
        "name": lambda one: one.name,
        "groups": lambda one: ", ".join(one.groups),
        "admin": lambda one: "yes" if one.admin else "",
        "added": lambda one: day(one.created),
        "password set": lambda one: day(one.password_set),
    }
    print_list(found, columns, as_json=as_json)
