"""HDF5 images and palettes, version 1.2.

https://support.hdfgroup.org/documentation/hdf5/latest/_i_m_g_s_p_e_c.html
"""

from __future__ import annotations

import numpy as np

from dashboard.meaning.attributes import number, numbers, text
from dashboard.meaning.draft import Draft
from dashboard.meaning.model import Node

NAME = "HDF5 images"
# Dimension of the channels, from the last one.
_CHANNELS = {"INTERLACE_PIXEL": -1, "INTERLACE_LINE": -2, "INTERLACE_PLANE": -3}
MAX_COLORS = 256


def read(node: Node, draft: Draft) -> bool:
    """Colours, range and origin of a dataset of the class IMAGE."""
    if text(node, "CLASS") != "IMAGE":
        return False
    rank, subclass = len(draft.shape), text(node, "IMAGE_SUBCLASS")
    if subclass == "IMAGE_TRUECOLOR" and rank >= 3:
        draft.color(
            rank + _CHANNELS.get(text(node, "INTERLACE_MODE"), _CHANNELS["INTERLACE_PIXEL"])
        )
    elif subclass == "IMAGE_INDEXED":
        draft.palette = _palette(node, draft)
        if draft.palette is not None and draft.kind is None:
            draft.kind = "color"
    if number(node, "IMAGE_WHITE_IS_ZERO"):
        draft.suggested["colorscale"] = "gray_r"
    ends = numbers(node, "IMAGE_MINMAXRANGE")
    if len(ends) == 2 and np.isfinite(ends).all() and ends[0] < ends[1]:
        draft.suggested["window"] = [float(end) for end in ends]
    draft.from_below = text(node, "DISPLAY_ORIGIN") in ("LL", "LR")
    return True


def _palette(node: Node, draft: Draft) -> list[list[int]] | None:
    for one in node.targets("PALETTE"):
        colors = one.small_values()
        if colors is None or colors.ndim != 2 or colors.shape[1] != 3 or len(colors) > MAX_COLORS:
            draft.note("The palette has no list of red, green and blue.")
            continue
        if colors.dtype.kind == "f":
            colors = colors * 255 if colors.size and colors.max() <= 1 else colors
        found: list[list[int]] = np.clip(np.nan_to_num(colors), 0, 255).astype(int).tolist()
        return found
    return None
