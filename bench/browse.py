"""The traces of `lamella bench`, as a table."""

from __future__ import annotations

from bench.context import Context
from bench.model import Section, Table
from bench.report import number
from dashboard.benchmarking.figures import Spread
from dashboard.benchmarking.traces import traces
from dashboard.cli.bench import SEED, TraceResult, measure
from dashboard.storage.private_directory import ensure_private_directory

QUICK = ("scroll-10", "scroll-60", "jumps", "ten-volumes")


def browse(context: Context) -> Section:
    """All traces, or a few in a quick run."""
    volume = context.reference
    seconds = context.times(5, 2)
    section = Section(
        "browse",
        "Traces",
        f"What `lamella bench --seconds {seconds}` plays, each from an empty cache. Times in ms, median / 95th"
        " percentile / maximum. Seen: from a slice's due time to its last byte. Latest: without each"
        " viewer's first slice. h5py: mean time for the same slices, one after the other, with its default chunk"
        " cache, and with one that holds a slice's chunks, for as many as it reads in half the time.",
    )
    found = []
    for turn, trace in enumerate(traces(volume.shown.shape, seconds, SEED)):
        if context.quick and trace.name not in QUICK:
            continue
        beside = ensure_private_directory(context.folder / "cache")
        played = measure(trace, volume.path, volume.shown, beside, seconds, turned=turn % 2 == 1)
        found.append(played)
    headings = (
        *("trace", "slices", "hit", "prefetched", "coalesced", "miss", "accuracy", "MiB"),
        *("seen", "in the server", "latest", "h5py", "good cache"),
    )
    section.tables.append(Table("", headings, [_row(one) for one in found]))
    return section


def _row(found: TraceResult) -> list[str]:
    lost = found["slices"] - found["answered"]
    memory = found["memory_bytes"]
    latest = found["latest_after_first_ms"]
    return [
        f"{found['trace']}: {found['what']}",
        f"{found['slices']}" + (f" ({lost} not answered)" if lost else ""),
        *(_percent(found["outcomes"][o]) for o in ("hit", "prefetched", "coalesced", "miss")),
        _percent(found["accuracy_moving"]),
        "–" if memory is None else f"{memory / 2**20:.0f}",
        _three(found["client_ms"]),
        _three(found["server_ms"]),
        "–" if latest is None else number(latest),
        _mean(found["h5py_default_ms"]),
        _mean(found["h5py_chosen_ms"]),
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f} %"


def _three(found: Spread | None) -> str:
    if found is None:
        return "–"
    return " / ".join(map(number, (found["p50"], found["p95"], found["max"])))


def _mean(found: Spread | None) -> str:
    return "–" if found is None else number(found["mean"])
