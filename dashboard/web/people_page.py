"""`/people`: plain tables of accounts, sessions, tokens, shares, quotas and events, for those who administer.

Nothing can be changed here: that takes write access to the people file, and the commands.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import flask
from markupsafe import Markup

from dashboard.people.access import Access
from dashboard.people.accounts import ACCOUNT
from dashboard.people.quotas import Limits
from dashboard.people.sessions import PROVIDER, SHARE, TOKEN
from dashboard.settings import Settings
from dashboard.web.plain_page import PlainPage

PEOPLE: Final = "/people"
# Sessions and events that are listed.
SESSIONS: Final = 200
EVENTS: Final = 200

_KINDS: Final = {
    ACCOUNT: "name and password",
    TOKEN: "start token",
    PROVIDER: "identity provider",
    SHARE: "link of a share",
}
# In the order of the columns; the rest of an event is put together in the last one.
_EVENT: Final = ("time", "event", "name", "way", "address")

_BODY: Final = Markup("""<p>Times are UTC. The commands <code>lamella user</code>,
<code>lamella token</code> and <code>lamella share</code> change what is here.</p>
<h2>Accounts</h2>
{accounts}
<h2>Sessions</h2>
{sessions}
<h2>API tokens</h2>
{tokens}
<h2>Shares</h2>
{shares}
<h2>Quotas</h2>
{quotas}
<h2>Latest events</h2>
{events}
<footer><a href="{home}">Back</a></footer>""")


class PeoplePage:
    """The page."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._home = f"{settings.url_prefix}/"
        self._limits = limits
        self._page = PlainPage("sign-in.css", "status.css", kind="status people")

    def response(self, access: Access) -> flask.Response:
        """The page as of now; raises `Busy`."""
        sessions = access.sessions.listed()
        signed_in = Counter(one.name for one in sessions if one.kind != TOKEN)
        body = _BODY.format(
            accounts=_table(
                ("name", "groups", "admin", "password set", "sessions"),
                (
                    (
                        one.name,
                        ", ".join(one.groups),
                        "yes"
                        if one.admin
                        else "by the configuration"
                        if one.name in access.sessions.admins.names
                        else "",
                        _moment(one.password_set),
                        str(signed_in[one.name]),
                    )
                    for one in access.accounts.listed()
                ),
            ),
            sessions=_table(
                ("of", "signed in with", "from", "since", "last renewed"),
                (
                    (
                        one.name or "(operator)",
                        _KINDS.get(one.kind, one.kind),
                        one.network or "any network",
                        _moment(one.began),
                        _moment(one.renewed),
                    )
                    for one in sessions[:SESSIONS]
                ),
            ),
            tokens=_table(
                ("name", "of", "scopes", "expires", "used"),
                (
                    (
                        one.name,
                        one.person or "(operator)",
                        ", ".join(sorted(one.scopes)),
                        "expired" if one.expires <= time.time() else _moment(one.expires),
                        "never" if one.used is None else _moment(one.used),
                    )
                    for one in access.tokens.listed()
                ),
            ),
            shares=_table(
                ("id", "of", "file", "note", "expires", "used"),
                (
                    (
                        one.id,
                        one.person or "(operator)",
                        one.file,
                        one.note,
                        "expired" if one.expires <= time.time() else _moment(one.expires),
                        "never" if one.used is None else _moment(one.used),
                    )
                    for one in access.shares.listed()
                ),
            ),
            quotas=_table(("of each person", "at most"), _quotas(self._limits)),
            events=_table((*_EVENT, "more"), map(_event, access.audit.newest(EVENTS))),
            home=self._home,
        )
        return self._page.response("People", body)


def _quotas(limits: Limits) -> list[tuple[str, str]]:
    requests, cold = limits.requests_per_second, limits.cold_bytes_per_minute
    return [
        ("requests a second", "no limit" if requests is None else f"{requests:,}"),
        (
            "decoded, MiB a minute",
            "no limit" if cold is None else f"{cold / 2**20:,.1f}",
        ),
    ]


def _event(line: str) -> tuple[str, ...]:
    """The columns of a line of the audit."""
    try:
        found = json.loads(line)
        known = [str(found.pop(name, "")) for name in _EVENT]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return (*("" for _ in _EVENT), "a damaged line")
    known[0] = known[0][:19].replace("T", " ")
    found.pop("agent", None)
    return (*known, ", ".join(f"{name}: {value}" for name, value in found.items()))


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Markup:
    cell, heading = Markup("<td>{}</td>"), Markup('<th scope="col">{}</th>')
    lines = [Markup("").join(map(cell.format, row)) for row in rows]
    if not lines:
        return Markup("<p>None.</p>")
    line = Markup("<tr>{}</tr>")
    return Markup('<div class="wide"><table>{}{}</table></div>').format(
        line.format(Markup("").join(map(heading.format, head))),
        Markup("").join(map(line.format, lines)),
    )


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
