"""Breakdowns of the statistics: demands by volume, axis, outcome, reason, format, viewer or machine."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import TypedDict

from dashboard.addressing.outcomes import MISSES
from dashboard.telemetry.aggregates import MAX_GROUP_NAME, OTHER, Dimension, Group, Totals


@dataclass(frozen=True, slots=True)
class Demand:
    """Which slice a viewer demanded, as its groups are called; `format` is empty where the page had the frame.

    `slice_bytes` is the size of its cells in the file's type, 0 where it is unknown.
    """

    volume: str
    axis: str
    selection: str
    viewer: str
    format: str = ""
    slice_bytes: int = 0

    @property
    def groups(self) -> dict[Dimension, str]:
        """The group of each dimension."""
        groups = {
            Dimension.VOLUME: self.volume,
            Dimension.AXIS: self.axis,
            Dimension.VIEWER: self.viewer,
        }
        return groups | {Dimension.FORMAT: self.format} if self.format else groups


class By(StrEnum):
    """What statistics can be broken down by."""

    VOLUME = "volume"
    AXIS = "axis"
    OUTCOME = "outcome"
    REASON = "reason"
    FORMAT = "format"
    VIEWER = "viewer"
    NODE = "node"


class GroupStats(TypedDict, total=False):
    """One group: demands, also by outcome, the server's time for them (s), and bytes sent, where known.

    `reasons` are those of its misses and coalesced demands.
    """

    count: int
    demand: dict[str, int]
    reasons: dict[str, int]
    server_s: float
    sent_bytes: int


# What a group had in each step of a series.
Steps = tuple[GroupStats | None, ...]


def volume_name(file: str, dataset: str) -> str:
    """A volume's name as a group: the file's name and the path in it, at most 256 characters.

    Of a longer name these are `…`, eight hexadecimal digits of a digest of it, `…`, and its end, so that volumes
    of which only the first folders differ have different names.
    """
    name = f"{file}{dataset}" if dataset.startswith("/") else f"{file}/{dataset}"
    if len(name) > MAX_GROUP_NAME:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        mark = f"…{digest}…"
        name = mark + name[len(mark) - MAX_GROUP_NAME :]
    # Names of files may have bytes that are no text.
    return name.encode("utf-8", "replace").decode()


def axis_name(fixed: Iterable[int]) -> str:
    """The dimensions that a slice fixes, as a group: `0`, or `0,3`; `none` for volumes of two dimensions."""
    return ",".join(map(str, sorted(fixed))) or "none"


def reasons(counts: Mapping[str, float]) -> dict[str, int]:
    """Demands that were in no cache, by reason; `counts` are counters by name."""
    prefix = f"{MISSES}."
    return {
        name.removeprefix(prefix): round(count)
        for name, count in sorted(counts.items())
        if name.startswith(prefix)
    }


def totals_of_viewer(totals: Totals, viewer: str) -> Totals:
    """What one viewer demanded: by outcome, and the counters that are kept by viewer."""
    group = totals.groups.get(Dimension.VIEWER, {}).get(viewer, Group())
    return Totals(demand=group.demand, counts=dict(group.counts))


def groups_of(totals: Totals, by: By, names: Container[str] | None = None) -> dict[str, GroupStats]:
    """The groups of a breakdown, the largest first and `other` last; with `names`, all but those are `other`."""
    if by is By.REASON:
        return {reason: {"count": count} for reason, count in reasons(totals.counts).items()}
    if by is By.OUTCOME:
        return {
            outcome: {
                "count": count,
                "demand": {outcome: count},
                "server_s": totals.server[outcome].total_s if outcome in totals.server else 0.0,
            }
            for outcome, count in totals.demand.items()
        }
    groups: dict[str, Group] = {}
    for name, group in totals.groups.get(Dimension(by), {}).items():
        shown = name if names is None or name in names else OTHER
        groups.setdefault(shown, Group()).merge(group)
    order = sorted(groups, key=lambda name: (name == OTHER, -groups[name].count, name))
    return {name: _stats(groups[name]) for name in order}


def hide(groups: Mapping[str, Steps], shown: Container[str]) -> dict[str, Steps]:
    """The groups of a breakdown, step by step, with all but the `shown` ones in `other`, which is the last."""
    found = {name: steps for name, steps in groups.items() if name in shown and name != OTHER}
    hidden = [steps for name, steps in groups.items() if name not in found]
    if hidden:
        found[OTHER] = tuple(_sum(step) for step in zip(*hidden, strict=True))
    return found


def _sum(parts: Iterable[GroupStats | None]) -> GroupStats | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    demand, reasons_ = Counter[str](), Counter[str]()
    for part in known:
        demand.update(part.get("demand", {}))
        reasons_.update(part.get("reasons", {}))
    return {
        "count": sum(part.get("count", 0) for part in known),
        "demand": dict(demand),
        "reasons": dict(reasons_),
        "server_s": sum(part.get("server_s", 0.0) for part in known),
        "sent_bytes": sum(part.get("sent_bytes", 0) for part in known),
    }


def _stats(group: Group) -> GroupStats:
    return {
        "count": group.count,
        "demand": {str(outcome): n for outcome, n in group.demand.items()},
        "reasons": reasons(group.counts),
        "server_s": group.server_s,
        "sent_bytes": group.sent_bytes,
    }
