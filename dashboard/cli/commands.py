"""The command line: commands, options and error messages.

Every option of the serving commands is a setting, with the setting's text and validation. Usage errors exit with
status 2 and a one-line message.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from dashboard import __version__
from dashboard.cli.audit import audit
from dashboard.cli.cache import cache
from dashboard.cli.cluster import cluster
from dashboard.cli.job import job
from dashboard.cli.options import cache_dir_option, not_empty, rights_options, serving
from dashboard.cli.share import share
from dashboard.cli.token import token
from dashboard.cli.user import user
from dashboard.errors import LamellaError
from dashboard.settings import Settings, load_settings

EXIT_USAGE = 2


PATHS = click.argument("paths", metavar="PATH...", nargs=-1)


def settings_from(given: dict[str, Any], paths: Sequence[str] = ()) -> Settings:
    """The settings of this start; options that were not given come from the environment or the defaults."""
    return load_settings(
        {name: value or None for name, value in given.items()} | {"data": paths or None}
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lamella")
def lamella() -> None:
    """Browse HDF5 volumes that are larger than memory, slice by slice, in a browser."""


@lamella.command()
@PATHS
@serving
@click.option("--parent", type=int, hidden=True)
def serve(paths: tuple[str, ...], parent: int | None, **given: Any) -> None:
    """Show files and folders: starts the web and the prefetch processes and keeps them running.

    Each PATH is a file or a folder, called by its own name or as NAME=PATH.
    """
    from dashboard.cli.process import die_with_parent  # noqa: PLC0415
    from dashboard.cli.serve import run  # noqa: PLC0415

    die_with_parent(parent)
    run(settings_from(given, paths))


@lamella.command()
@serving
def demo(**given: Any) -> None:
    """Show a sample volume, which is made on the first use."""
    from dashboard.cli.sample import demo_volume  # noqa: PLC0415
    from dashboard.cli.serve import run  # noqa: PLC0415

    settings = settings_from(given)
    run(settings.model_copy(update={"data": (str(demo_volume(settings)),)}))


@lamella.command()
@PATHS
@serving
@click.option("--parent", type=int, hidden=True)
@click.option("--listener", type=int, hidden=True)
@click.option("--ready", type=int, hidden=True)
def web(
    paths: tuple[str, ...],
    parent: int | None,
    listener: int | None,
    ready: int | None,
    **given: Any,
) -> None:
    """Answer browsers, without the prefetch worker."""
    from dashboard.cli.web import run  # noqa: PLC0415

    run(settings_from(given, paths), parent, listener, ready)


@lamella.command()
@PATHS
@serving
@click.option("--parent", type=int, hidden=True)
def worker(paths: tuple[str, ...], parent: int | None, **given: Any) -> None:
    """Prefetch for the viewers of `lamella web` with the same cache."""
    from dashboard.cli.worker import run  # noqa: PLC0415

    run(settings_from(given, paths), parent)


roots_option = click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="PATH",
    help="A folder or file that the server is given, as PATH or NAME=PATH; once for each. Other files that FILE"
    " links to have to be below one. Default: LAMELLA_DATA if FILE is below it, else FILE itself.",
)


@lamella.command()
@click.argument("file")
@click.argument("dataset", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@roots_option
@cache_dir_option
def inspect(
    file: str, dataset: str | None, as_json: bool, roots: tuple[str, ...], **given: Any
) -> None:
    """Show how the datasets of FILE are stored, what a slice costs, and what would make it cheaper.

    With DATASET, that one alone. The cost of a slice is measured on samples, which takes a second or two for each
    dataset; temporary files are written to a new folder of the cache directory and removed afterwards.
    """
    from dashboard.cli.inspect import run  # noqa: PLC0415

    run(file, settings_from(given), dataset=dataset, as_json=as_json, roots=roots)


@lamella.command()
@click.argument("file")
@click.option("--dataset", metavar="NAME", help="The dataset, where FILE has several.")
@click.option(
    "--axis",
    type=int,
    default=0,
    show_default=True,
    help="The axis that slices are taken across; each has bricks of its own.",
)
@click.option("--start", type=int, metavar="INDEX", help="First slice of a range (default: 0).")
@click.option("--stop", type=int, metavar="INDEX", help="End of the range, itself not part of it.")
@click.option(
    "--cluster",
    "everywhere",
    is_flag=True,
    help="On the machines that share a store, each brick on the one that will be asked for its slices; takes their"
    " settings, LAMELLA_CLUSTER, LAMELLA_BALANCER and LAMELLA_NODE_TOKEN.",
)
@roots_option
@cache_dir_option
def warm(
    file: str,
    dataset: str | None,
    axis: int,
    start: int | None,
    stop: int | None,
    everywhere: bool,
    roots: tuple[str, ...],
    **given: Any,
) -> None:
    """Decode a dataset of FILE, or a range of its slices, into the cache in advance.

    Cached bricks are skipped, so the same command resumes after Ctrl-C. Bricks are stored under the name that the
    server has for the file, which depends on its roots: after `lamella serve /data/scan.h5` it is scan.h5, after
    `lamella serve /data` it is data/scan.h5. Name the server's roots with --root.
    """
    if everywhere:
        from dashboard.cli.warm_cluster import run  # noqa: PLC0415
    else:
        from dashboard.cli.warm import run  # noqa: PLC0415

    run(
        file,
        settings_from(given),
        dataset=dataset,
        axis=axis,
        start=start,
        stop=stop,
        roots=roots,
    )


@lamella.command()
@click.argument("file")
@click.option("--dataset", metavar="NAME", help="The dataset, where FILE has several.")
@click.option(
    "--trace",
    "names",
    multiple=True,
    metavar="NAME",
    help="A trace to play, such as scroll-10; once for each. Default: all.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 600),
    default=6.0,
    show_default=True,
    help="How long each trace is.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@cache_dir_option
def bench(
    file: str,
    dataset: str | None,
    names: tuple[str, ...],
    seconds: float,
    as_json: bool,
    **given: Any,
) -> None:
    """Play browsing traces on FILE against a server of its own, and have plain h5py read the same slices.

    Each trace begins with an empty cache, in a new folder of the cache directory that is removed afterwards.
    """
    from dashboard.cli.bench import run  # noqa: PLC0415

    run(
        file,
        settings_from(given),
        dataset=dataset,
        names=names,
        seconds=seconds,
        as_json=as_json,
    )


@lamella.command()
@PATHS
@rights_options
@click.option(
    "--as",
    "name",
    metavar="USER",
    callback=not_empty,
    help="Say what this person sees, and why.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="GROUP",
    callback=not_empty,
    help="A group that the sign-in says the person is in; once for each.",
)
def check(paths: tuple[str, ...], name: str | None, groups: tuple[str, ...], **given: Any) -> None:
    """Check who may see which root, without serving anything.

    What serving refuses is refused here too, with the same sentence.
    """
    from dashboard.cli.check import run  # noqa: PLC0415

    run(settings_from(given, paths), name, groups)


@lamella.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--like",
    type=click.Choice(["demo", "reference"]),
    default="demo",
    show_default=True,
    help="The volume to take after: 256×640×640, or 2160×1360×1360 in chunks of 68×43×43 (8 GB).",
)
@click.option("--shape", metavar="N,N,...", help="Voxels in each dimension, two to eight of them.")
@click.option("--dtype", metavar="NAME", help="Type of a voxel, such as uint8, int16 or float32.")
@click.option("--chunks", metavar="N,N,...", help="Voxels of a chunk in each dimension, or auto.")
def sample(out: Path, like: str, shape: str | None, dtype: str | None, chunks: str | None) -> None:
    """Write a synthetic volume to the HDF5 file OUT."""
    from dashboard.cli.sample import write  # noqa: PLC0415

    write(out, like=like, shape=shape, dtype=dtype, chunks=chunks)


lamella.add_command(user)
lamella.add_command(token)
lamella.add_command(share)
lamella.add_command(audit)
lamella.add_command(cache)
lamella.add_command(cluster)
lamella.add_command(job)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its status."""
    try:
        lamella.main(arguments, prog_name="lamella", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        _echo(error.format_message())
    except LamellaError as error:
        _echo(error.message)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    sys.exit(0)


def _echo(sentence: str) -> NoReturn:
    click.echo(f"lamella: {sentence}", err=True)
    sys.exit(EXIT_USAGE)
