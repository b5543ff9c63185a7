"""The JavaScript of the browser tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.waits import WITHIN_MS

FOLDER = Path(__file__).parent / "js" / "browser"


@cache
def script(name: str) -> str:
    """The expression in `tests/js/browser/NAME.js`, as Playwright evaluates it."""
    text = (FOLDER / f"{name}.js").read_text().replace("WITHIN_MS", str(WITHIN_MS))
    return text.rstrip().removesuffix(";")
