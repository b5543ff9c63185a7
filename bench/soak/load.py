"""The load: viewers by token, a cold sweep, hostile requests, processes that are killed, in rounds."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.attacked import hostile_files
from bench.attacked.hostile_files import ROOT
from bench.attacked.load import SEED, SHAPE, VIEWERS, driver, figures, mixed, write_volumes
from bench.load.__main__ import COLD_CHUNKS
from bench.load.warm import write
from bench.soak import resources
from bench.soak.comparison import Compared, compare
from dashboard.benchmarking import processes
from dashboard.benchmarking.client import Client
from dashboard.benchmarking.player import TraceTarget, play
from dashboard.benchmarking.server import Server, serving
from dashboard.people.accounts import Accounts
from dashboard.people.person import Scope
from dashboard.people.store import open_people
from dashboard.people.tokens import Tokens
from dashboard.storage.private_directory import ensure_private_directory

DATASET: Final = "/volume"
COLD: Final = "cold.h5"
COLD_SHAPE: Final = (480, 512, 512)
# Less than the bricks of all volumes and axes that are looked at, so that some are evicted all the time.
BRICK_CACHE_BYTES: Final = 2**30
FRAME_CACHE_BYTES: Final = 2**28
ROUND_S: Final = 60.0
# One process after the other is killed, or replaced, this often (s).
RESTART_EVERY_S: Final = 45.0
# SIGHUP is for the supervisor alone; it starts a new web and a new prefetch process.
RESTARTS: Final = (
    *(("hdf5", signal.SIGKILL),) * 4,
    ("prefetch", signal.SIGKILL),
    ("web", signal.SIGKILL),
    ("supervisor", signal.SIGHUP),
)
SWEEP_S: Final = 20.0
HOSTILE_A_SECOND: Final = 25.0
SAMPLE_EVERY_S: Final = 5.0


@dataclass(slots=True)
class Seen:
    """What happened: the viewers' figures of each round, and the rest added up."""

    rounds: list[dict[str, Any]] = field(default_factory=list)
    swept: Counter[str] = field(default_factory=Counter)
    hostile: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    samples: list[resources.Sample] = field(default_factory=list)
    compared: Compared = field(default_factory=Compared)
    log_lines: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the volumes are, those of the viewers and the cold one."""

    shape: tuple[int, int, int] = SHAPE
    cold: tuple[int, int, int] = COLD_SHAPE


def soak(
    folder: Path,
    seconds: float,
    compared: int,
    seen: Seen,
    *,
    round_s: float = ROUND_S,
    sizes: Sizes = Sizes(),
    busy: Callable[[], bool] = lambda: False,
) -> None:
    """Load a server for `seconds`, in rounds; none begins while `busy` says that somebody else needs the machine.

    `compared` slices are compared with h5py's. Files and caches are in `folder`. `seen` has what happened until
    then when it is interrupted.
    """
    data = folder / ROOT
    data.mkdir(parents=True, exist_ok=True)
    write_volumes(data, sizes.shape)
    hostile_files.write_all(data)
    write([data / COLD], sizes.cold, COLD_CHUNKS)
    home = ensure_private_directory(folder / "cache")
    people = ensure_private_directory(folder / "people") / "people.sqlite"
    settings = {
        "LAMELLA_PEOPLE": str(people),
        "LAMELLA_BRICK_CACHE_BYTES": str(BRICK_CACHE_BYTES),
        "LAMELLA_FRAME_CACHE_BYTES": str(FRAME_CACHE_BYTES),
    }
    with serving([f"{ROOT}={data}"], home, settings) as server:
        (cache,) = home.glob("bench-*/cache")
        load = _Load(server, data, cache, itertools.cycle(_tokens(people)), seen, sizes)
        try:
            load.run(seconds, seconds / compared, round_s, busy)
        finally:
            (log,) = home.glob("bench-*/log")
            with log.open(errors="replace") as lines:
                seen.log_lines.update(" ".join(line.split()[2:6]) for line in lines)


@dataclass(frozen=True)
class _Load:
    server: Server
    data: Path
    cache: Path
    tokens: Iterator[str]
    seen: Seen
    sizes: Sizes

    def run(
        self, seconds: float, compare_every_s: float, round_s: float, busy: Callable[[], bool]
    ) -> None:
        used_s, rng = 0.0, random.Random(SEED)
        for number in itertools.count():
            if used_s >= seconds:
                break
            while busy():
                time.sleep(1.0)
            length = min(round_s, seconds - used_s)
            ended = threading.Event()
            with (
                ThreadPoolExecutor(4) as pool,
                driver(
                    self.server, self.data, length, HOSTILE_A_SECOND, next(self.tokens)
                ) as hostile,
            ):
                try:
                    work = [
                        pool.submit(self._sweep, ended),
                        pool.submit(self._restart, rng, ended),
                        pool.submit(self._sample, used_s, ended),
                        pool.submit(self._compare, compare_every_s, ended, number),
                    ]
                    trace = mixed(self.sizes.shape, length, SEED + number)
                    seen = play(trace, TARGET, self._connect)
                finally:
                    ended.set()
                for one in work:
                    one.result()
                answers, _ = hostile.communicate(timeout=60.0)
            self.seen.hostile.update(json.loads(answers))
            self.seen.rounds.append(asdict(figures(seen)))
            used_s += length

    def _connect(self) -> Client:
        return Client(self.server.port, token=next(self.tokens))

    def _sweep(self, ended: threading.Event) -> None:
        """Go through the cold volume as fast as it comes for some seconds, rest as long, and go on."""
        places = itertools.cycle(
            (axis, index) for axis, length in enumerate(self.sizes.cold) for index in range(length)
        )
        begin = time.monotonic()
        with self._connect() as client:
            for axis, index in itertools.islice(places, self.seen.swept.total(), None):
                if ended.is_set():
                    return
                try:
                    status = str(
                        client.slice(
                            f"{ROOT}/{COLD}",
                            DATASET,
                            selection(axis, index),
                            format="u8",
                            viewer="sweep",
                        ).status
                    )
                except (OSError, http.client.HTTPException) as error:
                    status = type(error).__name__
                self.seen.swept[status] += 1
                if (time.monotonic() - begin) % (2 * SWEEP_S) > SWEEP_S:
                    ended.wait(SWEEP_S)

    def _restart(self, rng: random.Random, ended: threading.Event) -> None:
        while not ended.wait(RESTART_EVERY_S):
            name, number = rng.choice(RESTARTS)
            tree = processes.process_tree(self.server.pid)
            found = [pid for pid in tree if _role(pid) == name]
            if found:
                with suppress(ProcessLookupError):
                    os.kill(rng.choice(found), number)
                    self.seen.restarts[f"{number.name} to {name}"] += 1

    def _sample(self, used_s: float, ended: threading.Event) -> None:
        begin = time.monotonic()
        while not ended.wait(SAMPLE_EVERY_S):
            at_s = used_s + time.monotonic() - begin
            self.seen.samples.append(resources.sample(self.server.pid, self.cache, at_s))

    def _compare(self, every_s: float, ended: threading.Event, seed: int) -> None:
        names = [f"{number}.h5" for number in range(VIEWERS)] + [COLD] * 3
        files = [(f"{ROOT}/{name}", self.data / name) for name in names]
        compare(self._connect, files, DATASET, every_s, ended, seed, self.seen.compared)


def selection(axis: int, index: int) -> str:
    """The slice of a volume at an index of an axis."""
    return ",".join(str(index) if dim == axis else ":" for dim in range(len(SHAPE)))


TARGET: Final = TraceTarget(
    [f"{ROOT}/{number}.h5" for number in range(VIEWERS)], DATASET, selection
)


def _role(pid: int) -> str:
    try:
        return resources.role(pid)
    except OSError:
        return resources.OTHER


def _tokens(people: Path) -> list[str]:
    """A token of each viewer, who has an account."""
    with closing(open_people(people)) as store:
        for number in range(VIEWERS):
            Accounts(store).add(f"viewer{number}", secrets.token_urlsafe(24))
        return [
            Tokens(store).add(f"token{number}", [Scope.READ], 1.0, f"viewer{number}")
            for number in range(VIEWERS)
        ]
