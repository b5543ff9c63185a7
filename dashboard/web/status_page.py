"""`/status`: a page in words for people, without scripts, of what works and what does not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

import flask
from markupsafe import Markup, escape

from dashboard import __version__
from dashboard.assets_path import assets_folder
from dashboard.runtime.health import Part, PartHealth

STATUS: Final = "/status"
STYLES: Final = ("sign-in.css", "status.css")

NAMES: Final = {
    Part.FILES: "Files",
    Part.CACHE: "Cache",
    Part.PREFETCHING: "Prefetching",
    Part.LINKED_FILES: "Linked files",
    Part.RIGHTS: "Rights",
}

_HTML: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Status – Lamella</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{icon}">
<style>{style}</style>
</head>
<body>
<main class="status">
<h1><img src="data:image/svg+xml;base64,{icon}" alt="" width="28" height="28">Status</h1>
<p>{summary}</p>
<table>
<tr><th scope="row">Slices</th><td>works</td><td>The server answers.</td></tr>
{rows}
</table>
<footer>Lamella {version}. Slow slices and all figures are on <a href="{monitor}">the monitor</a>.</footer>
</main>
</body>
</html>
"""


class StatusPage:
    """The page and its policy; `prefix` is that of all paths."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        folder = assets_folder()
        self._style = "".join((folder / "css" / name).read_text() for name in STYLES)
        self._icon = base64.b64encode((folder / "favicon.svg").read_bytes()).decode()
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = "; ".join(
            (
                "default-src 'none'",
                f"style-src 'sha256-{digest}'",
                "img-src data:",
                "base-uri 'none'",
                "frame-ancestors 'self'",
            )
        )

    def response(self, parts: Sequence[PartHealth]) -> flask.Response:
        """The page about these parts."""
        html = _HTML.format(
            icon=self._icon,
            style=self._style,
            summary=summary(parts),
            rows=Markup("\n").join(map(_row, parts)),
            version=escape(__version__),
            monitor=escape(f"{self._prefix}/monitor"),
        )
        response = flask.Response(html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["Cache-Control"] = "no-store"
        return response


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
