"""What HAProxy costs: the same requests to a node itself and through it, in turns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench.cluster.machines import machines
from bench.cluster.three import CHUNKS, MORE_FILES, SHAPE, THICK, volumes
from bench.cluster.viewing import DATASET, ROOT
from bench.load.warm import write
from bench.model import Section
from dashboard.addressing.slabs import slab_of
from dashboard.benchmarking import processes
from dashboard.benchmarking.client import Client, SliceResponse
from dashboard.storage.private_directory import ensure_private_directory

ROUNDS: Final = 8
# Name, side of the plane, format, requests in a round, and how much more (ms) it may take.
FRAMES: Final = (("0.46 MB", 680, "u8", 100, 0.5), ("3.7 MB", 1360, "raw", 40, 1.0))

METHOD: Final = f"""\
One node, and HAProxy with the rules of `deploy/haproxy.cfg` before it. Requests of one client on connections that
stay open, in turns: one to the node itself and one through HAProxy, either of them first. For cached frames, the
median of each of {ROUNDS} rounds: with two processors for node, HAProxy and client, and ("apart") with one of
them for HAProxy, as on a machine of its own, and the other one for node and client. For cold slices, the middle
ones of bricks of 32 MB, each once, and pairs of bricks with the same values. What the node says that it took
itself (`Server-Timing`) differs more between such bricks than a load balancer could add: the rest is compared."""


def balancer(folder: Path, _: float) -> Section:
    """Measure."""
    data = volumes(folder)
    frames = folder / "volumes" / "frames"
    frames.mkdir(parents=True, exist_ok=True)
    for side in (680, 1360):
        path = frames / f"{side}.h5"
        if not path.exists():
            write([path], (8, side, side), (8, side // 8, side // 8))
    home = ensure_private_directory(folder / "balancer")
    found = Section("balancer", "Through HAProxy", METHOD)
    served = [f"{ROOT}={data}", f"frames={frames}"]
    with machines(["a"], served, home) as nodes, nodes.balanced() as port:
        server = nodes.nodes[0].server
        with Client(server.port) as itself, Client(port) as through:
            for name, side, format_, count, more in FRAMES:
                # All frames are cached afterwards.
                _round(itself, through, side, format_, 8)
                server.wait_until_idle()
                pairs = [_round(itself, through, side, format_, count) for _ in range(ROUNDS)]
                extra = [b - a for a, b in pairs]
                found.add(f"cached frame of {name}: p50, more", extra, "ms", floor=more, more=False)
                found.add(
                    f"cached frame of {name}: p50 from the node itself", [a for a, _ in pairs], "ms"
                )
                with _apart():
                    pairs = [_round(itself, through, side, format_, count) for _ in range(ROUNDS)]
                apart = [b - a for a, b in pairs]
                found.add(f"cached frame of {name}, HAProxy apart: p50, more", apart, "ms")
            one, other = _cold(itself, through, server.wait_until_idle)
    took = median(one.took)
    found.add(
        "cold slice, over that from the node itself",
        [(took + median(other.outside) - median(one.outside)) / took],
        floor=1.05,
        more=False,
    )
    for way, times in (("from the node itself", one), ("through HAProxy", other)):
        found.add(f"cold slice {way}", times.took, "ms")
        found.add(f"cold slice {way}: outside of the node", times.outside, "ms")
    return found


@dataclass
class _Times:
    """Times (ms) of slices: of each as a whole, and without what the node says that it took itself."""

    took: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)

    def add(self, answer: SliceResponse) -> None:
        ms = _ms(answer)
        self.took.append(ms)
        self.outside.append(ms - answer.total_ms)


@contextmanager
def _apart() -> Iterator[None]:
    """HAProxy has a processor of its own within the block, and everything else another one."""
    all_ = os.sched_getaffinity(0)
    _bind({min(all_)}, {max(all_)})
    try:
        yield
    finally:
        _bind(all_, all_)


def _bind(others: set[int], haproxy: set[int]) -> None:
    for pid in processes.process_tree(os.getpid()):
        name = (processes.PROC / str(pid) / "comm").read_text().strip()
        for thread in (processes.PROC / str(pid) / "task").iterdir():
            os.sched_setaffinity(int(thread.name), haproxy if name == "haproxy" else others)


def _round(
    itself: Client, through: Client, side: int, format_: str, count: int
) -> tuple[float, float]:
    """Medians (ms) of cached frames, from the node itself and through HAProxy."""
    took: dict[Client, list[float]] = {itself: [], through: []}
    for number in range(count):
        order = (itself, through) if number % 2 else (through, itself)
        for client in order:
            answer = _asked(client, f"frames/{side}.h5", number % 8, 8, format_)
            took[client].append(_ms(answer))
    return median(took[itself]), median(took[through])


def _cold(itself: Client, through: Client, settle: Callable[[], object]) -> tuple[_Times, _Times]:
    """Times of cold slices in pairs."""
    one, other = _Times(), _Times()
    # All files have the same values.
    for files in zip(MORE_FILES[::2], MORE_FILES[1::2], strict=True):
        for name in files:
            _asked(itself, f"{ROOT}/{name}.h5", 0, THICK, "u8")
        for brick in range(1, SHAPE[0] // CHUNKS[0]):
            ways = [(itself, one), (through, other)]
            for (client, times), name in zip(
                ways if brick % 2 else reversed(ways), files, strict=True
            ):
                settle()
                at = brick * THICK + THICK // 2
                times.add(_asked(client, f"{ROOT}/{name}.h5", at, THICK, "u8"))
    return one, other


def _asked(client: Client, file: str, index: int, thick: int, format_: str) -> SliceResponse:
    """A slice."""
    slab = slab_of(file, f"/{DATASET}", {0: index}, [thick])
    answer = client.slice(file, DATASET, f"{index},:,:", format=format_, slab=slab)
    assert answer.status == 200, answer.body
    return answer


def _ms(answer: SliceResponse) -> float:
    """How long (ms) it took."""
    return (answer.ended - answer.began) * 1e3
