"""Ten nodes whose bricks take as long as this machine's, without its processors: 80 viewers, and 8 of one node."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Final

import h5py
import numpy as np

from bench.cluster.figures import MOST_BUSY, Phase, busiest_over_mean, ratio
from bench.cluster.machines import Machines, Node, machines
from bench.cluster.sleeping import DecodeTime
from bench.cluster.viewing import DATASET, ROOT, target, wandering, watch
from bench.context import progress
from bench.load.viewers import Plan
from bench.model import Section, Table
from bench.report import number
from dashboard.benchmarking.server import serving
from dashboard.samples.generator import write_sample
from dashboard.storage.private_directory import ensure_private_directory

NODES: Final = 10
VIEWERS_A_NODE: Final = 8
EVERYBODY: Final = NODES * VIEWERS_A_NODE
# A frame of 8 bits has 102 kB.
SIDE, THICK, BRICKS = 320, 8, 400
# About as many pieces, between which decoding ahead yields to demand, as the brick that is timed.
CHUNKS: Final = (THICK, 16, SIDE)
BRICK_BYTES: Final = THICK * SIDE * SIDE * 2
# The brick whose decoding is timed, as of a reconstruction in float32. It takes so long that two cores can serve
# all viewers, wherever requests are sent.
TIMED_SHAPE: Final = (6 * 38, 1360, 1360)
TIMED_DTYPE: Final = "float32"
TIMED_CHUNKS: Final = (38, 43, 43)
PHASES: Final = ("one", "ten", "random", "crowd", "slab")
# Those of the first node alone.
ALONE: Final = ("one", "crowd")

METHOD: Final = """\
Ten nodes, Redis and HAProxy with the rules of `deploy/haproxy.cfg` on one machine. All of it is real but decoding:
a thread that would read and decode a chunk sleeps for its share of what a brick took here in the same run
({brick_ms} ms with {threads} threads, {timed} in gzip), while it holds one of the {threads} cores of
its node. A brick has {pieces} pieces, between which decoding ahead yields to demand; the one whose decoding was
timed has {timed_pieces}.
{each} viewers a node ask for a slice of 102 kB once a second, whether the one before is there or not; each looks
at 5 to 15 slices of a brick and then somewhere else. A slice that is refused is asked for again, as by the page.
The controls, with as many viewers as ten nodes: HAProxy that sends requests anywhere (`balance random`), and one
node for all. What was measured while more than {most} of the processor time of the machine was used, by anybody,
is void: it says "not measured"."""
CANNOT: Final = """\
It cannot tell what a network between machines costs, what one storage gives to ten machines that read at the same
time, what other processors or memory far from a processor (NUMA) take, or ten machines' page caches."""


def ten(folder: Path, seconds: float) -> Section:
    """Measure; each phase of viewers that wander takes twice `seconds`."""
    kept = folder / "volumes"
    brick_s, threads = timed_brick(kept, folder)
    data = ensure_private_directory(folder / "ten")
    sets = {"one": 1, "ten": NODES, "random": NODES, "crowd": NODES, "slab": 1}
    files = {name: [f"{name}-{n}.h5" for n in range(count)] for name, count in sets.items()}
    write_thin([data / ROOT / one for some in files.values() for one in some])
    served = {name: [f"{ROOT}/{one}" for one in some] for name, some in files.items()}
    decode_time = DecodeTime(brick_s * threads / BRICK_BYTES, data)
    names = [f"n{n}" for n in range(NODES)]
    settings = {"LAMELLA_DECODE_THREADS": str(threads)}
    with ExitStack() as stack:
        with progress(f"starting {NODES} nodes"):
            served_from = [f"{ROOT}={data / ROOT}"]
            nodes = machines(names, served_from, data / "nodes", decode_time, settings)
            found = stack.enter_context(nodes)
        phases = _phases(found, served, seconds)
    return section(phases, brick_s, threads)


