"""Client data that no HDF5 library writes is refused with a message, over HTTP and in the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from tests import files
from tests.terminal import run
from tests.web import App, running

VALUES = (np.arange(4 * 64 * 64) % 997).astype("u2").reshape(4, 64, 64)

# What a dataset is stored with, the filter that lies, its parameters by index, a word of the reason.
LIES: dict[str, tuple[dict[str, Any], int, dict[int, int], str]] = {
    "shuffle-4GiB": ({"shuffle": True}, 2, {0: 2**32 - 1}, "4294967295 bytes"),
    "shuffle-lzf": ({"shuffle": True, "compression": "lzf"}, 2, {0: 2**32 - 1}, "shuffle"),
    "shuffle-chunk": ({"shuffle": True}, 2, {0: 4096}, "4096 bytes"),
    "shuffle-none": ({"shuffle": True, "compression": "gzip"}, 2, {0: 0}, "0 bytes"),
    "szip-options": ({"compression": "szip"}, 4, {0: 2**32 - 87}, "options 4294967209"),
    "szip-no-lines": ({"compression": "szip"}, 4, {3: 0}, "lines of 0 pixels"),
    "scaleoffset": ({"scaleoffset": 0}, 6, {2: 2**31}, "2147483648 elements"),
    "bitshuffle": (dict(hdf5plugin.Bitshuffle()), 32008, {2: 0}, "elements of 0 bytes"),
    "lzf": ({"compression": "lzf"}, 32000, {2: 2**32 - 1}, "4294967295 bytes"),
    "blosc": (dict(hdf5plugin.Blosc()), 32001, {3: 2**32 - 1}, "4294967295 bytes"),
    "blosc2": (dict(hdf5plugin.Blosc2()), 32026, {3: 1}, "chunks of 1 bytes"),
    "gzip": ({"compression": "gzip"}, 1, {0: 99}, "level 99"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for each lie, one that is sound, and one that takes its values from a lie."""
    made = tmp_path_factory.mktemp("lies") / "data"
    for name, (how, number, change, _) in LIES.items():
        path = files.write(made / f"{name}.h5", x=(VALUES, {"chunks": (1, 64, 64), **how}))
        files.change_client_data(path, "x", number, change)
    files.write(made / "good.h5", x=(VALUES, {"chunks": (1, 64, 64), "shuffle": True}))
    layout = h5py.VirtualLayout(VALUES.shape, VALUES.dtype)
    layout[...] = h5py.VirtualSource("szip-no-lines.h5", "x", VALUES.shape)
    with h5py.File(made / "virtual.h5", "w", locking=False) as file:
        file.create_virtual_dataset("x", layout)
    return made


@pytest.fixture(scope="module")
def app(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("home"), folder) as made:
        yield made


@pytest.mark.parametrize("name", [*LIES, "virtual"])
def test_it_is_listed_with_the_reason_and_not_shown(app: App, name: str) -> None:
    word = "szip-no-lines" if name == "virtual" else LIES[name][3]
    (listed,) = app.get("/api/v1/datasets", file=f"data/{name}.h5").get_json()["datasets"]
    assert not listed["browsable"]
    assert word in listed["reason"]
    for _ in range(2):
        answer = app.slice(f"data/{name}.h5", "/x", "1,:,:")
        assert answer.status_code == 422
        error = answer.get_json()["error"]
        assert error["code"] == "cannot_show"
        assert word in error["message"]
    # Nobody is busy with it.
    assert (app.values("data/good.h5", "/x", "2,:,:") == VALUES[2]).all()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["shuffle-4GiB", "szip-options", "scaleoffset"])
def test_inspect_has_a_row_that_says_why(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(capsys, "inspect", str(folder / f"{name}.h5"), "--json")
    (record,) = json.loads(out)["datasets"]
    assert status == 0
    assert not record["browsable"]
    assert LIES[name][3] in record["reason"]
    status, out, _ = run(capsys, "inspect", str(folder / f"{name}.h5"))
    assert status == 0
    assert LIES[name][3] in out


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["shuffle-4GiB", "szip-options", "scaleoffset"])
@pytest.mark.parametrize("more", [[], ["--dataset", "/x"]])
def test_warm_says_why(
    folder: Path, name: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "warm", str(folder / f"{name}.h5"), *more)
    assert status == 2
    assert LIES[name][3] in err
    assert "Traceback" not in out + err
