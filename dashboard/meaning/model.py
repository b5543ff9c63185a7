"""What a dataset means, as JSON, and the view of a file that the readers of conventions have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

# Longest array of coordinates, and most values of an attribute, that are read.
MAX_VALUES: Final = 65_536

Kind = Literal["values", "color", "labels", "mask"]


@final
class Regular(TypedDict):
    """Coordinates at equal steps: that of index 0, and the difference of two neighbours (not 0)."""

    start: float
    step: float


@final
class Listed(TypedDict):
    """A coordinate for each index, or for each edge."""

    values: list[float]


@final
class Texts(TypedDict):
    """A text for each index: names, or dates in ISO 8601."""

    text: list[str]


class AxisMeaning(TypedDict):
    """A dimension: empty texts and None for what is unknown.

    `edges`: the coordinates, which are listed, are those of the edges of bins, one more than there are bins;
    regular bins have those of their centres. `dates`: the coordinates are dates.
    """

    name: str
    unit: str
    coordinates: Regular | Listed | Texts | None
    edges: bool
    dates: bool


class FlagName(TypedDict):
    """The name of a value, or of the bits of one."""

    value: int
    name: str


class ValueMeaning(TypedDict):
    """Values: stored * scale + offset, in `decoded_dtype` if that is not None, where they are valid.

    `fills` (those that JSON lacks as texts) and `valid` (both ends included; None: open) are in terms of the
    stored values, after those of signed integers are taken as `unsigned`. `calendar` is that of dates, whose unit
    is such as `days since 2001-01-01`. `mask` is the path of a dataset with the last two dimensions of this one:
    values are missing where it is not 0.
    """

    name: str
    unit: str
    scale: float
    offset: float
    calendar: str
    fills: list[int | float | Literal["inf", "-inf", "nan"]]
    valid: list[int | float | None] | None
    flags: list[FlagName]
    unsigned: bool
    mask: str | None
    decoded_dtype: Literal["float32", "float64"] | None


class Suggested(TypedDict):
    """How its author wants it to be shown."""

    colorscale: str | None
    window: list[float] | None
    norm: str | None


class Meaning(TypedDict):
    """What a dataset means.

    `rows`, `columns` and `channels` are dimensions of the first picture, `index` has the indexes of the others.
    `spatial` has the dimensions of space, to which the sizes of voxels belong. `up`: the first row belongs at the
    bottom. `aspect` is the height of a voxel by its width. `conventions` has
    the names of those that say something, `notes` what was ignored, a sentence each.
    """

    kind: Kind
    rows: int | None
    columns: int | None
    channels: int | None
    channel_order: Literal["rgb", "rgba"] | None
    palette: list[list[int]] | None
    index: list[int | None]
    axes: list[AxisMeaning]
    spatial: list[int]
    up: bool
    aspect: float | None
    value: ValueMeaning
    suggested: Suggested
    conventions: list[str]
    notes: list[str]


class Node(Protocol):
    """A group or dataset of a file; nothing of it raises, and what cannot be read is absent."""

    @property
    def path(self) -> str:
        """Absolute path of the file's own root."""

    @property
    def is_group(self) -> bool:
        """Whether it is a group."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a dataset; empty for a single value, for none and for a group."""

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """Type of a dataset's values in memory; None for a group, and where NumPy has no such type."""

    @property
    def colors(self) -> Sequence[str]:
        """Names of the fields of elements that are colours, along the last dimension; empty for others."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Attributes as texts, NumPy scalars and arrays; without those of more than `MAX_VALUES` values."""

    @property
    def parent(self) -> Node | None:
        """The group above; None for the root."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the members of a group in natural order, at most a few hundred; not of those in other files."""

    def child(self, path: str) -> Node | None:
        """The object at a path, absolute or relative to this group."""

    def small_values(self) -> NDArray[Any] | None:
        """The values of a dataset of at most `MAX_VALUES` numbers or texts."""

    def targets(self, name: str) -> Sequence[Node]:
        """The objects to which the references of an attribute lead."""

    def scales(self) -> Sequence[Sequence[Node]]:
        """The dimension scales that are attached to each dimension."""
