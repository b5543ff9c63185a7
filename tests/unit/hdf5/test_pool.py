"""libhdf5 in child processes: every failure is an error with a sentence, and the next child works."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard import errors
from dashboard.disconnects import ClientLeft, client
from dashboard.hdf5 import protocol
from dashboard.hdf5.answers import parse_answer
from dashboard.hdf5.messages import (
    DescribeDataset,
    Envelope,
    FileListing,
    ListDatasets,
    ReadBoxes,
)
from dashboard.hdf5.pool import Hdf5WorkerPool, Unreadable
from dashboard.hdf5.worker import describe, links
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.links import ObjectRefused
from dashboard.telemetry.processes import rss_bytes
from tests import files
from tests.parts import make_children
from tests.unit.hdf5.stand_ins import ROOT, running


def test_a_child_is_kept(pool: Hdf5WorkerPool, tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    assert pool.call(ListDatasets(), path)[0].datasets[0].dataset == "/x"
    first = running(pool).pid
    pool.call(ListDatasets(), path)
    assert running(pool).pid == first


def test_an_interrupted_request_leaves_no_answer_behind(
    pool: Hdf5WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    receive = protocol.receive
    pool.call(ListDatasets(), path)

    def interrupted(stream: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(protocol, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.call(ListDatasets(), path)
    monkeypatch.setattr(protocol, "receive", receive)
    record, _ = pool.call(DescribeDataset("/x"), path)
    assert record.summary.dataset == "/x"


def test_warm_starts_one_before_it_is_needed(pool: Hdf5WorkerPool, tmp_path: Path) -> None:
    pool.prestart()
    first = running(pool).pid
    pool.prestart()
    pool.call(ListDatasets(), files.write(tmp_path / "a.h5", x=np.zeros((2, 3))))
    assert running(pool).pid == first


def test_nothing_is_started_after_the_end(tmp_path: Path) -> None:
    pool = make_children([tmp_path], tmp_path / "empty")
    pool.prestart()
    process = running(pool)
    pool.close()
    assert process.poll() is not None
    pool.prestart()
    assert pool.idle() == []


def test_a_request_that_no_child_is_free_for_is_refused(tmp_path: Path) -> None:
    pool = make_children([tmp_path], tmp_path / "empty", count=0, seconds=0.01)
    files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    with pytest.raises(errors.Busy, match="All HDF5 workers are busy"):
        pool.call(ListDatasets(), tmp_path / "a.h5")


def test_requests_of_many_threads_are_answered(tmp_path: Path) -> None:
    pool = make_children([tmp_path], tmp_path / "empty", count=2)
    paths = [files.write(tmp_path / f"{n}.h5", **{f"x{n}": np.full((2, 3), n)}) for n in range(4)]
    wrong = []

    def ask(n: int) -> None:
        for _ in range(10):
            (record,) = pool.call(ListDatasets(), paths[n])[0].datasets
            if record.dataset != f"/x{n}":
                wrong.append((n, record))

    threads = [threading.Thread(target=ask, args=(n % 4,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()
    assert wrong == []


@contextmanager
def many_descriptors(count: int) -> Iterator[None]:
    """So many open files that new descriptors have high numbers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count + 200, hard)), hard))
    descriptors = [os.open("/dev/null", os.O_RDONLY) for _ in range(count)]
    try:
        yield
    finally:
        for fd in descriptors:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_server_with_many_open_files_still_asks(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    with many_descriptors(1200):
        pool = make_children([tmp_path], tmp_path / "empty")
        assert pool.call(ListDatasets(), path)[0].datasets[0].dataset == "/x"
        pool.close()


def test_the_workers_that_run_are_listed_also_while_they_work(
    pool: Hdf5WorkerPool, tmp_path: Path
) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    assert pool.pids() == []
    pool.call(ListDatasets(), path)
    process = running(pool)
    assert pool.pids() == [process.pid]
    assert rss_bytes(process.pid) > 2**20
    process.kill()
    process.wait()
    assert pool.pids() == []
    assert rss_bytes(process.pid) == 0


def test_memory_is_limited(tmp_path: Path) -> None:
    pool = make_children([tmp_path], tmp_path / "empty", memory_bytes=64 * 2**20)
    path = files.declare(tmp_path / "a.h5", {"x": ((2**15, 2**15), "u1", (1024, 1024))})
    boxes = [((0, 0), (2**15, 2**15))]
    with pytest.raises(errors.CannotShow, match="more memory than is allowed"):
        pool.call(ReadBoxes("/x", "|u1", "00", boxes), path)
    assert pool.call(ListDatasets(), path)[0].datasets[0].dataset == "/x"
    pool.close()


def test_what_the_library_reports_is_a_sentence_without_its_details(
    pool: Hdf5WorkerPool, tmp_path: Path
) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((4, 4)))
    with pytest.raises(Unreadable) as caught:
        pool.call(ReadBoxes("/x", "<f8", bytes(8).hex(), [((0, 0), (4, 4, 4))]), path)
    assert caught.value.message == "The HDF5 library could not read it."
    assert str(tmp_path) not in caught.value.message
    assert caught.value.detail


