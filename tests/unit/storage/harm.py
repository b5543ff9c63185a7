"""Ways to damage, delete or replace the database of a cache."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

from dashboard.storage.bytes_cache import INLINE_BYTES

LARGE = b"x" * (INLINE_BYTES + 1)


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(max(path.stat().st_size, 8192)))


def overwritten(path: Path) -> None:
    """The same inode, filled with noise while others have it open."""
    with path.open("r+b") as stream:
        stream.write(random.Random(2).randbytes(max(path.stat().st_size, 8192)))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"no database" * 1000)
    other.replace(path)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").touch()


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/null")


def folder_deleted(path: Path) -> None:
    shutil.rmtree(path.parent)


def home_deleted(path: Path) -> None:
    shutil.rmtree(path.parent.parent)


def folder_is_a_file(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_bytes(b"a file")


HARM = [garbage, overwritten, truncated, emptied, deleted, replaced, directory, link]
WHOLE = [folder_deleted, home_deleted, folder_is_a_file]
