"""Processor time of all server processes: for a cached frame, with and without rights, and for idle tabs.

    python -m bench.load.costs

Processor time varies less with what else runs on the machine than times do. The servers with and without rights
run side by side on the same files and are asked in alternation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from bench.load.idle import idle_tabs
from bench.load.warm import ROOT, SHAPE, targets, write
from dashboard.benchmarking.processes import busy_s
from dashboard.benchmarking.server import Server, serving
from dashboard.storage.private_directory import ensure_private_directory

ROUNDS: Final = 10
SLICES: Final = 400
TABS: Final = 200
IDLE_S: Final = 60.0
PERSON: Final = "ada"
GROUP: Final = "imaging"
# Otherwise the server with rights would have more of them.
ONE_PROCESS: Final = {"LAMELLA_WEB_PROCESSES": "1"}


@dataclass(frozen=True, slots=True)
class Way:
    """A server, and what a request to it has beside its address."""

    server: Server
    headers: dict[str, str]

    def ask(self, count: int) -> float:
        """Processor time (s) of the server for one of `count` cached frames."""
        requested = targets(0, "")
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=60.0)
        before = busy_s(self.server.pid)
        for number in range(count):
            connection.request("GET", requested[number % len(requested)], headers=self.headers)
            answer = connection.getresponse()
            assert (answer.status, len(answer.read())) == (200, SHAPE[1] * SHAPE[2])
        # The end of a request may follow its response.
        time.sleep(0.05)
        taken = busy_s(self.server.pid) - before
        connection.close()
        return taken / count


def main() -> int:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.load.costs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--tabs", type=int, default=TABS)
    parser.add_argument("--seconds", type=float, default=IDLE_S, help="of the idle tabs")
    parser.add_argument("--folder", type=Path, help="for files and caches, which are removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-", dir=given.folder) as folder:
        print(json.dumps(measure(Path(folder), given.rounds, given.tabs, given.seconds), indent=2))
    return 0


def measure(
    folder: Path, rounds: int = ROUNDS, tabs: int = TABS, seconds: float = IDLE_S
) -> dict[str, Any]:
    """The cost of rights over so many rounds, and that of so many idle tabs for a time."""
    data = folder / "costs" / ROOT
    data.mkdir(parents=True)
    write([data / "0.h5"])
    with ExitStack() as stack:
        ways = {
            "open": stack.enter_context(_open(folder / "open", data)),
            "rights": stack.enter_context(_restricted(folder / "rights", data, ONE_PROCESS)),
        }
        found = {"rights": _alternating(ways, rounds)}
    if tabs:
        with _restricted(folder / "idle", data) as way:
            found["idle"] = idle_tabs(way.server, way.headers, tabs, seconds)
    return found


def _alternating(ways: dict[str, Way], rounds: int) -> dict[str, Any]:
    """Processor time of a cached frame (ms) by way and round, and the differences."""
    for way in ways.values():
        way.ask(SLICES)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in sorted(ways, reverse=bool(number % 2)):
            ways[name].server.wait_until_idle()
            taken[name].append(ways[name].ask(SLICES) * 1e3)
    return {
        "frames_of_a_round": SLICES,
        **{f"{name}_ms": values for name, values in taken.items()},
        "more_ms": [b - a for a, b in zip(taken["open"], taken["rights"], strict=True)],
    }


@contextmanager
def _open(folder: Path, data: Path) -> Iterator[Way]:
    with serving([f"{ROOT}={data}"], ensure_private_directory(folder), ONE_PROCESS) as server:
        yield Way(server, {})


@contextmanager
def _restricted(
    folder: Path, data: Path, more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Way]:
    """A server of a root that one group may see, for a member of it, who sends an API token."""
    people = ensure_private_directory(folder / "people") / "people.sqlite"
    _run("user", "add", PERSON, "--group", GROUP, people=people, given="a long password\n")
    token = _run(
        "token", "add", "bench", "--scope", "read", "--user", PERSON, people=people
    ).strip()
    settings = {"LAMELLA_PEOPLE": str(people), "LAMELLA_ROOTS": f"{ROOT}={data}:{GROUP}", **more}
    with serving([], ensure_private_directory(folder / "cache"), settings) as server:
        yield Way(server, {"Authorization": f"Bearer {token}"})


def _run(*arguments: str, people: Path, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dashboard", *arguments, "--people", str(people)],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONSAFEPATH": "1"},
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
