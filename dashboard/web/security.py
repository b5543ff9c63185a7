"""What every request has to pass, and what every response carries.

The server is open to whoever reaches it. It therefore listens on loopback unless told otherwise, and there
answers only to loopback names (a page of another site can point its own name at 127.0.0.1: DNS rebinding)
and to nobody who came through a proxy, which would open it to everyone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from dashboard.errors import Forbidden, LamellaError, TooLarge, WrongHost
from dashboard.settings import Settings, is_loopback

log = logging.getLogger(__name__)

MAX_BODY = 2**20

# Health checks come from machines that know the server by its address.
OPEN_PATHS = ("/healthz", "/readyz")

FORWARDING = frozenset({"forwarded", "via", "x-real-ip"})

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def register(server: flask.Flask, settings: Settings, *, script_hashes: Sequence[str] = ()) -> None:
    """Guard all routes of `server`; `script_hashes` are those of the page's inline scripts."""
    open_paths = frozenset(settings.url_prefix + path for path in OPEN_PATHS)
    policy = content_security_policy(script_hashes)

    # Werkzeug cuts a body without a Content-Length here; one byte more tells that it was longer.
    server.config["MAX_CONTENT_LENGTH"] = MAX_BODY + 1

    @server.before_request
    def guard() -> None:
        request = flask.request
        if request.path not in open_paths:
            check_host(request.host, settings)
            check_direct(request, settings)
        check_origin(request, settings)
        length = request.content_length
        if length is None and "Transfer-Encoding" in request.headers:
            length = len(request.get_data())
        if (length or 0) > MAX_BODY:
            raise TooLarge("The body of a request may have 1 MiB.")

    @server.after_request
    def harden(response: flask.Response) -> flask.Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Frame-Options", "SAMEORIGIN")
        return response

    server.register_error_handler(LamellaError, error_response)
    server.register_error_handler(HTTPException, _http_error)
    server.register_error_handler(Exception, _unforeseen)


def error_response(error: LamellaError) -> flask.Response:
    """`error` as JSON: `{"error": {"code", "message"}}` with its status."""
    return _json_error(error.status, error.code, error.message)


def check_host(host: str, settings: Settings) -> None:
    """Raise `WrongHost` unless the server answers for the name `host` (a port is ignored)."""
    if settings.public and not settings.allowed_hosts:
        return
    name = _host_name(host)
    if not is_loopback(name) and name not in settings.allowed_hosts:
        raise WrongHost(
            "This server does not answer for that host name; start it with --allowed-host NAME to"
            " allow the name."
        )


def check_direct(request: flask.Request, settings: Settings) -> None:
    """Raise `Forbidden` for a request that came through a proxy, unless the server is public."""
    if settings.public:
        return
    for name, _ in request.headers:
        lower = name.lower()
        if lower in FORWARDING or lower.startswith("x-forwarded-"):
            raise Forbidden(
                "This server is open to whoever reaches it and does not answer through a proxy;"
                " start it with --public if everyone behind the proxy may see the data."
            )


def check_origin(request: flask.Request, settings: Settings) -> None:
    """Raise `Forbidden` for a request that another site's page sends and that could change something."""
    if request.method in SAFE_METHODS:
        return
    # Browsers send Sec-Fetch-Site over HTTPS and to loopback, else Origin alone; other clients neither.
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site in ("same-origin", "none"):
        return
    if site is None and origin is None:
        return
    if site is None and origin is not None:
        there = urlsplit(origin)
        if there.netloc and there.netloc.lower() == request.host.lower():
            return
        if there.hostname in settings.allowed_hosts:
            return
    raise Forbidden("The request comes from a page of another site.")


def content_security_policy(script_hashes: Sequence[str]) -> str:
    """The policy of the page: everything from here, inline scripts by hash only."""
    return "; ".join(
        (
            "default-src 'self'",
            # Tools that drive a browser evaluate expressions in the page, which itself does without;
            # scripts still come from here alone, or are inline ones known by hash.
            " ".join(("script-src 'self' 'unsafe-eval'", *script_hashes)),
            # Mantine and Plotly write style elements while they run.
            "style-src 'self' 'unsafe-inline'",
            # A slice at rest is a blob: image, or a data: one where Plotly draws it by itself, as in exports.
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
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
        return error_response(TooLarge("The body of a request may have 1 MiB."))
    code = error.name.lower().replace(" ", "_")
    response = _json_error(status, code, f"{error.name.capitalize()}.")
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _unforeseen(error: Exception) -> flask.Response:
    log.error("%s %s failed", flask.request.method, flask.request.path, exc_info=error)
    return _json_error(
        500, LamellaError.code, "Something went wrong in the server; its log tells more."
    )


def _json_error(status: int, code: str, message: str) -> flask.Response:
    response = flask.jsonify({"error": {"code": code, "message": message}})
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response
