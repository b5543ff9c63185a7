"""`lamella token`: API tokens, which scripts send along."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from dashboard.cli.options import people_option
from dashboard.people.audit import Event
from dashboard.people.person import Scope

if TYPE_CHECKING:
    from dashboard.people.tokens import Token


@click.group()
def token() -> None:
    """API tokens, which scripts send as `Authorization: Bearer TOKEN`.

    A server that runs sees a change within two seconds. Times are UTC.
    """


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may be used for: read (files and slices), metrics (figures), warm (fill and drop caches), admin"
    " (everything else); once for each.",
)
@click.option(
    "--days", type=float, default=90.0, show_default=True, help="Days after which it expires."
)
@click.option(
    "--user",
    "person",
    default="",
    metavar="NAME",
    help="The person whose files it may see. Default: the operator of the server, who sees all.",
)
@people_option
def add(name: str, scopes: tuple[str, ...], days: float, person: str, **given: Any) -> None:
    """Make a token, called NAME after what it is for, and print it; it is not shown again."""
    from dashboard.cli.people import opened_people  # noqa: PLC0415

    with opened_people(given) as people:
        secret = people.tokens.add(name, [Scope(scope) for scope in scopes], days, person)
        people.record(Event.TOKEN_ADDED, token=name, name=person, scopes=sorted(set(scopes)))
    click.echo(secret)


@token.command()
@click.argument("name")
@people_option
def revoke(name: str, **given: Any) -> None:
    """Make a token invalid."""
    from dashboard.cli.people import opened_people  # noqa: PLC0415

    with opened_people(given) as people:
        revoked = people.tokens.revoke(name)
        people.record(Event.TOKEN_REVOKED, token=name, name=revoked.person)
    click.echo(f"Revoked {name}.")


@token.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@people_option
def list_(as_json: bool, **given: Any) -> None:
    """List the tokens, without their secrets."""
    from dashboard.cli.people import day, end, opened_people, print_list  # noqa: PLC0415

    with opened_people(given) as people:
        found = people.tokens.listed()
    columns: dict[str, Callable[[Token], str]] = {
        "name": lambda one: one.name,
        "of": lambda one: one.person or "(operator)",
        "scopes": lambda one: ", ".join(sorted(one.scopes)),
        "added": lambda one: day(one.created),
        "expires": lambda one: end(one.expires),
        "used": lambda one: day(one.used),
    }
    print_list(found, columns, as_json=as_json)
