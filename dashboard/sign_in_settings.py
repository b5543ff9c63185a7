"""The settings of sign-in: with what people and scripts are let in, and for how long."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from dashboard.errors import SetupError
from dashboard.weak_secrets import check_secret

# No child process that opens files gets these.
SECRETS: Final = ("token", "oidc_client_secret", "cluster", "node_token")
UNIX: Final = "unix"

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
# What clients send themselves, or what means something else. Some proxies name people in X-Forwarded-User and
# its like, which no client and no other proxy sends.
_OTHER_MEANING: Final = re.compile(
    r"host|cookie|authorization|forwarded|connection|origin|referer|user-agent|(accept|content|sec)(-.*)?"
    r"|x-forwarded-(?!(user|email|preferred-username|groups)$).*",
    re.IGNORECASE,
)


class SignInSettings(BaseSettings):
    """The part of `Settings` that is about sign-in."""

    public: bool = Field(
        default=False, description="Serve everyone who can reach the address, without sign-in"
    )
    token: SecretStr | None = Field(
        default=None,
        description=(
            "Secret of at least 16 visible ASCII characters that requests need; as an option it can be read in the"
            " list of processes"
        ),
    )
    sign_in: bool = Field(
        default=False,
        description=(
            "Ask for a name or a token on a loopback address too, and make a token up where there are neither"
            " accounts nor one"
        ),
    )
    people: Path | None = Field(
        default=None,
        description=(
            "File of accounts, sessions and API tokens, which is no cache; naming one asks for sign-in (none:"
            " `people.sqlite` in the user's data directory)"
        ),
    )
    session_days: float = Field(
        default=7.0,
        gt=0,
        le=366,
        description="Days after its last use at which a sign-in in a browser expires",
    )
    session_max_days: float = Field(
        default=30.0,
        gt=0,
        le=3660,
        description="Days after a sign-in in a browser at which it expires, however much it is used",
    )
    people_node: str | None = Field(
        default=None,
        description=(
            "Of several machines the one that has the file of accounts, API tokens, shares and bookmarks, and its"
            " address, such as `a=https://10.0.0.1:8050`; the others read and change it there, so that people sign"
            " in to all of them"
        ),
    )
    audit_days: float = Field(
        default=90.0,
        ge=0,
        le=3660,
        description=(
            "Days for which sign-ins, refusals and changes of accounts are kept in files beside that of the people"
            " (0: in the log alone)"
        ),
    )
    sharing: bool = Field(
        default=True,
        description=(
            "Let people make links that open one view, and so one file, for somebody without an account until a"
            " date (off: links that were made open nothing)"
        ),
    )
    insecure_http: bool = Field(
        default=False,
        description="Let tokens and passwords cross a network unencrypted, on an address that is not loopback",
    )
    proxy_header: str | None = Field(
        default=None,
        description="Header in which a trusted proxy names the person, such as `X-Remote-User`",
    )
    proxy_groups_header: str | None = Field(
        default=None,
        description="Header in which a trusted proxy names the person's groups, separated by commas",
    )
    proxy_peers: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "Addresses of trusted proxies, or `unix` for those that use the socket file, separated by commas; of"
            " others, X-Forwarded-For and X-Request-ID count for nothing, and requests with a proxy's name of a"
            " person are refused"
        ),
    )
    admin_groups: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "Groups whose members administer, as the proxy or identity provider names them, separated by commas"
        ),
    )

    oidc_issuer: str | None = Field(
        default=None,
        description="Address of an identity provider at which people sign in by OpenID Connect (`lamella[oidc]`)",
    )
    oidc_client_id: str | None = Field(
        default=None, description="What the identity provider calls this server"
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Secret of this server at the identity provider, if it has one"
    )
    oidc_name_claim: str = Field(
        default="preferred_username", description="Claim with the name of the person"
    )
    oidc_groups_claim: str = Field(
        default="groups", description="Claim with the groups of the person"
    )
    oidc_session_hours: float = Field(
        default=12.0,
        gt=0,
        le=8784,
        description=(
            "Hours after a sign-in at the identity provider at which it is asked again, where the person may be"
            " gone by then, or in other groups"
        ),
    )
    oidc_redirect: str | None = Field(
        default=None,
        description=(
            "Address of this server's `/sign-in/callback`, as the identity provider has it (none: that of the"
            " request)"
        ),
    )

    @field_validator("token")
    @classmethod
    def _visible(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_secret(value.get_secret_value())
        return value

    @field_validator("people")
    @classmethod
    def _path(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("people_node")
    @classmethod
    def _people_node(cls, value: str | None) -> str | None:
        name, _, address = (value or "x=http://x").partition("=")
        url = urlsplit(address)
        is_address = url.scheme in ("http", "https") and url.hostname
        if not name or not is_address or url.query or url.fragment:
            raise ValueError("it is NAME=ADDRESS, such as a=https://10.0.0.1:8050")
        return value

    @field_validator("proxy_header", "proxy_groups_header")
    @classmethod
    def _header(cls, value: str | None) -> str | None:
        # Servers take `_` for `-`, or drop the header: one of such a name would be spoofed, or never come.
        if value is not None and not _HEADER.fullmatch(value):
            raise ValueError(
                "it is a header's name such as X-Remote-User, of letters, digits and -"
            )
        if value is not None and _OTHER_MEANING.fullmatch(value):
            raise ValueError(
                f"{value} is sent by all clients or means something else: let the proxy set one of its own, such"
                " as X-Remote-User"
            )
        return value

    @field_validator("proxy_peers", "admin_groups", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = value.split(",")
        return tuple(part.strip() for part in value if part.strip())

    @field_validator("proxy_peers")
    @classmethod
    def _peers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(
                one if one == UNIX else str(ipaddress.ip_address(one.strip("[]"))) for one in value
            )
        except ValueError:
            raise ValueError("each is one address, or unix for the socket file") from None

    @field_validator("oidc_issuer", "oidc_redirect")
    @classmethod
    def _secure(cls, value: str | None) -> str | None:
        found = urlsplit(value or "https://x")
        here = found.hostname in ("localhost", "127.0.0.1", "::1")
        if not found.hostname or found.scheme not in (("https", "http") if here else ("https",)):
            raise ValueError("it is an address that begins with https://")
        return value

    @property
    def asks_sign_in(self) -> bool:
        """Whether nobody gets anything without signing in."""
        given = (self.token, self.people, self.people_node)
        return self.sign_in or self.elsewhere or any(one is not None for one in given)

    @property
    def elsewhere(self) -> bool:
        """Whether people sign in somewhere else."""
        return self.proxy_header is not None or self.oidc_issuer is not None

    @property
    def people_address(self) -> str | None:
        """The address of the machine with the people file; None where it is not named."""
        return None if self.people_node is None else self.people_node.partition("=")[2]

    @property
    def people_host(self) -> str | None:
        """The host name of that address, which the machine answers for."""
        return urlsplit(self.people_address or "").hostname

    def people_elsewhere(self, node: str) -> tuple[str, str] | None:
        """Name and address of the machine with the people file, if that is not `node`, which asks."""
        name, _, address = (self.people_node or node).partition("=")
        return None if name == node else (name, address)

    @property
    def people_file(self) -> Path:
        """The file of accounts, sessions and API tokens."""
        return (
            self.people or platformdirs.user_data_path("lamella", appauthor=False) / "people.sqlite"
        )

    def check_access(self, host: str, *, here_alone: bool, encrypted: bool) -> None:
        """Raise `SetupError` where somebody could get at data or secrets without being meant to.

        `here_alone`: processes of this machine alone can reach `host`; `encrypted`: the server speaks HTTPS.
        """
        if self.public and self.asks_sign_in:
            raise SetupError(
                "--public serves everyone without sign-in, which --token, --people, --proxy-header, --sign-in and"
                " LAMELLA_OIDC_ISSUER ask for: give one or the other."
            )
        if self.proxy_header and not self.proxy_peers:
            raise SetupError(
                "--proxy-header (LAMELLA_PROXY_HEADER) names what a trusted proxy sends: give that proxy's address"
                " too, with --proxy-peer (LAMELLA_PROXY_PEERS)."
            )
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise SetupError(
                "Sign-in with OpenID Connect needs the provider's address and this server's name there: give both"
                " LAMELLA_OIDC_ISSUER and LAMELLA_OIDC_CLIENT_ID, or neither."
            )
        if here_alone or self.public:
            return
        if not self.asks_sign_in:
            raise SetupError(
                f"Anyone who can reach {host} could read the data: ask for a name or a token with --sign-in"
                " (LAMELLA_SIGN_IN=1), give --public (LAMELLA_PUBLIC=1) to allow that, or listen on 127.0.0.1."
            )
        if not self.insecure_http and not encrypted:
            raise SetupError(
                f"Passwords and tokens would cross the network to {host} unencrypted: give --certfile, listen on"
                " 127.0.0.1 behind a proxy with HTTPS, or give --insecure-http (LAMELLA_INSECURE_HTTP=1) where"
                " the network is trusted."
            )
