"""The arithmetic of what many viewers of several nodes saw. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dashboard.benchmarking.figures import quantile

# Of the machine's processor time; beyond it, nodes wait for processors that real ones would have.
MOST_BUSY: Final = 0.7


@dataclass(frozen=True)
class Phase:
    """What all viewers of a phase saw, and what nodes decoded for them.

    `late_ms` has the slices that were answered, `given_up_ms` the others and how late they were when that ended.
    `decoded` has the names of the bricks that each node decoded, `busy` is the share (0…1) of the machine's
    processor time that was used by anybody, `own` that of nodes, store, load balancer and viewers. `missed` has
    the lateness and the server's stages (ms) of the slices whose brick was not there.
    """

    name: str
    late_ms: Sequence[float]
    given_up_ms: Sequence[float]
    busy: float
    decoded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    own: float = 0.0
    missed: Sequence[Mapping[str, float]] = ()

    @property
    def is_void(self) -> bool:
        """Whether the machine was too busy for its figures to be those of several."""
        return self.busy > MOST_BUSY

    def lateness(self, share: float) -> float:
        """A quantile of the lateness (ms) of all slices; those without an answer were later still."""
        return quantile(sorted([*self.late_ms, *self.given_up_ms]), share)

    def waited(self, share: float, *stages: str) -> float:
        """A quantile of what slices whose brick was not there spent in some stages (ms); 0 without any."""
        found = sorted(sum(one.get(stage, 0.0) for stage in stages) for one in self.missed)
        return quantile(found, share) if found else 0.0

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the lateness."""
        return self.lateness(0.99)

    @property
    def decodes_a_brick(self) -> float:
        """How often a brick was decoded, on the average of all that were."""
        names = [name for found in self.decoded.values() for name in found]
        return len(names) / max(len(set(names)), 1)

    @property
    def busiest_over_mean(self) -> float:
        """Bricks that the busiest node decoded over the mean of all nodes."""
        return busiest_over_mean({name: len(found) for name, found in self.decoded.items()})


def busiest_over_mean(counts: Mapping[str, float]) -> float:
    """The greatest count over the mean; 1 where nothing was counted."""
    total = sum(counts.values())
    return max(counts.values()) * len(counts) / total if total else 1.0


def ratio(of: Callable[[Phase], float], one: Phase, other: Phase) -> list[float]:
    """A figure of one phase over that of another; nothing where one of them is void."""
    return [] if one.is_void or other.is_void else [of(one) / of(other)]


def used_share(before: Sequence[int], after: Sequence[int]) -> float:
    """The share (0…1) of all processors' time that was used between two lines `cpu` of /proc/stat (ticks).

    Time in which a processor waits for a disk counts as not used, time that a hypervisor took as used.
    """
    spent = [b - a for a, b in zip(before, after, strict=True)]
    # user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
    total = sum(spent[:8])
    return 1.0 - (spent[3] + spent[4]) / total if total else 0.0
