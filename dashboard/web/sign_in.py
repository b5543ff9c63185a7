"""Sign-in: nobody gets anything but health checks and the page that asks for a name or a token.

    request ─ Bearer token, or the cookie of a session ─▶ the scope of its route ─▶ its route
            ├ `?token=` in a link to a page ─▶ a session's cookie, and the same address without the token
            ├ page ─▶ 401, the sign-in page, at the address that was asked for
            └ anything else ─▶ 401 as JSON

What is open is decided by the endpoint that would answer, not by the path: no other spelling of a path, and no
route that is added later, is open by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote_plus, urlsplit

import flask

from dashboard.errors import Busy, LamellaError, TooManyRequests, Unauthorized
from dashboard.people.access import Access
from dashboard.people.attempts import Way
from dashboard.people.person import Person
from dashboard.people.quotas import Limits
from dashboard.settings import Settings
from dashboard.web import scopes, security
from dashboard.web.client_address import Clients
from dashboard.web.node_token import is_from_node
from dashboard.web.people_page import PEOPLE, PeoplePage
from dashboard.web.person import admit, current
from dashboard.web.provider_sign_in import BEGIN, CALLBACK, ProviderSignIn
from dashboard.web.proxy_sign_in import ProxySignIn
from dashboard.web.session_cookie import SessionCookie
from dashboard.web.sign_in_page import SIGN_IN, SIGN_OUT, SignInPage, Ways

BLUEPRINT: Final = "sign_in"
# What machines of one service ask each other for.
OF_NODES: Final = frozenset({"api.prefetch", "api.people", "api.warm"})
HEALTH: Final = frozenset({"api.healthz", "api.readyz"})
OPEN: Final = HEALTH | {
    f"{BLUEPRINT}.{name}" for name in ("page", "leave", "provider", "callback", "share")
}
TOKEN: Final = "token"  # noqa: S105  # the name of a field
SHARE: Final = "/s"
SEE_OTHER: Final = 303

# Printable ASCII from the first slash on, without what browsers take for a slash.
_LOCAL: Final = re.compile(r"/(?!/)[!-\[\]-~]*")
_LONGEST_NEXT: Final = 8000


def register(server: flask.Flask, settings: Settings, access: Access, limits: Limits) -> None:
    """Ask for sign-in before all routes of `server`; to be registered after the guards of all requests."""
    guard = Guard(settings, access, limits)
    routes = flask.Blueprint(BLUEPRINT, __name__)
    routes.add_url_rule(SIGN_IN, "page", guard.page, methods=["GET", "POST"])
    routes.add_url_rule(SIGN_OUT, "leave", guard.leave, methods=["POST"])
    routes.add_url_rule(SIGN_OUT, "choose", guard.choose, methods=["GET"])
    routes.add_url_rule(PEOPLE, "people", guard.people, methods=["GET"])
    routes.add_url_rule(BEGIN, "provider", guard.to_provider, methods=["GET"])
    routes.add_url_rule(f"{SHARE}/<secret>", "share", guard.open_share, methods=["GET"])
    routes.add_url_rule(CALLBACK, "callback", guard.from_provider, methods=["GET"])
    server.register_blueprint(routes, url_prefix=settings.url_prefix or None)
    server.before_request(guard.ask)
    server.after_request(guard.renew)


class Guard:
    """The answers to who is not signed in, and to who signs in or out."""

    def __init__(self, settings: Settings, access: Access, limits: Limits) -> None:
        self._settings = settings
        self._access = access
        self._page = SignInPage(settings)
        self._people = PeoplePage(settings, limits)
        self._cookie = SessionCookie(settings)
        self._clients = Clients(settings)
        self._proxy = ProxySignIn(settings, access, self._clients)
        provider = access.provider
        self._provider = None if provider is None else ProviderSignIn(settings, provider)

    def ask(self) -> flask.Response | None:
        """None for who may pass, else the response; raises `Unauthorized`, `TooManyRequests`, `Forbidden`."""
        request = flask.request
        if request.endpoint in HEALTH:
            return None
        if request.endpoint in OF_NODES and is_from_node(request, self._settings):
            return None
        page = self._is_page(request)
        # First, so that no other way in hides a header that is not the proxy's.
        named = self._proxy.person(request)
        if page and request.method == "GET" and TOKEN in request.args:
            return self._follow_link(request, named)
        if request.endpoint in OPEN:
            return None
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            client = self._clients.of(request, Way.BEARER)
            person: Person | None = self._access.bearer(given.strip(), client)
        else:
            try:
                person = named or self._signed_in(request)
                if person is not None and named is None:
                    security.check_origin_is_said(request)
            except Busy as error:
                if page:
                    return self._page.refusal(error, self._address(request), self._ways())
                raise
        if person is not None:
            scopes.check(person, request.endpoint, self._settings.url_prefix)
            admit(person)
            return None
        if page:
            return self._page.response(401, self._address(request), self._ways())
        raise Unauthorized(
            "You are not signed in: sign in on the page, or send the header `Authorization: Bearer TOKEN`."
        )

    def page(self) -> flask.Response:
        """The page that asks for a name or a token, and what its form is sent to."""
        request = flask.request
        if request.method != "POST":
            target = safe_next(request.args.get("next", ""), self._settings)
            person = self._proxy.person(request) or self._signed_in(request)
            # A guest may have an account.
            if person is not None and person.shared is None:
                return _redirect(target)
            return self._page.response(200, target, self._ways(), request.args.get("said", ""))
        form = request.form
        target = safe_next(form.get("next", ""), self._settings)
        name = form.get("name", "").strip()
        secret = form.get(TOKEN, "").strip() or form.get("password", "")
        try:
            # Without a name it is the start token, which people copy with spaces around it.
            return self._begin(request, name, secret if name else secret.strip(), Way.FORM, target)
        except LamellaError as error:
            return self._page.refusal(error, target, self._ways(), name)

    def to_provider(self) -> flask.Response:
        """Sends the browser to the identity provider."""
        target = safe_next(flask.request.args.get("next", ""), self._settings)
        if self._provider is None:
            return _redirect(self._page.address(target))
        try:
            return self._provider.begin(flask.request, target)
        except LamellaError as error:
            return self._page.refusal(error, target, self._ways())

    def from_provider(self) -> flask.Response:
        """Signs in who comes back from the identity provider."""
        request, target = flask.request, f"{self._settings.url_prefix}/"
        if self._provider is None:
            return _redirect(target)
        client = self._clients.of(request, Way.PROVIDER)
        try:
            self._access.attempts.check(client)
            person, wished = self._provider.finish(request)
            target = safe_next(wished, self._settings)
            response = self._signed_in_response(
                request,
                target,
                lambda bound, old: self._access.sign_in_elsewhere(*person, client, bound, old),
            )
        except LamellaError as error:
            if isinstance(error, Unauthorized):
                self._access.refuse_elsewhere(client, request.args.get("code", ""))
            response = self._page.refusal(error, target, self._ways())
        self._provider.forget(response)
        return response

    def open_share(self, secret: str) -> flask.Response:
        """Lets in who follows the link of a share as its guest; who is signed in opens the view as themselves."""
        request, home = flask.request, f"{self._settings.url_prefix}/"
        client = self._clients.of(request, Way.SHARE)
        try:
            share = self._access.share(secret, client)
            target = f"{home}?{share.view}"
            person = self._proxy.person(request) or self._signed_in(request)
            if person is not None and person.shared is None:
                return _redirect(target)
            # A session that is not valid here, in another network, may be one elsewhere.
            return self._signed_in_response(
                request,
                target,
                lambda bound, old: self._access.let_in(
                    share, client, bound, old if person is not None else ""
                ),
            )
        except LamellaError as error:
            return self._page.refusal(error, home, self._ways())

    def choose(self) -> flask.Response:
        """The page that asks whether to sign out here or everywhere."""
        return self._page.choice(current())

    def people(self) -> flask.Response:
        """A page of accounts, sessions, tokens and the latest events, for those who administer."""
        return self._people.response(self._access)

    def leave(self) -> flask.Response:
        """Ends the session; with `everywhere` in the form, all of the person, who is no guest."""
        request = flask.request
        client = self._clients.of(request, Way.FORM)
        everywhere = request.form.get("everywhere") == "1"
        if self._cookie.values(request):
            security.check_origin_is_said(request)
        try:
            for session in self._cookie.values(request):
                self._access.sign_out(session, client, everywhere=everywhere)
        except LamellaError as error:
            return self._page.still_in(error, everywhere=everywhere)
        response = _redirect(f"{self._settings.url_prefix}{SIGN_IN}?said=out")
        self._cookie.delete(request, response)
        return response

    def renew(self, response: flask.Response) -> flask.Response:
        """Let the cookie last as long as its session does."""
        session = flask.g.get("renewed_session")
        if session is not None and not flask.g.get("signed_in"):
            age_s = self._access.sessions.cookie_s()
            self._cookie.set(flask.request, response, session, age_s)
        return response

    def _follow_link(self, request: flask.Request, named: Person | None) -> flask.Response:
        """Sign in by a link, and leave nothing of the token in the address bar."""
        target = self._address(request)
        try:
            return self._begin(request, "", request.args[TOKEN], Way.LINK, target)
        except LamellaError as error:
            if not isinstance(error, Busy) and (named or self._signed_in(request)):
                return _redirect(target)
            said = {Unauthorized: "wrong", TooManyRequests: "many"}.get(type(error), "busy")
            return _redirect(self._page.address(target, said))

    def _begin(
        self, request: flask.Request, name: str, secret: str, way: Way, target: str
    ) -> flask.Response:
        client = self._clients.of(request, way)
        return self._signed_in_response(
            request,
            target,
            lambda bound, old: self._access.sign_in(name, secret, client, bound, old),
        )

    def _signed_in_response(
        self, request: flask.Request, target: str, begin: Callable[[str, str], str]
    ) -> flask.Response:
        """The redirect with the cookie of the session that `begin` makes of the network and the old session."""
        old = next(iter(self._cookie.values(request)), "")
        session = begin("" if request.is_secure else self._clients.network(request), old)
        response = _redirect(target)
        self._cookie.set(request, response, session, self._access.sessions.cookie_s())
        flask.g.signed_in = True
        return response

    def _signed_in(self, request: flask.Request) -> Person | None:
        """The person of the valid session of a request."""
        found = self._cookie.values(request)
        if not found:
            return None
        here = self._clients.network(request)
        for session in found:
            checked = self._access.sessions.check(session, here)
            if checked.person is not None:
                if checked.renewed:
                    flask.g.renewed_session = session
                return checked.person
        return None

    def _ways(self) -> Ways:
        """What the page asks for; where the people file cannot be read, names too."""
        try:
            accounts = self._access.has_accounts()
        except Busy:
            accounts = True
        issuer = self._settings.oidc_issuer
        provider = None if issuer is None else urlsplit(issuer).hostname
        return Ways(accounts, self._access.has_token, provider)

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


def _redirect(target: str) -> flask.Response:
    response = flask.Response(status=SEE_OTHER)
    response.headers["Location"] = target
    response.headers["Cache-Control"] = "no-store"
    return response
