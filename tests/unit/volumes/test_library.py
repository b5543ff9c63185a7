"""What files and datasets are: described once per state, with a reason for what cannot be shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.volumes.children import Children
from dashboard.volumes.selection import parse
from tests import files
from tests.parts import Parts, make_children

KEYS = {"dataset", "shape", "dtype", "chunks", "filters", "stored_bytes", "browsable", "reason"}


def asked(here: Parts, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on, what the children are asked."""
    seen: list[str] = []
    ask = here.library.children.ask

    def noted(op: str, *arguments: Any, **more: Any) -> Any:
        seen.append(op)
        return ask(op, *arguments, **more)

    monkeypatch.setattr(here.library.children, "ask", noted)
    return seen


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
            "chunks": None,
            "filters": [],
            "stored_bytes": values.size * 4,
            "browsable": True,
            "reason": "",
        },
        {
            "dataset": "/scan/raw",
            "shape": [9, 20, 31],
            "dtype": "uint16",
            "chunks": [4, 7, 8],
            "filters": ["shuffle", "gzip", "fletcher32"],
            "stored_bytes": stored,
            "browsable": True,
            "reason": "",
        },
    ]
    assert here.library.groups("data/a.h5") == ["/scan"]
    json.dumps(listed, allow_nan=False)


def test_what_cannot_be_shown_is_listed_with_the_reason(here: Parts, data: Path) -> None:
    files.write_unshowable(data / "a.h5")
    listed = {record["dataset"]: record for record in here.library.datasets("data/a.h5")}
    assert set(listed) == {"/good"} | {f"/{name}" for name in files.UNSHOWABLE}
    assert listed["/good"]["browsable"]
    for name, word in files.UNSHOWABLE.items():
        record = listed[f"/{name}"]
        assert not record["browsable"], name
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


