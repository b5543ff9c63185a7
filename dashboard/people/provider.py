"""Sign-in at an identity provider by OpenID Connect: discovery, authorization code with PKCE, a verified ID token.

Authlib and joserfc do the protocol; they come with the extra `lamella[oidc]`.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from dashboard.blocking import about_to_block
from dashboard.errors import Busy, SetupError, Unauthorized

try:
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.requests_client import OAuth2Session
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError, JoseError
    from joserfc.jwk import KeySet
    from joserfc.jws import JWSRegistry
    from requests import RequestException
except ImportError:
    HAS_LIBRARY = False
else:
    HAS_LIBRARY = True

log = logging.getLogger(__name__)

WELL_KNOWN: Final = "/.well-known/openid-configuration"
TIMEOUT_S: Final = 10.0
# For this time (s) a process relies on what the provider said about itself, and on its keys.
KEPT_S: Final = 3600.0
# An unknown key has the keys fetched again, no more often than this (s).
KEYS_EVERY_S: Final = 60.0
# After a provider was down, no request waits for it for this time (s); while one asks, others wait for `WAIT_S` at
# most.
DOWN_S: Final = 5.0
WAIT_S: Final = 2.0
# Clocks may differ by this much (s).
LEEWAY_S: Final = 120
# Signatures that nobody but the provider can make: none with the client's own secret, none without a key.
ALGORITHMS: Final = frozenset(
    {f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)} | {"EdDSA"}
)
SCOPES: Final = "openid profile email"

DOWN: Final = "The identity provider cannot be reached; try again in a moment."
UNVERIFIED: Final = (
    "The answer of the identity provider cannot be verified; try again, and if that does not help, have the person"
    " who runs the server read its log (keys, client id, and the clock of the machine)."
)


class Pending(NamedTuple):
    """A sign-in that was begun: what a browser keeps of it until the provider sends it back."""

    state: str
    nonce: str
    verifier: str


class ProvidedPerson(NamedTuple):
    """Who signed in, as the provider says."""

    name: str
    groups: tuple[str, ...]


@dataclass
class _Known:
    """What the provider said; times are those of the clock."""

    metadata: Mapping[str, Any]
    read_at: float
    keys: Any = None
    keys_at: float = float("-inf")


class Provider:
    """One identity provider; thread-safe.

    `name_claim` and `groups_claim` are the claims with the person's name and groups. `clock` gives seconds.
    Methods raise `Busy` where the provider is down, `Unauthorized` where it says nothing that can be verified.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        name_claim: str,
        groups_claim: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not HAS_LIBRARY:
            raise SetupError(
                "Sign-in with OpenID Connect needs more packages; install lamella[oidc]."
            )
        self.issuer = issuer
        self._client = (client_id, client_secret)
        self._claims = (name_claim, groups_claim)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._down_at = float("-inf")
        self._answers = True

    def answers(self) -> bool:
        """Whether it answered as it should when it was last asked; True before."""
        return self._answers

    def check(self) -> None:
        """Ask it for its description, whatever is known of it; a failure is in the log, and in `answers`."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            with self._session("") as session:
                self._ask(session)
        except (Busy, Unauthorized):
            return
        finally:
            self._lock.release()

    def begin(self, redirect: str) -> tuple[str, Pending]:
        """Where to send the browser, and what it has to bring back to `redirect`."""
        pending = Pending(*(secrets.token_urlsafe(32) for _ in Pending._fields))
        with self._session(redirect) as session:
            known = self._discovered(session)
            address, _ = session.create_authorization_url(
                known.metadata["authorization_endpoint"],
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(address), pending

    def finish(self, pending: Pending, code: str, redirect: str) -> ProvidedPerson:
        """Who signed in, by the code that the provider sent to `redirect`."""
        about_to_block()
        try:
            with self._session(redirect) as session:
                known = self._discovered(session)
                token = session.fetch_token(
                    known.metadata["token_endpoint"],
                    code=code,
                    code_verifier=pending.verifier,
                    grant_type="authorization_code",
                )
                claims = self._verified(session, known, token, pending.nonce)
                person = self._person(session, known, claims)
        except RequestException as error:
            if getattr(error.response, "status_code", 500) < 500:
                # A code that was used, or a client that the provider does not know.
                raise self._unverified(error) from None
            raise self._down(error) from None
        except (OAuthError, JoseError, ValueError, TypeError, KeyError) as error:
            raise self._unverified(error) from None
        self._answers = True
        return person

    def _session(self, redirect: str) -> Any:
        client_id, client_secret = self._client
        return OAuth2Session(
            client_id,
            client_secret,
            scope=SCOPES,
            redirect_uri=redirect,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        )

    def _discovered(self, session: Any) -> _Known:
        """What the provider says about itself, which has to be of this issuer (OpenID Connect Discovery, 4.3)."""
        known = self._current()
        if known is not None:
            return known
        about_to_block()
        if not self._lock.acquire(timeout=WAIT_S):
            raise Busy(DOWN)
        try:
            # Another thread may have asked meanwhile.
            return self._current() or self._ask(session)
        finally:
            self._lock.release()

    def _current(self) -> _Known | None:
        """What is known still; raises `Busy` for a while after the provider was down."""
        now, known = self._clock(), self._known
        if known is not None and 0.0 <= now - known.read_at < KEPT_S:
            return known
        if 0.0 <= now - self._down_at < DOWN_S:
            raise Busy(DOWN)
        return None

    def _ask(self, session: Any) -> _Known:
        known = self._known
        try:
            metadata = _json(session, self.issuer.rstrip("/") + WELL_KNOWN)
        except (RequestException, ValueError) as error:
            self._down_at = self._clock()
            raise self._down(error) from None
        required = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if metadata.get("issuer") != self.issuer or not all(
            isinstance(metadata.get(key), str) for key in required
        ):
            self._answers = False
            raise self._unverified(ValueError("its description is of another issuer"))
        keys, keys_at = (None, float("-inf")) if known is None else (known.keys, known.keys_at)
        self._known = _Known(metadata, self._clock(), keys, keys_at)
        self._answers = True
        return self._known

    def _verified(
        self, session: Any, known: _Known, token: Mapping[str, Any], nonce: str
    ) -> dict[str, Any]:
        """The claims of the ID token, after its signature, issuer, audience, times and nonce were verified."""
        offered = known.metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        registry = JWSRegistry(
            algorithms=sorted(ALGORITHMS.intersection(offered)), strict_check_header=False
        )
        try:
            decoded = jwt.decode(token["id_token"], self._keys(session, known), registry=registry)
        except (InvalidKeyIdError, ValueError):
            # The provider has changed its keys.
            keys = self._keys(session, known, again=True)
            decoded = jwt.decode(token["id_token"], keys, registry=registry)
        client_id, _ = self._client
        options = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        }
        parameters = {"nonce": nonce, "client_id": client_id}
        claims = CodeIDToken(decoded.claims, decoded.header, options, parameters)
        claims.validate(leeway=LEEWAY_S)
        return dict(claims) | {"access_token": token.get("access_token")}

    def _keys(self, session: Any, known: _Known, *, again: bool = False) -> Any:
        now = self._clock()
        age_s = now - known.keys_at
        if not 0.0 <= age_s < (KEYS_EVERY_S if again else KEPT_S):
            known.keys = KeySet.import_key_set(
                cast("Any", _json(session, known.metadata["jwks_uri"]))
            )
            known.keys_at = now
        return known.keys

    def _person(self, session: Any, known: _Known, claims: dict[str, Any]) -> ProvidedPerson:
        name_claim, groups_claim = self._claims
        access = claims.pop("access_token")
        address = known.metadata.get("userinfo_endpoint")
        if isinstance(address, str) and access and not {name_claim, groups_claim} <= set(claims):
            more = _json(session, address, {"Authorization": f"Bearer {access}"})
            # Else it could be that of somebody else (OpenID Connect Core, 5.3.2).
            if more.get("sub") != claims["sub"]:
                raise ValueError("the user info is of somebody else")
            claims = more | claims
        name, groups = claims.get(name_claim), claims.get(groups_claim, [])
        if not isinstance(name, str):
            raise ValueError(f"there is no claim {name_claim}")
        if isinstance(groups, str):
            groups = groups.split(",")
        return ProvidedPerson(name, tuple(one for one in groups if isinstance(one, str)))

    def _down(self, error: Exception) -> Busy:
        self._answers = False
        log.warning("the identity provider %s cannot be used: %s", self.issuer, error)
        return Busy(DOWN)

    def _unverified(self, error: Exception) -> Unauthorized:
        log.warning("an answer of the identity provider %s is refused: %r", self.issuer, error)
        return Unauthorized(UNVERIFIED)


def _json(session: Any, address: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A JSON object of the provider; raises `RequestException` and `ValueError`."""
    response = session.request("GET", address, withhold_token=True, headers=headers)
    response.raise_for_status()
    found = response.json()
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found
