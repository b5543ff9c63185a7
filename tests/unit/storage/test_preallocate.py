"""Files are preallocated where the file system supports it."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard.storage.preallocate import preallocate

SIZE = 3 * 2**20 + 5


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def answering(*codes: int) -> Callable[[int, int, int, int], int]:
    """A `fallocate` that fails with these, one after the other."""
    left = list(codes)

    def call(fd: int, mode: int, offset: int, length: int) -> int:
        ctypes.set_errno(left.pop(0))
        return -1

    return call


def test_the_file_has_its_length_and_reads_as_zeros(fd: int) -> None:
    preallocate(fd, SIZE)
    assert os.fstat(fd).st_size == SIZE
    assert os.pread(fd, SIZE, 0) == bytes(SIZE)


def test_the_blocks_are_there_before_anything_is_written(fd: int, tmp_path: Path) -> None:
    try:
        with (tmp_path / "trial").open("wb") as trial:
            os.posix_fallocate(trial.fileno(), 0, 4096)
            can = os.fstat(trial.fileno()).st_blocks > 0
    except OSError:
        can = False
    preallocate(fd, SIZE)
    assert (os.fstat(fd).st_blocks * 512 >= SIZE) == can


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_that_cannot_gets_the_length_alone(fd: int, code: int) -> None:
    preallocate(fd, SIZE, answering(code))
    assert (os.fstat(fd).st_size, os.fstat(fd).st_blocks) == (SIZE, 0)


def test_so_does_a_system_without_the_call(fd: int) -> None:
    preallocate(fd, SIZE, None)
    assert os.fstat(fd).st_size == SIZE


def test_a_signal_does_not_count(fd: int) -> None:
    preallocate(fd, SIZE, answering(errno.EINTR, errno.EOPNOTSUPP))
    assert os.fstat(fd).st_size == SIZE


def test_a_full_disk_is_said(fd: int) -> None:
    with pytest.raises(OSError, match="No space left") as raised:
        preallocate(fd, SIZE, answering(errno.ENOSPC))
    assert raised.value.errno == errno.ENOSPC
