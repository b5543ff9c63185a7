"""Three nodes that decode: fifty requests for one cold slice, scrolling, and a store that is gone for a while."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.cluster.machines import Machines, ask, machines
from bench.cluster.viewing import DATASET, ROOT, UsedTime, target, wanderings
from bench.load.__main__ import play
from bench.load.viewers import Plan
from bench.load.warm import write
from bench.model import Section
from dashboard.addressing.slabs import slab_of
from dashboard.benchmarking.client import Client, SliceResponse
from dashboard.benchmarking.figures import figures
from dashboard.benchmarking.player import TraceTarget
from dashboard.benchmarking.player import play as play_trace
from dashboard.benchmarking.server import Server, serving
from dashboard.benchmarking.traces import Step, Trace, Viewer
from dashboard.benchmarking.volume import DatasetInfo
from dashboard.storage.private_directory import ensure_private_directory

NODES: Final = ("a", "b", "c")
# Eleven bricks of 32 MB; a frame of 8 bits has 0.5 MB.
SHAPE: Final = (352, 704, 704)
CHUNKS: Final = (32, 64, 64)
THICK: Final = CHUNKS[0]
TOGETHER: Final = 50
SCROLL_RATE: Final = 10.0
GONE_S: Final = 10.0
VIEWERS: Final = 12
LEDGER_S: Final = 2.2
INFO: Final = DatasetInfo(f"/{DATASET}", SHAPE, 2, CHUNKS)
FILES: Final = ("fifty", "scroll", "alone", "gone")
# For who needs more cold bricks.
MORE_FILES: Final = tuple(f"cold-{number}" for number in range(8))

METHOD: Final = f"""\
Three nodes that read and decode, Redis and HAProxy on one machine, and volumes of 32 MB a brick whose frames have
0.5 MB. {TOGETHER} viewers connect at the same moment and ask for the same slice, whose brick nobody has. One
viewer scrolls over ten bricks, {SCROLL_RATE:.0f} slices a second, and the same on one server without others.
{VIEWERS} viewers look at two slices a second each, while Redis does not answer for {GONE_S:.0f} s; figures are
complete where all slices that were answered are counted afterwards."""


def volumes(folder: Path) -> Path:
    """The folder with the volumes, which are kept."""
    data = folder / "volumes" / "three"
    data.mkdir(parents=True, exist_ok=True)
    paths = [data / f"{name}.h5" for name in (*FILES, *MORE_FILES)]
    if not all(path.exists() for path in paths):
        write(paths, SHAPE, CHUNKS)
    for path in paths:
        with path.open("rb") as stream:
            while stream.read(2**24):
                pass
    return data


def three(folder: Path, seconds: float) -> Section:
    """Measure; `seconds` is for how long viewers look while Redis is gone, at least 20."""
    data = volumes(folder)
    home = ensure_private_directory(folder / "three")
    found = Section("three", "Three nodes that decode", METHOD)
    with machines(NODES, [f"{ROOT}={data}"], home / "nodes") as nodes, nodes.balanced() as port:
        _fifty(found, nodes, port)
        share, stats = _scrolled("scroll", lambda: _SlabClient(port), nodes.nodes[0].server)
        _gone(found, nodes, port, max(seconds, 2 * GONE_S))
    with serving([f"{ROOT}={data}"], home) as server:
        alone, alone_stats = _scrolled("alone", server.client, server)
    for what, shares, ahead, floor in (
        ("three nodes", share, stats, (0.98, 0.8)),
        ("one server", alone, alone_stats, (None, None)),
    ):
        found.add(f"scrolling, {what}: no miss beyond the first brick", shares, "", floor=floor[0])
        accuracy = [] if ahead["accuracy"] is None else [ahead["accuracy"]]
        found.add(f"scrolling, {what}: accuracy of decoding ahead", accuracy, "", floor=floor[1])
        found.remarks.append(
            f"Scrolling, {what}: {ahead['decoded']} bricks decoded ahead, {ahead['used']} used."
        )
    return found


class _SlabClient(Client):
    """Sends the slab, as the page does."""

    def slice(self, file: str, dataset: str, selection: str, **more: str) -> SliceResponse:
        index = int(selection.partition(",")[0])
        slab = slab_of(file, dataset, {0: index}, [THICK])
        return super().slice(file, dataset, selection, slab=slab, **more)


def _fifty(found: Section, nodes: Machines, port: int) -> None:
    """Several cold slices, one after the other, each asked for by all viewers at once."""
    file, decodes, last = f"{ROOT}/fifty.h5", [], []
    with Client(port) as client:
        assert client.status(target(file, 0, THICK, "")) == 200
    for brick in range(1, SHAPE[0] // THICK, 2):
        index = brick * THICK + THICK // 2
        asked = [[target(file, index, THICK, "")]] * TOGETHER
        before = {node.name: len(node.decoded()) for node in nodes.nodes}
        seen = play(Plan(port, asked, 1.0, 1.0, burst=True))
        late = [ms for viewer in seen["late_ms"] for ms in viewer]
        assert len(late) == TOGETHER, seen
        decodes.append(float(sum(len(node.decoded()) - before[node.name] for node in nodes.nodes)))
        last.append(max(late))
    what = f"{TOGETHER} requests for one cold slice"
    found.add(f"{what}: decodes", decodes, "", floor=1, more=False, judge="worst")
    found.add(f"{what}: the last one", last, "ms")


def _scrolled(
    name: str, connect: Callable[[], Client], server: Server
) -> tuple[list[float], dict[str, Any]]:
    """Share of slices beyond the first brick that were no miss, and what became of decoding ahead."""
    file = f"{ROOT}/{name}.h5"
    with connect() as client:
        client.slice(file, f"/{DATASET}", "0,:,:", format="u8")
    before = server.stats()["prefetch"]
    steps = tuple(Step(n / SCROLL_RATE, 0, n) for n in range(THICK, SHAPE[0]))
    steps = tuple(Step(step.at_s - steps[0].at_s, 0, step.index) for step in steps)
    trace = Trace("scroll", "", (Viewer(0, steps),))
    seen = play_trace(trace, TraceTarget([file], f"/{DATASET}", INFO.selection), connect)
    beyond = figures(trace, INFO, seen)["beyond_first_brick"]["not_missed"]
    after = server.stats()["prefetch"]
    counted = {key: after[key] - before[key] for key in ("decoded", "used")}
    return [] if beyond is None else [beyond], after | counted


def _gone(found: Section, nodes: Machines, port: int, seconds: float) -> None:
    """Slices and figures while the store does not answer."""
    file = f"{ROOT}/gone.h5"
    ways = wanderings([file], SHAPE[0] // THICK, THICK, VIEWERS, int(2 * seconds), 3)
    asked = [
        [target(one, index, THICK, f"gone-{n}") for one, index in way] for n, way in enumerate(ways)
    ]
    time.sleep(LEDGER_S)
    counted = _demand(nodes)
    with UsedTime() as used, ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play, Plan(port, asked, 2.0, seconds, tries=3))
        time.sleep(seconds / 4)
        with _stopped(nodes):
            time.sleep(GONE_S)
        seen = playing.result()
    answered = sum(map(len, seen["late_ms"]))
    failed = len(seen["given_up_ms"])
    end = time.monotonic() + 10.0
    while (missing := answered - (_demand(nodes) - counted)) and time.monotonic() < end:
        time.sleep(0.5)
    what = f"Redis gone for {GONE_S:.0f} s"
    found.add(f"{what}: slices without an answer", [float(failed)], "", floor=0, more=False)
    found.add(f"{what}: slices that figures lack", [float(abs(missing))], "", floor=0, more=False)
    found.remarks.append(
        f"{what}: {answered} slices were answered; processors used {used.busy:.0%}."
    )


@contextmanager
def _stopped(nodes: Machines) -> Iterator[None]:
    nodes.store.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        nodes.store.process.send_signal(signal.SIGCONT)


def _demand(nodes: Machines) -> int:
    """Slices that all nodes have counted."""
    stats = ask(nodes.nodes[0].server.port, "/api/v1/stats", window="all")
    return int(sum(stats["demand"].values()))
