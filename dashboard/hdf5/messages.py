"""Requests to the HDF5 workers and their replies.

The workers start without pydantic: they build these dataclasses, and `pool.py` validates what arrives. Paths of
the file system and names in a file are bytes that need not be UTF-8; they travel as Latin-1 (`pack`, `unpack`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from dashboard.meaning.model import Meaning

Reply = TypeVar("Reply")

# How the values of a dataset are shown: as pictures, or as rows of `GET /api/v1/rows` in one of these forms.
View = Literal["slices", "curve", "table", "text", "value"]


def pack(name: object) -> str:
    """A path or name, whose undecodable bytes are surrogates, as text that every encoding has."""
    return str(name).encode("utf-8", "surrogateescape").decode("latin-1")


def unpack(text: str) -> str:
    """The path or name that was packed; characters that no packed text has become question marks."""
    return text.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset in the listing of a file; what is unknown is None or empty.

    `reason` says why it cannot be displayed, or warns about one that can. The description of a `linked` one
    depends on other files too. `view` is how its values are shown, None where it cannot be opened. A
    `growable` one has a dimension that can be extended. `element` is the type of elements of several numbers,
    whose dimensions are the last ones of `shape` and `chunks`; `dtype` is that of the numbers.
    """

    dataset: str
    shape: tuple[int, ...] | None
    dtype: str | None
    element: str | None
    chunks: tuple[int, ...] | None
    filters: tuple[str, ...]
    stored_bytes: int
    browsable: bool
    reason: str
    linked: bool
    view: View | None
    growable: bool


@dataclass(frozen=True)
class Storage:
    """How the values of a dataset that can be displayed are stored.

    `numpy` is the type, `fill` the fill value as hexadecimal bytes of that type, `fill_set` whether the author
    chose it. `pipeline` has the number and the client data of each filter. `offset` is the file offset of
    contiguous values, None before any is written; `plain` says that they need no conversion, `swmr` that a writer
    has the file open. The values are in the file `source` under the name `inner`, and depend on the files
    `depends`; the files `absent` would be read if they existed. Paths and `inner` are packed.
    """

    numpy: str
    layout: str
    offset: int | None
    pipeline: tuple[tuple[int, tuple[int, ...]], ...]
    plain: bool
    fill: str
    fill_set: bool
    swmr: bool
    enum: dict[str, int] | None
    inner: str
    source: str
    depends: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class DatasetRecord:
    """The description of a dataset; `storage` is None for one that cannot be displayed."""

    summary: DatasetSummary
    storage: Storage | None


@dataclass(frozen=True)
class FileListing:
    """The datasets of a file.

    `complete` says that nothing is missing, `hurried` that the time limit ended the listing, `swmr` that a writer
    has the file open. `default` is the main dataset.
    """

    datasets: tuple[DatasetSummary, ...]
    complete: bool
    hurried: bool
    swmr: bool
    default: str | None


@dataclass(frozen=True)
class Attribute:
    """An attribute: the name of its type, and its value as text, cut where it is long."""

    name: str
    type: str
    text: str


@dataclass(frozen=True)
class NodeRecord:
    """An object of a file: `type` and `shape` are those of a dataset's values, None for a group.

    What is said depends on the other files `depends`, and on the files `absent` if they existed. Paths are packed.
    """

    kind: Literal["group", "dataset", "type"]
    type: str | None
    shape: tuple[int, ...] | None
    attributes: tuple[Attribute, ...]
    meaning: Meaning | None
    depends: tuple[str, ...]
    absent: tuple[str, ...]


# Text, or a number that JSON has exactly enough.
Cell = str | int | float


@dataclass(frozen=True)
class RowColumn:
    """A column of a table: its name, the name of its type, and its unit or nothing."""

    name: str
    type: str
    unit: str


