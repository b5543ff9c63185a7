"""Request guards (Host, proxy, Origin, body size) and security headers.

By default the server listens on loopback and asks for no sign-in. There it accepts only loopback host names,
against DNS rebinding (a page of another site can point its own name at 127.0.0.1), and no requests through a
proxy, which would expose it. With sign-in (`web/sign_in.py`) a proxy exposes nothing.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from dashboard.errors import (
    BadRequest,
    Busy,
    Forbidden,
    LamellaError,
    TooLarge,
    Unauthorized,
    WrongHost,
)
from dashboard.log_format import request_id
from dashboard.settings import Settings, is_loopback
from dashboard.web import embedding

log = logging.getLogger(__name__)

MAX_BODY = 2**20
BODY_TOO_LARGE = "Request bodies are limited to 1 MiB."

# Health checks come from machines that know the server by its address.
OPEN_PATHS = ("/healthz", "/readyz")

# What proxies and content delivery networks add; headers that begin with `x-forwarded` as well.
FORWARDING = frozenset(
    {
        *("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-proxyuser-ip"),
        *("x-original-forwarded-for", "x-original-host", "x-envoy-external-address"),
        *("true-client-ip", "cf-connecting-ip", "fastly-client-ip"),
    }
)

# The same as WSGI's environment has them.
_FORWARDING_KEYS = frozenset("HTTP_" + name.upper().replace("-", "_") for name in FORWARDING)

# A link on another site may lead to the page, and to nothing that is data.
NO_PAGE = (
    *("/api/", "/metrics", "/healthz", "/readyz", "/assets/", "/_"),
    *("/monitor/assets/", "/monitor/_"),
)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

UNREADABLE = ("\0", "\ufffd")

CHALLENGE = 'Bearer realm="Lamella"'


def register(server: flask.Flask, settings: Settings, *, script_hashes: Sequence[str] = ()) -> None:
    """Guard all routes of `server`; `script_hashes` are those of the page's inline scripts."""
    open_paths = frozenset(settings.url_prefix + path for path in OPEN_PATHS)
    policy = content_security_policy(script_hashes, embedding.frame_ancestors(settings))
    fixed = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if not settings.frame_ancestors:  # It knows no list of origins.
        fixed["X-Frame-Options"] = "SAMEORIGIN"

    # Werkzeug cuts a body without a Content-Length here; one byte more tells that it was longer.
    server.config["MAX_CONTENT_LENGTH"] = MAX_BODY + 1

    @server.before_request
    def guard() -> None:
        request = flask.request
        if request.path not in open_paths:
            check_host(request.environ.get("HTTP_HOST", ""), settings)
            # A target with a host of its own outranks the header (RFC 9112, section 3.2.2).
            scheme, _, rest = str(request.environ.get("RAW_URI", "/")).partition("://")
            if rest and "/" not in scheme:
                check_host(rest.partition("/")[0], settings)
            check_direct(request, settings)
        check_site(request, settings)
        check_path(request.path)
        length = request.content_length
        if length is None and "Transfer-Encoding" in request.headers:
            length = len(read_body(request))
        if (length or 0) > MAX_BODY:
            raise TooLarge(BODY_TOO_LARGE)

    @server.after_request
    def harden(response: flask.Response) -> flask.Response:
        added = dict(fixed)
        if "HTTP_SEC_FETCH_SITE" in flask.request.environ:
            # Browsers take this, and send that, over HTTPS and to loopback alone, and complain elsewhere.
            added["Cross-Origin-Opener-Policy"] = "same-origin"
        # No `Vary` for what is refused to other sites: nothing that a shared cache may have depends on it.
        # After a sign-out, the browser's "back" is not to show the page.
        kept = response.mimetype == "text/html" and not settings.asks_sign_in
        added["Cache-Control"] = "private, no-cache" if kept else "no-store"
        # Not by `setdefault`, which goes through all headers for each.
        present = {name.lower() for name, _ in response.headers}
        for name, value in added.items():
            if name.lower() not in present:
                response.headers.add(name, value)
        return response

    server.register_error_handler(LamellaError, error_response)
    server.register_error_handler(HTTPException, _http_error)
    server.register_error_handler(Exception, _internal_error)


def error_response(error: LamellaError) -> flask.Response:
    """`error` as JSON: `{"error": {"code", "message"}}` with its status."""
    response = _json_error(error.status, error.code, error.message)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == Unauthorized.status:
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response


def check_host(host: str, settings: Settings) -> None:
    """Raise `WrongHost` unless the server answers for the name `host` (a port is ignored)."""
    if settings.any_host:
        return
    name = _host_name(host)
    known = is_loopback(name) or name in settings.allowed_hosts or name == settings.people_host
    if not known:
        raise WrongHost(
            "This server does not answer for that host name; start it with --allowed-host NAME to"
            " allow the name."
        )


