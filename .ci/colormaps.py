"""Writes `assets/model/color-tables.mjs`, the stops of all colour scales, from the package `cmap`.

A scale has as few evenly spaced stops as give every colour of the original's 256 to within `TOLERANCE` of 255 by
linear interpolation. Their licences are in `assets/vendor/LICENSE-colormaps.txt`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from cmap import Colormap
from numpy.typing import NDArray

OUT: Final = Path(__file__).resolve().parents[1] / "assets" / "model" / "color-tables.mjs"
TOLERANCE: Final = 4.0
STEPS: Final = (1, 8, 10, 16, 20, 24, 32, 40, 48, 64)
COLORS: Final = 256

# Our names, and those in cmap; groups as in the list of the page.
SCALES: Final = {
    "sequential": {
        "gray": "matlab:gray",
        "viridis": "bids:viridis",
        "cividis": "cividis:cividis",
        "magma": "bids:magma",
        "inferno": "bids:inferno",
        "plasma": "bids:plasma",
        "batlow": "crameri:batlow",
        "lapaz": "crameri:lapaz",
        "oslo": "crameri:oslo",
        "lajolla": "crameri:lajolla",
        "ice": "cmocean:ice",
    },
    "diverging": {
        "vik": "crameri:vik",
        "berlin": "crameri:berlin",
        "broc": "crameri:broc",
        "balance": "cmocean:balance",
        "rdbu": "colorbrewer:RdBu_r",
    },
    "cyclic": {
        "twilight": "matplotlib:twilight",
        "romao": "crameri:romaO",
        "phase": "cmocean:phase",
    },
    "other": {"turbo": "google:turbo", "hot": ""},
}


def table(name: str) -> str:
    """The stops of a scale of cmap as hexadecimal digits, six for each; without a name Matlab's `hot`."""
    if not name:
        return "000000550000aa0000ff0000ff5500ffaa00ffff00ffff80ffffff"
    colors = np.asarray(Colormap(name)(np.linspace(0, 1, COLORS)))[:, :3] * 255
    for steps in STEPS:
        stops = np.rint(_at(colors, steps))
        if np.abs(_between(stops) - colors).max() <= TOLERANCE:
            break
    return stops.astype(np.uint8).tobytes().hex()


def _at(colors: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    places = np.linspace(0, COLORS - 1, steps + 1)
    return np.stack([np.interp(places, np.arange(COLORS), c) for c in colors.T], axis=1)


def _between(stops: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.linspace(0, len(stops) - 1, COLORS)
    return np.stack([np.interp(places, np.arange(len(stops)), c) for c in stops.T], axis=1)


def module() -> str:
    """The text of the module."""
    lines = [
        "/* Written by .ci/colormaps.py: evenly spaced stops of colour scales, from low to high, six digits each.",
        "   Their licences are in assets/vendor/LICENSE-colormaps.txt. */",
        "",
        "// deno-fmt-ignore",
        "/** @type {Record<string, string>} */",
        "export const COLOR_TABLES = {",
    ]
    lines += [
        f"  {ours}: '{table(theirs)}',"
        for scales in SCALES.values()
        for ours, theirs in scales.items()
    ]
    diverging = ", ".join(f"'{name}'" for name in SCALES["diverging"])
    lines += [
        "};",
        "",
        "/** @type {readonly string[]} */",
        f"export const DIVERGING = [{diverging}];",
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    OUT.write_text(module())
