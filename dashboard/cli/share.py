"""`lamella share`: links that open one view for people without an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from dashboard.cli.options import not_empty, people_option
from dashboard.people.audit import Event

if TYPE_CHECKING:
    from dashboard.people.shares import Share


@click.group()
def share() -> None:
    """Links that open one view for somebody without an account; they are made on the page.

    A server that runs sees a change within two seconds. Times are UTC.
    """


@share.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@people_option
def list_(as_json: bool, **given: Any) -> None:
    """List the links, without their secrets."""
    from dashboard.cli.people import day, end, opened_people, print_list  # noqa: PLC0415

    with opened_people(given) as people:
        found = people.shares.listed()
    columns: dict[str, Callable[[Share], str]] = {
        "id": lambda one: one.id,
        "of": lambda one: one.person or "(operator)",
        "file": lambda one: one.file,
        "added": lambda one: day(one.created),
        "expires": lambda one: end(one.expires),
        "used": lambda one: day(one.used),
        "note": lambda one: " ".join(one.note.split())[:40],
    }
    print_list(found, columns, as_json=as_json)


@share.command()
@click.argument("id_", metavar="ID", callback=not_empty)
@people_option
def revoke(id_: str, **given: Any) -> None:
    """Make a link invalid, and end the sessions of those who have it."""
    from dashboard.cli.people import opened_people  # noqa: PLC0415

    with opened_people(given) as people:
        revoked = people.shares.revoke(id_)
        people.record(Event.SHARE_REVOKED, share=revoked.id, name=revoked.person)
    click.echo(f"Revoked {revoked.id}.")
