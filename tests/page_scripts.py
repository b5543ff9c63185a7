"""The JavaScript of the browser tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "js" / "browser"


@cache
def script(name: str) -> str:
    """The expression in `tests/js/browser/NAME.js`, as Playwright evaluates it."""
    return (FOLDER / f"{name}.js").read_text().rstrip().removesuffix(";")
