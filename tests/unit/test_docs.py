"""Settings and commands are documented, and documented ones exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from pydantic import ByteSize

import dashboard
from dashboard.cli import lamella
from dashboard.settings import PREFIX, Settings, describe
from dashboard.telemetry.stages import STAGES

TOP = Path(dashboard.__file__).parent.parent
README = (TOP / "README.md").read_text()

COMPUTED = {
    "cache_dir": "the user's cache directory",
    "decode_threads": "one for each core",
    "web_processes": "half as many as cores, up to 4",
}


def default(name: str) -> str:
    """The default of a setting as the table says it."""
    if name in COMPUTED:
        return COMPUTED[name]
    value = Settings.model_fields[name].default
    if value in (None, (), ""):
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, ByteSize):
        return value.human_readable(separator=" ").replace(".0", "")
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def row(name: str) -> str:
    return f"| `{PREFIX}{name.upper()}` | {default(name)} | {describe(name)} |"


def section(title: str) -> str:
    """The text below a heading of the README, up to the next heading of its level."""
    _, found, rest = README.partition(f"\n## {title}\n")
    assert found, f"the README has no section {title!r}"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table(name: str) -> None:
    assert row(name) in section("Settings").splitlines()


def test_every_setting_in_the_readme_exists() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", README)) <= known


@pytest.mark.parametrize("name", lamella.commands)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = section("Commands")
    assert f"`lamella {name}" in text
    for parameter in lamella.commands[name].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert f"`{parameter.opts[0]}" in text, f"{name} {parameter.opts[0]}"


def test_every_documented_command_exists() -> None:
    assert set(re.findall(r"`lamella ([a-z]+)", README)) <= set(lamella.commands)


def test_every_documented_option_exists() -> None:
    known = {
        option
        for command in lamella.commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    assert set(re.findall(r"`(--[a-z-]+)", README)) <= known | {"--help", "--version"}


def test_the_stages_are_named_as_in_the_code() -> None:
    named = re.findall(
        r"^\| `([a-z]+)` \| (server|browser) \|", section("The pipeline"), re.MULTILINE
    )
    assert named == [(stage.name, stage.where) for stage in STAGES]


def test_the_two_commands_come_first() -> None:
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", README, re.DOTALL)
    assert "make demo" in blocks[0]
    assert "make test" in blocks[0]


def test_every_file_that_is_linked_exists() -> None:
    for page in (TOP / "README.md", TOP / "CONTRIBUTING.md", *(TOP / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


def test_the_version_has_a_changelog_entry() -> None:
    assert f"## {dashboard.__version__}" in (TOP / "CHANGELOG.md").read_text()


def test_the_ci_runs_what_the_readme_says() -> None:
    lines = (TOP / ".ci" / "run").read_text().splitlines()
    assert "make test" in lines
    assert "make lint" in lines