def check_direct(request: flask.Request, settings: Settings) -> None:
    """Raise `Forbidden` for a request through a proxy, unless the server is public or asks for sign-in."""
    if settings.public or settings.asks_sign_in:
        return
    for key in request.environ:
        if key in _FORWARDING_KEYS or key.startswith("HTTP_X_FORWARDED"):
            raise Forbidden(
                "This server has no authentication and does not answer through a proxy; start it with --sign-in"
                " to ask for a token, or with --public if everyone behind the proxy may see the data."
            )


def check_path(path: str) -> None:
    """Raise `BadRequest` for an address with a NUL, or bytes that are no UTF-8."""
    if any(character in path for character in UNREADABLE):
        raise BadRequest("The address is not valid UTF-8 text.")


def check_site(request: flask.Request, settings: Settings) -> None:
    """Raise `Forbidden` for requests that a page of another site makes a browser send, reads included.

    Another port of this machine, or another name below the same domain, is another site here: to a browser
    it is `same-site`, but its server may belong to somebody else. Links to the page work.
    """
    # Browsers send Sec-Fetch-Site over HTTPS and to loopback. Elsewhere they send at most Origin, and what
    # they load without it, as an image, the resource policy keeps from the other page. Other clients send
    # neither.
    site = request.environ.get("HTTP_SEC_FETCH_SITE")
    if site is None:
        origin = request.environ.get("HTTP_ORIGIN")
        if origin is None or is_own_origin(origin, request.host, settings):
            return
    elif site in ("same-origin", "none") or is_link_to_page(request, settings):
        return
    raise Forbidden("The request comes from a page of another site.")


def check_origin_is_said(request: flask.Request) -> None:
    """Raise `Forbidden` for a change in the name of a session, of which nothing says that our page asks for it.

    All browsers of today send Origin with what is no GET; what does not may be one that hides another site.
    """
    said = "Origin" in request.headers or "Sec-Fetch-Site" in request.headers
    if request.method not in SAFE_METHODS and not said:
        raise Forbidden(
            "The request does not say which page it comes from: use a browser that sends Origin, or in a script a"
            " token in place of the cookie."
        )


def is_own_origin(origin: str, host: str, settings: Settings) -> bool:
    """Whether a page of `origin` is one of this server, asked for as `host` or by an allowed name."""
    try:
        there = urlsplit(origin)
        name = there.hostname
    except ValueError:
        return False
    return bool(there.netloc) and (
        there.netloc.lower() == host.lower() or name in settings.allowed_hosts
    )


def is_link_to_page(request: flask.Request, settings: Settings) -> bool:
    """Whether a browser goes to the page itself, in a tab of its own, or in a frame where those are allowed."""
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") in embedding.destinations(settings)
        and is_page_path(request.path, settings)
    )


def is_page_path(path: str, settings: Settings) -> bool:
    """Whether a page is at this path, not data or a part of a page."""
    return not path.removeprefix(settings.url_prefix).startswith(NO_PAGE)


def read_body(request: flask.Request) -> bytes:
    """The body of a request that does not say its length; raises `BadRequest` where it is cut or malformed."""
    try:
        return request.get_data()
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001  # each WSGI server has errors of its own for this
        raise BadRequest("The body of the request is malformed.") from None


def content_security_policy(
    script_hashes: Sequence[str], frame_ancestors: str = "frame-ancestors 'self'"
) -> str:
    """The policy of the page: everything from here, inline scripts by hash only."""
    return "; ".join(
        (
            "default-src 'self'",
            # No text is evaluated: neither Dash, Mantine nor Plotly needs it for what the page draws.
            " ".join(("script-src 'self'", *script_hashes)),
            # Plotly writes style attributes as text, to which no nonce applies, and the bundles of Dash insert
            # style elements without one.
            "style-src 'self' 'unsafe-inline'",
            # A slice at rest is a blob: image, or a data: one where Plotly draws it by itself, as in exports.
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            frame_ancestors,
        )
    )


def _host_name(host: str) -> str:
    """`host` without its port, lower case, without brackets or a dot at the end."""
    text = host.strip().lower()
    name = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]
    return name.removesuffix(".")


def _http_error(error: HTTPException) -> BaseResponse:
    """Werkzeug's own errors in the same form; its redirects and ready answers as they are."""
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error.get_response()
    if status == 413:
        return error_response(TooLarge(BODY_TOO_LARGE))
    code = error.name.lower().replace(" ", "_")
    response = _json_error(status, code, f"{error.name.capitalize()}.")
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


# No memory, no descriptors: wherever in a request they run out, the next one may have them.
_EXHAUSTED = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def _internal_error(error: Exception) -> flask.Response:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) in _EXHAUSTED:
        log.warning("memory or descriptors ran out: %s", error)
        return error_response(Busy("The server has run out of memory or files; try again."))
    # As a literal, so that a line break in the address is none in the log.
    log.error("%s %.200r failed", flask.request.method, flask.request.path, exc_info=error)
    return _json_error(
        500,
        LamellaError.code,
        f"Something went wrong in the server; its log has the reason, with the request's id {request_id.get()}.",
    )


def _json_error(status: int, code: str, message: str) -> flask.Response:
    response = flask.jsonify({"error": {"code": code, "message": message}})
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response
