"""Secrets that somebody guesses first: patterns, whatever their length."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

# Fewer different characters than this are a pattern.
DIFFERENT: Final = 5
_ROWS: Final = (
    ("01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"),
    ("abcdefghijklmnopqrstuvwxyza",),
)
_NEIGHBOURS: Final = tuple(
    frozenset(pair for row in rows for way in (row, row[::-1]) for pair in pairwise(way))
    for rows in _ROWS
)
# Where more of the pairs of characters than this are neighbours, few of them come from elsewhere.
_IN_A_ROW: Final = 0.9


def weakness(secret: str) -> str | None:
    """Why a secret is a pattern, as the end of a sentence about it; None where it is none that is known here."""
    text = secret.casefold()
    if len(set(text)) < DIFFERENT or re.fullmatch(r"(.{1,8}?)\1+", text):
        return "repeats itself"
    pairs = list(pairwise(text))
    if any(sum(pair in near for pair in pairs) > _IN_A_ROW * len(pairs) for near in _NEIGHBOURS):
        return "is a row of the alphabet, of digits or of the keyboard"
    return None


def check_secret(secret: str) -> None:
    """Raise ValueError for what is no secret of a machine: too short, not visible, or a pattern."""
    if not re.fullmatch(r"[!-~]{16,1024}", secret):
        raise ValueError(
            "it has 16 to 1024 visible ASCII characters, without spaces; take random ones"
        )
    weak = weakness(secret)
    if weak is not None:
        raise ValueError(f"it {weak}; take random characters")
