"""The configuration file, `lamella.toml`: the roots, who may see them, groups and admins.

The descriptions below are the single source of `docs/reference/configuration.md` and of the published JSON Schema.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from dashboard.errors import SetupError

# A configuration of a thousand roots has 200 kB.
MAX_BYTES: Final = 2**20
MAX_NAME: Final = 100
# As many symbolic links as the kernel follows.
MAX_LINKS: Final = 40

# The variable with the descriptor of the text that a process uses in place of what the file has by then.
TEXT: Final = "_LAMELLA_CONFIGURATION"

# What pydantic calls by names of Python.
_KINDS: Final = {
    "tuple_type": "it has to be a list",
    "dict_type": "it has to be a table",
    "model_type": "it has to be a table",
}


def _name(text: str) -> str:
    if not text or text != text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise ValueError(
            f"a name has 1 to {MAX_NAME} characters that can be shown, none of them a space at an end"
        )
    return text


def _root_name(text: str) -> str:
    if "/" in text or "=" in text or text in (".", ".."):
        raise ValueError("the name of a root has no / and no =")
    return text


def _group_name(text: str) -> str:
    if set(text) & set(",:*"):
        raise ValueError("the name of a group has no comma, colon or asterisk")
    return text


Name = Annotated[str, AfterValidator(_name)]
RootName = Annotated[Name, AfterValidator(_root_name)]
GroupName = Annotated[Name, AfterValidator(_group_name)]


class Decision(StrEnum):
    """What decides who may see a file."""

    ROOTS = "roots"
    FILESYSTEM = "filesystem"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any) -> Any:
        # Python takes them for 1 and 0.
        if isinstance(value, bool):
            raise ValueError("no key is true or false")
        return value


class RootTable(_Table):
    """A file or folder to show, and who may see it: everybody who is signed in, without `groups` and `people`."""

    path: str = Field(
        min_length=1,
        description="The file or folder; a relative path begins at the folder of the configuration file",
    )
    groups: tuple[GroupName, ...] | None = Field(
        default=None, description="Groups that may see the root; an empty list admits none"
    )
    people: tuple[Name, ...] | None = Field(
        default=None,
        description="People who may see the root, by their sign-in names; an empty list admits none",
    )
    brick_cache_bytes: ByteSize | None = Field(
        default=None,
        ge=0,
        description="Most that the brick cache keeps of the root's files (none: the whole cache)",
    )


class QuotaTable(_Table):
    """What each person may use of a server; with the start token there is no quota."""

    requests_per_second: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Requests for data a second, over five seconds (none: no limit)",
    )
    cold_bytes_per_minute: ByteSize | None = Field(
        default=None,
        ge=1,
        description="Bytes that are decoded for a person's requests a minute (none: no limit)",
    )


class Configuration(_Table):
    """Which roots are served, and who may see them."""

    roots: dict[RootName, RootTable] = Field(
        default_factory=dict, description="Files and folders to show, by name"
    )
    groups: dict[GroupName, tuple[Name, ...]] = Field(
        default_factory=dict,
        description=(
            "Members of each group, by their sign-in names; a group whose members come from the sign-in has an"
            " empty list"
        ),
    )
    admins: tuple[Name, ...] = Field(
        default=(), description="People who administer: they see all roots, and what others made"
    )
    rights: Decision = Field(
        default=Decision.ROOTS,
        description=(
            "`roots`: the groups and people of a root may see all of its files; `filesystem`: of these files each"
            " person sees those that the account of the same name may read on this machine"
        ),
    )
    quotas: QuotaTable = Field(default_factory=QuotaTable, description="What each person may use")


def load_configuration(path: Path) -> Configuration:
    """The configuration in a file, or in the text that this process was given for it.

    Raises `SetupError` with one sentence that names the key.
    """
    number = os.environ.get(TEXT)
    try:
        content = read_text(path) if number is None else os.pread(int(number), MAX_BYTES, 0)
        tables = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is no valid TOML; correct it: {error}.") from None
    try:
        found = Configuration.model_validate(tables)
    except ValidationError as error:
        raise SetupError(f"{path}: {_sentence(error)}") from None
    for name, root in found.roots.items():
        for group in root.groups or ():
            if group not in found.groups:
                raise SetupError(
                    f"{path}: roots.{name}.groups names the group {group!r}, which is unknown: add it to [groups],"
                    " with an empty list if its members come from the sign-in."
                )
    return found


def path_of(root: RootTable, configuration: Path) -> Path:
    """The path of a root, not resolved."""
    return configuration.absolute().parent / Path(root.path).expanduser()


def descriptor_of(text: bytes) -> int:
    """A descriptor of a file in memory with the text, for a process that has its number in the variable `TEXT`."""
    number = os.memfd_create("lamella-configuration", os.MFD_CLOEXEC)
    with open(number, "wb", closefd=False) as stream:
        stream.write(text)
    return number


@contextmanager
def taken_up(path: Path | None) -> Iterator[None]:
    """Let this process and its forks use what the file has now; as before where that or the block raises."""
    before = os.environ.pop(TEXT, None)
    try:
        if path is not None:
            os.environ[TEXT] = str(descriptor_of(read_text(path)))
        yield
    except BaseException:
        _release(os.environ.pop(TEXT, None))
        if before is not None:
            os.environ[TEXT] = before
        raise
    _release(before)


def _release(number: str | None) -> None:
    if number is not None:
        os.close(int(number))


def read_text(path: Path) -> bytes:
    """What a file that nobody but its owner can change has now; raises `SetupError`."""
    try:
        with open(path, "rb", opener=_opener) as stream:
            info = os.fstat(stream.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise SetupError(f"The configuration {path} is no regular file; name one.")
            _check_owner(path, info)
            for folder in _folders(path.absolute()):
                _check_owner(folder, os.stat(folder))
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SetupError(
            f"The configuration {path} does not exist; name one that does with --config."
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SetupError(
            f"The configuration {path} cannot be read: {reason}; let this account read it."
        ) from None
    if len(content) > MAX_BYTES:
        raise SetupError(f"The configuration {path} is larger than 1 MiB; shorten it.")
    return content


def _folders(path: Path) -> Iterator[Path]:
    """The folder of a file and, where it is a symbolic link, those of what that leads to."""
    for _ in range(MAX_LINKS + 1):
        yield path.parent
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()


def _opener(path: str, flags: int) -> int:
    # Opening a FIFO would wait for its writer.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _check_owner(path: Path, info: os.stat_result) -> None:
    """Raise `SetupError` where another account could change a file, or replace the files in a folder."""
    if info.st_uid not in (0, os.geteuid()):
        raise SetupError(
            f"{path} belongs to another account, which could give rights to anybody; make root or this account its"
            " owner."
        )
    sticky = stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        raise SetupError(
            f"Other accounts can write {path}, and so give rights to anybody; forbid it with: chmod go-w {path}"
        )


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong: the key, and what to do."""
    first = error.errors(include_url=False, include_context=False)[0]
    # The key of a table is at fault itself where pydantic says so.
    where = [str(part) for part in first["loc"] if part != "[key]"]
    key = ".".join(where) or "the file"
    if first["type"] == "extra_forbidden":
        return f"the key {key} is unknown; there may be {', '.join(_keys_beside(where))}."
    if first["type"] == "missing":
        return f"the key {key} is missing; add it."
    reason = _KINDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    return f"the key {key} is not valid; correct it: {reason[:1].lower()}{reason[1:]}."