def test_a_child_stands_in_an_empty_folder_and_gets_no_signals(
    pool: Hdf5WorkerPool, tmp_path: Path
) -> None:
    pool.prestart()
    process = running(pool)
    assert os.readlink(f"/proc/{process.pid}/cwd") == str(tmp_path / "empty")
    assert os.getsid(process.pid) == process.pid
    assert list((tmp_path / "empty").iterdir()) == []


def test_plug_ins_are_not_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(tmp_path / "plugins"))
    monkeypatch.setenv("HDF5_VDS_PREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HDF5_EXT_PREFIX", str(tmp_path / "elsewhere"))
    program = (
        "import dashboard.hdf5.worker.__main__, os; "
        "print(*(os.environ.get(n, '-') for n in ('HDF5_PLUGIN_PRELOAD', 'HDF5_PLUGIN_PATH',"
        " 'HDF5_VDS_PREFIX', 'HDF5_EXT_PREFIX', 'HDF5_EXTFILE_PREFIX')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert found.stdout.split() == [":" * 2, "-", "-", "-", "${ORIGIN}"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (
            "unable to lock file, errno = 13, error message = 'Permission denied'",
            "cannot_show",
            "may not read",
        ),
        ("truncated file: eof = 96, sblock->base_addr = 0", "cannot_show", "truncated"),
        ("file signature not found", "cannot_show", "not an HDF5 file"),
        ("file is already open for write (may use <h5clear file>)", "changed", "being written"),
        ("bad object header version number", "cannot_show", "may be damaged"),
    ],
)
def test_why_a_file_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch, text: str, code: str, words: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(f"Unable to synchronously open file ({text})")

    monkeypatch.setattr(links.h5py, "File", fail)
    with pytest.raises(ObjectRefused) as caught:
        links.open_file(Path("/secret/a.h5"))
    assert caught.value.code == code
    assert words in caught.value.message
    assert "/secret" not in caught.value.message


def test_a_file_is_opened_without_a_lock(tmp_path: Path, pool: Hdf5WorkerPool) -> None:
    # A reader's lock would make the instrument's writer fail.
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    with links.open_file(path) as reader, path.open("r+b") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert "x" in reader


def test_a_listing_ends_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files.write(tmp_path / "a.h5", **{f"x{n:02}": np.zeros((2, 2)) for n in range(20)})
    monkeypatch.setattr(describe, "MAX_OBJECTS", 7)
    found, _ = describe.list_datasets(ListDatasets(), Job(path, (str(tmp_path),)))
    assert len(found.datasets) == 7
    assert not found.complete


def test_the_loop_answers_every_request(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    ours, theirs = socket.socketpair()
    shared = os.memfd_create("place")
    os.truncate(shared, 16)
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.hdf5.worker", str(2**31), str(shared), str(tmp_path)],
        stdin=theirs.fileno(),
        stdout=subprocess.PIPE,
        pass_fds=(shared,),
        cwd=ROOT,
    )
    theirs.close()
    os.close(shared)
    assert process.stdout is not None
    with ours, process:
        protocol.receive(process.stdout)  # type: ignore[arg-type]
        for op, request, code in (
            ("nothing", {}, "unreadable"),
            ("list", {"dataset": "/x"}, "unreadable"),
            ("list", {}, None),
            ("describe", {"dataset": "/y"}, "not_found"),
            ("index", {"dataset": "/x"}, "cannot_show"),
            ("boxes", {"dataset": "/x"}, "unreadable"),
        ):
            protocol.send_request(ours, Envelope(op, request, str(path), [str(tmp_path)], 10.0))
            head, _ = protocol.receive(process.stdout)  # type: ignore[arg-type]
            answer = parse_answer(head, FileListing)
            assert (answer.failure and answer.failure.error) == code, op
        ours.close()
    assert process.returncode == 0


def test_nothing_is_asked_for_a_client_that_has_left(pool: Hdf5WorkerPool, tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    with client(lambda: True), pytest.raises(ClientLeft):
        pool.call(ListDatasets(), path)
    assert pool.started == 0
    with client(lambda: False):
        assert pool.call(ListDatasets(), path)[0].datasets
