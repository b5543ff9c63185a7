"""All settings of the product, each with its default and what it is for, in one frozen object.

A setting comes from the command line, else from the environment (`LAMELLA_PORT=8051`), else it has
its default. They are validated once, at start. The descriptions below are the single source of
`docs/reference/settings.md` and of `--help`.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import ByteSize, Field, ValidationError, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from dashboard import processors
from dashboard.cluster_settings import ClusterSettings
from dashboard.errors import SetupError
from dashboard.log_format import LogFormat
from dashboard.sign_in_settings import SECRETS, UNIX, SignInSettings
from dashboard.variables import check_variables

PREFIX = "LAMELLA_"
# The variable by which a supervisor names its service to its processes.
SERVICE = "_LAMELLA_SERVICE"

TOKEN_VARIABLE = f"{PREFIX}TOKEN"

MIB, GIB = 2**20, 2**30

# sockaddr_un in linux/un.h, less the byte that ends it.
SOCKET_PATH_BYTES = 107

# A scheme and a host, in which `*` stands for a part of the name or the port; or the scheme of an editor.
ORIGIN = r"https?://(\*\.)?[\w.-]+(:(\d{1,5}|\*))?|vscode-webview:"

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _user_cache() -> Path:
    return platformdirs.user_cache_path("lamella", appauthor=False)


class Settings(SignInSettings, ClusterSettings):
    """The settings of one process; times in seconds and sizes in bytes unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
    )

    data: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "Files and folders to show, as PATH or NAME=PATH, separated by `:` (the commands take them as"
            " arguments)"
        ),
    )
    config: Path | None = Field(
        default=None,
        description="Configuration file with roots, groups and who may see which root, such as `lamella.toml`",
    )
    roots: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "Files and folders to show to some groups alone, as NAME=PATH:GROUP,…, separated by `;` (NAME=PATH and"
            " NAME=PATH:* are for everybody who is signed in)"
        ),
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on")
    port: int = Field(default=8050, ge=1, le=65535, description="Port to listen on")
    bind: str | None = Field(
        default=None,
        description=(
            "`unix:PATH`: listen on a socket file, which its owner and group can use, instead of address and port"
        ),
    )
    certfile: Path | None = Field(
        default=None, description="Certificate chain (PEM) for HTTPS, without a proxy in front"
    )
    keyfile: Path | None = Field(
        default=None, description="Key of the certificate, where it is not in the same file"
    )
    cache_dir: Path = Field(
        default_factory=_user_cache,
        description="Folder of the caches, on a local disk and writable by its owner only",
    )
    url_prefix: str = Field(
        default="", description="Path under which everything is served, such as `/lamella`"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Host names to answer for besides the loopback ones, separated by commas",
    )
    frame_ancestors: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "Origins whose pages may have the page in a frame, such as `https://hub.example` or `http://localhost:*`,"
            " separated by commas"
        ),
    )
    file_patterns: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("*",),
        min_length=1,
        description=(
            "Names of the files that folders list, such as `*.h5,*.nxs`, separated by commas; which of them are"
            " HDF5 is determined by the file's signature"
        ),
    )
    brick_cache_bytes: ByteSize | None = Field(
        default=None,
        ge=0,
        description="Limit of the brick cache (none: a quarter of the free space, at most 32 GiB)",
    )
    frame_cache_bytes: ByteSize = Field(
        default=ByteSize(GIB),
        ge=0,
        description="Limit of the frame cache; never more than an eighth of the free space",
    )
    free_floor_bytes: ByteSize = Field(
        default=ByteSize(512 * MIB),
        ge=0,
        description="Free space that the caches leave on their disk",
    )
    max_brick_bytes: ByteSize = Field(
        default=ByteSize(256 * MIB),
        ge=MIB,
        description="Largest brick, decoded; wider planes are cut into tiles",
    )
    max_chunk_bytes: ByteSize = Field(
        default=ByteSize(256 * MIB),
        ge=MIB,
        description="Largest chunk, decoded; datasets with larger ones are not shown",
    )
    max_cells: int = Field(
        default=67_108_864, ge=1, description="Maximum number of cells in one response"
    )
    export_bytes: ByteSize = Field(
        default=ByteSize(2 * GIB),
        ge=0,
        description="Maximum number of bytes of values in one exported file",
    )
    web_processes: int = Field(
        default_factory=processors.web_processes,
        ge=1,
        le=256,
        description="Web processes",
    )
    web_threads: int = Field(default=8, ge=1, le=256, description="Most computing request threads")
    decode_threads: int = Field(
        default_factory=processors.cores,
        ge=1,
        le=1024,
        description="Threads that decode one brick",
    )
    children: int = Field(
        default=2, ge=1, le=64, description="HDF5 workers that each process starts in advance"
    )
    child_memory_bytes: ByteSize = Field(
        default=ByteSize(2 * GIB), ge=64 * MIB, description="Memory limit of an HDF5 worker"
    )
    child_seconds: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Time limit of an HDF5 worker for one request, in seconds",
    )
    wait_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds that a request waits for another request's decoding before it gets a 503",
    )
    rest_cells: int = Field(
        default=8_294_400,
        ge=1,
        description=(
            "Maximum number of cells of the picture when the view rests (3840 × 2160); a page asks for no more"
            " than its screen has pixels, and than it draws in 150 ms"
        ),
    )
    rest_delay_ms: int = Field(
        default=250,
        ge=0,
        le=60_000,
        description="Milliseconds without a key after which the view rests",
    )
    plan_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds after which a viewer's plan expires"
    )
    prefetch_bytes: ByteSize = Field(
        default=ByteSize(2 * GIB),
        ge=0,
        description="Maximum number of decoded bytes that the prefetch worker is ahead of a viewer",
    )
    history_days: float = Field(
        default=90.0,
        ge=0,
        le=731,
        description=(
            "Days for which statistics are kept by hour, the last two of them by minute (0: 15 minutes only)"
        ),
    )
    names_days: float = Field(
        default=7.0,
        ge=0,
        le=731,
        description="Days for which statistics that name viewers are kept (0: none are kept)",
    )
    log_level: LogLevel = Field(
        default="INFO", description="Minimum severity that is logged: DEBUG, INFO, WARNING or ERROR"
    )
    log_format: LogFormat = Field(
        default="text",
        description="Lines of the log: `text`, or `json` with one object each",
    )

    @field_validator("data", mode="before")
    @classmethod
    def _split_paths(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part)
        return value

    @field_validator("roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for part in value.split(";") if part)
        return value

    @field_validator("file_patterns", mode="before")
    @classmethod
    def _split_patterns(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip() for part in parts if part.strip())

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = value.split(",")
        return tuple(part.strip().lower() for part in value if part.strip())

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("cache_dir", "config", "certfile", "keyfile")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("frame_ancestors", mode="before")
    @classmethod
    def _split_origins(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip().rstrip("/").lower() for part in parts if part.strip())

    @field_validator("frame_ancestors")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(ORIGIN, origin, re.ASCII) for origin in value):
            raise ValueError("an origin is a scheme and a host, such as https://hub.example")
        return value

    @field_validator("bind")
    @classmethod
    def _socket_file(cls, value: str | None) -> str | None:
        scheme, _, path = (value or "unix:/x").partition(":")
        if scheme != "unix" or not path:
            raise ValueError("it is unix:PATH; for an address there are --host and --port")
        if len(os.fsencode(os.path.abspath(path))) > SOCKET_PATH_BYTES:
            raise ValueError(f"the path of a socket has at most {SOCKET_PATH_BYTES} bytes")
        return value

    @field_validator("url_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        """`/a/b` without a slash at the end, or nothing."""
        stripped = value.strip("/")
        if not stripped:
            return ""
        if not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", stripped, re.ASCII) or ".." in stripped:
            raise ValueError("it is a path such as /lamella, of letters, digits and -._~")
        return f"/{stripped}"

    @property
    def socket_path(self) -> Path | None:
        """The socket file to listen on, if there is one."""
        return Path(self.bind.removeprefix("unix:")).expanduser().absolute() if self.bind else None

    @property
    def cookie_suffix(self) -> str:
        """What tells this server's cookies from those of other ports; machines of one service have the same."""
        return str(self.port) if self.cluster is None else "shared"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach what is listened on."""
        return self.bind is not None or is_loopback(self.host)

    @property
    def any_host(self) -> bool:
        """Whether requests may name any host: nothing is reached by a name that is not meant to be."""
        # No name leads a browser to a socket file.
        away = self.asks_sign_in and (not self.loopback or self.bind is not None)
        return not self.allowed_hosts and (self.public or away)


def secrets_of(settings: Settings) -> dict[str, str]:
    """The settings that are secrets, as variables."""
    found = {name: getattr(settings, name) for name in SECRETS}
    return {
        PREFIX + name.upper(): value.get_secret_value()
        for name, value in found.items()
        if value is not None
    }


def environment_without_secrets() -> dict[str, str]:
    """This process's environment for one that opens files, which are not trusted and must not learn secrets."""
    hidden = {PREFIX + name.upper() for name in SECRETS}
    return {name: v for name, v in os.environ.items() if name.upper() not in hidden}


@functools.lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, brackets allowed) means this machine alone."""
    bare = host.strip().lower().removeprefix("[").removesuffix("]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def load_settings(given: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this start: `given` ones first, then the environment, then the defaults.

    Values of None in `given` count as not given. Raises SetupError, whose sentence names the setting.
    """
    known = {name: value for name, value in (given or {}).items() if value is not None}
    check_variables(os.environ, PREFIX, Settings.model_fields, known)
    try:
        settings = Settings(**known)
    except ValidationError as error:
        raise SetupError(_sentence(error)) from None
    settings.check_access(
        settings.host, here_alone=settings.loopback, encrypted=settings.certfile is not None
    )
    settings.check_cluster(
        insecure_http=settings.insecure_http,
        has_sessions=settings.asks_sign_in,
        people=settings.people_address,
    )
    if UNIX in settings.proxy_peers and settings.bind is None:
        raise SetupError(
            "--proxy-peer unix means proxies that use the socket file, and there is none: give --bind unix:PATH as"
            " well, or the address of the proxy."
        )
    return settings


def describe(name: str) -> str:
    """What the setting `name` is for, as the reference and `--help` give it."""
    return Settings.model_fields[name].description or ""


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong, as one sentence with the setting's name in the environment."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    reason = first["msg"].removeprefix("Value error, ")
    return f"The setting {PREFIX}{name.upper()} is not valid: {reason[:1].lower()}{reason[1:].rstrip('.')}."


def service_id() -> str:
    """The id of this process's service: the supervisor's, else one of its own, which its children get too."""
    return os.environ.setdefault(SERVICE, uuid.uuid4().hex)[:64]
