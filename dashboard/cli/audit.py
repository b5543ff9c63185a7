"""`lamella audit`: who signed in, who was refused, and what was changed about accounts."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any, Final

import click

from dashboard.cli.options import people_option
from dashboard.errors import BadRequest

_AGO: Final = re.compile(r"(\d{1,6})([mhd])")
_UNIT_S: Final = {"m": 60.0, "h": 3600.0, "d": 86_400.0}


@click.command()
@click.option(
    "--since",
    metavar="TIME",
    help="Events from then on: 2026-11-29, 2026-11-29T08:00 (UTC), or 90m, 12h, 7d ago. Default: all.",
)
@people_option
def audit(since: str | None, **given: Any) -> None:
    """Print sign-ins, refusals and changes of accounts and tokens, each as a line of JSON, the oldest first."""
    from dashboard.people.audit import lines_since  # noqa: PLC0415
    from dashboard.settings import load_settings  # noqa: PLC0415

    people = load_settings({"people": given["people"]}).people_file
    for line in lines_since(people, 0.0 if since is None else moment(since)):
        click.echo(line)


def moment(text: str) -> float:
    """The Unix time (s) that an option means; raises `BadRequest`."""
    ago = _AGO.fullmatch(text)
    if ago:
        return time.time() - int(ago[1]) * _UNIT_S[ago[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(
            f"{text!r:.40} is no time; write it like 2026-11-29, 2026-11-29T08:00, 12h or 7d."
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
