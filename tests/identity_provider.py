"""An identity provider for tests, which says what it is made to say."""

from __future__ import annotations

import base64
import hashlib
import time
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT = "lamella-client"
SECRET = "the-client's-secret-of-the-test"


@cache
def signing_key(name: str) -> RSAKey:
    """A key that all tests of a process share, since making one takes a second."""
    return RSAKey.generate_key(2048, {"kid": name})


class FakeProvider:
    """A Flask application; `claims` are put over those of a right ID token, None removes one."""

    def __init__(self) -> None:
        self.key = signing_key("first")
        self.signs_with: Any = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {}
        self.user_info: dict[str, Any] = {}
        self.description: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.failing: dict[str, int] = {}
        self.requests: list[str] = []
        self._challenges: dict[str, tuple[str, str]] = {}
        self.application = flask.Flask(__name__)
        add = self.application.add_url_rule
        add("/.well-known/openid-configuration", "configuration", self._configuration)
        add("/keys", "keys", self._keys)
        add("/token", "token", self._token, methods=["POST"])
        add("/me", "me", lambda: flask.jsonify(self.user_info))
        self.application.before_request(self._before)

    def authorize(self, address: str) -> str:
        """What the provider sends the browser back with, in the query: a code and the state."""
        query = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = f"code-{len(self._challenges)}"
        self._challenges[code] = (query["code_challenge"], query["nonce"])
        return f"code={code}&state={query['state']}"

    def _before(self) -> flask.Response | None:
        name = flask.request.path.rpartition("/")[2]
        self.requests.append(name)
        status = self.failing.get(name)
        return None if status is None else flask.Response("no", status)

    def _configuration(self) -> flask.Response:
        issuer = flask.request.host_url.rstrip("/")
        found = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/me",
            "jwks_uri": f"{issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        return flask.jsonify(found | self.description)

    def _keys(self) -> flask.Response:
        return flask.jsonify(keys=[self.key.as_dict(private=False)])

    def _token(self) -> tuple[flask.Response, int]:
        form, given = flask.request.form, flask.request.authorization
        assert given is not None
        assert (given.username, given.password) == (CLIENT, SECRET)
        challenge, nonce = self._challenges.pop(form.get("code", ""), ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
            return flask.jsonify(error="invalid_grant"), 400
        now = int(time.time())
        claims = {
            "iss": flask.request.host_url.rstrip("/"),
            "sub": "1234",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "preferred_username": "ann",
            "groups": ["imaging", "beam"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.signs_with.kid or "first"}
        signed = jwt.encode(header, claims, self.signs_with, algorithms=["RS256", "HS256"])
        answer = {"access_token": "access", "token_type": "Bearer", "id_token": signed}
        return flask.jsonify(answer | self.token), 200


def symmetric_key(secret: str) -> OctKey:
    """A key that the client has as well."""
    return OctKey.import_key(secret, {"kid": "first"})
