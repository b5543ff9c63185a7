"""Names resolve to files below the roots and nowhere else."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import h5py
import pytest

from dashboard.addressing.addresses import Fingerprint
from dashboard.errors import BadRequest, CannotShow, NotFound, SetupError
from dashboard.files.catalog import (
    MAX_DEPTH,
    MAX_NAME,
    Catalog,
    parse_roots,
)
from dashboard.files.signature import SIGNATURE, FileKinds, has_signature


def h5(path: Path, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    h5py.File(path, "w", **how).close()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with files, beside one outside of the roots."""
    h5(tmp_path / "outside" / "secret.h5")
    root = tmp_path / "scans"
    h5(root / "b.h5")
    h5(root / "a.NXS")
    h5(root / "below" / "c.nc")
    h5(root / ".hidden" / "d.h5")
    h5(root / ".e.h5")
    (root / "notes.txt").write_text("no volume")
    (root / "empty.h5").touch()
    return root


@pytest.fixture
def catalog(folder: Path) -> Catalog:
    return Catalog(parse_roots([str(folder)]))


def test_files_are_listed_by_name(catalog: Catalog, folder: Path) -> None:
    entries = catalog.listed()[0]
    assert [e.file for e in entries] == [
        "scans/a.NXS",
        "scans/b.h5",
        "scans/below/c.nc",
        "scans/empty.h5",
    ]
    stat = (folder / "b.h5").stat()
    assert (entries[1].size, entries[1].modified) == (stat.st_size, stat.st_mtime)


def test_files_of_any_name_are_known_by_their_signature(tmp_path: Path) -> None:
    root = tmp_path / "r"
    names = "session.nwb project.ilp map.hspy scan.nx5 run.mat no_suffix x.h5.part old.nc".split()
    for name in names:
        h5(root / name, userblock_size=512 if name == "run.mat" else 0)
    (root / "old.nc").write_bytes(b"CDF\x01" * 900)
    (root / "picture.edf").write_bytes(b"\0" * 4096)
    (root / "short").write_bytes(SIGNATURE[:4])
    h5(tmp_path / "outside" / "secret.nwb")
    (root / "away.nwb").symlink_to(tmp_path / "outside" / "secret.nwb")
    (root / "again.nwb").symlink_to(root / "session.nwb")
    found = [entry.file for entry in Catalog(parse_roots([str(root)])).listed()[0]]
    assert found == sorted(f"r/{name}" for name in {*names, "again.nwb"} - {"old.nc"})


def test_a_second_listing_opens_no_file(tmp_path: Path, opens: Any) -> None:
    root = tmp_path / "r"
    h5(root / "a.nwb")
    (root / "b.txt").write_text("no HDF5 file, and longer than a signature")
    catalog = Catalog(parse_roots([str(root)]))
    watch = opens(root)
    assert [entry.file for entry in catalog.listed()[0]] == ["r/a.nwb"]
    assert sorted(set(watch()) - {""}) == ["a.nwb", "b.txt"]
    assert [entry.file for entry in catalog.listed()[0]] == ["r/a.nwb"]
    assert set(watch()) <= {""}, "only the folder"
    h5(root / "b.txt")
    assert [entry.file for entry in catalog.listed()[0]] == ["r/a.nwb", "r/b.txt"]


def test_only_names_that_match_are_listed(tmp_path: Path) -> None:
    root = tmp_path / "r"
    for name in ("a.h5", "B.NXS", "c.nwb"):
        h5(root / name)
    kinds = FileKinds(["*.nxs", "c.*"])
    found = Catalog(parse_roots([str(root)]), kinds=kinds).listed()[0]
    assert [entry.file for entry in found] == ["r/B.NXS", "r/c.nwb"]


def test_a_listing_that_took_too_long_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "r"
    h5(root / "a.h5")
    h5(root / "b.nwb")
    monkeypatch.setattr("dashboard.files.catalog.PROBE_S", -1.0)
    entries, complete = Catalog(parse_roots([str(root)])).listed()
    assert [entry.file for entry in entries] == ["r/a.h5"]
    assert not complete


