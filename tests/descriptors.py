"""What this process has open; threads of other tests may open and close files at the same time."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def open_files(beginning: Path | str) -> list[str]:
    """Links of open descriptors and mappings that begin so, sorted; files without a name end in `(deleted)`."""
    found = [
        line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()
    ]
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one of the list itself
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
    return sorted(path for path in found if path.startswith(str(beginning)))
