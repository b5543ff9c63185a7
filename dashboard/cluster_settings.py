"""The settings of a service on several machines."""

from __future__ import annotations

import ipaddress
import re
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from dashboard.errors import SetupError
from dashboard.weak_secrets import check_secret

# Files of certificates; everything else about a connection is ours.
_PARAMETERS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
# By this header machines know each other's requests.
NODE_TOKEN_HEADER: Final = "X-Node-Token"  # noqa: S105  # a name
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


def _is_plain(address: str) -> bool:
    """Whether what is sent to an address crosses a network unencrypted."""
    url = urlsplit(address)
    return url.scheme == "http" and not _is_loopback(url.hostname or "")


def _name(value: str | None) -> str | None:
    if value is not None and not _NODE.fullmatch(value):
        raise ValueError("it has up to 32 letters, digits, dots and hyphens")
    return value


def _address(value: str | None) -> str | None:
    url = urlsplit(value or "http://x")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError("it is an address that begins with http:// or https://")
    return value


def _scheduler(value: str | None) -> str | None:
    """The address of a scheduler that nobody else can reach, or who has a certificate."""
    if value is None:
        return None
    url = urlsplit(value)
    if (
        url.scheme not in ("tcp", "tls")
        or not url.hostname
        or not url.port
        or url.path
        or url.query
    ):
        raise ValueError("it is an address such as tls://dask.example:8786")
    if url.scheme != "tls" and not _is_loopback(url.hostname):
        raise ValueError(
            "who reaches the scheduler runs code there: off this machine it has to be reached by tls://"
        )
    return value


def _token(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        check_secret(value.get_secret_value())
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

    balancer: Annotated[str | None, AfterValidator(_address)] = Field(
        default=None,
        description=(
            "Address of the load balancer in front of the machines, through which each has bricks decoded ahead"
            " where their slices will be asked for, such as `https://scans.example` (none: each decodes its own"
            " plans)"
        ),
    )
    node_token: Annotated[SecretStr | None, AfterValidator(_token)] = Field(
        default=None,
        description=(
            "Secret of at least 16 visible ASCII characters by which the machines know each other's requests,"
            " needed with a load balancer"
        ),
    )
    dask: Annotated[str | None, AfterValidator(_scheduler)] = Field(
        default=None,
        description=(
            "Address of the Dask scheduler whose workers compute slabs of jobs, such as `tls://dask.example:8786`,"
            " or `tcp://` on this machine (none: the prefetch worker; `lamella[dask]`); certificates are named by"
            " Dask's own settings"
        ),
    )

    export_dir: Path | None = Field(
        default=None,
        description=(
            "Folder of this service alone for the files of jobs that export; on several machines one that all of"
            " them see (none: one in the cache directory)"
        ),
    )

    def check_cluster(self, *, insecure_http: bool, has_sessions: bool, people: str | None) -> None:
        """Raise `SetupError` where settings about other machines do not go together.

        `has_sessions`: people sign in; `people` is the address of the machine with the people file.
        """
        if self.dask is not None and find_spec("distributed") is None:
            raise SetupError("--dask needs more packages; install lamella[dask].")
        if people is not None and (self.cluster is None or self.node_token is None):
            raise SetupError(
                "--people-node (LAMELLA_PEOPLE_NODE) is for machines that share a store and know each other: give"
                " --cluster (LAMELLA_CLUSTER) and LAMELLA_NODE_TOKEN as well."
            )
        if self.cluster is not None and has_sessions and self.node_token is None:
            raise SetupError(
                "Machines that share sign-ins have to know each other: give all of them the same"
                " LAMELLA_NODE_TOKEN."
            )
        if people is not None and _is_plain(people) and not insecure_http:
            raise SetupError(
                "Passwords and the token of the machines would cross the network unencrypted: give an address with"
                " https:// (LAMELLA_PEOPLE_NODE), or --insecure-http where the network is trusted."
            )
        if self.balancer is None:
            return
        if self.cluster is None or self.node_token is None:
            raise SetupError(
                "--balancer (LAMELLA_BALANCER) is for machines that share a store and know each other: give"
                " --cluster (LAMELLA_CLUSTER) and LAMELLA_NODE_TOKEN as well."
            )
        if _is_plain(self.balancer) and not insecure_http:
            raise SetupError(
                "The token of the machines would cross the network to the load balancer unencrypted: give an"
                " address with https:// (LAMELLA_BALANCER), or --insecure-http where the network is trusted."
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