def test_every_listed_file_can_be_opened(catalog: Catalog) -> None:
    for entry in catalog.listed()[0]:
        path, fingerprint = catalog.fingerprint(entry.file)
        with catalog.source(entry.file) as source:
            assert source.fingerprint == fingerprint == Fingerprint.of(path.stat())


def test_a_root_that_is_a_file_is_one_file(folder: Path) -> None:
    catalog = Catalog(parse_roots([str(folder / "b.h5"), f"other={folder / 'below'}"]))
    assert [e.file for e in catalog.listed()[0]] == ["b.h5", "other/c.nc"]
    assert catalog.fingerprint("b.h5")[0] == folder / "b.h5"
    with pytest.raises(NotFound):
        catalog.fingerprint("b.h5/c.nc")


@pytest.mark.parametrize(
    "name",
    [
        "scans",
        "scans/",
        "scans/missing.h5",
        "scans/below",
        "scans/../outside/secret.h5",
        "scans/below/../../outside/secret.h5",
        "scans/below/../b.h5",
        "../outside/secret.h5",
        "/etc/passwd",
        "scans//etc/passwd",
        "scans/..",
        "outside/secret.h5",
        "SCANS/b.h5",
        "scans/b.h5/x",
        "scans\\b.h5",
        "scans/%2e%2e/outside/secret.h5",
        ".",
        "..",
        "/",
        "~",
        "scans/" + "x" * 500,
    ],
)
def test_names_of_nothing_that_is_served(catalog: Catalog, name: str) -> None:
    with pytest.raises(NotFound) as caught:
        catalog.fingerprint(name)
    assert caught.value.message == f"There is no file {name!r}."
    with pytest.raises(NotFound):
        catalog.fingerprint(name)
    with pytest.raises(NotFound):
        catalog.source(name)


@pytest.mark.parametrize("name", ["", "scans/\0", "\0", "s" * (MAX_NAME + 1)], ids=ascii)
def test_what_cannot_be_a_name(catalog: Catalog, name: str) -> None:
    with pytest.raises(BadRequest):
        catalog.fingerprint(name)


def test_a_link_to_the_outside_is_not_there(catalog: Catalog, folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder / "link.h5").symlink_to(outside / "secret.h5")
    (folder / "links").symlink_to(outside)
    (folder / "up.h5").symlink_to("../outside/secret.h5")
    (folder / "loop.h5").symlink_to("loop.h5")
    (folder / "broken.h5").symlink_to("nothing.h5")
    names = [e.file for e in catalog.listed()[0]]
    for name in ("link.h5", "links/secret.h5", "up.h5", "loop.h5", "broken.h5"):
        assert f"scans/{name}" not in names
        with pytest.raises(NotFound):
            catalog.fingerprint(f"scans/{name}")


def test_a_link_that_stays_inside_is_a_file(catalog: Catalog, folder: Path) -> None:
    (folder / "link.h5").symlink_to("below/c.nc")
    assert "scans/link.h5" in [e.file for e in catalog.listed()[0]]
    assert catalog.fingerprint("scans/link.h5")[0] == folder / "below" / "c.nc"


def test_a_link_may_lead_into_another_root(tmp_path: Path, folder: Path) -> None:
    (folder / "link.h5").symlink_to(tmp_path / "outside" / "secret.h5")
    catalog = Catalog(parse_roots([str(folder), str(tmp_path / "outside")]))
    assert catalog.fingerprint("scans/link.h5")[0] == tmp_path / "outside" / "secret.h5"


