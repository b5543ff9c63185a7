"""Settings and commands are documented, and documented ones exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

import dashboard
from dashboard.cli import lamella
from dashboard.settings import PREFIX, Settings

TOP = Path(dashboard.__file__).parent.parent
README = (TOP / "README.md").read_text()
PAGES = [
    *(TOP / "README.md", TOP / "CONTRIBUTING.md", TOP / "CHANGELOG.md"),
    *sorted((TOP / "docs").rglob("*.md")),
]
DECISIONS = sorted((TOP / "docs" / "decisions").glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives", "Evidence"]


def by_path(page: Path) -> str:
    return str(page.relative_to(TOP))


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", page.read_text())) <= known


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_every_command_that_is_named_exists(page: Path) -> None:
    assert set(re.findall(r"`lamella ([a-z]+)", page.read_text())) <= set(lamella.commands)


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_every_option_that_is_named_exists(page: Path) -> None:
    groups = [group for group in lamella.commands.values() if isinstance(group, click.Group)]
    nested = [command for group in groups for command in group.commands.values()]
    known = {
        option
        for command in (*lamella.commands.values(), *nested)
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    named = set(re.findall(r"`(--[a-z-]+)", page.read_text()))
    assert named <= known | {"--help", "--version"}


@pytest.mark.parametrize("name", lamella.commands)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`lamella {name}" in README


def test_the_two_commands_come_first() -> None:
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", README, re.DOTALL)
    assert "make demo" in blocks[0]
    assert "make test" in blocks[0]


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_every_file_that_is_linked_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", sorted(set(PAGES) - set(DECISIONS)), ids=by_path)
def test_every_source_file_that_is_named_exists(page: Path) -> None:
    """Paths start at the top of the repository or in the package; decisions may name files of their time."""
    named = re.findall(r"`([\w.-]+/[\w./-]*\.(?:py|js|mjs|c|h|toml))`", page.read_text())
    folders = (TOP, TOP / "dashboard")
    assert [path for path in named if not any((top / path).exists() for top in folders)] == []


def test_every_file_that_the_architecture_names_by_its_name_alone_exists() -> None:
    named = set(
        re.findall(r"`(\w+\.(?:py|mjs|js))`", (TOP / "docs" / "architecture.md").read_text())
    )
    present = {
        path.name for folder in ("assets", "dashboard") for path in (TOP / folder).rglob("*")
    }
    assert {"errors.py", "blocking.py"} <= named <= present


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_status_date_and_all_sections(page: Path) -> None:
    text = page.read_text()
    assert re.match(
        r"# .+\n\n- Status: (accepted|superseded by \[\d{4}\]\([\w-]+\.md\))\n"
        r"- Date: \d{4}-\d{2}-\d{2}\n\n## Context\n",
        text,
    )
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


def test_decisions_are_numbered_in_order() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


def test_the_version_has_a_changelog_entry() -> None:
    assert f"## {dashboard.__version__}" in (TOP / "CHANGELOG.md").read_text()


def test_the_source_distribution_has_what_the_tests_use() -> None:
    build = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    shipped = {name.removeprefix("/") for name in build["targets"]["sdist"]["include"]}
    tests = "".join(path.read_text() for path in (TOP / "tests").rglob("*.py"))
    used = set(re.findall(r'TOP / "([\w.-]+)"', tests))
    used |= {name for name in ("bench", "dashboard") if re.search(rf"from {name}[ .]", tests)}
    # Hatchling adds the project's own file and its readme.
    assert {".ci", "bench"} <= used - {"README.md", "pyproject.toml"} <= shipped


def test_the_ci_runs_what_the_readme_says() -> None:
    lines = (TOP / ".ci" / "run").read_text().splitlines()
    assert "make test" in lines
    assert "make lint" in lines
    assert "make docs" in lines
