"""Accounts that exist in a test alone: a helper for rights to files that knows them, and files of theirs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Name: user id, group id, further groups.
IDS = {
    "ann": (41_001, 41_001, [41_001, 41_100]),
    "bob": (41_002, 41_002, [41_002]),
    "daemon": None,
}

HELPER = f"""
import socket, sys
from dashboard.people import file_rights_helper as helper
ids = {IDS!r}
def find(name):
    found = ids.get(name)
    return found and helper.Account(*found)
helper.serve(socket.socket(fileno=int(sys.argv[1])), find)
"""

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can take on the ids of other accounts"
)


@contextmanager
def helper() -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """The control socket of a helper, and its process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", HELPER, str(theirs.fileno())], pass_fds=(theirs.fileno(),)
            )
        try:
            yield ours, process
        finally:
            process.kill()
            process.wait()


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that all accounts can reach, which the test's own ones are not."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def give(path: Path, name: str, mode: int) -> Path:
    """Make a file or folder one of an account, with this mode."""
    ids = IDS[name]
    assert ids is not None
    os.chown(path, ids[0], ids[1])
    path.chmod(mode)
    return path
