"""The main dataset of a file: what its author wants to be plotted, else the largest that is like a picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from heapq import nsmallest
from math import log2, prod
from typing import Final, NamedTuple

from dashboard.meaning.attributes import text
from dashboard.meaning.model import Node
from dashboard.meaning.names import LABELS

# Sides of a picture, and by how much the longer may be longer.
SMALLEST_SIDE = 8
LONGEST_TO_SHORTEST = 64
# Candidates whose attributes are looked at, the best first.
PROBED = 12
NAMED = 256

# Names of what serves other data: calibration, masks, edges of cells, axes; and of what has nothing to see.
_SERVES: Final = re.compile(
    r"(^|[_\W])(lut|calib\w*|correction\w*|mask\w*|bad_?pixels?|flat_?fields?|flats?|darks?|background\w*|gain\w*|pedestals?"
    r"|noise|weights?|bnds|bounds|vertices|edges|time\w*|timestamps?|lat|lon|latitude|longitude|thumbnail|preview|icon"
    r"|nans?|const(ant)?s?|zeros|ones|empty|blank|dummy)"
    r"($|[_\W\d])",
    re.IGNORECASE,
)


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
    for candidate in best:
        node = root.child(candidate.path)
        if node is None or not _is_scale(node):
            return candidate.path
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
        kind = 0 if is_picture else 1
    # Of nearly one size and as many dimensions, the first is taken.
    return kind, -round(log2(max(size, 1)), 1), sum(length > 1 for length in candidate.shape)


def _rank_by_name(candidate: Candidate) -> tuple[float, float, int]:
    """As `_rank`, but labels come after pictures, and what serves other data after tables."""
    kind, size, rank = _rank(candidate)
    behind = 1.5 if _SERVES.search(candidate.path) else 0.5 if LABELS.search(candidate.path) else 0
    return kind + behind, size, rank


def _is_scale(node: Node) -> bool:
    """Whether it is the axis of other datasets, or a table of colours."""
    is_scale = text(node, "CLASS") in ("DIMENSION_SCALE", "PALETTE")
    return is_scale or "REFERENCE_LIST" in node.attrs
