"""`X-Volume-Version`: the same for one state of a file, another one for the next."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests import files
from tests.web import App, running

SLICE = {"dataset": "/x", "selection": "0,:,:"}
CHUNKED = {"chunks": (2, 8, 8), "compression": "gzip"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture
def app(tmp_path: Path, folder: Path) -> Iterator[App]:
    with running(tmp_path, folder) as made:
        yield made


def version(app: App, path: str, file: str = "data/a.h5", status: int = 200, **query: Any) -> str:
    """The header of an answer; the empty text when there is none."""
    headers = query.pop("headers", None)
    response = app.get(f"/api/v1/{path}", headers, file=file, **query)
    assert response.status_code == status, response.get_data(as_text=True)
    return str(response.headers.get("X-Volume-Version", ""))


def write(path: Path, value: int = 1, **how: Any) -> Path:
    """A file of one dataset with `value` everywhere."""
    return files.write(path, x=(np.full((4, 20, 30), value, "u2"), how or CHUNKED))


def test_all_answers_about_one_state_have_one_version(
    app: App, folder: Path, tmp_path: Path
) -> None:
    write(folder / "a.h5")
    known = version(app, "datasets")
    assert len(known) == 16
    assert int(known, 16) >= 0
    assert version(app, "slice", **SLICE) == known
    assert version(app, "slice", format="u8", **SLICE) == known
    assert version(app, "residency", axis=0, **SLICE) == known
    etag = app.slice("data/a.h5", "x", "0,:,:").headers["ETag"]
    conditional = {"If-None-Match": etag}
    assert version(app, "slice", status=304, headers=conditional, **SLICE) == known
    # Malformed parameters as well.
    assert version(app, "slice", status=400, viewer="a b", **SLICE) == known
    assert version(app, "slice", status=400, ahead=2, **SLICE) == known
    assert version(app, "value", status=400, dataset="x", index="0,0,0", decode=2) == known
    with running(tmp_path / "other", folder) as other:
        assert version(other, "slice", **SLICE) == known


def test_errors_have_it_where_the_file_is_known(app: App, folder: Path) -> None:
    path = write(folder / "a.h5", **CHUNKED, fletcher32=True)
    files.damage(path, "x", (0, 0, 0))
    known = version(app, "datasets")
    assert version(app, "slice", status=422, **SLICE) == known
    assert version(app, "slice", status=400, dataset="x", selection="9,:,:") == known
    assert version(app, "slice", status=400, dataset="x") == known
    assert version(app, "slice", status=400) == known
    assert version(app, "slice", status=404, dataset="y", selection="0,:,:") == known
    assert version(app, "residency", status=400, axis=1, **SLICE) == known
    assert version(app, "slice", status=404, file="data/b.h5", **SLICE) == ""
    assert version(app, "datasets", status=404, file="data/b.h5") == ""
    assert version(app, "datasets", status=404, file="../a.h5") == ""
    (folder / "text.h5").write_text("This is no HDF5 file.")
    assert len(version(app, "datasets", status=422, file="data/text.h5")) == 16


def test_a_replaced_file_has_another(app: App, folder: Path) -> None:
    path = write(folder / "a.h5")
    seen = {version(app, "slice", **SLICE)}
    before = path.stat()
    write(folder / "new", 2).replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    seen.add(version(app, "slice", **SLICE))
    with path.open("r+b") as file:  # rewritten in place, its time set back
        file.seek(-1, os.SEEK_END)
        file.write(b"\0")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    seen.add(version(app, "datasets"))
    assert len(seen) == 3


def test_sources_elsewhere_are_part_of_a_volumes_version(app: App, folder: Path) -> None:
    write(folder / "part.h5")
    with h5py.File(folder / "a.h5", "w") as file:
        layout = h5py.VirtualLayout((4, 20, 30), "u2")
        layout[...] = h5py.VirtualSource("part.h5", "x", (4, 20, 30))
        file.create_virtual_dataset("virtual", layout)
        file["linked"] = h5py.ExternalLink("part.h5", "/x")
        file["own"] = np.zeros((4, 20, 30), "u2")
        (folder / "raw").write_bytes(bytes(4 * 20 * 30))
        file.create_dataset("raw", (4, 20, 30), "u1", external=[("raw", 0, h5py.h5f.UNLIMITED)])

    def versions() -> dict[str, str]:
        names = ("virtual", "linked", "own", "raw")
        return {name: version(app, "slice", dataset=name, selection="0,:,:") for name in names}

    listed, before = version(app, "datasets"), versions()
    assert before == versions()
    write(folder / "part.h5", 2)
    after = versions()
    assert {name for name in before if after[name] != before[name]} == {"virtual", "linked"}
    (folder / "raw").write_bytes(bytes([1]) * (4 * 20 * 30))
    assert {name for name, now in versions().items() if after[name] != now} == {"raw"}
    assert version(app, "datasets") == listed
    assert (
        version(app, "residency", dataset="virtual", selection="0,:,:", axis=0) == after["virtual"]
    )


# Plane n holds n + 1 everywhere.
WRITER = """
import sys, h5py, numpy as np
file = h5py.File(sys.argv[1], "w", libver="latest")
data = file.create_dataset("x", (4, 20, 30), "u2", maxshape=(None, 20, 30), chunks=(2, 8, 8), compression="gzip")
file.swmr_mode = True
for n in range(4, 7):
    data.flush()
    print(n, flush=True)
    sys.stdin.readline()
    data.resize(n + 1, 0)
    data[n] = n + 1
"""


def test_a_growing_file_has_one_version(app: App, folder: Path) -> None:
    path = folder / "a.h5"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        seen, states = set(), set()
        try:
            for n in range(4, 7):
                assert writer.stdout.readline() == f"{n}\n"
                seen |= {version(app, "datasets"), version(app, "slice", **SLICE)}
                seen.add(version(app, "slice", dataset="x", selection=f"{n - 1},:,:"))
                seen.add(version(app, "slice", status=400, dataset="x", selection=f"{n},:,:"))
                seen.add(version(app, "slice", status=404, dataset="y", selection="0,:,:"))
                states.add(path.stat().st_mtime_ns)
                writer.stdin.write("\n")
                writer.stdin.flush()
        finally:
            writer.communicate()
        assert len(states) == 3, "the file did not grow"
        assert len(seen) == 1
        assert version(app, "slice", **SLICE) not in seen
