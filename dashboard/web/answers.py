"""What the routes of the HTTP interface return, as types: those that no other module has.

The description of the interface is made of them (`web/openapi.py`), and the tests hold responses against it.
Times are Unix times (s) and sizes bytes unless a name says otherwise.
"""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from dashboard.addressing.outcomes import Outcome, Reason, Stage
from dashboard.catalog.description import PublicDataset
from dashboard.catalog.storage_facts import StorageFacts
from dashboard.meaning.model import Meaning
from dashboard.meaning.telling import Coordinate
from dashboard.prefetch.horizons import Horizon
from dashboard.prefetch.residency import Ranges
from dashboard.telemetry.groups import By
from dashboard.telemetry.starts import Start


class ErrorText(TypedDict):
    """The name of an error, and one sentence for a person."""

    code: str
    message: str


class Error(TypedDict):
    """An error."""

    error: ErrorText


class ListedFile(TypedDict):
    """A file: its name, its size, and when it was modified."""

    file: str
    size: int
    modified: float


class Files(TypedDict):
    """Files in natural order, and whether that is all of them."""

    files: list[ListedFile]
    complete: bool


class Datasets(TypedDict):
    """Datasets of a file, whether that is all of them, and the name of the main one."""

    datasets: list[PublicDataset]
    complete: bool
    default: str | None


class ColumnLine(TypedDict):
    """A line of a column: the value of a voxel, or figures of a region; null for what is missing.

    `note` says why there is no value, such as a damaged chunk. The last line of a column that ends early has
    `error` alone.
    """

    index: NotRequired[int]
    value: NotRequired[float | None]
    n: NotRequired[int]
    mean: NotRequired[float | None]
    sd: NotRequired[float | None]
    min: NotRequired[float | None]
    max: NotRequired[float | None]
    note: NotRequired[str]
    error: NotRequired[ErrorText]


class AttributeText(TypedDict):
    """An attribute: the name of its type, and its value as text, cut where it is long."""

    name: str
    type: str
    text: str


class DescribedNode(TypedDict):
    """An object of a file: of a dataset its type and shape, how it is stored, and what it means."""

    path: str
    kind: Literal["group", "dataset", "type"]
    type: str | None
    shape: list[int] | None
    attributes: list[AttributeText]
    storage: StorageFacts | None
    meaning: Meaning | None


class MadeShare(TypedDict):
    """A share that was just made: `link` is its address below that of the server, and is not given again."""

    id: str
    link: str
    expires: float


class ListedShare(TypedDict):
    """A share: who made it (empty: the operator), what it opens, and when its link was last followed."""

    id: str
    person: str
    file: str
    view: str
    note: str
    created: float
    expires: float
    used: float | None


class Shares(TypedDict):
    """Shares, the newest first, and whether the person may make one."""

    shares: list[ListedShare]
    may_share: bool


class ListedBookmark(TypedDict):
    """A bookmark: who made it, the group that sees it too (empty: none), and whether the person may delete it."""

    id: str
    person: str
    group: str
    name: str
    note: str
    file: str
    view: str
    created: float
    may_delete: bool


class Bookmarks(TypedDict):
    """Bookmarks by name, the groups that the person may make one for, and whether that is allowed."""

    bookmarks: list[ListedBookmark]
    groups: list[str]
    may_add: bool


class Value(TypedDict):
    """The value of a voxel as text that loses nothing, and its name: of an enum or a flag, a date, polar form.

    `index` has no negative numbers. The unit is that of unpacked values; packed ones have none.
    """

    index: list[int]
    text: str
    name: str | None
    unit: str | None
    coordinates: list[Coordinate]


class Column(TypedDict):
    """A column of rows: its name, the name of its type, and its unit or nothing."""

    name: str
    type: str
    unit: str


class Rows(TypedDict):
    """The rows start … stop of `total`, and the chosen ones of `columns_in_all` columns.

    Cells are numbers where JSON has them exactly, else text; `cut` says that long texts are cut.
    """

    start: int
    stop: int
    total: int
    columns_in_all: int
    columns: list[Column]
    rows: list[list[str | int | float]]
    cut: bool


