"""`lamella sample` and the volume of `lamella demo`, with a progress bar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dashboard.errors import SetupError
from dashboard.files.signature import has_signature
from dashboard.samples import generator
from dashboard.settings import Settings
from dashboard.storage.private_directory import ensure_private_directory

DEMO_FILE = "demo.h5"


def demo_volume(settings: Settings) -> Path:
    """The path of the demo volume in the cache directory, which is generated if it does not exist."""
    path = ensure_private_directory(settings.cache_dir) / "demo" / DEMO_FILE
    try:
        if path.is_file() and has_signature(path):
            return path
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}."
        ) from None
    with _progress("Making the sample volume") as progress:
        generator.write_sample(path, progress=progress)
    return path


def write(
    out: Path, *, like: str, shape: str | None, dtype: str | None, chunks: str | None
) -> None:
    """Write a synthetic volume to `out`; parameters that are not given are those of the volume `like`."""
    recipe = generator.REFERENCE if like == "reference" else generator.DEMO
    if out.exists():
        raise SetupError(f"{out} exists already; remove it or choose another name.")
    size = recipe.shape if shape is None else _numbers("--shape", shape)
    cut: generator.Chunks = recipe.chunks if shape is None else "auto"
    if chunks is not None:
        cut = "auto" if chunks == "auto" else _numbers("--chunks", chunks)
    with _progress(f"Writing {out.name}") as progress:
        generator.write_sample(out, size, dtype or recipe.dtype, cut, progress)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    """`256,640,640` or `256x640x640` as numbers."""
    parts = re.split(r"[,x×]", text)
    if not all(re.fullmatch(r"\s*[0-9]{1,12}\s*", part) for part in parts):
        raise SetupError(f"{option} takes numbers with commas between them, such as 256,640,640.")
    return tuple(int(part) for part in parts)


@contextmanager
def _progress(title: str) -> Iterator[generator.Progress]:
    """A progress bar on the terminal's error stream, in decoded bytes."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True))

    def show(done: int, total: int) -> None:
        if not bar.tasks:  # nothing is shown for what is refused before it begins
            bar.add_task(title, total=total)
            bar.start()
        bar.update(bar.tasks[0].id, completed=done)

    try:
        yield show
    finally:
        if bar.tasks:
            bar.stop()
