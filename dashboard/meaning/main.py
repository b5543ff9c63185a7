"""The main dataset of a file: what its author wants to be plotted, else the largest that is like a picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from heapq import nsmallest
from math import log2, prod
from typing import Final, NamedTuple

from dashboard.meaning.attributes import text
from dashboard.meaning.model import Node
from dashboard.meaning.names import LABELS, LATITUDE_UNITS, LONGITUDE_UNITS

# Sides of a picture, and by how much the longer may be longer.
SMALLEST_SIDE = 8
LONGEST_TO_SHORTEST = 64
# Candidates whose attributes are looked at, the best first.
PROBED = 12
NAMED = 256

# Names of what serves other data: calibration, masks, uncertainties, edges of cells, axes; and of what has nothing
# to see.
_SERVES: Final = re.compile(
    r"(^|[_\W])(lut|calib\w*|correction\w*|mask\w*|(bad|dead|hot)_?pixels?|(flat|dark|white)_?(fields?|images?|frames?)"
    r"|flats?|darks?|whites?|open_?beams?|background\w*|bkgd?|gain\w*|pedestals?|bias"
    r"|noise|weights?|errors?|err|uncertaint(y|ies)|variances?|std(dev|err)?|flags?|qc|qa|dq"
    r"|bnds|bounds|vertices|edges"
    r"|times?(?![ _]?(lapse|series|points?|frames?|resolved))|time_?(stamps?|bnds|bounds)"
    r"|(nav_?|geo_?|x|t|u|v)?(lat|lon|latitude|longitude)s?|xlong|thumbnails?|previews?|icon"
    r"|coord(inate)?s?|nans?|const(ant)?s?|zeros|ones|empty|blank|dummy)"
    r"($|[_\W\d])"
    # Indexes and other hidden groups of PyTables.
    r"|(^|/)_[ip]_",
    re.IGNORECASE,
)
# Names of pictures that others are compared with.
_COMPARED: Final = re.compile(r"(^|[_\W])(references?|ref)($|[_\W\d])", re.IGNORECASE)
# Words of a name such as `darkField`.
_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Attributes with the names of variables that serve a variable: CF, chapters 3.4, 5, 7.1 to 7.4.
_SERVED_BY: Final = ("coordinates", "bounds", "climatology", "ancillary_variables", "cell_measures")


class Candidate(NamedTuple):
    """A dataset of a listing: name, shape, name of its type, and whether it is shown in slices."""

    path: str
    shape: tuple[int, ...]
    type: str
    browsable: bool


def choose_main(
    root: Node,
    candidates: Sequence[Candidate],
    defaults: Sequence[Callable[[Node], str | None]] = (),
) -> str | None:
    """Name of the main dataset; None where there is no dataset with values.

    `defaults` find the dataset that the author of a file wants to be plotted.
    """
    names = {candidate.path for candidate in candidates}
    for default in defaults:
        path = _asked(default, root)
        if path in names:
            return path
    # By name only among the best, since that takes longest.
    large = nsmallest(NAMED, candidates, key=_rank)
    best = nsmallest(PROBED, large, key=_rank_by_name)
    nodes = [(candidate.path, root.child(candidate.path)) for candidate in best]
    serving = {path for _, node in nodes if node is not None for path in _serving(node)}
    for path, node in nodes:
        if path not in serving and (node is None or not _is_scale(node)):
            return path
    return best[0].path if best else None


def _asked(default: Callable[[Node], str | None], root: Node) -> str | None:
    try:
        return default(root)
    except Exception:  # noqa: BLE001  # Files may have anything in the place of anything.
        return None


def _rank(candidate: Candidate) -> tuple[int, float, int]:
    """The lower, the better: kind of dataset first, then the larger one, then the one of fewer dimensions."""
    size = prod(candidate.shape)
    if size == 0:
        kind = 4
    elif not candidate.browsable:
        kind = 2 if candidate.shape else 3
    else:
        *_, shorter, longer = (1, 1, *sorted(candidate.shape))
        is_picture = shorter >= SMALLEST_SIDE and longer <= LONGEST_TO_SHORTEST * shorter
        kind = 0 if is_picture else 1 if size >= SMALLEST_SIDE**2 else 2
    # Of nearly one size and as many dimensions, complex values are taken, else the first.
    larger = 0.01 if candidate.type.startswith("complex") else 0
    size_rank = -round(log2(max(size, 1)), 1) - larger
    return kind, size_rank, sum(length > 1 for length in candidate.shape)


def _rank_by_name(candidate: Candidate) -> tuple[float, float, int]:
    """As `_rank`, but labels and references come after pictures, and what serves other data after tables."""
    kind, size, rank = _rank(candidate)
    name = _WORDS.sub("_", candidate.path)
    beside = LABELS.search(name) or _COMPARED.search(name)
    behind = 1.5 if _SERVES.search(name) else 0.5 if beside else 0
    return kind + behind, size, rank


def _serving(node: Node) -> list[str]:
    """Paths of the variables that serve this one, by its attributes."""
    above = node.path.rpartition("/")[0]
    names = (name for attribute in _SERVED_BY for name in text(node, attribute).split())
    return [name if name.startswith("/") else f"{above}/{name}" for name in names]


def _is_scale(node: Node) -> bool:
    """Whether it is the axis of other datasets, their position on the Earth, or a table of colours."""
    is_scale = text(node, "CLASS") in ("DIMENSION_SCALE", "PALETTE")
    is_position = text(node, "units") in LATITUDE_UNITS | LONGITUDE_UNITS
    return is_scale or is_position or "REFERENCE_LIST" in node.attrs
