"""Secrets that somebody guesses first, by the number of guesses that zxcvbn estimates."""

from __future__ import annotations

import re
from typing import Final

# Ten times what zxcvbn gives three parts at least, and less than it gives any four words.
FEWEST_GUESSES: Final = 10**9
# Characters that are judged: some that stand for letters take zxcvbn seconds where there are many of them.
JUDGED: Final = 40


def weakness(secret: str, *known: str) -> str | None:
    """Why a secret is easy to guess, as the end of a sentence about it; None for one that is not.

    `known` are words that a guesser tries first, such as the person's name.
    """
    # Its word lists take time and memory, which nothing else needs.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    words = [word for name in known for word in (name, *re.split(r"[\W_]+", name)) if word]
    found = zxcvbn(secret[:JUDGED], user_inputs=words)
    if found["guesses"] >= FEWEST_GUESSES:
        return None
    warning = found["feedback"]["warning"].rstrip(".")
    return f"is easy to guess: {warning[0].lower()}{warning[1:]}" if warning else "is easy to guess"


def check_secret(secret: str) -> None:
    """Raise ValueError for what is no secret of a machine: too short, not visible, or easy to guess."""
    if not re.fullmatch(r"[!-~]{16,1024}", secret):
        raise ValueError(
            "it has 16 to 1024 visible ASCII characters, without spaces; take random ones"
        )
    weak = weakness(secret)
    if weak is not None:
        raise ValueError(f"it {weak}; take random characters")
