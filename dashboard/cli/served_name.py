"""The name under which a server knows a file, and the roots that its links may lead to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dashboard.errors import SetupError
from dashboard.files.catalog import parse_roots
from dashboard.files.roots import OUTSIDE


def resolve_served_name(
    file: str, roots: Sequence[str], configured: Sequence[str] = ()
) -> tuple[tuple[str, ...], str]:
    """(roots, name of `file` below them), under which its bricks are stored.

    `configured` roots apply where none are given and the file is below them. Raises `SetupError`.
    """
    ((name, resolved),) = parse_roots((file,)).items()
    if resolved.is_dir():
        raise SetupError(f"{file} is a folder; name a file in it.")
    if not roots and not configured:
        return (file,), name
    before, _, after = file.partition("=")
    explicit = bool(after) and "/" not in before and not Path(file).exists()
    given = Path(after if explicit else file).expanduser()
    # As in a listing: links of directories are resolved, the file's own name is kept.
    listed = Path(os.path.abspath(given)).parent.resolve() / given.name
    for root, path in parse_roots(roots or configured).items():
        for candidate in (listed, resolved):
            if candidate == path:
                return tuple(roots or configured), root
            if candidate.is_relative_to(path):
                below = candidate.relative_to(path).as_posix()
                return tuple(roots or configured), f"{root}/{below}"
    if roots:
        raise SetupError(f"{file} lies under none of the roots given.")
    return (file,), name


def with_root_hint(reason: str) -> str:
    """`reason`, with the option that helps where a link leads outside the data roots."""
    if OUTSIDE not in reason:
        return reason
    return f"{reason} Name its folder with --root, or in LAMELLA_DATA."
