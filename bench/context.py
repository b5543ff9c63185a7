"""What all measurements share: the file, a folder to work in, a server, and how much time there is."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboard.benchmarking.server import Server, serving
from dashboard.benchmarking.volume import DatasetInfo, choose
from dashboard.storage.disk_space import ensure_private_directory

SEED = 1
READ_BYTES = 16 * 2**20
# Preparing what a viewer at rest may want next takes longer than the answer.
SETTLE_S = 40.0


@dataclass(frozen=True)
class Volume:
    """A file and what is known of its dataset."""

    path: Path
    shown: DatasetInfo

    @property
    def fresh(self) -> random.Random:
        """The same choice in every run."""
        return random.Random(SEED)


@dataclass(frozen=True)
class Context:
    """One run. `folder` holds made volumes, which stay, and caches, which do not."""

    folder: Path
    reference: Volume
    quick: bool
    whole: bool

    def times(self, full: int, quick: int = 1) -> int:
        """How often something is repeated."""
        return quick if self.quick else full

    def serving(self, *paths: str) -> AbstractContextManager[Server]:
        """`lamella serve` with an empty cache."""
        return serving(paths, ensure_private_directory(self.folder / "cache"))


def describe(path: Path, folder: Path) -> Volume:
    """The file, as a server tells of it, and in the page cache of the system."""
    home = ensure_private_directory(folder / "cache")
    with serving([f"v={path}"], home) as server, server.client() as client:
        answer = client.json("/api/v1/datasets", file="v")
    read_through(path)
    return Volume(path, choose(answer["datasets"], None))


def read_through(path: Path) -> None:
    """Have the system read the file once, so that no side pays for the disk alone."""
    with path.open("rb", buffering=0) as stream:
        while stream.read(READ_BYTES):
            pass


def pick_bricks(volume: Volume, axis: int, count: int, pick: random.Random) -> list[int]:
    """An index in each of up to `count` different bricks across `axis`, at any depth, in any order.

    The first one across axis 0 is not among them: files are made known with it.
    """
    thick = volume.shown.thickness(axis)
    length = volume.shown.shape[axis]
    starts = range(0 if axis else thick, length, thick)
    chosen = pick.sample(starts, min(count, len(starts)))
    return [start + pick.randrange(min(thick, length - start)) for start in chosen]


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on the terminal what is being measured, and how long it took."""
    began = time.monotonic()
    print(f"{what} …", end=" ", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def average(values: Sequence[float]) -> float:
    """The mean of what cannot be empty."""
    return sum(values) / len(values)
