"""Where the style sheets and scripts of the page lie."""

from __future__ import annotations

from pathlib import Path


def assets_folder() -> Path:
    """The absolute path of the assets: in the wheel beside this file, in a checkout at the top level."""
    here = Path(__file__).resolve().parent
    shipped = here / "_assets"
    return shipped if shipped.is_dir() else here.parent / "assets"
