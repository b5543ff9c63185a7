"""Files that change while they are read give old or new values, never a mixture or a crash."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.decoder import Decoder
from tests import files
from tests.web import App, array, assert_error, running

SHAPE = (12, 50, 60)


def write(path: Path, value: int, **how: object) -> None:
    """A file that holds `value` everywhere, put in place at once."""
    new = path.with_suffix(".new")
    files.write(
        new,
        volume=(np.full(SHAPE, value, "u2"), how or {"chunks": (4, 16, 16), "compression": "gzip"}),
    )
    new.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder / "a.h5", 1)
    return folder / "a.h5"


@pytest.fixture
def app(tmp_path: Path, path: Path) -> Iterator[App]:
    with running(tmp_path, path.parent) as made:
        yield made


def test_a_replaced_file_is_the_new_one(app: App, path: Path) -> None:
    assert (app.values("data/a.h5", "volume", "3,:,:") == 1).all()
    info = path.stat()
    write(path, 2)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert (app.values("data/a.h5", "volume", "3,:,:") == 2).all()


@pytest.mark.parametrize("asked", ["slice", "value"])
@pytest.mark.parametrize("changes", [1, 2])
def test_a_file_that_changes_under_the_read_is_read_once_more(
    app: App, path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, changes: int
) -> None:
    reads: list[str] = []

    def changing(name: str) -> Any:
        honest = getattr(Decoder, name)

        def read(*arguments: Any) -> Any:
            reads.append(name)
            if len(reads) <= changes:
                write(path, 1 + len(reads))
            return honest(*arguments)

        return read

    for name in ("decode", "read_voxel"):
        monkeypatch.setattr(Decoder, name, changing(name))
    if asked == "slice":
        response = app.slice("data/a.h5", "volume", "3,:,:")
    else:
        response = app.get("/api/v1/value", file="data/a.h5", dataset="volume", index="3,4,5")
    assert len(reads) == 2
    if changes == 2:
        assert_error(response, 409)
    elif asked == "slice":
        assert (array(response) == 2).all()
    else:
        assert response.get_json()["text"] == "2"


def test_a_growing_file_is_read_no_more_often(
    app: App, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bool] = []

    def torn(_: Decoder, file: VolumeFile, *__: Any) -> Any:
        reads.append(file.volume.swmr_index is not None)
        raise errors.Changed("It changed.")

    monkeypatch.setattr(Decoder, "decode", torn)
    with h5py.File(path.parent / "growing.h5", "w", libver="latest", locking=False) as file:
        file.create_dataset(
            "x", data=np.ones(SHAPE, "u2"), chunks=(4, 16, 16), maxshape=(None, 50, 60)
        )
        file.swmr_mode = True
        assert_error(app.slice("data/growing.h5", "x", "3,:,:"), 409)
    assert reads == [True, True]


def test_a_deleted_file_is_a_404(app: App, path: Path) -> None:
    app.values("data/a.h5", "volume", "3,:,:")
    path.unlink()
    assert_error(app.slice("data/a.h5", "volume", "3,:,:"), 404)


def test_a_truncated_file_is_reported(app: App, path: Path) -> None:
    app.values("data/a.h5", "volume", "3,:,:")
    os.truncate(path, path.stat().st_size // 2)
    assert_error(app.slice("data/a.h5", "volume", "3,:,:"), 422)


def test_a_file_that_is_no_hdf5_is_reported(app: App, path: Path) -> None:
    (path.parent / "text.h5").write_text("This is no HDF5 file.")
    (path.parent / "empty.h5").touch()
    assert "not an HDF5 file" in assert_error(app.get("/api/v1/datasets", file="data/text.h5"), 422)
    assert_error(app.get("/api/v1/datasets", file="data/empty.h5"), 422)


@pytest.mark.parametrize("how", [{}, {"chunks": (4, 16, 16), "compression": "gzip"}])
def test_replacing_truncating_and_deleting_under_load(
    app: App, path: Path, how: dict[str, object]
) -> None:
    permits, idle, ended = threading.Semaphore(0), threading.Event(), threading.Event()
    idle.set()

    def change() -> None:
        value = 1
        while permits.acquire() and not ended.is_set():
            value = value % 9 + 1
            write(path, value, **(how or {"chunks": None}))
            if value % 3 == 0:
                os.truncate(path, path.stat().st_size * value // 10)
            if value % 4 == 0:
                path.unlink(missing_ok=True)
            idle.set()

    writer = threading.Thread(target=change)
    writer.start()
    statuses: Counter[int] = Counter()
    try:
        for number in range(300):
            if number % 3 == 0 and idle.is_set():
                idle.clear()
                permits.release()  # a change runs beside the next requests
            response = app.slice("data/a.h5", "volume", f"{number % 12},:,:")
            statuses[response.status_code] += 1
            if response.status_code == 200:
                values = array(response)
                assert values.shape == SHAPE[1:]
                assert len(np.unique(values)) == 1, "a mixture of two states"
    finally:
        ended.set()
        permits.release()
        writer.join()
    assert set(statuses) <= {200, 404, 409, 422}
    write(path, 77)
    assert (app.values("data/a.h5", "volume", "3,:,:") == 77).all()


def test_a_damaged_chunk_spoils_its_own_slices_alone(app: App, path: Path) -> None:
    damaged = path.parent / "b.h5"
    values = files.made_up("u2", SHAPE)
    files.write(
        damaged, volume=(values, {"chunks": (4, 16, 16), "compression": "gzip", "fletcher32": True})
    )
    files.damage(damaged, "volume", (4, 16, 32))
    message = assert_error(app.slice("data/b.h5", "volume", "5,:,:"), 422)
    assert "[4, 16, 32]" in message
    assert "'data/b.h5'" in message
    assert np.array_equal(app.values("data/b.h5", "volume", "2,:,:"), values[2])
    assert np.array_equal(app.values("data/b.h5", "volume", "5,:16,:"), values[5, :16])


def test_links_and_sources_outside_are_refused(app: App, path: Path, tmp_path: Path) -> None:
    outside = files.write(tmp_path / "secret.h5", x=np.full((4, 4), 7, "u1"))
    raw = tmp_path / "secret.raw"
    raw.write_bytes(bytes(64))
    with h5py.File(path.parent / "links.h5", "w") as file:
        file["external"] = h5py.ExternalLink(str(outside), "/x")
        file["relative"] = h5py.ExternalLink("../secret.h5", "/x")
        file["soft"] = h5py.SoftLink("/external")
        file["inside"] = h5py.ExternalLink("a.h5", "/volume")
        layout = h5py.VirtualLayout((4, 4), "u1")
        layout[...] = h5py.VirtualSource(str(outside), "x", (4, 4))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("storage", (8, 8), "u1", external=[(str(raw), 0, 64)])
        missing = h5py.VirtualLayout((4, 4), "u1")
        missing[...] = h5py.VirtualSource("gone.h5", "x", (4, 4))
        file.create_virtual_dataset("missing", missing)
    os.symlink(outside, path.parent / "linked.h5")
    listed = app.get("/api/v1/datasets", file="data/links.h5").get_json()["datasets"]
    showable = {entry["dataset"] for entry in listed if entry["browsable"]}
    assert showable == {"/inside"}
    for name in ("external", "relative", "soft", "virtual", "storage"):
        assert "outside" in assert_error(app.slice("data/links.h5", name, ":,:"), 422)
    assert "gone.h5" in assert_error(app.slice("data/links.h5", "missing", ":,:"), 422)
    assert (app.values("data/links.h5", "inside", "3,:,:") == 1).all()
    assert_error(app.slice("data/linked.h5", "x", ":,:"), 404)


def test_bombs_are_refused_before_anything_is_allocated(app: App, path: Path) -> None:
    files.declare(
        path.parent / "bombs.h5",
        {
            "wide": ((2**20, 2**20, 2**13), "f8", (1, 64, 64)),
            "chunk": ((4, 2**15, 2**15), "u1", (1, 2**15, 2**14)),
        },
    )
    assert "cells" in assert_error(app.slice("data/bombs.h5", "wide", "0,:,:"), 413)
    assert_error(app.slice("data/bombs.h5", "wide", ":,:,0", pool="mean"), 413)
    assert "512 MiB" in assert_error(app.slice("data/bombs.h5", "chunk", "0,:10,:10"), 413)
    assert (app.values("data/bombs.h5", "wide", "5,1000:1010,1000:1020") == 0).all()
