"""Sign-in at an identity provider: the way there, and back.

/sign-in/provider ─ a cookie with state, nonce and verifier ─▶ the provider
/sign-in/callback ─ the same state in cookie and address, the code, a verified ID token ─▶ a session
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final

import flask

from dashboard.errors import BadRequest, Unauthorized
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.people.provider import Pending, ProvidedPerson, Provider

BEGIN: Final = "/sign-in/provider"
CALLBACK: Final = "/sign-in/callback"
# How long somebody may take at the provider.
AGE_S: Final = 600

_TOO_LATE: Final = (
    "The sign-in was begun in another browser or took too long; sign in again, with cookies."
)


class ProviderSignIn:
    """Begins and finishes sign-ins at a provider."""

    def __init__(self, settings: Settings, provider: Provider) -> None:
        self._settings = settings
        self._cookie = f"lamella-provider-{settings.cookie_suffix}"
        self.provider = provider

    def begin(self, request: flask.Request, target: str) -> flask.Response:
        """The redirect to the provider; raises `Busy` and `Unauthorized`."""
        address, pending = self.provider.begin(self._redirect(request))
        response = flask.Response(status=303)
        response.headers["Location"] = address
        response.headers["Cache-Control"] = "no-store"
        text = json.dumps([*pending, target])
        response.set_cookie(
            self._cookie,
            urlsafe_b64encode(text.encode()).decode(),
            max_age=AGE_S,
            path=self._path(),
            httponly=True,
            # The provider sends the browser back by a link.
            samesite="Lax",
            secure=request.is_secure,
        )
        return response

    def finish(self, request: flask.Request) -> tuple[ProvidedPerson, str]:
        """Who signed in, and where that leads; raises `BadRequest`, `Busy` and `Unauthorized`."""
        pending, target = self._pending(request)
        if "error" in request.args:
            raise Unauthorized("The identity provider did not sign you in; try again.")
        if not hmac.compare_digest(request.args.get("state", "").encode(), pending.state.encode()):
            raise BadRequest(_TOO_LATE)
        code = request.args.get("code", "")
        return self.provider.finish(pending, code, self._redirect(request)), target

    def forget(self, response: flask.Response) -> None:
        """Have the browser delete what it kept."""
        response.delete_cookie(self._cookie, path=self._path(), httponly=True, samesite="Lax")

    def _pending(self, request: flask.Request) -> tuple[Pending, str]:
        try:
            found = json.loads(urlsafe_b64decode(request.cookies.get(self._cookie, "")))
            state, nonce, verifier, target = (str(one) for one in found)
        except (ValueError, TypeError, RecursionError):
            raise BadRequest(_TOO_LATE) from None
        if not (state and nonce and verifier):
            raise BadRequest(_TOO_LATE)
        from dashboard.people.provider import Pending  # noqa: PLC0415  # where there is one

        return Pending(state, nonce, verifier), target

    def _redirect(self, request: flask.Request) -> str:
        """The address of the way back, which has to be known to the provider."""
        if self._settings.oidc_redirect is not None:
            return self._settings.oidc_redirect
        return f"{request.scheme}://{request.host}{self._settings.url_prefix}{CALLBACK}"

    def _path(self) -> str:
        return f"{self._settings.url_prefix}/sign-in"
