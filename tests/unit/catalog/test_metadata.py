"""Descriptions of files and datasets, with a reason for each that cannot be shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.selection import parse
from tests import files
from tests.parts import Parts, make_children

KEYS = set(
    "dataset shape dtype element chunks slab filters stored_bytes browsable reason view growable".split()
)


def test_datasets_in_the_contract_s_shape(here: Parts, data: Path) -> None:
    values = files.made_up("<u2", (9, 20, 31))
    how = {"chunks": (4, 7, 8), "compression": "gzip", "shuffle": True, "fletcher32": True}
    path = files.write(data / "a.h5", scan__raw=(values, how), flat=values.astype(">f4"))
    listed = here.library.datasets("data/a.h5")
    assert all(set(record) == KEYS for record in listed)
    with h5py.File(path) as file:
        stored = file["scan/raw"].id.get_storage_size()
    assert listed == [
        {
            "dataset": "/flat",
            "shape": [9, 20, 31],
            "dtype": "float32",
            "element": None,
            "chunks": None,
            "slab": [9, 20, 31],
            "filters": [],
            "stored_bytes": values.size * 4,
            "browsable": True,
            "reason": "",
            "view": "slices",
            "growable": False,
        },
        {
            "dataset": "/scan/raw",
            "shape": [9, 20, 31],
            "dtype": "uint16",
            "element": None,
            "chunks": [4, 7, 8],
            "slab": [4, 7, 8],
            "filters": ["shuffle", "gzip", "fletcher32"],
            "stored_bytes": stored,
            "browsable": True,
            "reason": "",
            "view": "slices",
            "growable": False,
        },
    ]
    json.dumps(listed, allow_nan=False)


def test_what_cannot_be_shown_is_listed_with_the_reason(here: Parts, data: Path) -> None:
    files.write_unshowable(data / "a.h5")
    listed = {record["dataset"]: record for record in here.library.datasets("data/a.h5")}
    assert set(listed) == {"/good"} | {f"/{name}" for name in files.UNSHOWABLE}
    assert listed["/good"]["browsable"]
    for name, word in files.UNSHOWABLE.items():
        record = listed[f"/{name}"]
        assert not record["browsable"], name
        assert record["slab"] is None
        assert word in record["reason"], record
        assert record["reason"].endswith("."), record
        with pytest.raises(errors.CannotShow) as caught:
            here.library.volume("data/a.h5", name)
        assert record["reason"] in caught.value.message


def test_a_missing_filter_is_named_with_what_to_install(here: Parts, data: Path) -> None:
    files.write_unshowable(data / "a.h5")
    with pytest.raises(errors.CannotShow) as caught:
        here.library.volume("data/a.h5", "filter-missing")
    for word in ("32099", "hdf5plugin", "h5repack"):
        assert word in caught.value.message


def test_unusual_types_can_be_shown(here: Parts, data: Path) -> None:
    for name, values in files.write_types(data / "a.h5").items():
        volume = here.library.volume("data/a.h5", name)
        assert volume.shape == values.shape
        answer = here.frame("data/a.h5", name, ",".join([":", ":"] + ["0"] * (values.ndim - 2)))
        plane = values[(slice(None), slice(None), *[0] * (values.ndim - 2))]
        assert answer.frame.body == files.shown(plane).tobytes(), name


def test_an_enum_has_its_names(here: Parts, data: Path) -> None:
    files.write_types(data / "a.h5")
    assert here.library.volume("data/a.h5", "enum").enum == {"dark": 0, "rock": 1, "pore": 2}
    assert here.library.volume("data/a.h5", "bool").enum is None


def test_a_fill_value_that_was_set_is_distinguished_from_the_default(
    here: Parts, data: Path
) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        for name, fill in (("set", -7), ("zero", 0), ("default", None)):
            file.create_dataset(name, (4, 5), ">i2", chunks=(2, 5), fillvalue=fill)
    fills = {
        name: (volume.fill_is_user_defined, int(volume.fill))
        for name in ("set", "zero", "default")
        for volume in [here.library.volume("data/a.h5", name)]
    }
    assert fills == {"set": (True, -7), "zero": (True, 0), "default": (False, 0)}


@pytest.mark.parametrize(
    ("name", "canonical"), [("x", "/x"), ("/x", "/x"), ("//g/./y/", "/g/y"), ("g//y", "/g/y")]
)
def test_one_dataset_has_one_name(here: Parts, data: Path, name: str, canonical: str) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 2)), g__y=np.zeros((2, 2)))
    assert here.library.volume("data/a.h5", name).address.dataset == canonical


@pytest.mark.parametrize("name", ["", "\0", "x\0y", "x" * 3000], ids=ascii)
def test_what_cannot_be_a_dataset_s_name(here: Parts, data: Path, name: str) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 2)))
    with pytest.raises(errors.BadRequest):
        here.library.volume("data/a.h5", name)


@pytest.mark.parametrize(
    "name", ["/y", "/x/y", "/", "/g", "/g/z", "/../x", "..", "é", "<img onerror>", "x" * 1000]
)
def test_what_is_not_there(here: Parts, data: Path, name: str) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 2)), g__y=np.zeros((2, 2)))
    with pytest.raises(errors.NotFound):
        here.library.volume("data/a.h5", name)


def test_names_of_any_script_and_none(here: Parts, data: Path) -> None:
    with h5py.File(data / "ü 名.h5", "w") as file:
        file["κ/ß 1"] = np.zeros((2, 3))
        file[b"bad\xff"] = np.zeros((2, 3))
    listed = {r["dataset"]: r["browsable"] for r in here.library.datasets("data/ü 名.h5")}
    assert listed == {"/bad�": False, "/κ/ß 1": True}
    assert here.library.volume("data/ü 名.h5", "/κ/ß 1").shape == (2, 3)


def test_a_user_block_shifts_everything(here: Parts, data: Path) -> None:
    values = files.made_up("<u2", (12, 15))
    with h5py.File(data / "a.h5", "w", userblock_size=2048) as file:
        file["flat"] = values
        file.create_dataset("cut", data=values, chunks=(5, 4), compression="gzip")
    for name in ("flat", "cut"):
        answer = here.frame("data/a.h5", name, ":,:")
        assert answer.frame.body == values.tobytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not an HDF5 file"),
        (b"no such thing", "is not an HDF5 file"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x89HDF\r\n\x1a\n" + bytes(2000), "HDF5"),
        (b"\x89HDF\r\n\x1a\n" + b"\xff" * 2000, "HDF5"),
        (b"CDF\x01" + bytes(2000), "is not an HDF5 file"),
    ],
    ids=["empty", "text", "signature", "zeros", "ones", "netCDF 3"],
)
def test_what_is_no_hdf5(here: Parts, data: Path, content: bytes, words: str) -> None:
    (data / "a.h5").write_bytes(content)
    for _ in range(2):
        with pytest.raises(errors.CannotShow) as caught:
            here.library.datasets("data/a.h5")
        assert words in caught.value.message
        assert str(data) not in caught.value.message
        assert caught.value.message.count(".") == 1


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_says_so_or_is_right(here: Parts, data: Path, share: float) -> None:
    values = files.made_up("<u2", (9, 20, 31))
    path = files.write(data / "a.h5", x=(values, {"chunks": (4, 7, 8), "compression": "gzip"}))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(errors.CannotShow, match="truncated"):
        here.library.datasets("data/a.h5")
    with pytest.raises(errors.CannotShow, match="truncated"):
        here.library.volume("data/a.h5", "x")


def test_chunks_that_are_too_large_are_refused_at_once(
    make_parts: Callable[..., Parts], data: Path
) -> None:
    here = make_parts(max_chunk_bytes=2**20)
    files.declare(
        data / "a.h5",
        {
            "large": ((2**12, 2**12), "u1", (2**11, 2**10)),
            "just": ((2**12, 2**12), "u1", (2**10, 2**10)),
        },
    )
    listed = {r["dataset"]: r for r in here.library.datasets("data/a.h5")}
    assert listed["/just"]["browsable"]
    assert not listed["/large"]["browsable"]
    assert "limit is 1 MiB (LAMELLA_MAX_CHUNK_BYTES)" in listed["/large"]["reason"]
    with pytest.raises(errors.TooLarge, match="LAMELLA_MAX_CHUNK_BYTES"):
        here.library.volume("data/a.h5", "large")


def test_small_files_that_declare_huge_volumes(here: Parts, data: Path) -> None:
    path = files.declare(
        data / "a.h5",
        {
            "wide": ((10**3, 10**7, 10**7), "u1", (1, 1000, 1000)),
            "grains": ((2, 2**18, 2**18), "u1", (1, 1, 1)),
            "beyond": ((2**40, 2**40, 2**40), "f8", (1, 2, 2)),
            "flat": ((2**10, 2**20, 2**20), "f8", None),
        },
    )
    assert path.stat().st_size < 20_000
    assert {r["dataset"]: r["browsable"] for r in here.library.datasets("data/a.h5")} == {
        "/beyond": False,
        "/flat": True,
        "/grains": True,
        "/wide": True,
    }
    with pytest.raises(errors.TooLarge, match="more than can be numbered"):
        here.library.volume("data/a.h5", "beyond")
    for name in ("wide", "grains", "flat"):
        volume = here.library.volume("data/a.h5", name)
        for text in ("0,:,:", "0,::10000,::10000"):
            with pytest.raises(errors.TooLarge):
                volume.bricks(parse(text, volume.shape))
        assert len(volume.bricks(parse("1,0:3,5:9", volume.shape))) == 1


def test_files_of_other_libraries(here: Parts, data: Path) -> None:
    netCDF4 = import_module("netCDF4")  # noqa: N806  # its own name
    tables = import_module("tables")
    values = files.made_up("<i2", (4, 15, 11))
    with netCDF4.Dataset(data / "grid.nc", "w") as file:
        for name, length in zip("tyx", values.shape, strict=True):
            file.createDimension(name, length if name != "t" else None)
        temperature = file.createVariable(
            "t2m", "i2", ("t", "y", "x"), zlib=True, fletcher32=True, fill_value=-999
        )
        temperature.set_auto_mask(False)
        temperature[:] = values
    with tables.open_file(str(data / "table.h5"), "w") as file:
        file.create_carray("/images", "scan", obj=values, createparents=True)
        masks = values % 2 == 0
        file.create_carray("/images", "mask", obj=masks)
        file.create_table("/", "log", {"a": tables.Int32Col()})
    (found,) = [r for r in here.library.datasets("data/grid.nc") if r["dataset"] == "/t2m"]
    assert found["browsable"]
    answer = here.frame("data/grid.nc", "/t2m", "2,:,:")
    assert answer.frame.body == values[2].tobytes()
    assert here.library.volume("data/grid.nc", "/t2m").fill == -999
    for name, expected in (("scan", values), ("mask", masks.astype("u1"))):
        answer = here.frame("data/table.h5", f"/images/{name}", ":,3,:")
        assert answer.frame.body == expected[:, 3].tobytes(), name
    listed = {r["dataset"]: r["browsable"] for r in here.library.datasets("data/table.h5")}
    assert listed == {"/images/mask": True, "/images/scan": True, "/log": False}


def test_a_nexus_file(here: Parts, data: Path) -> None:
    values = files.made_up("<u4", (5, 12, 13))
    raw = files.write(
        data / "raw" / "frames.h5", entry__data__data=(values, {"chunks": (1, 12, 13)})
    )
    assert raw.exists()
    with h5py.File(data / "scan.nxs", "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["instrument/detector/data"] = h5py.ExternalLink("raw/frames.h5", "/entry/data/data")
        entry["plot"] = h5py.SoftLink("/entry/instrument/detector")
    for name in ("/entry/instrument/detector/data", "/entry/plot/data"):
        answer = here.frame("data/scan.nxs", name, "3,:,:")
        assert answer.frame.body == values[3].tobytes()


def test_a_root_whose_name_is_no_text_is_served(
    make_parts: Callable[..., Parts], tmp_path: Path
) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/scans\xff"))
    root.mkdir()
    values = files.made_up("<u2", (4, 6))
    files.write(
        root / "a.h5",
        x=(values, {"chunks": (2, 3)}),
        packed=(values, {"chunks": (2, 3), **files.CHUNKED["blosc2"]}),
    )
    with h5py.File(root / "link.h5", "w") as file:
        file["x"] = h5py.ExternalLink("a.h5", "/x")
    children = make_children([root], tmp_path / "none")
    here = make_parts(roots={"data": root}, children=children)
    for file, name in (("a", "x"), ("a", "packed"), ("link", "x")):
        assert here.frame(f"data/{file}.h5", name, ":,:").frame.body == values.tobytes()
    children.close()
