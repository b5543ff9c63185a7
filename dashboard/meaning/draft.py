"""The meaning of a dataset while the readers of conventions fill it in; what was said first is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dashboard.meaning.model import (
    MAX_VALUES,
    AxisMeaning,
    FlagName,
    Kind,
    Listed,
    Regular,
    Suggested,
    Texts,
    ValueMeaning,
)
from dashboard.meaning.names import Role, role_of

Coordinates = Regular | Listed | Texts
MAX_NOTES = 20
# Coordinates whose steps differ by less than this share of a step are regular.
STEP_TOLERANCE = 1e-3
# The same for all coordinates together, in steps: a ruler of float32 is off by this much after many steps.
DRIFT_TOLERANCE = 0.02


@dataclass
class Draft:
    """What is known of a dataset of `shape`; None and empty for what is not.

    `upright` says whether the coordinates of an axis grow upwards in a picture, `from_below` that the first row
    belongs at the bottom whatever its coordinates. `spatial` has the dimensions whose steps are lengths
    in one unit, known or not.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    axes: list[AxisMeaning] = field(init=False)
    value: ValueMeaning = field(init=False)
    upright: dict[int, bool] = field(default_factory=dict)
    roles: dict[int, Role] = field(default_factory=dict)
    from_below: bool = False
    spatial: set[int] = field(default_factory=set)
    kind: Kind | None = None
    picture: tuple[int, int] | None = None
    channels: int | None = None
    channel_order: Literal["rgb", "rgba"] | None = None
    palette: list[list[int]] | None = None
    index: dict[int, int] = field(default_factory=dict)
    suggested: Suggested = field(init=False)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.axes = [
            {"name": "", "unit": "", "coordinates": None, "edges": False, "dates": False}
            for _ in self.shape
        ]
        self.value = {
            "name": "",
            "unit": "",
            "scale": 1.0,
            "offset": 0.0,
            "calendar": "",
            "fills": [],
            "valid": None,
            "flags": [],
            "unsigned": False,
            "mask": None,
            "decoded_dtype": None,
        }
        self.suggested = {"colorscale": None, "window": None, "norm": None}

    def note(self, text: str) -> None:
        """Say what was ignored, in one sentence."""
        if len(self.notes) < MAX_NOTES and text not in self.notes:
            self.notes.append(text)

    def describe_axis(
        self,
        dimension: int,
        name: str = "",
        unit: str = "",
        coordinates: Coordinates | None = None,
        *,
        dates: bool = False,
        edges: bool = False,
    ) -> None:
        """Say what a dimension is; a unit belongs to its coordinates, so that both are taken or none."""
        axis = self.axes[dimension]
        axis["name"] = axis["name"] or name
        if axis["coordinates"] is None and (coordinates is not None or not axis["unit"]):
            axis["unit"], axis["coordinates"] = unit or axis["unit"], coordinates
            axis["dates"], axis["edges"] = dates, edges

    def hint_role(self, dimension: int, role: Role | None) -> None:
        """Say what a dimension is in space and time, whatever its name."""
        if role is not None:
            self.roles.setdefault(dimension, role)

    def role(self, dimension: int) -> Role | None:
        """What a dimension is in space and time."""
        axis = self.axes[dimension]
        return self.roles.get(dimension) or role_of(axis["name"], axis["unit"])

    def describe_value(self, name: str = "", unit: str = "") -> None:
        """Say what the values are."""
        value = self.value
        value["name"], value["unit"] = value["name"] or name, value["unit"] or unit

    def add_flags(self, flags: list[FlagName]) -> None:
        """Give values names."""
        self.value["flags"] = self.value["flags"] or flags[:MAX_VALUES]

    def show_as(self, rows: int, columns: int) -> None:
        """Choose the two dimensions of the picture."""
        rank = len(self.shape)
        if self.picture is None and 0 <= rows < rank and 0 <= columns < rank and rows != columns:
            self.picture = rows, columns

    def color(self, channels: int, order: Literal["rgb", "rgba"] | None = None) -> None:
        """Say that a dimension has the channels of colours."""
        if self.kind is None and 0 <= channels < len(self.shape):
            count = self.shape[channels]
            if count not in (3, 4):
                self.note(f"A picture in colours has 3 or 4 channels, and this one {count}.")
                return
            self.kind, self.channels = "color", channels
            self.channel_order = order or ("rgb" if count == 3 else "rgba")


def ruler(start: float, step: float) -> Regular | None:
    """Coordinates at equal steps; None for numbers that are none."""
    return {"start": float(start), "step": float(step)} if step and isfinite(start + step) else None


def coordinates_of(values: NDArray[Any]) -> Coordinates | None:
    """One-dimensional coordinates, as start and step if they are at equal steps; None for useless ones."""
    if values.ndim != 1 or not values.size or values.size > MAX_VALUES + 1:
        return None
    if values.dtype.kind in "UO":
        return {"text": [str(text) for text in values.tolist()]}
    if values.dtype.kind not in "iufb":
        return None
    with np.errstate(all="ignore"):
        wide = values.astype(np.float64)
        if not np.isfinite(wide).all():
            return None
        return _regular(wide) or {"values": wide.tolist()}


def _regular(values: NDArray[np.float64]) -> Regular | None:
    if values.size < 2:
        return None
    start, step = float(values[0]), float((values[-1] - values[0]) / (values.size - 1))
    if step == 0 or not isfinite(step):
        return None
    uneven = np.abs(np.diff(values) - step).max() / abs(step)
    drift = np.abs(start + step * np.arange(values.size) - values).max() / abs(step)
    if uneven > STEP_TOLERANCE or drift > DRIFT_TOLERANCE:
        return None
    return {"start": start, "step": step}


def centers_of(edges: Coordinates) -> tuple[Coordinates, bool]:
    """Coordinates of regular bins by their centres, others by their edges, and whether they are edges."""
    if "step" in edges:
        return {"start": edges["start"] + edges["step"] / 2, "step": edges["step"]}, False
    return edges, True
