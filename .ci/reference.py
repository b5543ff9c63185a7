"""Writes the generated parts of docs/ from the code: `make reference`.

A page is prose with blocks between `<!-- generated: NAME -->` and `<!-- end -->`. `regenerated` replaces their
content by what the code says; `tests/unit/test_reference.py` fails where a page differs from that.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import click
import flask
from prometheus_client.core import Metric
from pydantic import ByteSize, TypeAdapter

from dashboard import errors
from dashboard.analysis.volume_histograms import TALLIES_VERSION
from dashboard.catalog.failures import FAILURES_VERSION
from dashboard.catalog.keys import METADATA_VERSION
from dashboard.cli import lamella
from dashboard.frames.renderer import FRAMES_VERSION
from dashboard.frames.window import WINDOWS_VERSION
from dashboard.people.configuration import json_schema, keys_of_configuration
from dashboard.prefetch.viewer_plan import VERSION as PLANS_VERSION
from dashboard.settings import PREFIX, Settings, describe
from dashboard.sign_in_settings import SignInSettings
from dashboard.telemetry.aggregates import Totals
from dashboard.telemetry.prometheus import LedgerCollector
from dashboard.telemetry.stages import OUTCOMES, STAGES
from dashboard.web import api, openapi
from dashboard.web.page.panels import OUTCOME_HELP
from dashboard.web.parameters import Parameter

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"

SCHEMA: Final = DOCS / "reference" / "lamella.schema.json"

_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

# Defaults that depend on the machine.
_COMPUTED = {
    "cache_dir": "the user's cache directory",
    "decode_threads": "one for each core",
    "web_processes": "half as many as cores, with sign-in or `--public` as many, up to 4",
}

KEYS = ROOT / "assets" / "model" / "keys.mjs"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def default(name: str) -> str:
    """The default of a setting, as a person would write it."""
    if name in _COMPUTED:
        return _COMPUTED[name]
    value = Settings.model_fields[name].default
    if value in (None, (), ""):
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, ByteSize):
        return value.human_readable(separator=" ").replace(".0", "")
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _options() -> dict[str, str]:
    """The command line option of each setting that has one."""
    return {
        parameter.name: parameter.opts[0]
        for _, command in _leaves(lamella)
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name in Settings.model_fields
    }


def settings() -> str:
    """All settings, with their options and defaults."""
    options = _options()
    rows = [
        (
            f"`{PREFIX}{name.upper()}`",
            f"`{options[name]}`" if name in options else "–",
            default(name),
            describe(name),
        )
        for name in sorted(Settings.model_fields, key=SignInSettings.model_fields.__contains__)
    ]
    return _table(("setting", "option", "default", "what it is for"), rows)


def configuration() -> str:
    """All keys of the configuration file."""
    rows = [(f"`{key}`", *rest) for key, *rest in keys_of_configuration()]
    return _table(("key", "value", "default", "what it is for"), rows)


def commands() -> str:
    """A section for each command: usage, help text, arguments, options."""
    return "\n".join(_command(name, command) for name, command in _leaves(lamella))


def _leaves(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands with what they are called by; of a group, those in it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"lamella {name}")
    usage = " ".join(["lamella", name, *command.collect_usage_pieces(context)])
    text = f"## lamella {name}\n\n```sh\n{usage}\n```\n\n{_paragraphs(command.help)}"
    rows = []
    for parameter in command.params:
        record = isinstance(parameter, click.Option) and parameter.get_help_record(context)
        if record:
            rows.append((f"`{record[0]}`", record[1].replace("|", r"\|")))
    return text + ("\n" + _table(("option", "what it does"), rows) if rows else "")


def _paragraphs(text: str | None) -> str:
    """The paragraphs of a docstring, one to a line."""
    parts = (text or "").strip().split("\n\n")
    return "\n".join(" ".join(part.split()) + "\n" for part in parts)


def _interface() -> flask.Flask:
    """An application with the routes of the HTTP interface, which serves nothing."""
    server = flask.Flask("reference")
    services = SimpleNamespace(settings=SimpleNamespace(url_prefix=""), people_calls=None)
    api.register(server, services)  # type: ignore[arg-type]
    return server


def routes() -> str:
    """All routes of the HTTP interface, each with the first line of its function's docstring."""
    rows = [
        (f"`{route.method.upper()} {route.path}`", _first_line(route.view.__doc__))
        for route in openapi.routes(_interface())
    ]
    return _table(("request", "response"), rows)


def parameters() -> str:
    """All parameters of queries, each with the requests that have it."""
    found: dict[int, tuple[Parameter, list[str]]] = {}
    for route in openapi.routes(_interface()):
        for parameter in route.operation.parameters if route.operation else ():
            name = route.path.removeprefix("/api/v1/")
            found.setdefault(id(parameter), (parameter, []))[1].append(f"`{name}`")
    rows = [
        (
            f"`{one.name}`",
            ", ".join(of),
            _values(TypeAdapter(one.type).json_schema()),
            "required" if one.required else "–" if one.default is None else f"`{one.default}`",
            one.text,
        )
        for one, of in found.values()
    ]
    return _table(("parameter", "of", "values", "default", "what it is"), rows)


