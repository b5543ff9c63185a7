"""Failures of the library are recorded by file and object, not by name; those of the machine are not."""

from __future__ import annotations

import errno
import os
import re
import resource
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.catalog import failures
from dashboard.codecs import compiled
from dashboard.decoding import contiguous, timed_read
from dashboard.decoding.library_reader import LibraryReader
from dashboard.hdf5.messages import Envelope, Failure, ReadBoxes
from dashboard.hdf5.pool import Hdf5WorkerPool
from dashboard.hdf5.worker import __main__ as loop
from dashboard.hdf5.worker.job import Job
from tests import files
from tests.parts import Parts
from tests.unit.hdf5.stand_ins import preceded


def on_bad(act: str) -> str:
    """Do something when the object called `bad` or `alias` is opened."""
    return (
        "opened = links.h5py.h5o.open\n"
        "def meddling(group, name, **how):\n"
        f"    if name in (b'bad', b'alias'): {act}\n"
        "    return opened(group, name, **how)\n"
        "links.h5py.h5o.open = meddling"
    )


def write(data: Path) -> None:
    """A sound dataset beside a bad one that has two names, and more by a cycle."""
    path = files.write(data / "a.h5", bad=np.zeros((2, 3)), good=np.zeros((2, 3)))
    with h5py.File(path, "r+") as file:
        file["alias"] = file["bad"]
        file["cycle"] = file["/"]


NAMES = ("/bad", "/alias", "/cycle/bad", "/cycle/cycle/alias")


def ended(caplog: pytest.LogCaptureFixture) -> int:
    """How many children were ended or died."""
    return sum(r.getMessage().startswith("HDF5 worker ") for r in caplog.records)


@pytest.mark.parametrize(
    ("act", "words", "attempts"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed on this file", 2),
        ("exec('while True: pass')", "took longer than", 1),
    ],
)
def test_a_verdict_on_an_object_holds_for_all_of_its_names(
    here: Parts,
    data: Path,
    pool: Hdf5WorkerPool,
    caplog: pytest.LogCaptureFixture,
    act: str,
    words: str,
    attempts: int,
) -> None:
    write(data)
    here.library.hdf5 = pool
    pool.seconds = 0.5
    pool.overtime = 100  # of a busy machine it may take long to use it up
    preceded(pool, on_bad(act))
    with pytest.raises(errors.CannotShow, match=words):
        here.library.volume("data/a.h5", NAMES[0])
    assert ended(caplog) == attempts
    for name in NAMES[1:]:
        with pytest.raises(errors.CannotShow, match=words):
            here.library.volume("data/a.h5", name)
    assert here.library.volume("data/a.h5", "/cycle/good").shape == (2, 3)
    listed = {d["dataset"]: d["reason"] for d in here.library.datasets("data/a.h5")}
    assert listed["/good"] == ""
    # The reason is the one that was found: what took too long is not called damaged.
    assert re.search(words, listed["/bad"])
    assert ("damaged" in listed["/bad"]) == ("SIGSEGV" in act)
    assert ended(caplog) == attempts
    os.utime(data / "a.h5")
    with pytest.raises(errors.CannotShow, match=words):
        here.library.volume("data/a.h5", NAMES[3])
    assert ended(caplog) == 2 * attempts


