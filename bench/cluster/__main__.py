"""`python -m bench.cluster`: several machines on this one, in parts, which may be measured one after the other."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench import report
from bench.cluster.balancer import balancer
from bench.cluster.machines import TOP
from bench.cluster.notes import notes
from bench.cluster.ten import ten
from bench.cluster.three import three
from bench.context import progress
from bench.machine import machine, versions
from bench.model import Figure, Section, Table
from dashboard.errors import LamellaError

COMMAND: Final = "python -m bench.cluster"
PARTS: Final[dict[str, Callable[[Path, float], Section]]] = {
    "ten": ten,
    "balancer": balancer,
    "three": three,
    "notes": notes,
}
INTRODUCTION: Final = f"""\
# Several machines

Written by `{COMMAND} --write FILE`; do not edit. Nodes, Redis, HAProxy and viewers are processes of one machine,
and take processor time from each other. Lateness counts from when a slice was due.
"""


def main() -> int:
    """Measure parts, keep them in the folder, and print all that are there as a page, or write it.

    Returns 1 where a floor is missed.
    """
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--only", action="append", choices=list(PARTS), help="may be repeated")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each phase of a part")
    parser.add_argument(
        "--folder",
        type=Path,
        default=TOP / ".lamella" / "bench" / "cluster",
        help="for volumes and figures, which are kept, and for caches",
    )
    parser.add_argument(
        "--add",
        action="store_true",
        help="the figures to those of runs before; tables are the last one's",
    )
    parser.add_argument("--write", type=Path, help="the page to write")
    given = parser.parse_args()
    folder: Path = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    about, kept = machine(folder), folder / "figures.json"
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    for name, measure in PARTS.items():
        if given.only is None or name in given.only:
            with progress(f"Measuring: {name}"):
                made = asdict(measure(folder, given.seconds))
            found[name] = added(found[name], made) if given.add and name in found else made
            kept.write_text(json.dumps(found, indent=1))
    reasons = tomllib.loads((TOP / "bench" / "missed_targets.toml").read_text())
    sections = [section_of(found[name]) for name in PARTS if name in found]
    text = report.page(sections, about, versions(), "", reasons, False, INTRODUCTION)
    if given.write:
        given.write.write_text(text)
    else:
        print(text)
    return int(any(figure.missed for section in sections for figure in section.figures))


def added(kept: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """A section as it was made last, whose figures have the values of those that were kept as well."""
    before = {figure["what"]: figure["values"] for figure in kept["figures"]}
    figures = [
        figure | {"values": [*before.get(figure["what"], ()), *figure["values"]]}
        for figure in made["figures"]
    ]
    return made | {"figures": figures}


def section_of(kept: dict[str, Any]) -> Section:
    """A section that was kept as JSON."""
    figures = [Figure(**one | {"values": tuple(one["values"])}) for one in kept["figures"]]
    tables = [Table(**one) for one in kept["tables"]]
    return Section(**kept | {"figures": figures, "tables": tables})


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LamellaError as error:
        sys.exit(f"{COMMAND}: {error.message}")
