"""Fixtures of the unit tests: a child process, and the layers assembled over a directory."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dashboard.codecs import compiled
from dashboard.hdf5.pool import Hdf5WorkerPool
from dashboard.storage.rows import open_rows
from tests.parts import Counts, Parts, make_children, parts


@pytest.fixture(scope="session")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdf5WorkerPool]:
    """One child for all tests of a session; links may lead anywhere below the temporary folder."""
    pool = make_children([tmp_path_factory.getbasetemp()], tmp_path_factory.mktemp("empty"))
    yield pool
    pool.close()


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Hdf5WorkerPool]:
    """One child of the test's own; links may lead anywhere below the test's folder."""
    made = make_children([tmp_path], tmp_path / "empty")
    yield made
    made.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder that the parts serve as `data`."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def make_parts(
    tmp_path: Path, data: Path, children: Hdf5WorkerPool
) -> Iterator[Callable[..., Parts]]:
    """Put the parts together over `data`; what differs from the defaults is given."""
    with ExitStack() as stack:

        def make(name: str = "home", **given: Any) -> Parts:
            pool = given.pop("children", children)
            roots = given.pop("roots", {"data": data})
            return stack.enter_context(parts(roots, tmp_path / name, pool, **given))

        yield make


@pytest.fixture
def here(make_parts: Callable[..., Parts]) -> Parts:
    """The parts with their defaults."""
    return make_parts()


IN_OPEN = 0x20


@pytest.fixture
def opens() -> Iterator[Callable[[Path], Callable[[], list[str]]]]:
    """Watch a folder: `opens(folder)()` gives the names of what any process has opened in it since."""
    libc = ctypes.CDLL(None, use_errno=True)
    watches: list[int] = []

    def watch(folder: Path) -> Callable[[], list[str]]:
        fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert fd >= 0
        watches.append(fd)
        assert libc.inotify_add_watch(fd, os.fsencode(folder), IN_OPEN) >= 0

        def seen() -> list[str]:
            names = []
            try:
                events = os.read(fd, 65536)
            except BlockingIOError:
                return []
            while events:
                length = struct.unpack_from("iIII", events)[3]
                names.append(os.fsdecode(events[16 : 16 + length].rstrip(b"\0")))
                events = events[16 + length :]
            return names

        return seen

    yield watch
    for fd in watches:
        os.close(fd)


@pytest.fixture(params=["pairs", "one by one"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With what was compiled, and without."""
    if request.param == "one by one":
        monkeypatch.setattr(compiled, "available", lambda: False)
    elif not compiled.inflates():
        pytest.skip("not compiled on this machine")
    return str(request.param)


@pytest.fixture
def part_by_part() -> None:
    """Chunks can be inflated in part."""
    if not compiled.inflates():
        pytest.skip("not compiled on this machine")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Counts]:
    """One of the test's own, whose counts can be read at once."""
    counts = Counts(open_rows(tmp_path / "ledger"))
    yield counts
    counts.close()
