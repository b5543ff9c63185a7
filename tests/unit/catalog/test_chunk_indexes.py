"""Volumes of many chunks: a slice does not wait for a list of all, which is then kept in a file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.catalog import chunk_indexes, description
from dashboard.decoding import sampling
from dashboard.frames.encode import Format
from tests import files
from tests.parts import Parts

VALUES = files.made_up("<u2", (40, 50, 60))


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    """A file whose chunks are many."""
    for module in (chunk_indexes, description, sampling):
        monkeypatch.setattr(module, "MANY_CHUNKS", 100)
    how = {"chunks": (8, 10, 10), "compression": "gzip"}
    path = files.write(data / "a.h5", x=(VALUES, how))
    with h5py.File(path, "a") as file:
        # Some of its chunks were never written.
        file.create_dataset("y", VALUES.shape, "<u2", **how)[:16, :30] = VALUES[:16, :30]


@contextmanager
def listing_waits(here: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Lists of chunks wait until the end of the block; yields what workers were asked."""
    asked: list[str] = []
    go = threading.Event()
    ask = here.library.hdf5.call

    def slow(request: Any, *arguments: Any, **more: Any) -> Any:
        asked.append(request.op)
        if request.op == "index":
            go.wait(30.0)
        return ask(request, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(here.library.hdf5, "call", slow)
        try:
            yield asked
        finally:
            go.set()
            for thread in threading.enumerate():
                if thread.name == "listing":
                    thread.join(30.0)


def test_slices_do_not_wait_for_the_list(here: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    with listing_waits(here, monkeypatch) as asked:
        frame = here.frame("data/a.h5", "x", "3,:,:").frame
        assert frame.body == VALUES[3].tobytes()
        frame = here.frame("data/a.h5", "x", ":,:,21").frame
        assert frame.body == VALUES[:, :, 21].tobytes()
        part = here.frame("data/a.h5", "y", "5,:,5:45").frame
        expected = np.where(np.arange(50)[:, None] < 30, VALUES[5, :, 5:45], 0)
        assert part.body == expected.astype("<u2").tobytes()
        assert asked.count("stored") == 3
    assert asked.count("index") == 2
    # By the list now.
    assert here.frame("data/a.h5", "x", "30,:,:").frame.body == VALUES[30].tobytes()
    assert asked.count("stored") == 3


def test_the_window_is_that_of_the_same_chunks(
    here: Parts, make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for parts, dataset in ((here, "x"), (here, "y")):
        with listing_waits(parts, monkeypatch):
            found.append(parts.frame("data/a.h5", dataset, "3,:,:", Format.U8).frame)
    other = make_parts("other")
    for number, dataset in enumerate(("x", "y")):
        other.index(other.library.volume("data/a.h5", dataset))
        again = other.frame("data/a.h5", dataset, "3,:,:", Format.U8).frame
        assert again.body == found[number].body


def test_a_list_is_mapped_by_all_processes(
    here: Parts, make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = here.index(here.library.volume("data/a.h5", "x"))
    other = make_parts()
    volume = other.library.volume("data/a.h5", "x")
    with listing_waits(other, monkeypatch) as asked:
        found = other.index(volume)
        assert asked == []
    assert found.numbers.base is not None
    for name in ("numbers", "offsets", "sizes", "masks"):
        assert (getattr(found, name) == getattr(listed, name)).all()


def test_a_damaged_list_is_made_again(
    here: Parts, make_parts: Callable[..., Parts], tmp_path: Path
) -> None:
    here.index(here.library.volume("data/a.h5", "x"))
    (path,) = (tmp_path / "home" / "facts").rglob("*.val")
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    other = make_parts()
    assert other.frame("data/a.h5", "x", "3,:,:").frame.body == VALUES[3].tobytes()
    volume = other.library.volume("data/a.h5", "x")
    assert other.index(volume).numbers.tolist() == list(range(5 * 5 * 6))


def test_without_space_for_a_file(
    here: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "no space")

    monkeypatch.setattr(chunk_indexes.tempfile, "mkstemp", full)
    assert len(here.index(here.library.volume("data/a.h5", "x")).numbers) == 150
    assert not list((tmp_path / "home" / "facts").glob("index-*"))


def test_a_file_that_changes_meanwhile(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = here.library.volume("data/a.h5", "x")
    with listing_waits(here, monkeypatch):
        ask = here.library.hdf5.call

        def meddling(request: Any, *arguments: Any, **more: Any) -> Any:
            found = ask(request, *arguments, **more)
            if request.op == "stored":
                os.utime(data / "a.h5")
            return found

        monkeypatch.setattr(here.library.hdf5, "call", meddling)
        with pytest.raises(errors.Changed):
            here.load(volume.bricks_at({0: 3}, 1, 2)[0])


def test_stored_bytes_are_added_up_once(here: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[int | None] = []
    ask = here.library.hdf5.call

    def noted(request: Any, *arguments: Any, **more: Any) -> Any:
        if request.op == "describe":
            known.append(request.stored_bytes)
        return ask(request, *arguments, **more)

    monkeypatch.setattr(here.library.hdf5, "call", noted)
    listed = {one["dataset"]: one["stored_bytes"] for one in here.library.datasets("data/a.h5")}
    found = [here.library.volume("data/a.h5", name).stored_bytes for name in ("x", "y")]
    assert found == known == [listed["/x"], listed["/y"]]