def test_a_link_swapped_in_after_the_check_is_not_followed(
    catalog: Catalog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = catalog.fingerprint("scans/b.h5")[0]
    path.unlink()
    path.symlink_to(folder.parent / "outside" / "secret.h5")
    with pytest.raises(NotFound):
        catalog.source("scans/b.h5")


def test_pipes_sockets_and_devices_are_not_there(catalog: Catalog, folder: Path) -> None:
    os.mkfifo(folder / "pipe.h5")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.h5"))
        (folder / "device.h5").symlink_to("/dev/zero")
        for name in ("pipe.h5", "socket.h5", "device.h5"):
            assert f"scans/{name}" not in [e.file for e in catalog.listed()[0]]
            with pytest.raises(NotFound):
                catalog.source(f"scans/{name}")


def test_a_pipe_swapped_in_after_the_check_does_not_block(
    catalog: Catalog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = catalog.fingerprint("scans/b.h5")[0]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(NotFound):
        catalog.source("scans/b.h5")


def test_what_may_not_be_read_says_so(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", "/secret/path")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(CannotShow) as caught:
        catalog.source("scans/b.h5")
    assert caught.value.message == "The server may not read 'scans/b.h5'."


def test_a_name_that_is_no_utf8_is_not_listed(catalog: Catalog, folder: Path) -> None:
    h5(Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.h5")))
    assert [e.file for e in catalog.listed()[0]] == [
        "scans/a.NXS",
        "scans/b.h5",
        "scans/below/c.nc",
        "scans/empty.h5",
    ]


def test_folders_are_listed_to_some_depth(tmp_path: Path) -> None:
    root = tmp_path / "r"
    deep = root.joinpath(*["d"] * MAX_DEPTH)
    h5(deep / "last.h5")
    h5(deep / "d" / "beyond.h5")
    names = [e.file for e in Catalog(parse_roots([str(root)])).listed()[0]]
    assert [name.rsplit("/", 1)[1] for name in names] == ["last.h5"]


@pytest.mark.parametrize("userblock", [0, 512, 1024, 4096])
def test_the_signature_may_stand_behind_a_user_block(tmp_path: Path, userblock: int) -> None:
    assert has_signature(h5(tmp_path / "a.h5", userblock_size=userblock))


@pytest.mark.parametrize(
    "content",
    [b"", SIGNATURE[:-1], b"\0" * 511 + SIGNATURE, b"\0" * 600 + SIGNATURE, b"CDF\x01" * 900],
    ids=["empty", "cut", "off by one", "between", "netCDF 3"],
)
def test_what_is_no_hdf5(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    assert not has_signature(path)
    with pytest.raises(SetupError, match="is not an HDF5 file"):
        parse_roots([str(path)])


def test_roots_are_named_by_their_last_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5(folder / "x=y.h5")
    link = folder.parent / "link"
    link.symlink_to(folder)
    monkeypatch.chdir(folder / "below")
    given = [str(folder), "X.1=.", "c.nc", str(folder / "x=y.h5"), "..//.hidden/", str(link)]
    assert parse_roots(given[:-1]) == {
        "scans": folder,
        "X.1": folder / "below",
        "c.nc": folder / "below" / "c.nc",
        "x=y.h5": folder / "x=y.h5",
        ".hidden": folder / ".hidden",
    }
    assert list(parse_roots(["."])) == ["below"]
    assert list(parse_roots([".."])) == ["scans"]
    assert list(parse_roots(["../below/.."])) == ["scans"]
    assert parse_roots(["/"]) == {"root": Path("/")}
    assert parse_roots([str(link)]) in ({"link": folder}, {"scans": folder})


def test_two_roots_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(SetupError) as caught:
        parse_roots([str(folder), f"scans={folder / 'below'}"])
    assert (
        caught.value.message == "Two roots are called 'scans'; give each its own name: NAME=PATH."
    )


def test_roots_that_cannot_be_served(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for given, words in {
        str(folder / "missing"): "does not exist",
        f"n={folder / 'missing.h5'}": "does not exist",
        str(folder / "notes.txt"): "is not an HDF5 file",
        str(folder / "empty.h5"): "is not an HDF5 file",
        str(folder / "pipe"): "is neither a file nor a folder",
        "/dev/null": "is neither a file nor a folder",
        "x" * 5000: "cannot be read",
        "a\0b": "cannot be read",
        f"bell\a={folder}": "characters that cannot be shown",
    }.items():
        with pytest.raises(SetupError) as caught:
            parse_roots([given])
        assert words in caught.value.message
        assert "\n" not in caught.value.message


def test_a_folder_that_may_not_be_read_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", denied)
    with pytest.raises(SetupError, match="cannot be read: permission denied"):
        parse_roots([str(folder)])
