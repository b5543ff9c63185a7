"""`lamella job`: what a server is to do with whole volumes, asked for over its interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
import urllib3

from dashboard.cli.options import not_empty
from dashboard.errors import SetupError
from dashboard.export.export_format import ExportFormat

if TYPE_CHECKING:
    from dashboard.client.client import Client
    from dashboard.client.job import RunningJob
    from dashboard.web.job_answers import JobProgress

FORMATS = [str(one.value) for one in ExportFormat if one is not ExportFormat.CSV]


@click.group()
@click.option(
    "--url",
    default="http://127.0.0.1:8050",
    show_default=True,
    help="The address of the server, or of the load balancer before several.",
)
@click.option(
    "--token-file",
    type=click.File(),
    help="A file with an API token, where the server asks for a sign-in.",
)
@click.pass_context
def job(context: click.Context, url: str, token_file: TextIO | None) -> None:
    """What a server does with whole volumes when it has nothing else to do.

    FILE and DATASET are names as the page shows them.
    """
    token = None if token_file is None else token_file.read().strip()
    context.obj = url, token


@contextmanager
def _client(context: click.Context) -> Iterator[Client]:
    from dashboard.client.client import Client  # noqa: PLC0415
    from dashboard.client.connection import ServerError  # noqa: PLC0415

    url, token = context.obj
    try:
        with Client(url, token=token) as client:
            yield client
    except (ServerError, ValueError) as error:
        raise SetupError(str(error)) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise SetupError(f"{url} cannot be reached: {error}") from error


wait_option = click.option(
    "--wait", "waits", is_flag=True, help="Wait until it is done, and print its result as JSON."
)


@job.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the jobs, and what was finished within the last hour."""
    from dashboard.cli.people import table  # noqa: PLC0415

    with _client(context) as client:
        found = client.jobs()
    if as_json:
        click.echo(json.dumps(found))
        return
    rows = [
        (one["id"], one["kind"], one["volume"], one["state"], _share(one), one["message"])
        for one in found
    ]
    table(("id", "kind", "volume", "state", "done", "message"), rows)


@job.command()
@click.argument("file")
@click.argument("dataset")
@click.option("--axis", default="0", show_default=True, help="The axis that slices fix.")
@click.option("--start", type=int, default=0, metavar="INDEX", help="First slice of a range.")
@click.option("--stop", type=int, metavar="INDEX", help="End of the range, itself not part of it.")
@wait_option
@click.pass_context
def warm(context: click.Context, /, file: str, dataset: str, waits: bool, **how: Any) -> None:
    """Have slices decoded into the cache of the server."""
    with _client(context) as client:
        _follow(client.warm(file, dataset, **how), waits)


@job.command()
@click.argument("file")
@click.argument("dataset")
@click.option("--decode", is_flag=True, help="Of values in the units of the file.")
@click.option("--bins", type=click.IntRange(1), default=256, show_default=True)
@wait_option
@click.pass_context
def statistics(context: click.Context, /, file: str, dataset: str, waits: bool, **how: Any) -> None:
    """Have the statistics and the histogram of all values of a volume counted."""
    with _client(context) as client:
        _follow(client.statistics(file, dataset, **how), waits)


@job.command()
@click.argument("file")
@click.argument("dataset")
@click.argument("selection")
@click.option(
    "--format", "file_format", type=click.Choice(FORMATS), default="npy", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), help="Wait, and write the file to OUT.")
@click.pass_context
def export(
    context: click.Context,
    file: str,
    dataset: str,
    selection: str,
    file_format: Any,
    out: Path | None,
) -> None:
    """Have a part of a dataset, such as 100:200,:,:, written to a file on the server."""
    with _client(context) as client:
        running = client.export_job(file, dataset, selection, file_format)
        _follow(running, waits=out is not None)
        if out is not None:
            _save(running, out)


@job.command()
@click.argument("id_", metavar="ID", callback=not_empty)
@click.option("--out", type=click.Path(path_type=Path), help="Write the file of an export to OUT.")
@click.pass_context
def wait(context: click.Context, id_: str, out: Path | None) -> None:
    """Wait until a job is done, and print its result as JSON."""
    from dashboard.client.job import RunningJob  # noqa: PLC0415

    with _client(context) as client:
        running = RunningJob(client, client.job(id_))
        running.refresh()
        _follow(running, waits=True)
        if out is not None:
            _save(running, out)


@job.command()
@click.argument("id_", metavar="ID", callback=not_empty)
@click.pass_context
def cancel(context: click.Context, id_: str) -> None:
    """Cancel a job, or remove one that is done from the list."""
    with _client(context) as client:
        client.cancel_job(id_)
    click.echo(f"Cancelled {id_}.")


def _follow(running: RunningJob, waits: bool) -> None:
    """Print the id of a job, or its progress and result; Ctrl-C leaves it to the server."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    if not waits:
        click.echo(running.progress["id"])
        return
    with Progress(console=Console(stderr=True)) as shown:
        task = shown.add_task(running.progress["id"], total=None)

        def advance(progress: JobProgress) -> None:
            shown.update(task, total=progress["of"], completed=progress["done"])

        advance(running.progress)
        running.wait(on_progress=advance)
    click.echo(json.dumps(running.result))


def _save(running: RunningJob, out: Path) -> None:
    try:
        running.save(out)
    except OSError as error:
        raise SetupError(f"{out} cannot be written: {error.strerror}.") from error


def _share(progress: JobProgress) -> str:
    return f"{progress['done'] / progress['of']:.0%}" if progress["of"] else ""
