"""Natural order of names: `scan_2` before `scan_10`."""

from __future__ import annotations

import re
from functools import lru_cache

_DIGITS = re.compile(r"([0-9]+)")

Key = tuple[tuple[str | tuple[int, str], ...], str]


# Folders of a path are those of the one before.
@lru_cache(maxsize=1024)
def natural_key(name: str) -> Key:
    """A sort key of one name: runs of digits compare as numbers, letters without their case.

    The name itself comes last, so that different names never compare as equal. Numbers compare by
    length and digits: `int` refuses more than 4,300 digits, and a file may have such a name.
    """
    parts: list[str | tuple[int, str]] = []
    for at, part in enumerate(_DIGITS.split(name.casefold())):
        if at % 2:
            digits = part.lstrip("0")
            parts.append((len(digits), digits))
        else:
            parts.append(part)
    return tuple(parts), name


def natural_path_key(path: str) -> tuple[Key, ...]:
    """A sort key of a path, one component after the other."""
    return tuple(natural_key(step) for step in path.split("/"))