class Cost(TypedDict):
    """What is not in the cache of a slice: chunks of `chunk_bytes` each, bytes in all, and the time to decode them
    (s); sizes are of decoded data. `why` says why a slice needs so much, empty where there is nothing to say.
    `done` is the share of it that is decoded by now, null where that is not known.
    """

    chunks: int
    chunk_bytes: int
    bytes: int
    seconds: float
    why: str
    done: float | None


class ResidencyRanges(TypedDict):
    """Half-open ranges of indexes across an axis: all that are cached, those of them that were decoded ahead and
    not accessed yet, and those that are planned or being decoded.
    """

    cached: Ranges
    ahead: Ranges
    coming: Ranges


class TimesOverTime(TypedDict):
    """Times by step: how many, their sum (s), and percentiles (ms), null in steps without any."""

    count: list[int]
    total_s: list[float]
    p50_ms: list[float | None]
    p95_ms: list[float | None]
    p99_ms: NotRequired[list[float | None]]


class GroupOverTime(TypedDict):
    """A group by step; demands by outcome and the server's time for them (s) where they are known."""

    count: list[int]
    demand: NotRequired[dict[str, list[int]]]
    server_s: NotRequired[list[float]]


class Distributions(TypedDict):
    """Numbers of slices by outcome, by the upper bound of the bucket (s), by step; `bounds` lists all bounds."""

    bounds: list[str]
    server: dict[str, dict[str, list[int]]]
    perceived: dict[str, dict[str, list[int]]]


_Span = TypedDict("_Span", {"from": float, "to": float})


class SeriesOverTime(_Span):
    """Statistics by step, each list with one entry for each of `times`, where the steps begin.

    With a breakdown it has `by` and `groups`, with `histogram=1` distributions, and otherwise stages, counters and
    gauges.
    """

    step_s: float
    resolution_s: int
    times: list[float]
    demand: dict[str, list[int]]
    starts: list[Start]
    by: NotRequired[By]
    groups: NotRequired[dict[str, GroupOverTime]]
    server: NotRequired[TimesOverTime]
    perceived: NotRequired[TimesOverTime]
    histogram: NotRequired[Distributions]
    seen_within_100_ms: NotRequired[list[int]]
    queue: NotRequired[TimesOverTime]
    brick_write: NotRequired[TimesOverTime]
    prefetch_lead: NotRequired[TimesOverTime]
    stages: NotRequired[dict[str, TimesOverTime]]
    counters: NotRequired[dict[str, list[float]]]
    gauges: NotRequired[dict[str, list[float | None]]]


class SingleSlice(TypedDict):
    """A slice that was served, and what its page reported, null where it did not."""

    time: float
    volume: str
    selection: str
    outcome: Outcome
    reason: Reason | None
    viewer: str
    bytes: int
    read_bytes: int | None
    decoded_bytes: int | None
    amplification: float | None
    stages: dict[Stage, float]
    total_ms: float
    page_stages: dict[Stage, float] | None
    perceived_ms: float | None


class SingleSlices(_Span):
    """Slices of a time span."""

    slices: list[SingleSlice]


class Horizons(TypedDict):
    """The viewers that have a plan, those that were active last."""

    viewers: list[Horizon]


class CachedBricks(TypedDict):
    """Bricks of one volume across one axis, and the bytes of their files."""

    volume: str
    axis: str
    bricks: int
    bytes: int
    file: str | None
    dataset: str | None


class CacheContents(TypedDict):
    """What is in the brick cache, the largest first, and whether this server lets bricks be dropped."""

    contents: list[CachedBricks]
    may_drop: bool


class Dropped(TypedDict):
    """What a request removed from the cache."""

    bricks: int
    bytes: int


class Alive(TypedDict):
    """The web process responds."""

    status: str


class Readiness(TypedDict):
    """Whether the server is ready, by condition, and the names of the parts that are degraded."""

    ready: bool
    checks: dict[str, bool]
    degraded: list[str]
