"""`lamella inspect`: how a file is stored, and what slices of it cost as measured on the file itself."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from dashboard.cli import inspect as module
from dashboard.cli import measure
from dashboard.cli.measure import SliceBenchmark
from dashboard.errors import Changed, SetupError
from dashboard.settings import Settings
from tests import files
from tests.terminal import run

SHAPE = (64, 96, 96)
VALUES = np.arange(np.prod(SHAPE), dtype="u2").reshape(SHAPE)


@pytest.fixture(autouse=True)
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = files.write(
        tmp_path / "v.h5",
        scan=(VALUES, {"chunks": (64, 8, 8), "compression": "gzip"}),
        packed=(VALUES, {"chunks": (8, 32, 32), "scaleoffset": 0}),
        plain=VALUES,
        plane=(VALUES[0], {"chunks": (32, 32)}),
    )
    with h5py.File(made, "a", locking=False) as file:
        file["words"] = "no volume"
    return made


def found(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """What `--json` prints: datasets by name, and all of it under an empty name."""
    status, out, _ = run(capsys, "inspect", str(path), *more, "--json")
    assert status == 0
    report = json.loads(out)
    return {"": report} | {record["dataset"]: record for record in report["datasets"]}


def test_what_is_stored_and_what_it_costs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = found(path, capsys)
    assert report[""]["file"] == "v.h5"
    assert "Measured just now" in report[""]["note"]
    scan = report["/scan"]
    assert (scan["shape"], scan["chunks"], scan["filters"]) == ([*SHAPE], [64, 8, 8], ["gzip"])
    assert scan["browsable"] is True
    first, second, _ = scan["axes"]
    assert (first["axis"], first["chunks"], first["decoded_bytes"]) == (0, 144, VALUES.nbytes)
    assert (first["amplification"], second["amplification"]) == (64.0, 8.0)
    columns = scan["columns"]
    assert [one["axis"] for one in columns] == [0, 1, 2]
    assert (
        columns[0]["chunks"] * columns[1]["chunks"] * columns[2]["chunks"] == 144 * SHAPE[0] // 64
    )
    assert columns[1]["decoded_bytes"] == columns[1]["chunks"] * 64 * 8 * 8 * VALUES.itemsize
    assert all(one["slices_bytes"] >= VALUES.nbytes for one in columns)
    assert scan["advice"].endswith(".")
    words = report["/words"]
    assert words["browsable"] is False
    assert "string" in words["reason"]


@pytest.mark.parametrize(
    ("dataset", "read_by", "axes"),
    [
        ("scan", "lamella", 3),
        ("packed", "hdf5", 3),
        ("plain", "lamella", 3),
        ("plane", "lamella", 1),
    ],
)
def test_every_kind_of_data_is_measured_cold_and_warm(
    path: Path, dataset: str, read_by: str, axes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report = found(path, capsys, dataset)
    assert list(report) == ["", f"/{dataset}"]
    record = report[f"/{dataset}"]
    assert record["read_by"] == read_by
    assert record["not_measured"] is None
    assert len(record["axes"]) == axes
    assert len(record["columns"]) == len(record["shape"])
    assert all(one["expected_cold_ms"] >= 0 for one in record["columns"])
    for axis in record["axes"]:
        assert axis["expected_cold_ms"] > 0
        assert axis["expected_warm_ms"] > 0
        assert axis["expected_warm_raw_ms"] > 0
        assert axis["sample_bytes"] > 0
        assert axis["sample_bytes_per_s"] > 0


def test_sources_in_other_files_are_found_below_the_roots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files.write(tmp_path / "part.h5", x=np.arange(24.0).reshape(4, 6))
    layout = h5py.VirtualLayout((4, 6), "f8")
    layout[:] = h5py.VirtualSource("part.h5", "x", (4, 6))
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file.create_virtual_dataset("v", layout)
    _, out, _ = run(capsys, "inspect", "--json", str(tmp_path / "all.h5"))
    assert json.loads(out)["datasets"][0]["reason"] == (
        "One of its virtual sources lies outside the data roots."
        " Name its folder with --root, or in LAMELLA_DATA."
    )
    _, out, _ = run(capsys, "inspect", "--json", "--root", str(tmp_path), str(tmp_path / "all.h5"))
    record = json.loads(out)["datasets"][0]
    assert record["browsable"]
    assert record["axes"]


def test_in_tables(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "inspect", str(path))
    assert status == 0
    for text in ("/scan", "64×96×96", "64.0×", "across axis 2", "Values of type string", "warm"):
        assert text in out
    assert "Measured just now" in out


def test_nothing_is_left_in_the_cache_directory(
    path: Path, cache_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found(path, capsys, "scan")
    assert list(cache_dir.iterdir()) == []


def test_without_a_cache_directory_it_is_measured_elsewhere(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_: Path) -> Path:
        raise SetupError("not there")

    monkeypatch.setattr(module, "ensure_private_directory", refused)
    assert found(path, capsys, "scan")["/scan"]["not_measured"] is None


def test_the_last_of_many_datasets_are_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "FILE_S", -1.0)
    scan = found(path, capsys)["/scan"]
    assert scan["axes"][0]["chunks"] == 144
    assert scan["axes"][0]["expected_cold_ms"] is None
    assert "lamella inspect" in scan["not_measured"]


def test_axes_that_there_is_no_time_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = itertools.chain([0.0, 0.0, 0.0, 0.0, 2.9], itertools.repeat(3.1))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(times)))
    scan = found(path, capsys, "scan")["/scan"]
    # Before the axes; at the first; at the second, for no more than one sample; at the third, too late.
    assert [axis["expected_warm_ms"] is None for axis in scan["axes"]] == [False, False, True]
    assert "not all axes" in scan["not_measured"]


def test_damaged_chunks_do_not_keep_a_dataset_from_being_measured(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for corner in files.chunks_of(path, "scan"):
        files.damage(path, "scan", corner)
    assert found(path, capsys, "scan")["/scan"]["not_measured"] is None


def test_what_cannot_be_measured_says_why(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def changed(*_: Any) -> None:
        raise Changed("It changed.")

    for step in ("prepare", "axis"):
        with monkeypatch.context() as patch:
            patch.setattr(SliceBenchmark, step, changed)
            report = found(path, capsys, "scan")["/scan"]["not_measured"]
        assert report == "It could not be measured: It changed."


@pytest.mark.parametrize(
    ("how", "before"),
    [
        ({"compression": "gzip"}, "h5repack -l "),
        ({"scaleoffset": 0}, "h5repack -l "),
        ({"compression": "lzf"}, None),
        (dict(hdf5plugin.Zstd()), "env HDF5_PLUGIN_PATH="),
        (dict(hdf5plugin.SZ3(absolute=0.5)), "env HDF5_PLUGIN_PATH="),
    ],
    ids=["gzip", "scaleoffset", "lzf", "zstd", "sz3"],
)
def test_better_chunks_and_the_command_that_makes_them(
    tmp_path: Path, how: dict[str, Any], before: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "thick.h5"
    with h5py.File(place, "w", locking=False) as file:
        file.create_dataset("x", (512, 128, 128), "f4", chunks=(512, 8, 8), **how)
    report = found(place, capsys)["/x"]
    assert report["better_chunks"] == [16, 32, 32]
    if before is None:
        assert report["command"] is None
        assert "h5repack would leave out" in report["advice"]
        return
    assert report["command"].startswith(before)
    words = shlex.split(report["command"])
    assert words[words.index("-l") + 1] == "/x:CHUNK=16x32x32"
    assert words[-2:] == [str(place), str(tmp_path / "thick-repacked.h5")]
    if words[0] == "env":
        assert list(Path(words[1].removeprefix("HDF5_PLUGIN_PATH=")).glob("*.so"))


def test_a_plug_in_of_another_dataset_counts_for_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "two.h5"
    with h5py.File(place, "w", locking=False) as file:
        file.create_dataset("x", (512, 128, 128), "f4", chunks=(512, 8, 8), compression="gzip")
        file.create_dataset("y", (8, 8), "f4", chunks=(8, 8), **hdf5plugin.Zstd())
    assert found(place, capsys, "x")["/x"]["command"].startswith("env HDF5_PLUGIN_PATH=")


def test_refusals(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 100)
    for arguments, reason in (
        ([str(tmp_path / "none.h5")], "does not exist"),
        ([str(tmp_path)], "is a folder"),
        ([str(tmp_path / "cut.h5")], ""),
        ([str(path), "nothing"], "no dataset 'nothing'"),
    ):
        status, out, err = run(capsys, "inspect", *arguments)
        assert (status, out) == (2, "")
        assert err.startswith("lamella: ")
        assert err.count("\n") == 1
        assert reason in err


@pytest.fixture
def ticking(path: Path, tmp_path: Path, make_settings: Callable[..., Settings]) -> Any:
    """Measures with a clock on which whatever is measured takes a second."""
    with module.isolated_services(str(path), make_settings()) as (services, file, _):
        seconds = itertools.count()
        yield services.metadata, file, SliceBenchmark(services, clock=lambda: float(next(seconds)))


def test_a_sample_is_scaled_to_the_slice(ticking: Any) -> None:
    library, file, measuring = ticking
    volume = library.volume(file, "scan")
    # Two of twelve rows of chunks are what a first sample holds, and it takes long enough.
    cost = measuring.axis(volume, 0, 0.0)
    assert cost.sample_bytes == 2 * 12 * volume.grid.chunk_bytes
    assert cost.bytes_per_s == cost.sample_bytes
    assert (cost.cold, cost.warm, cost.warm_raw) == (6.0 + 1.0, 1.0, 1.0)


def test_large_planes_are_measured_in_part(ticking: Any) -> None:
    library, file, measuring = ticking
    measuring.most_cells = 96 * 24
    for dataset in ("scan", "plain"):
        cost = measuring.axis(library.volume(file, dataset), 0, 0.0)
        assert (cost.warm, cost.warm_raw) == (4.0, 4.0)


def test_samples_grow_while_they_are_quick(
    path: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    with module.isolated_services(str(path), make_settings()) as (services, file, _):
        measuring = SliceBenchmark(services, clock=lambda: 0.0)
        monkeypatch.setattr(measuring, "time_decoding", lambda volume, box: (1e-3, VALUES[0]))
        volume = services.metadata.volume(file, "scan")
        assert measuring.axis(volume, 0, 1.0).sample_bytes == VALUES.nbytes
        monkeypatch.setattr(measure, "ENOUGH_S", 0.0)
        assert measuring.axis(volume, 0, 1.0).sample_bytes < VALUES.nbytes


def test_where_no_brick_can_be_kept_nothing_is_warm(
    path: Path, make_settings: Callable[..., Settings]
) -> None:
    with module.isolated_services(str(path), make_settings(brick_cache_bytes=0)) as (
        services,
        file,
        _,
    ):
        cost = SliceBenchmark(services).axis(services.metadata.volume(file, "scan"), 0, 0.0)
        assert cost.cold > 0
        assert (cost.warm, cost.warm_raw) == (None, None)
