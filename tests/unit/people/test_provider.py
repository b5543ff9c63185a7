"""OpenID Connect: people that an identity provider names, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from dashboard.errors import Busy, Unauthorized
from dashboard.people import provider as provider_module
from dashboard.people.provider import DOWN_S, KEPT_S, KEYS_EVERY_S, Provider
from tests.clock import Clock
from tests.identity_provider import CLIENT, SECRET, FakeProvider, signing_key, symmetric_key
from tests.web import listening

REDIRECT = "https://lab.example/sign-in/callback"


@pytest.fixture
def fake() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def address(fake: FakeProvider) -> Iterator[str]:
    with listening(fake.application) as found:
        yield found


@pytest.fixture
def provider(address: str, clock: Clock) -> Provider:
    return Provider(address, CLIENT, SECRET, "preferred_username", "groups", clock)


def sign_in(provider: Provider, fake: FakeProvider) -> tuple[str, tuple[str, ...]]:
    address, pending = provider.begin(REDIRECT)
    query = dict(part.split("=") for part in fake.authorize(address).split("&"))
    assert query["state"] == pending.state
    return provider.finish(pending, query["code"], REDIRECT)


def test_a_person(provider: Provider, fake: FakeProvider) -> None:
    assert sign_in(provider, fake) == ("ann", ("imaging", "beam"))
    assert sign_in(provider, fake) == ("ann", ("imaging", "beam"))
    # The description and the keys are kept, and nothing is asked that the ID token has.
    assert fake.requests == ["openid-configuration", "token", "keys", "token"]


def test_each_sign_in_has_secrets_of_its_own(provider: Provider) -> None:
    (_, first), (_, second) = (provider.begin(REDIRECT) for _ in range(2))
    assert len({*first, *second}) == 6
    assert all(len(secret) == 43 for secret in first)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": None},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": 1_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": 4_000_000_000, "nbf": 4_000_000_000},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"sub": None},
        {"preferred_username": None},
        {"preferred_username": 7},
        {"preferred_username": ["ann"]},
        {"groups": 7},
    ],
    ids=str,
)
def test_claims_that_are_refused(
    provider: Provider, fake: FakeProvider, claims: dict[str, Any]
) -> None:
    fake.claims = claims
    fake.user_info = {"sub": "1234"}
    with pytest.raises(Unauthorized, match="cannot be verified"):
        sign_in(provider, fake)
    fake.claims = {}
    assert sign_in(provider, fake)[0] == "ann"


@pytest.mark.parametrize(
    "token",
    [
        {"id_token": None},
        {"id_token": "x"},
        {"id_token": "a.b.c"},
        {"id_token": 7},
        {"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0."},
        {"error": "invalid_grant"},
    ],
    ids=str,
)
def test_answers_that_are_refused(
    provider: Provider, fake: FakeProvider, token: dict[str, Any]
) -> None:
    fake.token = token
    with pytest.raises(Unauthorized, match="cannot be verified"):
        sign_in(provider, fake)


def test_a_key_that_is_not_the_providers(provider: Provider, fake: FakeProvider) -> None:
    for kid in ("first", "other"):
        fake.signs_with = RSAKey.generate_key(2048, {"kid": kid})
        with pytest.raises(Unauthorized, match="cannot be verified"):
            sign_in(provider, fake)


@pytest.mark.parametrize("secret", [SECRET, "x" * 40])
def test_a_signature_that_clients_could_make(
    provider: Provider, fake: FakeProvider, secret: str
) -> None:
    fake.signs_with, fake.algorithm = symmetric_key(secret), "HS256"
    with pytest.raises(Unauthorized, match="cannot be verified"):
        sign_in(provider, fake)


def test_new_keys_are_fetched_but_not_all_the_time(
    provider: Provider, fake: FakeProvider, clock: Clock
) -> None:
    sign_in(provider, fake)
    fake.key = fake.signs_with = signing_key("second")
    for _ in range(3):
        with pytest.raises(Unauthorized):
            sign_in(provider, fake)
    assert fake.requests.count("keys") == 1
    clock.pass_(KEYS_EVERY_S)
    assert sign_in(provider, fake)[0] == "ann"
    assert fake.requests.count("keys") == 2


def test_what_the_provider_says_of_itself_is_read_again(
    provider: Provider, fake: FakeProvider, clock: Clock
) -> None:
    sign_in(provider, fake)
    clock.pass_(KEPT_S)
    sign_in(provider, fake)
    assert fake.requests.count("openid-configuration") == 2


def test_groups_from_the_user_info(provider: Provider, fake: FakeProvider) -> None:
    fake.claims = {"groups": None}
    fake.user_info = {"sub": "1234", "groups": ["there"], "preferred_username": "eve"}
    assert sign_in(provider, fake) == ("ann", ("there",))
    fake.user_info = {"sub": "1234"}
    assert sign_in(provider, fake) == ("ann", ())
    fake.user_info = {"sub": "5678", "groups": ["there"]}
    with pytest.raises(Unauthorized):
        sign_in(provider, fake)


def test_groups_as_text(provider: Provider, fake: FakeProvider) -> None:
    fake.claims = {"groups": "a,b"}
    assert sign_in(provider, fake) == ("ann", ("a", "b"))
    fake.claims = {"groups": ["a", 3, None, "b"]}
    assert sign_in(provider, fake) == ("ann", ("a", "b"))


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"jwks_uri": 7},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
def test_a_description_of_another_issuer(
    provider: Provider, fake: FakeProvider, description: dict[str, Any]
) -> None:
    fake.description = description
    with pytest.raises(Unauthorized, match="cannot be verified"):
        provider.begin(REDIRECT)
    fake.description = {}
    assert sign_in(provider, fake)[0] == "ann"


@pytest.mark.parametrize("part", ["openid-configuration", "token", "keys", "me"])
def test_a_provider_that_is_down(
    provider: Provider,
    fake: FakeProvider,
    clock: Clock,
    part: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake.claims, fake.user_info = {"groups": None}, {"sub": "1234"}
    fake.failing = {part: 503}
    with pytest.raises(Busy, match="cannot be reached; try again"):
        sign_in(provider, fake)
    fake.failing = {}
    if part == "openid-configuration":
        asked = len(fake.requests)
        with pytest.raises(Busy, match="cannot be reached; try again"):
            sign_in(provider, fake)
        assert len(fake.requests) == asked, "no request waits for it again so soon"
    clock.pass_(DOWN_S)
    assert sign_in(provider, fake)[0] == "ann"
    assert SECRET not in caplog.text


def test_one_asks_for_all(
    provider: Provider, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "WAIT_S", 0.01)
    found: list[object] = []

    def second() -> None:
        with pytest.raises(Busy):
            provider.begin(REDIRECT)
        found.append(True)

    def during() -> None:
        if not found:
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()

    fake.application.before_request(during)
    provider.begin(REDIRECT)
    assert found == [True]
    assert fake.requests == ["openid-configuration"]


def test_a_provider_that_is_not_there(clock: Clock) -> None:
    provider = Provider("http://127.0.0.1:9", CLIENT, None, "name", "groups", clock)
    with pytest.raises(Busy, match="cannot be reached"):
        provider.begin(REDIRECT)


def test_a_code_is_used_once_and_by_who_began(provider: Provider, fake: FakeProvider) -> None:
    address, pending = provider.begin(REDIRECT)
    _, other = provider.begin(REDIRECT)
    code = fake.authorize(address).partition("&")[0].removeprefix("code=")
    with pytest.raises(Unauthorized):
        provider.finish(other, code, REDIRECT)
    code = fake.authorize(address).partition("&")[0].removeprefix("code=")
    assert provider.finish(pending, code, REDIRECT).name == "ann"
    with pytest.raises(Unauthorized):
        provider.finish(pending, code, REDIRECT)


def test_whether_it_answers_is_known_before_somebody_signs_in(
    provider: Provider, fake: FakeProvider, clock: Clock
) -> None:
    assert provider.answers()
    sign_in(provider, fake)
    fake.failing = {"openid-configuration": 503}
    provider.check()
    assert not provider.answers()
    # What it said before is still good.
    assert sign_in(provider, fake)[0] == "ann"
    assert provider.answers()
    provider.check()
    fake.failing = {}
    provider.check()
    assert provider.answers()
    fake.description = {"issuer": "https://evil.example"}
    provider.check()
    assert not provider.answers()
    fake.description = {}
    fake.failing = {"token": 502}
    clock.pass_(DOWN_S)
    with pytest.raises(Busy):
        sign_in(provider, fake)
    assert not provider.answers()
    assert fake.requests.count("keys") == 1, "a check keeps the keys"
