"""The context that all measurements share: file, working folder, server, and number of repetitions."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboard.benchmarking.server import Server, serving
from dashboard.benchmarking.volume import DatasetInfo, choose
from dashboard.storage.private_directory import ensure_private_directory

SEED = 1
READ_BYTES = 16 * 2**20
# Prefetching for a viewer at rest takes longer than the response.
SETTLE_S = 40.0


@dataclass(frozen=True)
class Volume:
    """A file and the description of its dataset."""

    path: Path
    shown: DatasetInfo

    @property
    def fresh(self) -> random.Random:
        """A random generator with the same seed in every run."""
        return random.Random(SEED)


@dataclass(frozen=True)
class Context:
    """One run. `folder` holds generated volumes, which are kept, and caches, which are removed."""

    folder: Path
    reference: Volume
    quick: bool
    whole: bool

    def times(self, full: int, quick: int = 1) -> int:
        """Number of repetitions."""
        return quick if self.quick else full

    def serving(
        self, *paths: str, environment: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Server]:
        """`lamella serve` with an empty cache, and with settings of the environment."""
        return serving(paths, ensure_private_directory(self.folder / "cache"), environment)


def describe(path: Path, folder: Path) -> Volume:
    """The file with its description by a server; its content is in the page cache afterwards."""
    home = ensure_private_directory(folder / "cache")
    with serving([f"v={path}"], home) as server, server.client() as client:
        answer = client.json("/api/v1/datasets", file="v")
    read_through(path)
    return Volume(path, choose(answer["datasets"], None))


def read_through(path: Path) -> None:
    """Read the file once, so that it is in the page cache for all sides."""
    with path.open("rb", buffering=0) as stream:
        while stream.read(READ_BYTES):
            pass


def pick_bricks(volume: Volume, axis: int, count: int, rng: random.Random) -> list[int]:
    """An index in each of up to `count` different bricks across `axis`, at any depth, in any order.

    The first one across axis 0 is not among them: it is used for the first request to a file.
    """
    thick = volume.shown.thickness(axis)
    length = volume.shown.shape[axis]
    starts = range(0 if axis else thick, length, thick)
    chosen = rng.sample(starts, min(count, len(starts)))
    return [start + rng.randrange(min(thick, length - start)) for start in chosen]


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Print to the terminal what is being measured, and how long it took."""
    began = time.monotonic()
    print(f"{what} …", end=" ", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def average(values: Sequence[float]) -> float:
    """The mean of values, of which there is at least one."""
    return sum(values) / len(values)