def test_a_listing_gives_the_reason_for_an_object_that_crashes(
    here: Parts,
    data: Path,
    pool: Hdf5WorkerPool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(data)
    here.library.hdf5 = pool
    preceded(pool, on_bad("os.kill(os.getpid(), signal.SIGSEGV)"))
    listed = {d["dataset"]: d["browsable"] for d in here.library.datasets("data/a.h5")}
    assert listed["/good"]
    assert not listed["/bad"]
    assert not listed["/alias"]
    assert ended(caplog) == 2


def test_a_file_with_many_bad_objects_is_not_tried_for_each(
    here: Parts,
    data: Path,
    pool: Hdf5WorkerPool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    files.write(data / "a.h5", **{f"x{n}": np.zeros((2, 3)) for n in range(9)})
    here.library.hdf5 = pool
    crash = "links.get_hard_link = lambda group, name: os.kill(os.getpid(), signal.SIGSEGV)"
    preceded(pool, crash)
    for n in range(9):
        with pytest.raises(errors.CannotShow, match="crashed on this file"):
            here.library.volume("data/a.h5", f"x{n}")
    assert ended(caplog) == 2 * 3


def test_a_box_that_crashes_is_not_read_again_and_others_are(
    here: Parts,
    data: Path,
    pool: Hdf5WorkerPool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file.create_dataset("x", data=np.ones((4, 4), "i4"), chunks=(2, 4), scaleoffset=0)
    here.library.hdf5 = pool
    change = (
        "import h5py\n"
        "values = h5py.Dataset.__getitem__\n"
        "def crash(dataset, box, **how):\n"
        "    if box[0].start < 2: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    return values(dataset, box, **how)\n"
        "h5py.Dataset.__getitem__ = crash"
    )
    preceded(pool, change)
    volume = here.library.volume("data/a.h5", "x")
    for words in ("crashed", "crashed", "crashed"):
        with pytest.raises(errors.CannotShow, match=rf"cannot be read at \[0:1, 0:4\]: .* {words}"):
            module_box(here, volume, (0, 0), (1, 4))
    assert ended(caplog) == 2
    values, _ = module_box(here, volume, (2, 0), (3, 4))
    assert values.tolist() == [1, 1, 1, 1]
    assert ended(caplog) == 2


def module_box(here: Parts, volume: Any, start: tuple[int, int], stop: tuple[int, int]) -> Any:
    """A box that a child reads."""
    with here.open(volume) as file:
        return LibraryReader().read_box(file, start, stop)


@pytest.mark.parametrize(
    "planted", [None, b"nonsense", b"[[1]]", b"[1]", b"{}", b'["abcde"]', b"[" * 9999]
)
def test_what_somebody_else_wrote_among_the_failures_counts_as_none(planted: bytes | None) -> None:
    assert failures.parse_entries(planted) == []


def test_too_few_descriptors_are_the_machine_s_fault(here: Parts, data: Path) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 3)), y=np.zeros((2, 3)))
    assert len(here.library.datasets("data/a.h5")) == 2
    os.utime(data / "a.h5")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The lowest number that is free is beyond the limit.
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        for ask in (
            lambda: here.library.datasets("data/a.h5"),
            lambda: here.library.volume("data/a.h5", "x"),
            here.library.catalog.listed,
        ):
            with pytest.raises(errors.Busy, match="try again"):
                ask()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(here.library.datasets("data/a.h5")) == 2
    assert here.library.volume("data/a.h5", "x").shape == (2, 3)


def test_a_child_that_the_machine_gives_no_memory_is_no_verdict(
    here: Parts, data: Path, pool: Hdf5WorkerPool
) -> None:
    shape = (4096, 4096)
    files.declare(data / "a.h5", {"x": (shape, "u1", (64, 64))})
    here.library.hdf5 = pool
    volume = here.library.volume("data/a.h5", "x")
    request = ReadBoxes("/x", "|u1", "00", [((0, 0), shape)])
    (child,) = pool.idle()
    pid = child.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    size = pages * resource.getpagesize() + 2**20
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
    with here.open(volume) as file:
        with pytest.raises(errors.Busy, match="no memory"):
            file.ask(request, "all")
        child.kill()
        child.wait()
        _, body = file.ask(request, "all")
    assert len(body) == shape[0] * shape[1]


def test_the_limit_that_was_met_is_identified() -> None:
    now = loop.address_space()
    assert not loop.machine_lacks_memory(2**20, now)  # less than the slack is left: it was its own
    assert not loop.machine_lacks_memory(2**26, now)
    assert loop.machine_lacks_memory(2**60, now)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError("unable to open file: errno = 24, error message = 'Too many open files'"), "busy"),
        (OSError("file read failed: errno = 116, error message = 'Stale file handle'"), "busy"),
        (OSError(errno.EIO, "Input/output error"), "busy"),
        (OSError("bad object header version number"), "unreadable"),
        (OSError("file read failed: errno = 22, error message = 'Invalid argument'"), "unreadable"),
        (OSError("errno = 12, error message = 'Cannot allocate memory'"), "unreadable"),
        (MemoryError(), "cannot_show"),
    ],
)
def test_what_a_child_says_of_an_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    def answered(*lacks_memory: Any) -> str:
        request = Envelope("list", {}, "/a.h5", ["/"], 10.0)
        answer, _ = loop.answer(request, Job(Path("/a.h5"), ("/",)), *lacks_memory)
        assert isinstance(answer, Failure)
        return answer.error

    monkeypatch.setitem(loop.OPERATIONS, "list", fail)
    assert answered() == code
    if isinstance(error, MemoryError) or "errno = 12" in str(error):
        assert answered(lambda: True) == "busy"


@pytest.mark.parametrize("name", ["plain", "gzip"])
def test_storage_that_is_away_damages_nothing(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file["plain"] = np.ones((4, 4), "i4")
        file.create_dataset("gzip", data=np.ones((4, 4), "i4"), chunks=(2, 2), compression="gzip")

    def fail(*_: Any) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(contiguous.os, "preadv", fail)
        patch.setattr(timed_read, "_compiled", False)
        patch.setattr(compiled, "available", lambda: False)
        with pytest.raises(errors.Busy, match="try again"):
            here.frame("data/a.h5", name, ":,:")
    answer = here.frame("data/a.h5", name, ":,:")
    assert np.frombuffer(answer.frame.body, "<i4").tolist() == [1] * 16