def _keys_beside(where: Sequence[str]) -> list[str]:
    tables: dict[str, type[BaseModel]] = {"roots": RootTable, "quotas": QuotaTable}
    table = tables.get(where[0], Configuration) if len(where) > 1 else Configuration
    return list(table.model_fields)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the configuration file, for editors that check TOML."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Configuration.model_json_schema(),
    }


def keys_of_configuration() -> list[tuple[str, str, str, str]]:
    """(key, type, default, description) of each key, in order."""
    rows = []
    for name, field in Configuration.model_fields.items():
        if name == "roots":
            rows += _keys_of("roots.NAME", RootTable)
        elif name == "quotas":
            rows += _keys_of("quotas", QuotaTable)
        elif name == "groups":
            rows.append(("groups.NAME", "list of names", "–", field.description or ""))
        else:
            rows.append((name, _type(field.annotation), _default(field), field.description or ""))
    return rows


def _keys_of(prefix: str, table: type[BaseModel]) -> list[tuple[str, str, str, str]]:
    return [
        (f"{prefix}.{key}", _type(of.annotation), _default(of), of.description or "")
        for key, of in table.model_fields.items()
    ]


def _type(annotation: Any) -> str:
    if annotation is str:
        return "text"
    if annotation is Decision:
        return " or ".join(f"`{one}`" for one in Decision)
    kinds = get_args(annotation)
    if ByteSize in kinds:
        return "bytes, or text such as `20 GiB`"
    return "number" if int in kinds else "list of names"


def _default(field: Any) -> str:
    if field.is_required():
        return "–"
    return f"`{field.default}`" if isinstance(field.default, Decision) else "none"
