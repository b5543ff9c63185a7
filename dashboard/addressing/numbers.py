"""Decimal numbers in requests."""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r" *[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?) *", re.ASCII | re.IGNORECASE
)


def parse_number(text: str) -> float:
    """A decimal number, `nan` or `inf` in ASCII; `float` also takes other digits and underscores.

    Raises `ValueError` for anything else.
    """
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"no decimal number: {text!r}")
    return float(text)
