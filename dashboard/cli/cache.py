"""`lamella cache`: what is in the brick cache, and how it is dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from dashboard.cli.options import cache_dir_option

if TYPE_CHECKING:
    from dashboard.runtime.engine import Engine


@click.group()
def cache() -> None:
    """The brick cache; `lamella warm` fills it.

    Servers that use the cache may run meanwhile.
    """


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@cache_dir_option
def show(as_json: bool, **given: Any) -> None:
    """List what is cached, by volume and axis, the largest first."""
    from rich.filesize import decimal  # noqa: PLC0415

    from dashboard.bricks.contents import contents  # noqa: PLC0415
    from dashboard.cli.people import table  # noqa: PLC0415

    with _opened(given) as engine:
        found = contents(engine.bricks)
    if as_json:
        click.echo(json.dumps([one._asdict() for one in found]))
        return
    rows = [(one.volume, one.axis, str(one.bricks), decimal(one.bytes)) for one in found]
    table(("volume", "axis", "bricks", "size"), rows)


@cache.command()
@click.argument("volume")
@click.option("--axis", help="The axis as it is listed. Default: all.")
@cache_dir_option
def drop(volume: str, axis: str | None, **given: Any) -> None:
    """Remove the bricks of VOLUME, called as `lamella cache show` does."""
    from rich.filesize import decimal  # noqa: PLC0415

    from dashboard.bricks import contents  # noqa: PLC0415

    with _opened(given) as engine:
        dropped = contents.drop(engine.bricks, engine.brick_trace, volume, axis)
        engine.brick_trace.flush()
    click.echo(f"Dropped {dropped.bricks} bricks, {decimal(dropped.bytes)}.")


@contextmanager
def _opened(given: dict[str, Any]) -> Iterator[Engine]:
    """The caches of these options and the environment, without any files; raises `SetupError`."""
    from dashboard.runtime.engine import build_engine  # noqa: PLC0415
    from dashboard.settings import load_settings  # noqa: PLC0415

    settings = load_settings({"cache_dir": given["cache_dir"]})
    nothing = {"data": (), "roots": (), "config": None}
    engine = build_engine(settings.model_copy(update=nothing), "cli")
    try:
        yield engine
    finally:
        engine.close()
