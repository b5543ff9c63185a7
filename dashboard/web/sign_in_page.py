"""The page that asks for the token: HTML without scripts, and nothing that has to be loaded."""

from __future__ import annotations

import base64
import hashlib
from typing import Final
from urllib.parse import quote

import flask
from markupsafe import escape

from dashboard.assets_path import assets_folder
from dashboard.errors import LamellaError, Unauthorized
from dashboard.settings import Settings
from dashboard.web.security import CHALLENGE

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"

# Sentences of the page by name: its address chooses among these, and has no text of its own.
SAID: Final = {
    "out": "You are signed out.",
    "wrong": "The token in the link is wrong; it may be that of an earlier start.",
}

_HTML: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Sign in – Lamella</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{icon}">
<style>{style}</style>
</head>
<body>
<main>
<h1><img src="data:image/svg+xml;base64,{icon}" alt="" width="28" height="28">Lamella</h1>
<form method="post" action="{action}">
<p id="said" role="{role}">{said}</p>
<input name="username" type="text" value="lamella" autocomplete="username" hidden>
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" spellcheck="false"
  aria-describedby="said help" required autofocus>
<input name="next" type="hidden" value="{next}">
<button type="submit">Sign in</button>
<p id="help">The token comes from the person who started the server.</p>
</form>
</main>
</body>
</html>
"""


class SignInPage:
    """The page and its policy."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.url_prefix
        folder = assets_folder()
        self._style = (folder / "css" / "sign-in.css").read_text()
        self._icon = base64.b64encode((folder / "favicon.svg").read_bytes()).decode()
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = "; ".join(
            (
                "default-src 'none'",
                f"style-src 'sha256-{digest}'",
                "img-src data:",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'self'",
            )
        )

    def address(self, target: str, said: str = "") -> str:
        """The address of the page that leads to `target`."""
        return f"{self._prefix}{SIGN_IN}?next={quote(target, safe='')}&said={said}"

    def response(self, status: int, target: str, said: str = "") -> flask.Response:
        """The page, which leads to `target`; `said` is a name in `SAID`."""
        return self._page(status, target, SAID.get(said, ""), "status")

    def refusal(self, error: LamellaError, target: str) -> flask.Response:
        """The page after an attempt that failed."""
        response = self._page(error.status, target, error.message, "alert")
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    def _page(self, status: int, target: str, said: str, role: str) -> flask.Response:
        html = _HTML.format(
            icon=self._icon,
            style=self._style,
            action=escape(self._prefix + SIGN_IN),
            said=escape(said),
            role=role,
            next=escape(target),
        )
        response = flask.Response(html, status, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["Cache-Control"] = "no-store"
        if status == Unauthorized.status:
            response.headers["WWW-Authenticate"] = CHALLENGE
        return response
