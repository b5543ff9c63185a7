"""Values of gauges over time: of the history, of shared resources, and of each process while it lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.telemetry.compaction import summed
from dashboard.telemetry.history import Sums
from dashboard.telemetry.ledger_reader import LedgerReader
from dashboard.telemetry.processes import node_of


@dataclass(frozen=True, slots=True)
class Span:
    """Steps of `step` seconds from `first` on (Unix time, s), whose rows are at most as long as `resolution_s`."""

    first: float
    step: float
    count: int
    resolution_s: int

    @property
    def end(self) -> float:
        """Where the last step ends."""
        return self.first + self.step * self.count


def gauge_steps(
    reader: LedgerReader, span: Span, sums: Sequence[Sums], now: float
) -> dict[str, tuple[float | None, ...]]:
    """The last known value of each gauge at the end of each step, None before the first; `now` is Unix time (s).

    `sums` are those of the steps, with the gauges of the history.
    """
    live = {process.name for process in reader.processes}
    last_seen: dict[str, int] = {}
    for second, bin_ in reader.bins.items():
        for process in bin_.per_process:
            last_seen[process] = max(last_seen.get(process, second), second)
    # Of the history, of what the processes of a machine share, and of each process.
    past: dict[str, float] = {}
    shared: dict[str, dict[str, float]] = {}
    own: dict[str, dict[str, float]] = {}
    values: list[dict[str, float]] = []
    seconds = sorted(reader.bins)
    position = 0
    for index in range(span.count):
        start = span.first + index * span.step
        past |= sums[index].gauges
        while position < len(seconds) and seconds[position] < start + span.step:
            bin_ = reader.bins[seconds[position]]
            for node, levels in bin_.shared.items():
                shared.setdefault(node, {}).update(levels)
            for process, gauges in bin_.per_process.items():
                own.setdefault(process, {}).update(gauges)
            position += 1
        # The last values of a dead process are no longer valid.
        alive = {name for name in own if name in live or last_seen[name] >= start}
        nodes = {node_of(name) for name in alive} | {""}
        per_node = summed(levels for node, levels in shared.items() if node in nodes)
        values.append(past | per_node | summed(own[name] for name in own if name in alive))
    answer: dict[str, tuple[float | None, ...]] = {}
    for name in sorted({name for known in values for name in known}):
        answer[name] = tuple(known.get(name) for known in values)
    if span.end > now:
        # Rows contain every change, so what is in no row has not changed for as long as rows are kept.
        for name, value in reader.gauges().items():
            answer.setdefault(name, (value,) * span.count)
    return answer
