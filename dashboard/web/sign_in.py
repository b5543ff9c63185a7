"""Sign-in: nobody gets anything but health checks and the page that asks for the token.

    request ─ Bearer token, or the cookie of a session ─▶ its route
            ├ `?token=` in a link to a page ─▶ a session's cookie, and the same address without the token
            ├ page ─▶ 401, the page that asks for the token, at the address that was asked for
            └ anything else ─▶ 401 as JSON

What is open is decided by the endpoint that would answer, not by the path: no other spelling of a path, and no
route that is added later, is open by mistake.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import quote, unquote_plus

import flask

from dashboard.errors import LamellaError, Unauthorized
from dashboard.people.access import Access, Way
from dashboard.people.person import OPERATOR
from dashboard.settings import Settings, is_loopback
from dashboard.web import security
from dashboard.web.person import admit
from dashboard.web.sign_in_page import SIGN_IN, SIGN_OUT, SignInPage

BLUEPRINT: Final = "sign_in"
OPEN: Final = frozenset({"api.healthz", "api.readyz", f"{BLUEPRINT}.page", f"{BLUEPRINT}.leave"})
TOKEN: Final = "token"  # noqa: S105  # the name of a field
SEE_OTHER: Final = 303

# Printable ASCII from the first slash on, without what browsers take for a slash.
_LOCAL: Final = re.compile(r"/(?!/)[!-\[\]-~]*")
_LONGEST_NEXT: Final = 8000
# A browser sends several cookies of one name when other servers of this host have set it for other paths.
_MOST_COOKIES: Final = 4


def register(server: flask.Flask, settings: Settings, access: Access) -> None:
    """Ask for sign-in before all routes of `server`; to be registered after the guards of all requests."""
    guard = Guard(settings, access)
    routes = flask.Blueprint(BLUEPRINT, __name__)
    routes.add_url_rule(SIGN_IN, "page", guard.page, methods=["GET", "POST"])
    routes.add_url_rule(SIGN_OUT, "leave", guard.leave, methods=["POST"])
    server.register_blueprint(routes, url_prefix=settings.url_prefix or None)
    server.before_request(guard.ask)
    server.after_request(guard.renew)


class Guard:
    """The answers to who is not signed in, and to who signs in or out."""

    def __init__(self, settings: Settings, access: Access) -> None:
        self._settings = settings
        self._access = access
        self._page = SignInPage(settings)
        # Browsers send a host's cookies to all of its ports.
        self._cookie = f"lamella-session-{settings.port}"

    def ask(self) -> flask.Response | None:
        """None for who may pass, else the response; raises `Unauthorized` and `TooManyRequests`."""
        request = flask.request
        page = self._is_page(request)
        if page and request.method == "GET" and TOKEN in request.args:
            return self._follow_link(request)
        if request.endpoint in OPEN:
            return None
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            self._access.check_token(given.strip(), *_who(request, Way.BEARER))
            admit(OPERATOR)
            return None
        if self._session(request):
            admit(OPERATOR)
            return None
        if page:
            return self._page.response(401, self._address(request))
        raise Unauthorized(
            "You are not signed in: sign in on the page, or send the header `Authorization: Bearer TOKEN`."
        )

    def page(self) -> flask.Response:
        """The page that asks for the token, and what its form is sent to."""
        request = flask.request
        if request.method != "POST":
            target = safe_next(request.args.get("next", ""), self._settings)
            if self._session(request):
                return _redirect(target)
            return self._page.response(200, target, request.args.get("said", ""))
        target = safe_next(request.form.get("next", ""), self._settings)
        try:
            return self._begin(request, request.form.get(TOKEN, "").strip(), Way.FORM, target)
        except LamellaError as error:
            return self._page.refusal(error, target)

    def leave(self) -> flask.Response:
        """Ends the session."""
        request = flask.request
        address, _, agent = _who(request, Way.FORM)
        for session in self._sessions(request):
            self._access.sign_out(session, address, agent)
        response = _redirect(f"{self._settings.url_prefix}{SIGN_IN}?said=out")
        response.delete_cookie(
            self._cookie, path=self._cookie_path(), httponly=True, samesite="Lax"
        )
        return response

    def renew(self, response: flask.Response) -> flask.Response:
        """Let the cookie last as long as its session does."""
        session = flask.g.get("renewed_session")
        if session is not None and not flask.g.get("signed_in"):
            self._set_cookie(response, session)
        return response

    def _follow_link(self, request: flask.Request) -> flask.Response:
        """Sign in by a link, and leave nothing of the token in the address bar."""
        target = self._address(request)
        try:
            return self._begin(request, request.args[TOKEN], Way.LINK, target)
        except LamellaError as error:
            if self._session(request):
                return _redirect(target)
            if isinstance(error, Unauthorized):
                return _redirect(self._page.address(target, "wrong"))
            return self._page.refusal(error, target)

    def _begin(self, request: flask.Request, token: str, way: Way, target: str) -> flask.Response:
        old = next(iter(self._sessions(request)), "")
        address, _, agent = _who(request, way)
        session = self._access.sign_in(token, address, way, agent, old)
        response = _redirect(target)
        self._set_cookie(response, session)
        flask.g.signed_in = True
        return response

    def _session(self, request: flask.Request) -> str | None:
        """The valid session of a request."""
        for session in self._sessions(request):
            checked = self._access.sessions.check(session)
            if checked.valid:
                if checked.renewed:
                    flask.g.renewed_session = session
                return session
        return None

    def _sessions(self, request: flask.Request) -> list[str]:
        return request.cookies.getlist(self._cookie)[:_MOST_COOKIES]

    def _set_cookie(self, response: flask.Response, session: str) -> None:
        response.set_cookie(
            self._cookie,
            session,
            max_age=int(self._access.sessions.lifetime_s),
            path=self._cookie_path(),
            httponly=True,
            # With Strict, a link in a message would lead to the sign-in page although there is a session. GET
            # changes nothing, and requests of other sites for anything but a page are refused.
            samesite="Lax",
            secure=flask.request.is_secure,
        )

    def _cookie_path(self) -> str:
        return self._settings.url_prefix or "/"

    def _is_page(self, request: flask.Request) -> bool:
        """Whether a person goes to a page."""
        return (
            request.method in ("GET", "HEAD")
            and security.is_page_path(request.path, self._settings)
            and (
                request.headers.get("Sec-Fetch-Mode") == "navigate"
                or "text/html" in request.headers.get("Accept", "")
            )
        )

    def _address(self, request: flask.Request) -> str:
        """What was asked for, without a token, as an address to come back to."""
        parts = request.query_string.decode("latin-1").split("&")
        kept = [part for part in parts if unquote_plus(part.partition("=")[0]) != TOKEN]
        query = "&".join(filter(None, kept))
        path = quote(request.path)
        return safe_next(f"{path}?{query}" if query else path, self._settings)


def safe_next(text: str, settings: Settings) -> str:
    """`text` if it is an address of this server to go to after sign-in, else that of the first page.

    It has to be a path below the prefix, with a query: no scheme, no host, nothing that a browser would read as
    one.
    """
    prefix = settings.url_prefix
    home = f"{prefix}/"
    path = text.partition("#")[0].partition("?")[0]
    plain = unquote_plus(path)
    if (
        not _LOCAL.fullmatch(text)
        or len(text) > _LONGEST_NEXT
        or not path.startswith(home)
        or any(part in ("..", ".") for part in plain.split("/"))
        or plain.removeprefix(prefix) in (SIGN_IN, SIGN_OUT)
    ):
        return home
    return text


def client_address(request: flask.Request) -> str:
    """The client's address; behind a proxy on this machine, the one that the proxy has added.

    It serves to count failures and for the log, not as proof: other accounts on this machine can send any.
    """
    peer = request.remote_addr or ""
    if is_loopback(peer):
        # A proxy appends the address of its client, so the ones before may be made up.
        last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        try:
            # Without the scope of an IPv6 address, which may be any text.
            return str(ipaddress.ip_address(last.partition("%")[0]))
        except ValueError:
            return peer
    return peer


def _who(request: flask.Request, way: Way) -> tuple[str, Way, str]:
    return client_address(request), way, request.headers.get("User-Agent", "")


def _redirect(target: str) -> flask.Response:
    response = flask.Response(status=SEE_OTHER)
    response.headers["Location"] = target
    response.headers["Cache-Control"] = "no-store"
    return response
