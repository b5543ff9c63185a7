"""Single slices: what the server knows of one that it served, and what the page reports of one that it painted."""

from __future__ import annotations

import bisect
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from dashboard.addressing.outcomes import Outcome, Provenance, Reason, Stage
from dashboard.addressing.requester import VIEWER_ID
from dashboard.telemetry.aggregates import MAX_GROUP_NAME, Finite
from dashboard.telemetry.groups import Demand

MAX_SELECTION: Final = 400
# A report comes within seconds; a later one belongs to an answer that is not known.
JOIN_S: Final = 60.0

_Seconds = Annotated[float, Field(ge=0, lt=1e9)]
_Bytes = Annotated[int, Field(ge=0, lt=2**63)]


class SliceRecord(BaseModel):
    """Which slice it was, where it came from, at which time (Unix time, s), and its stages (s)."""

    model_config = ConfigDict(strict=True, frozen=True)

    time: Finite
    volume: Annotated[str, Field(max_length=MAX_GROUP_NAME)]
    selection: Annotated[str, Field(max_length=MAX_SELECTION)]
    viewer: Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")]
    outcome: Outcome
    stages: dict[Stage, _Seconds]

    @property
    def identity(self) -> tuple[str, ...]:
        """What a report and the answer that it is about have in common."""
        return self.viewer, self.volume, self.selection, self.outcome

    @property
    @abstractmethod
    def rank_s(self) -> float:
        """The time (s) by which it is among the slowest."""


class ServedSlice(SliceRecord):
    """One slice that was served, at the time of its response.

    `stages` are those of the server, which add up to `total_s`; `reason` is why it was no hit. `bytes` were sent.
    `read_bytes` were read from the files for it, stored chunks or ranges of a contiguous dataset, `decoded_bytes`
    decoded, with what is decoded after its response to complete a brick; both are None where they are unknown, the
    first of what the HDF5 library reads. `slice_bytes` is the size of its cells in the file's type.
    """

    reason: Reason | None
    bytes: _Bytes
    total_s: _Seconds
    read_bytes: _Bytes | None = None
    decoded_bytes: _Bytes | None = None
    slice_bytes: _Bytes = 0

    @property
    def rank_s(self) -> float:
        """The time (s) by which it is among the slowest."""
        return self.total_s

    @property
    def amplification(self) -> float | None:
        """How many times the slice was decoded: decoded bytes / (cells of the slice × size of a voxel).

        0 for a cached slice and for one that waited for the decode of another request; None where it is unknown.
        """
        if self.decoded_bytes is None or not self.slice_bytes:
            return None
        return self.decoded_bytes / self.slice_bytes


class PageTimes(SliceRecord):
    """What a page reports of a slice that it painted, at the time at which the report came.

    `perceived_s` is the time from the key, wheel or click to the picture, None where it was drawn without one.
    """

    perceived_s: _Seconds | None

    @property
    def rank_s(self) -> float:
        """The server's part of the perceived time (s), by which its answer is among the slowest."""
        return server_part_s(self.stages, self.perceived_s)


def server_part_s(stages: Mapping[Stage, float], perceived_s: float | None) -> float:
    """What the page's stages leave of the perceived time (s); 0 where that is unknown."""
    return max((perceived_s or 0.0) - sum(stages.values()), 0.0)


# Rows are formatted by hand, which takes 3 µs a request; `json` takes 8 and a model 25.


def encode_served(
    now: float,
    found: Provenance,
    demand: Demand,
    stages: Mapping[Stage, float],
    total_s: float,
    sent_bytes: int,
    moved: Mapping[Stage, int],
) -> bytes:
    """A `ServedSlice` of the time `now` (Unix time, s); `moved` are bytes as a `Recording` counts them."""
    decoded = moved.get(Stage.DECODE, 0)
    read = moved.get(Stage.READ, None if decoded else 0)
    return (
        f'{_head(now, demand, found.outcome, stages)},"reason":{_text(found.reason)}'
        f',"bytes":{sent_bytes},"total_s":{total_s:.6f}'
        f',"read_bytes":{"null" if read is None else read},"decoded_bytes":{decoded}'
        f',"slice_bytes":{demand.slice_bytes}}}'
    ).encode()


def encode_report(
    now: float,
    demand: Demand,
    outcome: Outcome,
    stages: Mapping[Stage, float],
    perceived_s: float | None,
) -> bytes:
    """A `PageTimes` that came at `now` (Unix time, s)."""
    perceived = "null" if perceived_s is None else f"{perceived_s:.6f}"
    return f'{_head(now, demand, outcome, stages)},"perceived_s":{perceived}}}'.encode()


def _head(now: float, demand: Demand, outcome: Outcome, stages: Mapping[Stage, float]) -> str:
    """The members of `SliceRecord`, without the closing brace."""
    taken = ",".join([f'"{stage}":{seconds:.6f}' for stage, seconds in stages.items()])
    return (
        f'{{"time":{now!r},"volume":{_text(demand.volume)}'
        f',"selection":{_text(demand.selection[:MAX_SELECTION])},"viewer":{_text(demand.viewer)}'
        f',"outcome":"{outcome}","stages":{{{taken}}}'
    )


def _text(text: str | None) -> str:
    return "null" if text is None else encode_basestring(text)


def joined(
    served: Iterable[ServedSlice], reports: Iterable[PageTimes]
) -> list[tuple[ServedSlice, PageTimes | None]]:
    """Each slice with its report, None where the page sent none.

    A report is about the nearest answer before it, `JOIN_S` seconds at most, with the same viewer, volume,
    selection and outcome; of several reports about one answer, the first one is taken.
    """
    slices = sorted(served, key=lambda one: one.time)
    answers: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, one in enumerate(slices):
        answers[one.identity].append(number)
    found: dict[int, PageTimes] = {}
    for report in sorted(reports, key=lambda one: one.time):
        numbers = answers.get(report.identity, [])
        at = bisect.bisect(numbers, report.time, key=lambda number: slices[number].time)
        if at and report.time - slices[numbers[at - 1]].time <= JOIN_S:
            found.setdefault(numbers[at - 1], report)
    return [(one, found.get(number)) for number, one in enumerate(slices)]


def as_json(one: ServedSlice, page: PageTimes | None) -> dict[str, object]:
    """A slice and its report as JSON types, durations in ms."""
    factor = one.amplification
    return {
        "time": one.time,
        "volume": one.volume,
        "selection": one.selection,
        "outcome": one.outcome,
        "reason": one.reason,
        "viewer": one.viewer,
        "bytes": one.bytes,
        "read_bytes": one.read_bytes,
        "decoded_bytes": one.decoded_bytes,
        "amplification": None if factor is None else round(factor, 3),
        "stages": _milliseconds(one.stages),
        "total_ms": round(1e3 * one.total_s, 3),
        "page_stages": None if page is None else _milliseconds(page.stages),
        "perceived_ms": (
            None if page is None or page.perceived_s is None else round(1e3 * page.perceived_s, 3)
        ),
    }


def _milliseconds(stages: Mapping[Stage, float]) -> dict[str, float]:
    return {stage: round(1e3 * seconds, 3) for stage, seconds in stages.items()}
