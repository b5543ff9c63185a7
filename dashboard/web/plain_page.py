"""Pages without scripts that load nothing: sign-in, status, administration."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

import flask
from markupsafe import Markup

from dashboard.assets_path import assets_folder

_HTML: Final = Markup("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title} – Lamella</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{icon}">
<style>{style}</style>
</head>
<body>
<main class="{kind}">
<h1><img src="data:image/svg+xml;base64,{icon}" alt="" width="28" height="28">{heading}</h1>
{body}
</main>
</body>
</html>
""")
FRAMES: Final = "frame-ancestors 'self'"


class PlainPage:
    """A kind of such pages: style sheets, all in the page itself, and a policy that allows nothing else.

    `kind` is the class of its main element, `frames` the directive that says which pages may have it in a frame.
    """

    def __init__(self, *styles: str, kind: str = "", frames: str = FRAMES) -> None:
        folder = assets_folder()
        style = "".join((folder / "css" / name).read_text() for name in styles)
        self._style = Markup(style)  # noqa: S704  # a file of ours
        self._icon = base64.b64encode((folder / "favicon.svg").read_bytes()).decode()
        self._kind = kind
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._policy = "; ".join(
            (
                "default-src 'none'",
                f"style-src 'sha256-{digest}'",
                "img-src data:",
                "form-action 'self'",
                "base-uri 'none'",
                frames,
            )
        )

    def response(
        self, title: str, body: Markup, *, heading: str | None = None, status: int = 200
    ) -> flask.Response:
        """The page; the heading is the title unless it is given."""
        html = _HTML.format(
            title=title,
            heading=title if heading is None else heading,
            icon=self._icon,
            style=self._style,
            kind=self._kind,
            body=body,
        )
        response = flask.Response(html, status, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["Cache-Control"] = "no-store"
        return response
