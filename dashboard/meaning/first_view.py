"""The first picture of a dataset: which two dimensions it has, and where it is taken."""

from __future__ import annotations

from itertools import pairwise

from dashboard.meaning.draft import Draft
from dashboard.meaning.names import Role

# Fewer voxels than this along a dimension are a strip beside two longer ones.
NARROW = 16
# A dimension shorter than the second longest by more than this factor is not of the picture.
SHORTER = 2
# A last dimension of no more voxels than this is one of channels, unless it is of the picture.
SHORTEST = 4
# Dimensions that are none of the picture where there are two others.
APART = (Role.CHANNEL, Role.SPECTRUM, Role.TIME, Role.ANGLE)


def choose_first_view(draft: Draft) -> None:
    """Fill in picture, channels and start indexes where no convention has said anything of them."""
    shape = draft.shape
    if len(shape) < 2:
        return
    if draft.kind is None and _looks_interlaced(draft):
        draft.color(len(shape) - 1)
    free = [d for d in range(len(shape)) if d != draft.channels]
    if draft.picture is None or draft.channels in draft.picture:
        draft.picture = None
        if len(free) < 2:
            # Two dimensions, of which one has the channels: nothing is left of a picture in colours.
            draft.kind, draft.channels, draft.channel_order, free = None, None, None, [0, 1]
        spatial = [d for d in free if draft.role(d) not in APART]
        draft.show_as(
            *(_by_role(draft, free) or _by_size(shape, spatial if len(spatial) > 1 else free))
        )
    assert draft.picture is not None
    for dimension, length in enumerate(shape):
        if dimension not in draft.picture:
            at = draft.index.get(dimension, _start(draft, dimension, length))
            draft.index[dimension] = min(max(at, 0), max(length - 1, 0))


def spatial_dimensions(draft: Draft) -> list[int]:
    """The dimensions of space: without channels, times and spectra, and without a short last one."""
    rank = len(draft.shape)
    named = [d for d in range(rank) if draft.role(d) not in APART and d != draft.channels]
    is_short = rank > 2 and draft.shape[-1] <= SHORTEST and rank - 1 not in (draft.picture or ())
    return named[:-1] if len(named) == rank and is_short else named


def _looks_interlaced(draft: Draft) -> bool:
    """Whether bytes have a last dimension of three or four, beside two that are larger."""
    *others, last = draft.shape
    large = sorted(others)[-2:]
    return (
        last in (3, 4)
        and draft.dtype is not None
        and draft.dtype.str[1:] == "u1"
        and len(large) == 2
        and large[0] >= NARROW
        and draft.role(len(draft.shape) - 1) in (Role.CHANNEL, None)
    )


def _by_role(draft: Draft, free: list[int]) -> tuple[int, int] | None:
    """Rows and columns by the names of the dimensions: y and x, else z and one of both."""
    roles = {draft.role(d): d for d in reversed(free)}
    for pair in ((Role.Y, Role.X), (Role.Z, Role.X), (Role.Z, Role.Y)):
        rows, columns = roles.get(pair[0]), roles.get(pair[1])
        if rows is None or columns is None:
            continue
        small, second = min(draft.shape[rows], draft.shape[columns]), _second(draft.shape, free)
        if small > 1 or second <= 1:
            return rows, columns
    return None


def _by_size(shape: tuple[int, ...], free: list[int]) -> tuple[int, int]:
    """Of the dimensions not much smaller than the second largest, the largest square, else the last two."""
    second = _second(shape, free)
    least = min(second, max(NARROW, second / SHORTER))
    large = [d for d in free if shape[d] >= least]
    squares = [(a, b) for a, b in pairwise(large) if b == a + 1 and shape[a] == shape[b]]
    return max(squares, key=lambda pair: (shape[pair[0]], pair), default=(large[-2], large[-1]))


def _second(shape: tuple[int, ...], free: list[int]) -> int:
    return sorted(shape[d] for d in free)[-2]


def _start(draft: Draft, dimension: int, length: int) -> int:
    """The middle one; of channels the first."""
    if dimension == draft.channels or draft.role(dimension) is Role.CHANNEL:
        return 0
    return length // 2