def _phases(found: Machines, files: dict[str, list[str]], seconds: float) -> dict[str, Phase]:
    # All as long: the first slice of each viewer is a miss, as few of the others are.
    def play(name: str, count: int, seed: int, port: int) -> Phase:
        plan = wandering(port, files[name], BRICKS, THICK, count, 2 * seconds, seed)
        with progress(NAMES[name]):
            return watch(found, name, plan, lambda one: one.file in files[name])

    with progress("opening the files"):
        known(found, files)
    phases = {}
    with found.balanced(count=1) as port:
        phases["one"] = play("one", VIEWERS_A_NODE, 1, port)
    with found.balanced() as port:
        phases["ten"] = play("ten", EVERYBODY, 2, port)
        phases["slab"] = watch(
            found,
            "slab",
            _same_slab(port, files["slab"][0]),
            lambda one: one.file in files["slab"] and one.start[0] == THICK,
        )
    with found.balanced("random") as port:
        phases["random"] = play("random", EVERYBODY, 2, port)
    with found.balanced(count=1) as port:
        phases["crowd"] = play("crowd", EVERYBODY, 2, port)
    return phases


def _same_slab(port: int, file: str) -> Plan:
    """All viewers at the slices of one slab, from the same moment on, for ten seconds."""
    targets = [
        [target(file, THICK + (n + step) % THICK, THICK, f"slab-{n}") for step in range(10)]
        for n in range(EVERYBODY)
    ]
    return Plan(port, targets, 1.0, 10.0, begin_s=[0.0] * EVERYBODY, tries=3)


def known(found: Machines, files: dict[str, list[str]]) -> None:
    """Have each node open each file that it is asked for, and find its window, by its first slab."""

    def open_all(node: Node) -> None:
        with node.server.client() as client:
            for name, some in files.items():
                if node is found.nodes[0] or name not in ALONE:
                    for file in some:
                        assert client.status(target(file, 0, THICK, "")) == 200

    with ThreadPoolExecutor(len(found.nodes)) as pool:
        list(pool.map(open_all, found.nodes))
    for node in found.nodes:
        node.server.wait_until_idle()


def section(phases: dict[str, Phase], brick_s: float, threads: int) -> Section:
    """The figures of the phases."""
    one, ten, slab = phases["one"], phases["ten"], phases["slab"]
    anywhere, crowd, p99 = phases["random"], phases["crowd"], attrgetter("p99_ms")
    method = METHOD.format(
        brick_ms=number(brick_s * 1e3),
        threads=threads,
        each=VIEWERS_A_NODE,
        timed=f"{TIMED_DTYPE} of {TIMED_CHUNKS[0]}×{TIMED_SHAPE[1]}×{TIMED_SHAPE[2]}",
        pieces=SIDE // CHUNKS[1],
        timed_pieces=TIMED_SHAPE[1] // TIMED_CHUNKS[1],
        most=f"{MOST_BUSY:.0%}",
    )
    found = Section("ten", "Ten nodes and one", method)
    each = f"ten nodes with {EVERYBODY} viewers"
    found.add(
        f"p99 of {each} over that of one with {VIEWERS_A_NODE}",
        ratio(p99, ten, one),
        floor=1.25,
        more=False,
    )
    counted = [] if ten.is_void else [ten.decodes_a_brick]
    found.add(f"decodes a brick, {each}", counted, "", floor=1.005, more=False)
    busiest = [] if ten.is_void else [ten.busiest_over_mean]
    found.add("bricks decoded by the busiest node over the mean", busiest, floor=1.4, more=False)
    served = [] if ten.is_void else [busiest_over_mean(ten.served)]
    found.add("slices served by the busiest node over the mean", served)
    controls: list[tuple[str, Callable[[Phase], float], Phase]] = [
        ("decodes a brick when sent anywhere", attrgetter("decodes_a_brick"), anywhere),
        ("p90 when sent anywhere", lambda phase: phase.lateness(0.9), anywhere),
        ("p99 when sent anywhere", p99, anywhere),
        ("p99 when all at one node", p99, crowd),
    ]
    for what, figure, control in controls:
        found.add(f"control: {what}, over that", ratio(figure, control, ten), floor=3)
    alone = [] if slab.is_void else [float(sum(map(len, slab.decoded.values())))]
    found.add("decodes of a slab that all look at", alone, "", floor=1, more=False)
    found.add("p99 of its slices", [] if slab.is_void else [slab.p99_ms], "ms")
    headings = [
        *("", "p50 (ms)", "p90 (ms)", "p99 (ms)", "slices", "not answered", "misses"),
        *("bricks", "decodes a brick", "busiest node", "processors used", "by all this"),
    ]
    found.tables.append(Table("", headings, [_row(phases[name]) for name in PHASES]))
    found.tables.append(Table(WAITS, WAITED, [_waited(phases[name]) for name in PHASES[:3]]))
    found.remarks += [
        f"Void: {NAMES[phase.name]}, with more than {MOST_BUSY:.0%} of the processors used."
        for phase in phases.values()
        if phase.is_void
    ]
    found.remarks.append(CANNOT.replace("\n", " "))
    return found


