"""`python -m bench.load`: 20 to 200 viewers of ten warm volumes, a hundred that connect at once, a sweep."""

from __future__ import annotations

import argparse
import itertools
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench.load import costs
from bench.load.capacity import page
from bench.load.viewers import Plan
from bench.load.warm import ROOT, SHAPE, targets, write
from bench.machine import machine
from dashboard.benchmarking.client import Client
from dashboard.benchmarking.figures import quantile
from dashboard.benchmarking.server import serving
from dashboard.storage.private_directory import ensure_private_directory

COMMAND: Final = "python -m bench.load"
VOLUMES: Final = 10
COLD_SHAPE: Final = (960, 704, 704)
COLD_CHUNKS: Final = (32, 64, 64)
RATE: Final = 5.0
VIEWERS: Final = (20, 50, 100, 200)
CONNECTING: Final = 100
ROUNDS: Final = 3


def main() -> int:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each step")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of all steps")
    parser.add_argument("--folder", type=Path, help="for files and caches, which are removed")
    parser.add_argument("--open", action="store_true", help="without sign-in")
    parser.add_argument(
        "--write", type=Path, help="measure the costs as well, and write all as a page"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-", dir=given.folder) as name:
        folder = Path(name)
        about = machine(folder)
        found = measure(folder, given.seconds, given.rounds, sign_in=not given.open)
        if given.write:
            found |= costs.measure(folder)
            given.write.write_text(page(found, about, f"{COMMAND} --write {given.write}"))
    print(json.dumps(found, indent=2))
    return 0


def measure(folder: Path, seconds: float, rounds: int, *, sign_in: bool) -> dict[str, Any]:
    """All steps on one server, so many times in turn; `seconds` each."""
    data = folder / ROOT
    data.mkdir()
    write([data / f"{number}.h5" for number in range(VOLUMES)])
    # Each round sweeps through two of its own, which are cold.
    write([data / f"cold-{number}.h5" for number in range(2 * rounds)], COLD_SHAPE, COLD_CHUNKS)
    token = secrets.token_urlsafe(24) if sign_in else ""
    settings = {"LAMELLA_TOKEN": token} if token else {}
    found: dict[str, Any] = {
        "frame_bytes": SHAPE[1] * SHAPE[2],
        "sign_in": sign_in,
        "steps": {str(count): [] for count in VIEWERS},
        "connecting": CONNECTING,
        "connecting at once": [],
        "beside a sweep": [],
    }
    with serving(
        [f"{ROOT}={data}"], ensure_private_directory(folder / "cache"), settings
    ) as server:
        for number in range(rounds):
            # What the sweep of the round before may have pushed out is cached again.
            for volume in range(VOLUMES):
                play(Plan(server.port, [targets(volume, "")], 30.0, SHAPE[0] / 30.0 + 0.1, token))
            for count in VIEWERS:
                server.wait_until_idle()
                step = figures(play(warm(server.port, count, seconds, token)))
                found["steps"][str(count)].append({"asked_per_s": count * RATE, **step})
            server.wait_until_idle()
            burst = play(warm(server.port, CONNECTING, 1.0, token, burst=True))
            found["connecting at once"].append(figures(burst))
            server.wait_until_idle()
            found["beside a sweep"].append(sweep(server.port, 2 * number, seconds, token))
    return found


def sweep(port: int, cold: int, seconds: float, token: str) -> dict[str, Any]:
    """Warm viewers alone, one who sweeps the volume `cold` alone, and both, with the next volume."""
    quiet = figures(play(warm(port, VIEWERS[0], seconds, token)))
    with sweeping(port, cold, token) as alone:
        time.sleep(seconds)
    with sweeping(port, cold + 1, token) as beside:
        loaded = figures(play(warm(port, VIEWERS[0], seconds, token)))
    return {
        "others_alone": quiet,
        "others": loaded,
        "sweep_alone_per_s": alone["slices_per_s"],
        "sweep_per_s": beside["slices_per_s"],
    }


@contextmanager
def sweeping(port: int, number: int, token: str) -> Iterator[dict[str, float]]:
    """Goes through a cold volume, slice after slice as fast as they come, while the block runs."""
    result: dict[str, float] = {}
    code = "import sys; from bench.load.__main__ import swept; swept(*map(int, sys.argv[1:3]), sys.argv[3])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(port), str(number), token],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield result
    finally:
        out, _ = process.communicate("", timeout=60.0)
        result.update(json.loads(out))


def swept(port: int, number: int, token: str) -> None:
    """Sweep across one axis after the other until the standard input ends; prints the rate as JSON."""
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    begin, count = time.monotonic(), 0
    steps = itertools.chain.from_iterable(
        ((axis, index) for index in range(length)) for axis, length in enumerate(COLD_SHAPE)
    )
    with Client(port, token=token) as client:
        for axis, index in itertools.takewhile(lambda _: not ended.is_set(), steps):
            got = client.slice(
                f"{ROOT}/cold-{number}.h5",
                "volume",
                ",".join(str(index) if dim == axis else ":" for dim in range(3)),
                format="u8",
                viewer=f"sweep-{number}",
            )
            assert got.status == 200, got.body
            count += 1
    print(json.dumps({"slices_per_s": count / (time.monotonic() - begin), "slices": count}))


def warm(port: int, count: int, seconds: float, token: str, *, burst: bool = False) -> Plan:
    """`count` viewers, spread over the volumes, who start at different slices."""
    each = [targets(n % VOLUMES, f"load-{n}", 3 * n) for n in range(count)]
    return Plan(port, each, RATE, seconds, token, burst)


def play(plan: Plan) -> dict[str, Any]:
    """What the viewers of a plan see, who are a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load.viewers"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
        timeout=plan.seconds + 60.0,
        cwd=Path(__file__).parents[2],
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def figures(seen: dict[str, Any]) -> dict[str, Any]:
    """Order statistics of what was seen."""
    late = sorted(ms for viewer in seen["late_ms"] for ms in viewer)
    answered = [len(viewer) for viewer in seen["late_ms"]]
    return {
        "slices": len(late),
        "slices_per_s": len(late) / seen["seconds"],
        "mb_per_s": seen["bytes"] / seen["seconds"] / 1e6,
        "p50_ms": quantile(late, 0.5) if late else None,
        "p99_ms": quantile(late, 0.99) if late else None,
        "worst_ms": late[-1] if late else None,
        "failed": seen["failed"],
        "refused": sum(seen["refused"]),
        "refused_without_retry_after": seen["without_retry_after"],
        # How evenly: the viewer who got the fewest, and the one who got the most.
        "answered_least_most": [min(answered), max(answered)],
    }


if __name__ == "__main__":
    sys.exit(main())
