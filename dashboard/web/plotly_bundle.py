"""Plotly with the traces that the pages draw, at the address from which Dash loads the whole of it.

The whole is 1.5 MB compressed, and its maps and three-dimensional traces are drawn nowhere here; the distribution
`plotly.js-cartesian-dist-min` of the same version is a third of it.
"""

from __future__ import annotations

from typing import Final

from dashboard.assets_path import assets_folder

FILE: Final = "vendor/plotly-cartesian.min.js"
ADDRESS: Final = "_dash-component-suites/plotly/package_data/plotly.min.js"


def texts(prefix: str) -> dict[str, str]:
    """The script by its path (web/texts.py)."""
    return {f"{prefix}/{ADDRESS}": (assets_folder() / FILE).read_text()}
