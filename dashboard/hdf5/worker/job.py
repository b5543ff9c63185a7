"""What an operation works on, apart from its request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dashboard.files.roots import SourceFile


@dataclass(frozen=True)
class Job:
    """The file at `path` below `roots`, the time limit (s), and the descriptor that values are written to.

    `source` is the file as the parent has opened it; without one it is opened by its path.
    """

    path: Path
    roots: tuple[str, ...]
    seconds: float = 10.0
    source: SourceFile | None = None
    out: int = -1
