"""Values of gauges over time: of the history, of shared resources, and of each process while it lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.telemetry.history import Sums
from dashboard.telemetry.ledger_reader import LedgerReader


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
    # Of the history, of shared resources, and of each process.
    past: dict[str, float] = {}
    shared: dict[str, float] = {}
    own: dict[str, dict[str, float]] = {}
    values: list[dict[str, float]] = []
    seconds = sorted(reader.bins)
    position = 0
    for index in range(span.count):
        start = span.first + index * span.step
        past |= sums[index].gauges
        while position < len(seconds) and seconds[position] < start + span.step:
            bin_ = reader.bins[seconds[position]]
            shared |= bin_.shared
            for process, gauges in bin_.per_process.items():
                own.setdefault(process, {}).update(gauges)
            position += 1
        summed: dict[str, float] = {}
        for process, gauges in own.items():
            # The last values of a dead process are no longer valid.
            if process in live or last_seen[process] >= start:
                for name, value in gauges.items():
                    summed[name] = summed.get(name, 0.0) + value
        values.append(past | shared | summed)
    answer: dict[str, tuple[float | None, ...]] = {}
    for name in sorted({name for known in values for name in known}):
        answer[name] = tuple(known.get(name) for known in values)
    if span.end > now:
        # Rows contain every change, so what is in no row has not changed for as long as rows are kept.
        for name, value in reader.gauges().items():
            answer.setdefault(name, (value,) * span.count)
    return answer