def _values(schema: dict[str, Any]) -> str:
    """What a JSON Schema lets pass, in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        return ", ".join(map(_values, schema["anyOf"]))
    if "minimum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    if "exclusiveMinimum" in schema:
        return f"above {schema['exclusiveMinimum']:g}"
    return f"`{schema['pattern'].strip('^$')}`" if "pattern" in schema else str(schema["type"])


def statuses() -> str:
    """The errors of the HTTP interface."""
    kinds = sorted(errors.LamellaError.__subclasses__(), key=lambda kind: kind.status)
    rows = [
        (
            str(kind.status),
            f"`{kind.code}`",
            _first_line(kind.__doc__),
            "–" if kind.retry_after_s is None else f"`Retry-After: {kind.retry_after_s}`",
        )
        for kind in kinds
        if kind is not errors.SetupError
    ]
    # The framework's own.
    rows.append(("405", "`method_not_allowed`", "The address has no such method.", "`Allow`"))
    return _table(("status", "`code`", "when", "header"), sorted(rows))


def metrics() -> str:
    """All metric families of `/metrics`, as an empty ledger gives them."""
    empty = SimpleNamespace(
        totals=Totals,
        gauges=dict,
        snapshot=lambda _: {"viewers": 0},
        worker=lambda: {"state": "none"},
        named_processes=lambda: {"web-0": {"role": "web", "rss_bytes": 0, "heartbeat_s": 0.0}},
    )
    collector = LedgerCollector(empty)  # type: ignore[arg-type]
    rows = [
        (
            f"`{family.name}{'_total' if family.type == 'counter' else ''}`",
            family.type,
            ", ".join(f"`{label}`" for label in _labels(family)) or "–",
            family.documentation,
        )
        for family in collector.collect()
    ]
    return _table(("metric", "type", "labels", "what it counts"), rows)


def _labels(family: Metric) -> list[str]:
    return sorted({label for sample in family.samples for label in sample.labels} - {"le"})


def stages() -> str:
    """The stages of the pipeline, in order."""
    rows = [(f"`{stage.name}`", stage.where, stage.what, stage.reference) for stage in STAGES]
    return _table(("stage", "where", "what", "desktop viewer"), rows)


def outcomes() -> str:
    """The outcomes of a demand."""
    return _table(("outcome", "meaning"), [(f"`{name}`", OUTCOME_HELP[name]) for name in OUTCOMES])


def keys() -> str:
    """All keys and gestures, a table for each group."""
    return "\n".join(
        f"## {title}\n\n" + _table(("input", "what it does"), [row[:2] for row in rows])
        for title, rows in described_keys().items()
    )


def described_keys() -> dict[str, list[tuple[str, str, str]]]:
    """By groups, what the page's table has: input, effect, and what a bound key is called."""
    groups = re.split(r"title: '(.+)'", KEYS.read_text())[1:]
    row = re.compile(r"\[\s*'([^']+)',\s*'([^']+)'(?:,\s*'([^']+)')?,?\s*\]")
    return {
        title: [(key, text, bound) for key, text, bound in row.findall(rows)]
        for title, rows in zip(groups[::2], groups[1::2], strict=True)
    }


def bound_keys() -> list[str]:
    """The keys of the table `ACTIONS` in the page's scripts, in its order."""
    scripts = [path for suffix in ("js", "mjs") for path in (ROOT / "assets").rglob(f"*.{suffix}")]
    tables = [
        found[1]
        for path in scripts
        if (found := re.search(r"const ACTIONS = \{\n(.*?)\n\s*\};", path.read_text(), re.DOTALL))
    ]
    (table,) = tables
    return [
        quoted or plain
        for quoted, plain in re.findall(r"^\s*(?:'([^']+)'|(\w+)):", table, re.MULTILINE)
    ]


def formats() -> str:
    """The versions of what the caches keep."""
    rows = [
        ("descriptions of files and datasets", f"`{METADATA_VERSION}`"),
        ("refusals of files and datasets", f"`{FAILURES_VERSION}`"),
        ("contrast windows", f"`{WINDOWS_VERSION}`"),
        ("counts for histograms of volumes", f"`{TALLIES_VERSION}`"),
        ("frames", f"`{FRAMES_VERSION}`"),
        ("viewers' plans", f"`{PLANS_VERSION}`"),
    ]
    return _table(("what is kept", "version of its format"), rows)


def decisions() -> str:
    """The decision pages: number, title, status, date."""
    rows = []
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title, _, rest = path.read_text().partition("\n")
        status, date = re.findall(r"^- (?:Status|Date): (.+)$", rest, re.MULTILINE)
        rows.append((path.stem[:4], f"[{title.removeprefix('# ')}]({path.name})", status, date))
    return _table(("number", "decision", "status", "date"), rows)


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    function.__name__: function
    for function in (
        *(commands, settings, configuration, routes, parameters, statuses),
        *(metrics, stages, outcomes, keys, decisions, formats),
    )
}


def regenerated(page: str) -> str:
    """The text of a page with all of its blocks as the code gives them."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}", page)


def blocks_of(page: str) -> Iterator[str]:
    """The names of a page's blocks."""
    return (found[2] for found in _BLOCK.finditer(page))


def schema() -> str:
    """The JSON Schema of the configuration file, as it is published."""
    return json.dumps(json_schema(), indent=2) + "\n"


def pages() -> list[Path]:
    """All pages that have blocks."""
    return [path for path in sorted(DOCS.rglob("*.md")) if any(blocks_of(path.read_text()))]


def main() -> int:
    """Rewrites the pages that have changed, and names them."""
    for path in pages():
        before = path.read_text()
        after = regenerated(before)
        if after != before:
            path.write_text(after)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    SCHEMA.write_text(schema())
    return 0


if __name__ == "__main__":
    sys.exit(main())
