"""The cookie that has the id of a session.

Browsers send a host's cookies to all of its ports, so that another server of the host can read it. Over HTTPS its
name has a prefix that browsers honour: it is sent over HTTPS alone, and no other name of the domain can set it.
Over plain HTTP the session works for the client's network alone, from which that other server cannot send.
"""

from __future__ import annotations

from typing import Final

import flask

from dashboard.settings import Settings
from dashboard.web.embedding import cookie_attributes

# A browser sends several cookies of one name when other servers of this host have set it for other paths.
_MOST: Final = 4


class SessionCookie:
    """Reads, sets and deletes the cookie."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.url_prefix or "/"
        self._plain = f"lamella-session-{settings.cookie_suffix}"
        # `__Host-` is for the path `/` alone (RFC 6265bis).
        self._secure = f"{'__Secure' if settings.url_prefix else '__Host'}-{self._plain}"

    def values(self, request: flask.Request) -> list[str]:
        """The ids that a request has."""
        return request.cookies.getlist(self._name(request))[:_MOST]

    def set(
        self, request: flask.Request, response: flask.Response, session: str, age_s: int
    ) -> None:
        """Have the browser keep an id for `age_s`."""
        response.set_cookie(
            self._name(request),
            session,
            max_age=age_s,
            path=self._path,
            httponly=True,
            **cookie_attributes(self._settings, request),
        )

    def delete(self, request: flask.Request, response: flask.Response) -> None:
        """Have the browser delete it."""
        response.delete_cookie(
            self._name(request),
            path=self._path,
            httponly=True,
            **cookie_attributes(self._settings, request),
        )

    def _name(self, request: flask.Request) -> str:
        return self._secure if request.is_secure else self._plain
