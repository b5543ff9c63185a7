"""The settings of a service on several machines."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

# Files of certificates; everything else about a connection is ours.
_PARAMETERS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_NODE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,30}[A-Za-z0-9])?")


def _store(value: SecretStr | None) -> SecretStr | None:
    """The address of a store that nobody else can read on its way; ValueError names what is missing."""
    if value is None:
        return None
    url = urlsplit(value.get_secret_value())
    if url.scheme not in ("redis", "rediss", "unix") or not (url.hostname or url.scheme == "unix"):
        raise ValueError(
            "it is an address such as redis://127.0.0.1:6379 or rediss://USER:PASSWORD@HOST:6379"
        )
    if {name for name, _ in parse_qsl(url.query, keep_blank_values=True)} - _PARAMETERS:
        raise ValueError(f"after ? it has nothing but {', '.join(sorted(_PARAMETERS))}")
    if url.scheme == "unix" or _is_loopback(url.hostname or ""):
        return value
    if url.scheme != "rediss":
        raise ValueError("off this machine it has to be encrypted: rediss://")
    if not url.username or not url.password:
        raise ValueError(
            "off this machine it needs a user with a password: rediss://USER:PASSWORD@HOST:6379"
        )
    return value


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(value: str | None) -> str | None:
    if value is not None and not _NODE.fullmatch(value):
        raise ValueError("it has up to 32 letters, digits, dots and hyphens")
    return value


class ClusterSettings(BaseSettings):
    """The part of `Settings` that is about other machines."""

    cluster: Annotated[SecretStr | None, AfterValidator(_store)] = Field(
        default=None,
        description=(
            "Address of the Redis or Valkey in which several machines share plans, statistics and what is known of"
            " files, such as `redis://127.0.0.1:6379` or `rediss://USER:PASSWORD@HOST:6379` (`lamella[cluster]`);"
            " as an option it can be read in the list of processes"
        ),
    )
    node: Annotated[str | None, AfterValidator(_name)] = Field(
        default=None,
        description="Name of this machine among those that share the store (none: its host name)",
    )

    @property
    def node_name(self) -> str:
        """The name of this machine in figures; empty where there is no other one."""
        if self.cluster is None:
            return ""
        return (
            self.node
            or re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:32].strip(".-")
            or "node"
        )
