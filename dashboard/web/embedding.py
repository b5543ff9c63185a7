"""Frames: which pages of other sites may have the page in them, and the cookie that is sent from there."""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import urlsplit

import flask

from dashboard.settings import Settings, is_loopback


class CookieAttributes(TypedDict):
    """Attributes of a cookie that say where it is sent."""

    samesite: str
    secure: bool
    partitioned: bool


def frame_ancestors(settings: Settings) -> str:
    """The directive of a Content-Security-Policy that says which pages may have ours in a frame."""
    return " ".join(("frame-ancestors 'self'", *settings.frame_ancestors))


def destinations(settings: Settings) -> tuple[str, ...]:
    """Where a browser may put a page that a page of another site leads to (`Sec-Fetch-Dest`)."""
    return ("document", "iframe") if settings.frame_ancestors else ("document",)


def cookie_attributes(settings: Settings, request: flask.Request) -> CookieAttributes:
    """Where the cookie of a session is sent: to this site alone, unless other sites may have frames.

    A browser sends a cookie to a frame in a page of another site only with SameSite=None, for which it wants a
    secure context: HTTPS, or this machine. Such a cookie is kept apart by the site of the page around the frame.
    """
    host = urlsplit(f"//{request.host}").hostname or ""
    if settings.frame_ancestors and (request.is_secure or is_loopback(host)):
        return {"samesite": "None", "secure": True, "partitioned": True}
    # With Strict, a link in a message would lead to the sign-in page although there is a session. GET changes
    # nothing, and requests of other sites for anything but a page are refused.
    return {"samesite": "Lax", "secure": request.is_secure, "partitioned": False}
