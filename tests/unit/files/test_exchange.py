"""A directory is repeatedly exchanged for a link to the outside, from which nothing is ever served.

`TEST_EXCHANGED` sets how many listings, attributes and slices are asked for meanwhile (120).
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.hdf5.messages import ReadBoxes
from dashboard.hdf5.pool import Hdf5WorkerPool
from tests.parts import Parts, make_children
from tests.unit.hdf5.test_confine import landlock

LOOKS = int(os.environ.get("TEST_EXCHANGED", "120"))
PER_SECOND = 1000

SHAPE = (6, 8)
INSIDE = np.arange(48, dtype="i4").reshape(SHAPE)
NAMES = ("plain", "gzip", "child", "linked", "virtual", "external")

_libc = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD, _EXCHANGE = -100, 2


def exchange(one: Path, other: Path) -> None:
    """Exchange two names in one step (renameat2)."""
    if _libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def write(folder: Path, values: Any, mark: str) -> None:
    """The same files with other values: every way in which values can lie in a file or beside it."""
    folder.mkdir(parents=True)
    values.tofile(folder / "raw.bin")
    with h5py.File(folder / "source.h5", "w") as file:
        file["x"] = values
    with h5py.File(folder / "a.h5", "w") as file:
        file["plain"] = values
        file["plain"].attrs["mark"] = mark
        file.create_dataset("gzip", data=values, chunks=(3, 4), compression="gzip")
        file.create_dataset("child", data=values, chunks=(3, 4), scaleoffset=0)
        file["linked"] = h5py.ExternalLink("source.h5", "/x")
        layout = h5py.VirtualLayout(SHAPE, "i4")
        layout[...] = h5py.VirtualSource("source.h5", "x", SHAPE)
        file.create_virtual_dataset("virtual", layout, fillvalue=-1)
        raw = [("raw.bin", 0, values.nbytes)]
        file.create_dataset("external", SHAPE, "i4", external=raw)
        file[mark] = np.zeros((2, 2))


@contextmanager
def exchanged(one: Path, other: Path, counts: Counter[str]) -> Iterator[None]:
    """Meanwhile two names are exchanged `PER_SECOND` times a second; in the end they are as before."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set() or counts["exchanges"] % 2:
            exchange(one, other)
            counts["exchanges"] += 1
            # More often inside than not, so that some attempts are complete.
            time.sleep((0.4, 1.6)[counts["exchanges"] % 2 == 0] / PER_SECOND)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def swapped(tmp_path: Path, data: Path) -> tuple[Path, Path]:
    """A folder below the root, and a link to the outside beside it; a.h5 and source.h5 are in both."""
    write(data / "scan", INSIDE, "inside")
    write(tmp_path / "outside" / "scan", np.full(SHAPE, 42, "i4"), "outside")
    link = data / "other"
    link.symlink_to(tmp_path / "outside" / "scan")
    # Touching this one makes a new state of the file, which nothing is remembered of.
    (data / ".kept").mkdir()
    os.link(data / "scan" / "a.h5", data / ".kept" / "a.h5")
    return data / "scan", link


@pytest.fixture
def pool(tmp_path: Path, data: Path) -> Iterator[Hdf5WorkerPool]:
    made = make_children([data], tmp_path / "empty", count=2)
    yield made
    made.close()


def attempt(act: Callable[[], Any], counts: Counter[str], kind: str) -> Any:
    """What `act` returns; None where it is refused, which is counted."""
    try:
        found = act()
    except (errors.NotFound, errors.Changed, errors.CannotShow) as error:
        counts[f"{kind}: {type(error).__name__}"] += 1
        return None
    counts[kind] += 1
    return found


def attempt_all(here: Parts, number: int, counts: Counter[str], name: str) -> None:
    """One access of each kind, by every name that leads to the file."""
    file = f"data/{('scan', 'other')[number % 2]}/a.h5"
    for entry in attempt(lambda: here.library.catalog.listed()[0], counts, "files"):
        assert entry.size in SIZES, entry
    listed = attempt(lambda: here.library.datasets(file), counts, "datasets")
    assert listed is None or "/outside" not in {record["dataset"] for record in listed}
    found = attempt(lambda: here.nodes.node(file, "plain"), counts, "attributes")
    assert found is None or [one.text for one in found.record.attributes] == ["inside"]
    answer = attempt(lambda: here.frame(file, name, ":,:"), counts, f"slices of {name}")
    if answer is not None:
        assert np.array_equal(np.frombuffer(answer.frame.body, "<i4").reshape(SHAPE), INSIDE), name


SIZES: set[int] = set()


@landlock
def test_nothing_from_outside_is_served_while_a_folder_is_exchanged_for_a_link(
    here: Parts, data: Path, swapped: tuple[Path, Path], pool: Hdf5WorkerPool
) -> None:
    here.library.hdf5 = pool
    SIZES.clear()
    SIZES.update(path.stat().st_size for path in swapped[0].iterdir())
    counts: Counter[str] = Counter()
    with exchanged(*swapped, counts):
        for number in range(LOOKS):
            os.utime(data / ".kept" / "a.h5")
            attempt_all(here, number, counts, NAMES[number % len(NAMES)])
    print(dict(counts))
    assert counts["exchanges"] > LOOKS
    for kind in ("datasets", "attributes", "slices of plain"):
        assert counts[kind], f"never once were {kind} had: nothing was tried"
    # Nothing wrong was remembered.
    for name in NAMES:
        counts.clear()
        attempt_all(here, 0, counts, name)
        assert counts[f"slices of {name}"] == 1, (name, counts)
    assert sorted(e.file for e in here.library.catalog.listed()[0]) == [
        "data/scan/a.h5",
        "data/scan/source.h5",
    ]


@landlock
def test_a_source_that_was_elsewhere_for_a_moment_is_not_read_as_its_fill_value(
    here: Parts, data: Path, tmp_path: Path, pool: Hdf5WorkerPool
) -> None:
    """The folder of a source is a link to the outside exactly while the library opens it."""
    write(data / "scan", INSIDE, "inside")
    write(tmp_path / "outside" / "scan", np.full(SHAPE, 42, "i4"), "outside")
    with h5py.File(data / "v.h5", "w") as file:
        layout = h5py.VirtualLayout(SHAPE, "i4")
        layout[...] = h5py.VirtualSource("scan/source.h5", "x", SHAPE)
        file.create_virtual_dataset("v", layout, fillvalue=-1)
    here.library.hdf5 = pool
    volume = here.library.volume("data/v.h5", "v")
    request = ReadBoxes("/v", "<i4", "ffffffff", [((0, 0), SHAPE)])
    (data / "other").symlink_to(tmp_path / "outside" / "scan")
    exchange(data / "scan", data / "other")
    try:
        with pytest.raises((errors.CannotShow, errors.Changed)):
            pool.call(request, volume.path)
    finally:
        exchange(data / "scan", data / "other")
    _, body = pool.call(request, volume.path)
    assert np.array_equal(np.frombuffer(body, "<i4").reshape(SHAPE), INSIDE)
