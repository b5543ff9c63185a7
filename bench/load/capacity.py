"""The figures of the load as a page for people who host a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bench.report import number

INTRODUCTION: Final = """\
# How many people a server takes

Written by `{command}`; do not edit. One server with sign-in, a token with each request, as it is without settings.
The client runs on the same machine and takes processor time from it, so that a server by itself takes more.

Each viewer asks for the next slice of 8 bits and {megabytes} MB at a fixed rate, whether the one before is there
or not, of one of ten volumes whose slices are all cached. A slice's lateness counts from when it was due. Beyond
what the server takes, slices that have waited for 0.4 s are refused with 503 and `Retry-After`, and the page tries
again by itself. Slices that have to be decoded take as long as `lamella inspect` says.
"""


def page(found: Mapping[str, Any], machine: Mapping[str, str], command: str) -> str:
    """The page of what `bench.load` has found."""
    parts = [
        INTRODUCTION.format(command=command, megabytes=number(found["frame_bytes"] / 1e6)),
        "\n".join(f"- {name}: {value}" for name, value in machine.items()) + "\n",
        "## Viewers of cached slices\n",
        _steps(found["steps"]),
        _limits(found),
        "## One who sweeps through a cold volume\n",
        _sweep(found["beside a sweep"]),
        "## Tabs that nobody uses\n",
        _idle(found["idle"]),
        "## What rights cost\n",
        _rights(found["rights"]),
    ]
    return "\n".join(parts)


def _limits(found: Mapping[str, Any]) -> str:
    goodput, worst = found["goodput_share"], found["connecting at once"]["worst_ms"]
    return (
        f"With the most viewers, {_percent(goodput)} of the best rate of all rows was answered. When"
        f" {found['connecting']} viewers connected at the same moment, the last one had its first slice after"
        f" {number(worst)} ms.\n"
    )


def _steps(steps: Mapping[str, Any]) -> str:
    columns = [
        *("viewers", "slices/s asked for", "answered", "p50 (ms)", "p99 (ms)"),
        *("refused", "failed", "answered to one viewer"),
    ]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for name, step in steps.items():
        least, most = step["answered_least_most"]
        cells = (
            name.partition(" ")[0],
            number(step["asked_per_s"]),
            number(step["slices_per_s"]),
            number(step["p50_ms"]),
            number(step["p99_ms"]),
            _percent(step["refused"] / max(step["refused"] + step["slices"], 1)),
            str(sum(step["failed"].values())),
            f"{least} to {most}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _sweep(found: Mapping[str, Any]) -> str:
    alone, beside = found["others_alone"], found["others"]
    return (
        "While one viewer went through a volume that was not cached as fast as slices came,"
        f" {number(found['sweep_per_s'])} a second ({_percent(found['sweep_kept'])} of the rate alone), twenty"
        f" others had their cached slices with a p99 of {number(beside['p99_ms'])} ms,"
        f" {number(found['p99_ratio'])} times the {number(alone['p99_ms'])} ms without that viewer.\n"
    )


def _idle(found: Mapping[str, Any]) -> str:
    return (
        f"{found['tabs']} tabs that nobody uses, for {number(found['seconds'])} s: all processes of the server"
        f" took {_percent(found['share_of_a_core'])} of one core, and"
        f" {_percent(found['share_of_a_core_without_tabs'])} without them.\n"
    )


def _rights(found: Mapping[str, Any]) -> str:
    least, most = found["more_least_most_ms"]
    return (
        f"Processor time of a cached frame: {number(found['open_ms'])} ms on an open server,"
        f" {number(found['rights_ms'])} ms for a member of the group that may see the root;"
        f" {number(found['more_ms'])} ms more ({number(least)} to {number(most)}; {found['frames']} frames"
        " each, in alternation).\n"
    )


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
