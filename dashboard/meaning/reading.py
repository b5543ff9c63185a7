"""The meaning of a dataset: all conventions are asked, in the order in which they are trusted."""

from __future__ import annotations

from math import isfinite
from typing import Final, Protocol

from dashboard.meaning import units
from dashboard.meaning.draft import Draft
from dashboard.meaning.first_view import choose_first_view, spatial_dimensions
from dashboard.meaning.model import Meaning, Node
from dashboard.meaning.names import LATITUDE_UNITS
from dashboard.meaning.readers import (
    anndata,
    beside,
    bigdataviewer,
    cf,
    dream3d,
    eiger,
    emd,
    geometry,
    hyperspy,
    ilastik,
    image,
    imaris,
    kinds,
    masks,
    matlab,
    minc,
    nexus,
    nwb,
    odim,
    openpmd,
    pytables,
    scales,
    voxel_size,
)


class Reader(Protocol):
    """A convention, as a module of `readers/`."""

    NAME: str

    def read(self, node: Node, draft: Draft) -> bool:
        """Add what the convention says of a dataset to the draft; whether it says anything.

        What a convention of higher trust has said is kept.
        """


# In the order of trust.
READERS: Final[tuple[Reader, ...]] = (
    *(nexus, cf, scales, image),
    *(
        imaris,
        bigdataviewer,
        ilastik,
        emd,
        hyperspy,
        openpmd,
        dream3d,
        matlab,
        anndata,
        pytables,
        eiger,
    ),
    *(odim, nwb, minc, geometry, voxel_size, beside, kinds, masks),
)
DEFAULTS: Final = (nexus.default, anndata.default)


def meaning_of(node: Node) -> Meaning:
    """The meaning of a dataset; never raises."""
    draft = Draft(node.shape, node.dtype)
    conventions = [reader.NAME for reader in READERS if _says(reader, node, draft)]
    choose_first_view(draft)
    rows, columns = draft.picture or (None, None)
    return {
        "kind": draft.kind or "values",
        "rows": rows,
        "columns": columns,
        "channels": draft.channels,
        "channel_order": draft.channel_order,
        "palette": draft.palette,
        "index": [draft.index.get(d) for d in range(len(draft.shape))],
        "axes": draft.axes,
        "spatial": spatial_dimensions(draft),
        "up": rows is not None and _goes_up(draft, rows),
        "aspect": None if rows is None or columns is None else _aspect(draft, rows, columns),
        "value": draft.value,
        "suggested": draft.suggested,
        "conventions": conventions,
        "notes": draft.notes,
    }


def _says(reader: Reader, node: Node, draft: Draft) -> bool:
    try:
        return reader.read(node, draft)
    except Exception as error:  # noqa: BLE001  # Files may have anything in the place of anything.
        draft.note(f"What {reader.NAME} says of it is malformed ({type(error).__name__}).")
        return False


def _goes_up(draft: Draft, rows: int) -> bool:
    """Whether the first row belongs at the bottom."""
    if draft.from_below:
        return True
    axis, coordinates = draft.axes[rows], draft.axes[rows]["coordinates"]
    upright = draft.upright.get(rows, axis["unit"] in LATITUDE_UNITS or None)
    if upright is None or coordinates is None or "text" in coordinates:
        return False
    if "step" in coordinates:
        ascends = coordinates["step"] > 0
    else:
        ascends = coordinates["values"][-1] > coordinates["values"][0]
    return ascends == upright


def _aspect(draft: Draft, rows: int, columns: int) -> float | None:
    """Height of a voxel by its width, where both have coordinates at equal steps in units of one kind."""
    steps = []
    for dimension in (rows, columns):
        axis = draft.axes[dimension]
        if axis["coordinates"] is None or "step" not in axis["coordinates"]:
            return None
        steps.append((abs(axis["coordinates"]["step"]), units.size_of(axis["unit"])))
    (height, (kind, down)), (width, (other, along)) = steps
    if kind != other or (kind is None and not {rows, columns} <= draft.spatial):
        return None
    aspect = height * down / (width * along)
    return aspect if isfinite(aspect) and aspect > 0 else None
