"""What the routes of jobs return, as types (`web/answers.py`)."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from dashboard.export.export_format import ExportFormat
from dashboard.frames.complex_part import ComplexPart
from dashboard.jobs.job import State
from dashboard.web.analysis_answers import Statistics


class Warmed(TypedDict):
    """Slices that are decoded into the cache: those from `start` to `stop` across an axis."""

    axis: str
    start: int
    stop: int


class Counted(TypedDict):
    """Values that are counted: unpacked with `decode`, of complex ones `part`, in a histogram of `bins` bins."""

    part: ComplexPart
    decode: bool
    bins: int


class ExportedPart(TypedDict):
    """A part that is written to a file: a NumPy index, unpacked with `decode`, dimension `axis` first."""

    selection: str
    format: ExportFormat
    axis: int | None
    decode: bool


class JobProgress(TypedDict):
    """What is done with a volume, `what` as it was asked for, and how far it is.

    Of its slabs, `of` in number (`bytes` decoded), which are bricks where a volume is warmed, `done` are done, for
    `decoded` of them something was decoded since the job was begun, and `failed` cannot be read as a whole;
    `message` says why, and why the whole job has failed. `seconds` is how long it has been running. `may_cancel`:
    who asked for it, or an admin, makes the request.
    """

    id: str
    kind: Literal["warm", "statistics", "export"]
    file: str
    dataset: str
    volume: str
    what: Warmed | Counted | ExportedPart
    state: State
    done: int
    of: int
    decoded: int
    failed: int
    bytes: int
    message: str
    asked_at: float
    seconds: float
    may_cancel: bool


class VolumeStatistics(Statistics):
    """Statistics of the `n` valid values of a volume, and their histogram; null without any, and beyond float64.

    `sd` is the standard deviation of the population. The `median` is null of types of more than 16 bits. Bin i has
    edges[i] ≤ value < edges[i + 1], the last one its upper edge as well; `below` and `above` are outside.
    `missing` values do not count. `seen` is the share of voxels that were counted: 1, unless chunks are damaged.
    """

    counts: list[int]
    edges: list[float]
    below: int
    above: int
    seen: float


class ExportedFile(TypedDict):
    """A file that is there: its name, and its size."""

    name: str
    size: int


class JobDetails(JobProgress):
    """A job, and what it has found; null while it is not done, and for one that finds nothing."""

    result: VolumeStatistics | ExportedFile | None


class Jobs(TypedDict):
    """What was asked for, in order, what was finished within the last hour as well; and whether more may be."""

    jobs: list[JobProgress]
    may_ask: bool
