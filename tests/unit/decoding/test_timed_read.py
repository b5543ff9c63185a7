"""Reads in batches: what they give, and that their time is that of the disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dashboard.decoding import timed_read
from tests import files
from tests.delays import Delays

CONTENT = bytes(range(256)) * 4


@pytest.fixture(params=["compiled", "not compiled"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "not compiled":
        monkeypatch.setattr(timed_read, "_compiled", False)
    elif not timed_read.available():
        pytest.skip("not compiled on this machine")


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(CONTENT)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.usefixtures("compiled")
def test_each_part_is_read_from_its_offset(fd: int) -> None:
    outs = [np.zeros(size, np.uint8) for size in (10, 0, 300, 100)]
    offsets = [5, 7, 200, len(CONTENT) - 30]
    results, read_s, waited_s = timed_read.read_into(fd, offsets, outs)
    # The last one ends with the file.
    assert results == [10, 0, 300, 30]
    for offset, out, count in zip(offsets, outs, results, strict=True):
        assert out.tobytes() == CONTENT[offset : offset + count] + bytes(len(out) - count)
    assert 0.0 <= read_s < 10.0
    assert 0.0 <= waited_s < 10.0


@pytest.mark.usefixtures("compiled")
def test_what_cannot_be_read_is_an_error_number(fd: int) -> None:
    out = np.zeros(4, np.uint8)
    assert timed_read.read_into(10**6, [0, 4], [out, out])[0] == [-errno.EBADF] * 2
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    assert timed_read.read_into(folder, [0], [out])[0] == [-errno.EISDIR]
    os.close(folder)


@pytest.mark.usefixtures("compiled")
def test_calls_that_make_no_sense_are_refused(fd: int) -> None:
    out = np.zeros(4, np.uint8)
    with pytest.raises(ValueError, match=r"differ|shorter|longer"):
        timed_read.read_into(fd, [0, 4], [out])
    fixed = np.zeros(4, np.uint8)
    fixed.flags.writeable = False
    with pytest.raises((ValueError, BufferError, TypeError)):
        timed_read.read_into(fd, [0], [fixed])


# Decodes bricks while other threads hold the interpreter lock.
DECODE = """
import sys, threading
from pathlib import Path
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import parse
from dashboard.decoding import chunk_reader, decoder
from dashboard.runtime.engine import build_engine
from dashboard.settings import Settings
clocks = []
class Kept(chunk_reader.BusyTime):
    def __init__(self):
        super().__init__()
        clocks.append(self)
decoder.BusyTime = Kept
settings = Settings(cache_dir=Path(sys.argv[1]), data=(sys.argv[2],), free_floor_bytes=0)
engine = build_engine(settings, "worker")
volume = engine.metadata.volume("a.h5", "x")
done = threading.Event()
def work():
    while not done.is_set():
        pass
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
first, *others = range(0, volume.shape[0], volume.grid.chunks[0])
def load(plane):
    (brick,) = volume.bricks(parse(f"{plane},:,:", volume.shape))
    engine.loader.load(volume, brick, Requester(Purpose.PREFETCH_MOVING))
# An HDF5 worker, which reads the file as well, is asked for the first one alone.
load(first)
clocks.clear()
# A read of 10 ms is slow storage, where several are in progress at the same time.
engine.readers.pool.reads.speed.note = lambda *_: None
print("ready", flush=True)
sys.stdin.readline()
for plane in others:
    load(plane)
done.set()
for thread in threads:
    thread.join()
print(sum(one.read for one in clocks), sum(one.wait for one in clocks))
"""


@pytest.mark.skipif(not timed_read.available(), reason="not compiled on this machine")
def test_the_time_for_the_interpreter_lock_is_not_that_of_the_disk(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 4000, (16, 256, 256)).astype("u2")
    how = {"chunks": (4, 64, 64), "compression": "gzip", "compression_opts": 1}
    path = files.write(tmp_path / "a.h5", x=(values, how))
    delays = Delays(tmp_path / "delays")
    with subprocess.Popen(
        [sys.executable, "-c", DECODE, tmp_path / "cache", path],
        env=os.environ | delays.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as decoding:
        assert decoding.stdout is not None
        assert decoding.stdout.readline() == "ready\n"
        with delays.of("pread", path, 0.01):
            said, _ = decoding.communicate("go\n")
    assert delays.count >= 3
    read_s, waited_s = map(float, said.split())
    print(f"read {read_s:.4f} s, waited {waited_s:.4f} s, pread {delays.seconds:.4f} s")
    assert delays.seconds <= read_s <= 1.1 * delays.seconds
    # Somebody else has had the lock meanwhile.
    assert waited_s > 0.001