def test_a_fill_value_that_somebody_set_is_told_from_the_default(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        for name, fill in (("set", -7), ("zero", 0), ("default", None)):
            file.create_dataset(name, (4, 5), ">i2", chunks=(2, 5), fillvalue=fill)
    told = {
        name: (volume.fill_set, int(volume.fill))
        for name in ("set", "zero", "default")
        for volume in [here.library.volume("data/a.h5", name)]
    }
    assert told == {"set": (True, -7), "zero": (True, 0), "default": (False, 0)}


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


def test_a_file_that_is_being_written_without_swmr(here: Parts, data: Path) -> None:
    # The mark that a writer leaves in the superblock until it closes the file, here for ever.
    path = data / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["x"] = np.zeros((3, 4))
    content = bytearray(path.read_bytes())
    assert content[8] >= 3, "an older superblock has no such mark"
    content[11] |= 1
    path.write_bytes(content)
    with pytest.raises(errors.LamellaError) as caught:
        here.library.volume("data/a.h5", "x")
    assert caught.value.status in (409, 422)
    assert str(data) not in caught.value.message


def test_a_file_is_described_once_per_state(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(data / "a.h5", x=np.zeros((2, 3)), y=np.zeros(3))
    seen = asked(here, monkeypatch)
    for _ in range(3):
        here.library.datasets("data/a.h5")
        here.library.volume("data/a.h5", "x")
        with pytest.raises(errors.CannotShow):
            here.library.volume("data/a.h5", "y")
    assert sorted(seen) == ["describe", "describe", "list"]
    files.write(path, x=np.zeros((4, 5)))
    assert here.library.volume("data/a.h5", "x").shape == (4, 5)
    assert len(here.library.datasets("data/a.h5")) == 1
    assert seen[3:] == ["describe", "list"]


def test_another_process_knows_it_too(
    here: Parts, make_parts: Callable[..., Parts], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = files.made_up("<u2", (9, 20, 31))
    files.write(data / "a.h5", x=(values, {"chunks": (4, 7, 8), "compression": "gzip"}))
    here.library.datasets("data/a.h5")
    here.library.index(here.library.volume("data/a.h5", "x"))
    other = make_parts()
    seen = asked(other, monkeypatch)
    volume = other.library.volume("data/a.h5", "x")
    other.library.datasets("data/a.h5")
    found = other.library.index(volume)
    assert seen == []
    assert found.numbers.tolist() == list(range(3 * 3 * 4))


def test_a_planted_fact_is_made_anew(
    here: Parts, make_parts: Callable[..., Parts], data: Path
) -> None:
    values = files.made_up("<u2", (9, 20))
    files.write(data / "a.h5", x=(values, {"chunks": (4, 7)}))
    here.library.index(here.library.volume("data/a.h5", "x"))
    facts = here.library._facts
    for key in list(facts):
        facts.set(key, b"\xff" * 27)
    other = make_parts()
    volume = other.library.volume("data/a.h5", "x")
    assert len(other.library.index(volume).numbers) == 9
    assert other.frame("data/a.h5", "x", ":,:").frame.body == values.tobytes()


def test_an_address_of_an_older_state_is_refused(here: Parts, data: Path) -> None:
    path = files.write(data / "a.h5", x=np.zeros((2, 3)))
    volume = here.library.volume("data/a.h5", "x")
    assert here.library.at(volume.address) == volume
    here.library.verify(volume)
    files.write(path, x=np.ones((2, 3)))
    with pytest.raises(errors.Changed):
        here.library.at(volume.address)
    with pytest.raises(errors.Changed):
        here.library.verify(volume)
    path.unlink()
    with pytest.raises(errors.NotFound):
        here.library.at(volume.address)
    with pytest.raises(errors.NotFound):
        here.library.verify(volume)


def test_a_file_that_changes_while_its_chunks_are_listed(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(data / "a.h5", x=(np.zeros((4, 6)), {"chunks": (2, 2)}))
    volume = here.library.volume("data/a.h5", "x")
    ask = here.library.children.ask

    def meddling(op: str, *arguments: Any, **more: Any) -> Any:
        found = ask(op, *arguments, **more)
        os.utime(path)
        return found

    monkeypatch.setattr(here.library.children, "ask", meddling)
    with pytest.raises(errors.Changed):
        here.library.index(volume)
    monkeypatch.undo()
    assert len(here.library.index(here.library.volume("data/a.h5", "x")).numbers) == 6


def test_what_was_not_there_may_come(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file["x"] = h5py.ExternalLink("b.h5", "/x")
    for _ in range(2):
        with pytest.raises(errors.CannotShow, match=r"'b\.h5' is missing"):
            here.library.volume("data/a.h5", "x")
    files.write(data / "b.h5", y=np.zeros((2, 3)))
    with pytest.raises(errors.NotFound):
        here.library.volume("data/a.h5", "x")
    files.write(data / "b.h5", x=np.zeros((2, 3)))
    assert here.library.volume("data/a.h5", "x").shape == (2, 3)
    files.write(data / "b.h5", x=np.zeros((4, 3)))
    assert here.library.volume("data/a.h5", "x").shape == (4, 3)


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


def test_an_unknown_dataset_does_not_fill_the_cache(here: Parts, data: Path) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 3)))
    before = len(list(here.library._facts))
    for n in range(20):
        with pytest.raises(errors.NotFound):
            here.library.volume("data/a.h5", f"/guess{n}")
    assert len(list(here.library._facts)) == before


def test_attributes_are_plain_values(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        attributes = file.create_dataset("x", data=np.zeros((2, 3))).attrs
        attributes["text"] = "µm"
        attributes["bytes"] = np.bytes_(b"raw\xff")
        attributes["long"] = "x" * 5000
        attributes["numbers"] = [1.5, np.nan, np.inf]
        attributes["integer"] = np.int64(-3)
        attributes["flag"] = True
        attributes["complex"] = 1 + 2j
        attributes["many"] = np.arange(5000)
        attributes["nothing"] = h5py.Empty("f4")
        attributes["pair"] = np.array((1, 2.5), "i4,f4")
        attributes["reference"] = file["x"].ref
    shown = here.library.attributes("data/a.h5", "x")
    json.dumps(shown, allow_nan=False)
    assert {k: shown[k] for k in ("text", "integer", "flag", "nothing", "numbers")} == {
        "text": "µm",
        "integer": -3,
        "flag": True,
        "nothing": None,
        "numbers": [1.5, "nan", "inf"],
    }
    assert shown["long"].endswith("…")
    assert len(shown["long"]) < 5000
    assert "5000 values" in shown["many"]
    assert here.library.attributes("data/a.h5", "/") == {}


def test_files_of_other_libraries(here: Parts, data: Path) -> None:
    netCDF4 = pytest.importorskip("netCDF4")  # noqa: N806  # its own name
    tables = pytest.importorskip("tables")
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


@pytest.fixture
def strict(tmp_path: Path, data: Path) -> Any:
    """A child that may follow links only below `data`."""
    pool: Children = make_children([data], tmp_path / "nothing")
    yield pool
    pool.close()


def outside(tmp_path: Path) -> Path:
    """A file that nobody may see."""
    path = tmp_path / "secret" / "secret.h5"
    files.write(path, x=np.full((4, 5), 42, "u2"), g__x=np.full((4, 5), 42, "u2"))
    (path.parent / "raw.bin").write_bytes(np.full((4, 5), 42, "u2").tobytes())
    return path


def write_traps(data: Path, secret: Path) -> list[str]:
    """Files whose values lie in `secret`, by every way there is; returns the datasets' names."""
    up = os.path.relpath(secret, data)
    raw = str(secret.parent / "raw.bin")
    with h5py.File(data / "middle.h5", "w") as file:
        file["out"] = h5py.ExternalLink(str(secret), "/x")
        file["group"] = h5py.ExternalLink(str(secret), "/g")
        file.create_dataset("raw", (4, 5), "u2", external=[(raw, 0, h5py.h5f.UNLIMITED)])
        far = h5py.VirtualLayout((4, 5), "u2")
        far[...] = h5py.VirtualSource(str(secret), "x", (4, 5))
        file.create_virtual_dataset("virtual", far)
    sources = {
        "virtual-absolute": (str(secret), "x"),
        "virtual-up": (up, "x"),
        "virtual-link": ("middle.h5", "out"),
        "virtual-group": ("middle.h5", "group/x"),
        "virtual-virtual": ("middle.h5", "virtual"),
        "virtual-raw": ("middle.h5", "raw"),
        "virtual-own-link": (".", "link-absolute"),
    }
    links = {
        "link-absolute": (str(secret), "/x"),
        "link-up": (up, "/x"),
        "link-dots": (f"./{up}", "/x"),
        "link-link": ("middle.h5", "/out"),
        "link-group": ("middle.h5", "/group/x"),
        "link-symlink": ("inside.h5", "/x"),
        "link-raw": ("middle.h5", "/raw"),
        "link-virtual": ("middle.h5", "/virtual"),
        "link-device": ("/dev/zero", "/x"),
    }
    (data / "inside.h5").symlink_to(secret)
    (data / "inside.bin").symlink_to(secret.parent / "raw.bin")
    with h5py.File(data / "trap.h5", "w") as file:
        for name, (target, inner) in links.items():
            file[name] = h5py.ExternalLink(target, inner)
        for name, (target, inner) in sources.items():
            layout = h5py.VirtualLayout((4, 5), "u2")
            layout[...] = h5py.VirtualSource(target, inner, (4, 5))
            file.create_virtual_dataset(name, layout)
        _write_pattern(file, "virtual-pattern", str(secret).replace("secret.h5", "secre%b.h5"))
        growing = h5py.VirtualLayout((4, 5), "u2", maxshape=(None, 5))
        source = h5py.VirtualSource(str(secret), "x", (4, 5), maxshape=(None, 5))
        growing[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
        file.create_virtual_dataset("virtual-unlimited", growing)
        ends = [(raw, 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("raw-absolute", (4, 5), "u2", external=ends)
        relative = os.path.relpath(raw, data)
        ends = [(relative, 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("raw-up", (4, 5), "u2", external=ends)
        ends = [("inside.bin", 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("raw-symlink", (4, 5), "u2", external=ends)
        file["soft"] = h5py.SoftLink("/link-absolute")
        file["soft-group"] = h5py.SoftLink("/group-link/x")
        file["group-link"] = h5py.ExternalLink(str(secret), "/g")
        names = list(file)
    return [name for name in names if name != "group-link"]


def _write_pattern(file: h5py.File, name: str, source: str) -> None:
    """A virtual dataset whose sources are numbered in their file's name."""
    space = h5py.h5s.create_simple((4, 5), (h5py.h5s.UNLIMITED, 5))
    space.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (4, 5), (4, 5))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_virtual(space, source.encode(), b"x", h5py.h5s.create_simple((4, 5)))
    whole = h5py.h5s.create_simple((4, 5), (h5py.h5s.UNLIMITED, 5))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U16LE, whole, plist)


def test_no_link_leads_outside_the_roots(
    make_parts: Callable[..., Parts], data: Path, tmp_path: Path, strict: Children, opens: Any
) -> None:
    secret = outside(tmp_path)
    names = write_traps(data, secret)
    assert len(names) > 20
    here = make_parts(children=strict)
    watch = opens(secret.parent)
    listed = {r["dataset"]: r for r in here.library.datasets("data/trap.h5")}
    messages = set()
    for name in names:
        assert not listed[f"/{name}"]["browsable"], name
        with pytest.raises(errors.CannotShow) as caught:
            here.library.volume("data/trap.h5", name)
        messages.add(caught.value.message.partition(". ")[2])
        for path in (data, tmp_path, secret.parent):
            assert str(path) not in caught.value.message
            assert str(path) not in listed[f"/{name}"]["reason"]
    for name in ("/group-link/x", "/group-link"):
        with pytest.raises(errors.CannotShow):
            here.library.volume("data/trap.h5", name)
    with pytest.raises(errors.NotFound):
        here.library.volume("data/inside.h5", "x")
    assert watch() == [], "a file outside the roots was opened"
    secret.read_bytes()
    assert watch() == [secret.name], "nothing is noticed at all"


def test_nobody_learns_what_there_is_outside(
    make_parts: Callable[..., Parts], data: Path, tmp_path: Path, strict: Children
) -> None:
    here = make_parts(children=strict)
    messages = []
    for name in ("there.h5", "missing.h5"):
        outside(tmp_path).with_name("there.h5").touch()
        target = tmp_path / "secret" / name
        with h5py.File(data / f"{name}-links.h5", "w") as file:
            file["link"] = h5py.ExternalLink(str(target), "/x")
            layout = h5py.VirtualLayout((4, 5), "u2")
            layout[...] = h5py.VirtualSource(str(target), "x", (4, 5))
            file.create_virtual_dataset("virtual", layout)
            ends = [(str(target), 0, h5py.h5f.UNLIMITED)]
            file.create_dataset("raw", (4, 5), "u2", external=ends)
        messages.append([r["reason"] for r in here.library.datasets(f"data/{name}-links.h5")])
    assert messages[0] == messages[1]


def test_links_inside_the_roots_are_followed(
    make_parts: Callable[..., Parts], data: Path, strict: Children
) -> None:
    values = files.made_up("<u2", (6, 9, 8))
    files.write(data / "below" / "b.h5", x=(values, {"chunks": (2, 3, 4), "compression": "gzip"}))
    (data / "raw.bin").write_bytes(values.tobytes())
    with h5py.File(data / "below" / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink("b.h5", "/x")
        file["soft"] = h5py.SoftLink("/link")
        layout = h5py.VirtualLayout((6, 9, 8), "<u2")
        layout[:3] = h5py.VirtualSource("b.h5", "x", (6, 9, 8))[:3]
        layout[3:] = h5py.VirtualSource(str(data / "below" / "b.h5"), "x", (6, 9, 8))[3:]
        file.create_virtual_dataset("virtual", layout)
        ends = [("../raw.bin", 0, values.nbytes)]
        file.create_dataset("raw", (6, 9, 8), "u2", external=ends)
    here = make_parts(children=strict)
    assert all(r["browsable"] for r in here.library.datasets("data/below/a.h5"))
    for name in ("link", "soft", "virtual", "raw"):
        for text, expected in (("4,:,:", values[4]), (":,2,:", values[:, 2])):
            answer = here.frame("data/below/a.h5", name, text)
            assert answer.frame.body == expected.tobytes(), name


def test_a_virtual_dataset_with_a_missing_source_is_not_read_as_zeros(
    here: Parts, data: Path
) -> None:
    values = files.made_up("<u2", (2, 4, 5))
    with h5py.File(data / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((2, 4, 5), "<u2")
        for n in range(2):
            layout[n] = h5py.VirtualSource(f"{n}.h5", "x", (4, 5))
        file.create_virtual_dataset("x", layout)
    files.write(data / "0.h5", x=values[0])
    with pytest.raises(errors.CannotShow, match=r"virtual source '1\.h5' is missing"):
        here.library.volume("data/v.h5", "x")
    files.write(data / "1.h5", y=values[1])
    with pytest.raises(errors.CannotShow, match="is missing"):
        here.library.volume("data/v.h5", "x")
    files.write(data / "1.h5", x=values[1])
    answer = here.frame("data/v.h5", "x", "1,:,:")
    assert answer.frame.body == values[1].tobytes()
    # The values of a source are values of this dataset: a new state of it is a new volume.
    files.write(data / "1.h5", x=values[1] + 1)
    answer = here.frame("data/v.h5", "x", "1,:,:")
    assert answer.frame.body == (values[1] + 1).tobytes()
    (data / "0.h5").unlink()
    with pytest.raises(errors.CannotShow, match=r"'0\.h5' is missing"):
        here.frame("data/v.h5", "x", "1,:,:")


def test_cycles_end(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file["g/x"] = np.zeros((2, 2))
        file["g/up"] = file["/"]
        file["g/soft"] = h5py.SoftLink("/g")
        file["self"] = h5py.SoftLink("/self")
        file["one"] = h5py.SoftLink("/two")
        file["two"] = h5py.SoftLink("/one")
        file["outer"] = h5py.ExternalLink("a.h5", "/outer")
        file["again"] = h5py.ExternalLink("a.h5", "/g")
    listed = [r["dataset"] for r in here.library.datasets("data/a.h5") if r["browsable"]]
    assert "/g/x" in listed
    assert len(listed) < 5
    for name in ("/self", "/one", "/outer"):
        with pytest.raises(errors.LamellaError) as caught:
            here.library.volume("data/a.h5", name)
        assert caught.value.status in (404, 422)
    deep = "/g/up" * 100 + "/g/x"
    assert here.library.volume("data/a.h5", deep).shape == (2, 2)