@dataclass(frozen=True)
class RowWindow:
    """The rows start … stop of `total`, with some of `columns_in_all` columns; `cut` if texts are cut."""

    start: int
    stop: int
    total: int
    columns_in_all: int
    columns: tuple[RowColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    cut: bool


@dataclass(frozen=True)
class ChunkCount:
    """The number of chunks whose index is the body."""

    count: int


@dataclass(frozen=True)
class Damage:
    """The first voxel of each damaged chunk, and the reason; in the body its voxels have the fill value."""

    chunks: tuple[tuple[tuple[int, ...], str], ...]


@dataclass(frozen=True)
class Values:
    """The values are the body."""


@dataclass(frozen=True)
class CutOut:
    """The body is an HDF5 file without its values, which are `size` bytes and lie at `offset`."""

    offset: int
    size: int


@dataclass(frozen=True)
class Failure:
    """The error class by its name in `pool.py`, the message for users, and details for the log."""

    error: str
    message: str
    detail: str = ""


class Request(Generic[Reply]):
    """A request, named `op`, that is answered by `reply` or a `Failure`."""

    op: ClassVar[str]
    reply: ClassVar[type]


@dataclass(frozen=True)
class ListDatasets(Request[FileListing]):
    """All datasets of the file."""

    op = "list"
    reply = FileListing


@dataclass(frozen=True)
class DescribeDataset(Request[DatasetRecord]):
    """One dataset, whose stored bytes may be known: with millions of chunks they take long to be added up."""

    op = "describe"
    reply = DatasetRecord

    dataset: str
    stored_bytes: int | None = None


@dataclass(frozen=True)
class DescribeNode(Request[NodeRecord]):
    """The attributes of an object, and what a dataset means."""

    op = "node"
    reply = NodeRecord

    path: str


@dataclass(frozen=True)
class ReadRows(Request[RowWindow]):
    """The rows start … stop of a dataset as cells; `columns` as in `GET /api/v1/rows`, empty for the first ones.

    A cell has at most so many `characters`; the only one of a dataset has more.
    """

    op = "rows"
    reply = RowWindow

    dataset: str
    start: int
    stop: int
    columns: str
    characters: int


@dataclass(frozen=True)
class ListChunks(Request[ChunkCount]):
    """The chunk index of a dataset as the body, or in the file that is sent along: see `read.chunk_index`."""

    op = "index"
    reply = ChunkCount

    dataset: str
    to_file: bool = False


@dataclass(frozen=True)
class ReadStored(Request[Values]):
    """The stored bytes, `limit` at most, of chunks by grid number, into the file: see `read.stored_chunks`."""

    op = "stored"
    reply = Values

    dataset: str
    numbers: Sequence[int]
    limit: int


@dataclass(frozen=True)
class ReadBrick(Request[Damage]):
    """The box start … stop, its dimensions in `order`, into the file whose descriptor is sent along."""

    op = "brick"
    reply = Damage

    dataset: str
    numpy: str
    fill: str
    start: Sequence[int]
    stop: Sequence[int]
    order: Sequence[int]


@dataclass(frozen=True)
class ReadBoxes(Request[Damage]):
    """The values of boxes (start, stop), one after the other, in C order."""

    op = "boxes"
    reply = Damage

    dataset: str
    numpy: str
    fill: str
    boxes: Sequence[tuple[Sequence[int], Sequence[int]]]


@dataclass(frozen=True)
class SampleBoxes(Request[Values]):
    """As `ReadBoxes`, without the boxes that have a damaged chunk."""

    op = "sample"
    reply = Values

    dataset: str
    numpy: str
    fill: str
    boxes: Sequence[tuple[Sequence[int], Sequence[int]]]


@dataclass(frozen=True)
class MakeCutOut(Request[CutOut]):
    """An HDF5 file for a part of a dataset of the given shape: see `cut_out.make`.

    `name` is the name that the dataset is to have (packed), `unpacked` NumPy's name of the type of values that
    are not as they are stored, `origin` are further attributes.
    """

    op = "cut_out"
    reply = CutOut

    dataset: str
    name: str
    shape: Sequence[int]
    unpacked: str | None
    origin: Mapping[str, str]


@dataclass(frozen=True)
class Envelope:
    """The fields of the request `op`, the file, the roots, the time limit (s), and objects not to be opened.

    An object is given by the inode of its file, its address in that, and the reason. The descriptors of the file's
    folder, of the file and, for a brick or stored chunks, of the output are sent along.
    """

    op: str
    request: Mapping[str, object]
    path: str
    roots: Sequence[str]
    seconds: float
    skip: Sequence[tuple[int, int, str]] = ()


@dataclass(frozen=True)
class Ready:
    """The first message of a worker: whether it is confined to the roots by the kernel."""

    confined: bool


REQUESTS: Mapping[str, type[Request[Any]]] = {
    kind.op: kind
    for kind in (
        ListDatasets, DescribeDataset, DescribeNode, ReadRows, ListChunks, ReadStored, ReadBrick, ReadBoxes,
        SampleBoxes, MakeCutOut,
    )
}  # fmt: skip
