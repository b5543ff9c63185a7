"""The figures of the load as a page for people who host a server, with the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

from bench import report
from bench.machine import versions
from bench.model import Section, Table
from bench.report import number

INTRODUCTION: Final = """\
# How many people a server takes

Written by `{command}`; do not edit. One server with sign-in, a token with each request, as it is without settings.
The client runs on the same machine and takes processor time from it, so that a server by itself takes more. Each
figure is the median of its rounds, with the least and the greatest.
"""

VIEWERS: Final = """\
Each viewer asks for the next slice of 8 bits and {megabytes} MB at a fixed rate, whether the one before is there
or not, of one of ten volumes whose slices are all cached. A slice's lateness counts from when it was due. Beyond
what the server takes, slices that have waited for 0.4 s are refused with 503 and `Retry-After`, and the page tries
again by itself. Slices that have to be decoded take as long as `lamella inspect` says."""
SWEEP: Final = """\
Twenty viewers as above, while one more goes through a volume that is not cached as fast as slices come. The ratio
is to the same twenty without that one, just before."""
IDLE: Final = """\
Pages that nobody has used for ten minutes, each of which asks for the panels and for what is cached once a minute;
processor time of all processes of the server."""
RIGHTS: Final = """\
Processor time of all processes of a server for a cached frame: open, and for a member of the group that may see
the root, who sends an API token. Both have one web process, and are asked in alternation."""

# Floors: the 99th percentile of the lateness (ms) by the number of viewers, and that of the last who connects.
P99_MS: Final = {20: 10.0, 100: 50.0, 200: 1000.0}
CONNECTED_MS: Final = 250.0
GOODPUT: Final = 90.0
SWEEP_RATIO: Final = 3.0
SWEEP_KEPT: Final = 60.0
IDLE_SHARE: Final = 5.0
RIGHTS_MS: Final = 0.2


def page(found: Mapping[str, Any], machine: Mapping[str, str], command: str) -> str:
    """The page of what `bench.load` has found."""
    sections = [_viewers(found), _sweep(found["beside a sweep"])]
    if "idle" in found:
        sections += [_idle(found["idle"]), _rights(found["rights"])]
    introduction = INTRODUCTION.format(command=command)
    return report.page(sections, machine, versions(), "", {}, False, introduction)


def _viewers(found: Mapping[str, Any]) -> Section:
    megabytes = number(found["frame_bytes"] / 1e6)
    section = Section("viewers", "Viewers of cached slices", VIEWERS.format(megabytes=megabytes))
    rounds: Mapping[str, Sequence[Mapping[str, Any]]] = found["steps"]
    for count, steps in rounds.items():
        section.add(
            f"{count} viewers: p99",
            [step["p99_ms"] for step in steps],
            "ms",
            floor=P99_MS.get(int(count)),
            more=False,
        )
    best = [
        max(step["slices_per_s"] for step in steps) for steps in zip(*rounds.values(), strict=True)
    ]
    most = [step["slices_per_s"] for step in list(rounds.values())[-1]]
    section.add(
        "the most viewers: answered, of the best rate of all numbers of viewers",
        [100.0 * n / rate for n, rate in zip(most, best, strict=True)],
        "%",
        floor=GOODPUT,
    )
    section.add(
        f"{found['connecting']} viewers who connect at the same moment: the last one's first slice",
        [burst["worst_ms"] for burst in found["connecting at once"]],
        "ms",
        floor=CONNECTED_MS,
        more=False,
    )
    section.tables.append(_table(rounds))
    return section


def _table(rounds: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    headings = [
        *("viewers", "slices/s asked for", "answered", "p50 (ms)", "p99 (ms)"),
        *("refused (%)", "failed", "answered to one viewer"),
    ]
    rows = [
        (
            count,
            number(steps[0]["asked_per_s"]),
            *(
                _spread([step[name] for step in steps])
                for name in ("slices_per_s", "p50_ms", "p99_ms")
            ),
            _spread([100 * s["refused"] / max(s["refused"] + s["slices"], 1) for s in steps]),
            str(sum(sum(step["failed"].values()) for step in steps)),
            "{} to {}".format(
                min(step["answered_least_most"][0] for step in steps),
                max(step["answered_least_most"][1] for step in steps),
            ),
        )
        for count, steps in rounds.items()
    ]
    return Table("", headings, rows)


def _sweep(rounds: Sequence[Mapping[str, Any]]) -> Section:
    section = Section("sweep", "One who sweeps through a cold volume", SWEEP)
    ratios = [one["others"]["p99_ms"] / one["others_alone"]["p99_ms"] for one in rounds]
    section.add("the others' p99, to theirs alone", ratios, floor=SWEEP_RATIO, more=False)
    kept = [100.0 * one["sweep_per_s"] / one["sweep_alone_per_s"] for one in rounds]
    section.add("the sweep keeps of its rate alone", kept, "%", floor=SWEEP_KEPT)
    section.add("the others' p99", [one["others"]["p99_ms"] for one in rounds], "ms")
    section.add("the others' p99 alone", [one["others_alone"]["p99_ms"] for one in rounds], "ms")
    section.add("the sweep alone", [one["sweep_alone_per_s"] for one in rounds], "slices/s")
    section.add("the sweep beside them", [one["sweep_per_s"] for one in rounds], "slices/s")
    return section


def _idle(found: Mapping[str, Any]) -> Section:
    section = Section("idle", "Tabs that nobody uses", IDLE)
    share = 100.0 * found["share_of_a_core"]
    section.add(f"{found['tabs']} tabs", [share], "% of a core", floor=IDLE_SHARE, more=False)
    section.add("no tabs", [100.0 * found["share_of_a_core_without_tabs"]], "% of a core")
    return section


def _rights(found: Mapping[str, Any]) -> Section:
    section = Section("rights", "What rights cost", RIGHTS)
    section.add("more with rights", found["more_ms"], "ms", floor=RIGHTS_MS, more=False)
    section.add("an open server", found["open_ms"], "ms")
    section.add("with rights", found["rights_ms"], "ms")
    return section


def _spread(values: Sequence[float]) -> str:
    return f"{number(median(values))} ({number(min(values))} … {number(max(values))})"
