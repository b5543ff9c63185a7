"""Direct I/O writes the bytes given, and falls back to buffered writes where it is not supported."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.storage import direct_io

SIZES = [0, 1, 4095, 4096, 4097, 3 * 4096 + 5, 5 * 4096]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A descriptor of an empty file; pieces are of two blocks."""
    monkeypatch.setattr(direct_io, "PIECE_BYTES", 2 * direct_io.ALIGNED)
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def data(size: int) -> memoryview:
    """So many bytes at a page's beginning."""
    block = mmap.mmap(-1, size + 1)
    block[:size] = os.urandom(size)
    return memoryview(block)[:size]


def takes_direct(fd: int) -> bool:
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_DIRECT)
        return os.pwrite(fd, data(direct_io.ALIGNED), 0) == direct_io.ALIGNED
    except OSError:
        return False
    finally:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)
        os.ftruncate(fd, 0)


def recorded(calls: list[tuple[bool, int, int]], code: int = 0) -> Callable[..., int]:
    """`os.pwrite` that notes (past the page cache, length, offset), and fails there with `code`."""
    honest = os.pwrite

    def pwrite(fd: int, given: Any, offset: int) -> int:
        past = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        calls.append((past, len(given), offset))
        if past and code and len(calls) > 1:
            raise OSError(code, os.strerror(code))
        return honest(fd, given, offset)

    return pwrite


@pytest.mark.parametrize("size", SIZES)
def test_the_file_holds_what_was_given(file: int, size: int) -> None:
    before = fcntl.fcntl(file, fcntl.F_GETFL)
    os.pwrite(file, b"story", size)
    given = data(size)
    direct_io.write(file, given)
    assert os.pread(file, size + 9, 0) == bytes(given) + b"story"
    assert fcntl.fcntl(file, fcntl.F_GETFL) == before


def test_whole_blocks_go_past_the_page_cache(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not takes_direct(file):
        pytest.skip("this file system writes through the page cache alone")
    calls: list[tuple[bool, int, int]] = []
    monkeypatch.setattr(os, "pwrite", recorded(calls))
    direct_io.write(file, data(3 * 4096 + 5))
    assert calls == [(True, 8192, 0), (True, 4096, 8192), (False, 5, 12288)]


def test_what_was_written_is_not_in_the_page_cache(file: int) -> None:
    if not takes_direct(file):
        pytest.skip("this file system writes through the page cache alone")
    assert cached(file, direct_io.write, data(4 * 4096)) in {False, None}
    assert cached(file, os.pwrite, data(4 * 4096), 0) in {True, None}


def cached(fd: int, write: Callable[..., object], *given: Any) -> bool | None:
    """Whether a block is in the page cache after it was written; None where the file system does not tell."""
    write(fd, *given)
    try:
        return os.preadv(fd, [bytearray(4096)], 8192, os.RWF_NOWAIT) == 4096
    except BlockingIOError:
        return False
    except OSError:
        return None


@pytest.mark.parametrize("code", sorted(direct_io.UNSUPPORTED_ERRNOS))
def test_a_file_system_that_cannot_go_on(
    file: int, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    calls: list[tuple[bool, int, int]] = []
    monkeypatch.setattr(os, "pwrite", recorded(calls, code))
    given = data(5 * 4096 + 5)
    direct_io.write(file, given)
    assert os.pread(file, len(given) + 1, 0) == bytes(given)
    assert not calls[-1][0]


def test_a_file_system_that_refuses_from_the_start(
    file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = fcntl.fcntl

    def refuse(fd: int, command: int, given: int = 0) -> int:
        if command == fcntl.F_SETFL and given & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return honest(fd, command, given)

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    given = data(4097)
    direct_io.write(file, given)
    assert os.pread(file, 9000, 0) == bytes(given)


def test_a_system_that_knows_no_such_thing(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_DIRECT")
    given = data(4097)
    direct_io.write(file, given)
    assert os.pread(file, 9000, 0) == bytes(given)


def test_a_full_disk_is_reported_and_the_descriptor_unchanged(
    file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fcntl.fcntl(file, fcntl.F_GETFL)

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            direct_io.write(file, data(8192))
    assert fcntl.fcntl(file, fcntl.F_GETFL) == before


def test_the_memory_is_the_container_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    installed = direct_io.memory_bytes(limit)
    assert installed == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit.write_text("max\n")
    assert direct_io.memory_bytes(limit) == installed
    limit.write_text("1048576\n")
    assert direct_io.memory_bytes(limit) == 2**20
    limit.write_text(f"{2**62}\n")
    assert direct_io.memory_bytes(limit) == installed
    monkeypatch.setattr(direct_io, "memory_bytes", lambda: 1000)
    assert direct_io.fits_dirty_limit(200)
    assert not direct_io.fits_dirty_limit(201)
