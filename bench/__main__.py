"""All measurements, or some: python -m bench [--quick] [--only KEY ...] [FILE]; `make bench BENCH_ARGS=...`."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from bench import report
from bench.analysis import analysis
from bench.browse import browse
from bench.browser import browser
from bench.browser.screens import screens
from bench.browser.tools import tools
from bench.browser.views import views
from bench.context import Context, Volume, describe, progress
from bench.larger import larger
from bench.machine import machine, versions
from bench.many_chunks import many
from bench.model import Section
from bench.prefetch_and_warm import scroll, warm
from bench.slices import cold, hits, in_a_row
from bench.slow_storage import slow
from bench.storage_variants import others
from dashboard.cli import main as lamella
from dashboard.errors import LamellaError

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "performance.md"

PARTS: dict[str, Callable[[Context], Section | list[Section]]] = {
    "cold": cold,
    "slow": slow,
    "row": in_a_row,
    "hits": hits,
    "analysis": analysis,
    "warm": warm,
    "scroll": scroll,
    "many": many,
    "larger": larger,
    "others": others,
    "browse": browse,
    "browser": browser,
    "screens": screens,
    "tools": tools,
    "views": views,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=TOP / ".lamella" / "bench",
    help="Folder for generated volumes, which are kept, and for caches: on the disk to be measured.",
)
@click.option(
    "--quick", is_flag=True, help="Few repetitions and small volumes; takes four minutes."
)
@click.option(
    "--whole",
    is_flag=True,
    help="Also warm the whole volume: takes another minute, and its decoded size on the disk.",
)
@click.option(
    "--only", multiple=True, type=click.Choice(list(PARTS)), help="A part to run; may be repeated."
)
@click.option("--out", type=click.Path(path_type=Path), help="The page to write.")
def bench(
    file: Path | None,
    folder: Path,
    quick: bool,
    whole: bool,
    only: tuple[str, ...],
    out: Path | None,
) -> None:
    """Measure on FILE (default: a generated reference volume) and write docs/performance.md.

    A quick or partial run is written to the folder instead, unless --out is given.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    before = machine(folder)
    with progress("Describing the reference volume"):
        reference = describe((file or _reference(folder)).resolve(), folder)
    context = Context(folder, reference, quick, whole)
    sections: list[Section] = []
    for key, measure in PARTS.items():
        if only and key not in only:
            continue
        with progress(f"Measuring: {key}"):
            found = measure(context)
        sections.extend(found if isinstance(found, list) else [found])
    reasons = tomllib.loads((TOP / "bench" / "missed_targets.toml").read_text())
    text = report.page(sections, before, versions(), _described(reference), reasons, quick)
    partial = quick or bool(only)
    target = out or (folder / "performance.md" if partial else PAGE)
    target.write_text(text)
    data = {"sections": [asdict(section) for section in sections], "machine": before}
    (folder / "performance.json").write_text(json.dumps(data, indent=1))
    print(text if partial else f"{target} is written.")


def _reference(folder: Path) -> Path:
    path = folder / "reference.h5"
    if not path.exists():
        with progress("Generating the reference volume, once"):
            try:
                lamella(["sample", str(path), "--like", "reference"])
            except SystemExit as end:
                if end.code:
                    raise
    return path


def _described(volume: Volume) -> str:
    shown = volume.shown
    size = np.prod(shown.shape, dtype=np.int64) * shown.itemsize
    return (
        f"{'×'.join(map(str, shown.shape))}, {shown.itemsize} bytes a voxel, chunks of"
        f" {'×'.join(map(str, shown.chunks or ('none',)))}, {volume.path.stat().st_size / 1e9:.2f} GB stored,"
        f" {size / 1e9:.2f} GB decoded"
    )


if __name__ == "__main__":
    try:
        bench()
    except LamellaError as error:
        sys.exit(f"bench: {error.message}")
