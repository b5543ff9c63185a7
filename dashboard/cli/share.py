"""`lamella share`: links that open one view for people without an account."""

from __future__ import annotations

import json
from typing import Any

import click

from dashboard.cli.options import not_empty, people_option
from dashboard.people.audit import Event


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
    from dashboard.cli.people import day, is_past, opened_people, table  # noqa: PLC0415

    with opened_people(given) as people:
        found = people.shares.listed()
    if as_json:
        click.echo(json.dumps([one._asdict() for one in found]))
        return
    table(
        ("id", "of", "file", "added", "expires", "used", "note"),
        [
            (
                one.id,
                one.person or "(operator)",
                one.file,
                day(one.created),
                "expired" if is_past(one.expires) else day(one.expires),
                day(one.used),
                " ".join(one.note.split())[:40],
            )
            for one in found
        ],
    )


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
