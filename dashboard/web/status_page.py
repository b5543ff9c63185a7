"""`/status`: a page in words for people, without scripts, of what works and what does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import flask
from markupsafe import Markup

from dashboard import __version__
from dashboard.runtime.health import Part, PartHealth
from dashboard.web.plain_page import PlainPage

STATUS: Final = "/status"

NAMES: Final = {
    Part.FILES: "Files",
    Part.CACHE: "Cache",
    Part.PREFETCHING: "Prefetching",
    Part.LINKED_FILES: "Linked files",
    Part.RIGHTS: "Rights",
    Part.SIGN_IN: "Sign-in",
    Part.SHARED: "Shared store",
}

_BODY: Final = Markup("""<p>{summary}</p>
<table>
<tr><th scope="row">Slices</th><td>works</td><td>The server answers.</td></tr>
{rows}
</table>
<footer>Lamella {version}. Slow slices and all figures are on <a href="{monitor}">the monitor</a>.</footer>""")


class StatusPage:
    """The page; `prefix` is that of all paths."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._page = PlainPage("sign-in.css", "status.css", kind="status")

    def response(self, parts: Sequence[PartHealth]) -> flask.Response:
        """The page about these parts."""
        body = _BODY.format(
            summary=summary(parts),
            rows=Markup("\n").join(map(_row, parts)),
            version=__version__,
            monitor=f"{self._prefix}/monitor",
        )
        return self._page.response("Status", body)


def summary(parts: Sequence[PartHealth]) -> str:
    """How it is in all, in a sentence."""
    failing = sum(not part.works for part in parts)
    if not failing:
        return "Everything works."
    return (
        "Slices are shown, but one part does not work."
        if failing == 1
        else (f"Slices are shown, but {failing} parts do not work.")
    )


def _row(part: PartHealth) -> Markup:
    state = (
        Markup("<td>works</td>") if part.works else Markup('<td class="fails">does not work</td>')
    )
    row = Markup('<tr><th scope="row">{}</th>{}<td>{}</td></tr>')
    return row.format(NAMES[part.part], state, part.sentence)
