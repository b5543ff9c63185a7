"""Options that are settings: their declaration, and the arguments that hand them to a child process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
from pydantic import SecretStr

from dashboard.settings import PREFIX, Settings, describe, secrets_of

Command = TypeVar("Command", bound=Callable[..., Any])


Value = TypeVar("Value", bound=str | tuple[str, ...] | None)


def not_empty(_: click.Context, option: click.Parameter, value: Value) -> Value:
    """Refuse `--token ""` and the like, which a script with an unset variable gives: the server would be open."""
    if value == "" or (isinstance(value, tuple) and "" in value):
        raise click.BadParameter("is empty.", param=option)
    return value


# Options of all serving commands: setting, flag, and what click needs to know. `lamella serve` hands each of them
# to its children.
SERVING: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("config", "--config", {"metavar": "FILE"}),
    ("roots", "--root", {"metavar": "NAME=PATH:GROUP,...", "multiple": True}),
    ("host", "--host", {"metavar": "ADDRESS"}),
    ("port", "--port", {"metavar": "NUMBER"}),
    ("bind", "--bind", {"metavar": "unix:PATH"}),
    ("certfile", "--certfile", {"metavar": "FILE"}),
    ("keyfile", "--keyfile", {"metavar": "FILE"}),
    ("cache_dir", "--cache-dir", {"metavar": "FOLDER"}),
    ("url_prefix", "--url-prefix", {"metavar": "PATH"}),
    ("public", "--public", {"is_flag": True, "flag_value": True}),
    ("token", "--token", {"metavar": "TOKEN", "callback": not_empty}),
    ("sign_in", "--sign-in", {"is_flag": True, "flag_value": True}),
    ("people", "--people", {"metavar": "FILE", "callback": not_empty}),
    ("people_node", "--people-node", {"metavar": "NAME=URL"}),
    ("proxy_header", "--proxy-header", {"metavar": "NAME"}),
    ("proxy_groups_header", "--proxy-groups-header", {"metavar": "NAME"}),
    ("proxy_peers", "--proxy-peer", {"metavar": "ADDRESS|unix", "multiple": True}),
    ("insecure_http", "--insecure-http", {"is_flag": True, "flag_value": True}),
    ("allowed_hosts", "--allowed-host", {"metavar": "NAME", "multiple": True}),
    ("frame_ancestors", "--frame-ancestor", {"metavar": "ORIGIN", "multiple": True}),
    ("cluster", "--cluster", {"metavar": "URL", "callback": not_empty}),
    ("node", "--node", {"metavar": "NAME"}),
    ("balancer", "--balancer", {"metavar": "URL"}),
    ("dask", "--dask", {"metavar": "URL"}),
    ("log_format", "--log-format", {"metavar": "text|json"}),
)


def setting(name: str, flag: str, **attributes: Any) -> Callable[[Command], Command]:
    """The option `flag` for the setting `name`, as text: the setting validates it and names it in its error."""
    text = f"{describe(name)}. Setting {PREFIX}{name.upper()}."
    return click.option(flag, name, default=None, help=text, **attributes)


def serving(function: Command) -> Command:
    """The options that all serving commands share."""
    for name, flag, attributes in reversed(SERVING):
        function = setting(name, flag, **attributes)(function)
    return function


def rights_options(function: Command) -> Command:
    """The options that say which roots there are, and who may see them."""
    for name, flag, attributes in reversed(SERVING):
        if name in ("config", "roots"):
            function = setting(name, flag, **attributes)(function)
    return function


people_option = setting("people", "--people", metavar="FILE", callback=not_empty)
cache_dir_option = setting("cache_dir", "--cache-dir", metavar="FOLDER")


def serving_arguments(settings: Settings) -> list[str]:
    """The arguments that give a serving command these settings, as far as there are options for them.

    Secrets are left out, since everybody on the machine can list the arguments of processes: see
    `serving_environment`.
    """
    arguments: list[str] = []
    for name, flag, _ in SERVING:
        value = getattr(settings, name)
        if value is True:
            arguments.append(flag)
        elif isinstance(value, SecretStr):
            continue
        elif value not in (False, None, ""):
            for item in value if isinstance(value, tuple) else (value,):
                arguments += [flag, str(item)]
    return arguments


def serving_environment(settings: Settings) -> dict[str, str]:
    """The variables that give a serving command the secrets of these settings."""
    return secrets_of(settings)