WAITS: Final = "Slices whose brick was not there: what they waited for (ms), p50 and p90"
# Stages of the server, by column.
STAGES: Final = {
    "in the server": ("total",),
    "wait": ("wait",),
    "cache": ("cache",),
    "read and decode": ("read", "decode"),
    "other": ("other",),
}
WAITED: Final = ("", "slices", "late", *STAGES)

NAMES: Final = {
    "one": "one node, 8 viewers",
    "ten": "ten nodes, 80 viewers",
    "random": "control: 80 viewers, sent anywhere",
    "crowd": "control: 80 viewers at one node",
    "slab": "80 viewers of one slab",
}


def _row(phase: Phase) -> list[str]:
    keys = {key for found in phase.decoded.values() for key in found}
    slices = len(phase.late_ms) + len(phase.given_up_ms)
    return [
        NAMES[phase.name],
        *(number(phase.lateness(share)) for share in (0.5, 0.9, 0.99)),
        str(slices),
        str(len(phase.given_up_ms)),
        f"{phase.outcomes.get('miss', 0) / max(len(phase.late_ms), 1):.1%}",
        str(len(keys)),
        number(phase.decodes_a_brick),
        f"{number(phase.busiest_over_mean)} × the mean",
        f"{phase.busy:.0%}",
        f"{phase.own:.0%}",
    ]


def _waited(phase: Phase) -> list[str]:
    return [
        NAMES[phase.name],
        str(len(phase.missed)),
        *(
            " and ".join(number(phase.waited(share, *stages)) for share in (0.5, 0.9))
            for stages in (("late",), *STAGES.values())
        ),
    ]


def timed_brick(kept: Path, folder: Path) -> tuple[float, int]:
    """How long (s) a slice at the bottom of a cold brick takes on a real server, and its decoding threads."""
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / "float32.h5"
    if not path.exists():
        write_sample(path, TIMED_SHAPE, TIMED_DTYPE, TIMED_CHUNKS)
    # What is still to be written to the disk, by anybody, would take from what is timed.
    os.sync()
    with path.open("rb") as stream:
        while stream.read(2**24):
            pass
    took = []
    home = ensure_private_directory(folder / "timed")
    threads = len(os.sched_getaffinity(0))
    settings = {"LAMELLA_DECODE_THREADS": str(threads)}
    with serving([f"{ROOT}={path}"], home, settings) as server, server.client() as client:
        for last in range(TIMED_CHUNKS[0] - 1, TIMED_SHAPE[0], TIMED_CHUNKS[0]):
            answer = client.slice(ROOT, DATASET, f"{last},:,:", format="raw")
            assert answer.status == 200
            took.append(answer.total_ms / 1e3)
            server.wait_until_idle()
    # The first one opens the file.
    return median(took[1:]), threads


def write_thin(paths: list[Path]) -> None:
    """Volumes of many bricks that are a few bytes in the file: nobody decodes them."""
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(paths[0], "w") as file:
        shape = (BRICKS * THICK, SIDE, SIDE)
        dataset = file.create_dataset(DATASET, shape, "u2", chunks=CHUNKS, compression="gzip")
        dataset[:THICK, : CHUNKS[1]] = 100 * np.arange(THICK)[:, None, None]
        _, stored = dataset.id.read_direct_chunk((0, 0, 0))
        for brick, row in np.ndindex(BRICKS, SIDE // CHUNKS[1]):
            dataset.id.write_direct_chunk((brick * THICK, row * CHUNKS[1], 0), stored)
    for path in paths[1:]:
        shutil.copyfile(paths[0], path)
