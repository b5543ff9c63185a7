"""Links, virtual sources and external storage: followed below the roots, and never out of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.hdf5.pool import Hdf5WorkerPool
from tests import files
from tests.parts import Parts, make_children


@pytest.fixture
def strict(tmp_path: Path, data: Path) -> Any:
    """A child that may follow links only below `data`."""
    pool: Hdf5WorkerPool = make_children([data], tmp_path / "nothing")
    yield pool
    pool.close()


def outside(tmp_path: Path) -> Path:
    """A file that must not be served."""
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


def _write_pattern(file: h5py.File, name: str, source: str, inner: str = "x") -> None:
    """A virtual dataset whose sources are numbered in their file's name."""
    space = h5py.h5s.create_simple((4, 5), (h5py.h5s.UNLIMITED, 5))
    space.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (4, 5), (4, 5))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_virtual(space, source.encode(), inner.encode(), h5py.h5s.create_simple((4, 5)))
    whole = h5py.h5s.create_simple((4, 5), (h5py.h5s.UNLIMITED, 5))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U16LE, whole, plist)


def test_no_link_leads_outside_the_roots(
    make_parts: Callable[..., Parts], data: Path, tmp_path: Path, strict: Hdf5WorkerPool, opens: Any
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
    make_parts: Callable[..., Parts], data: Path, tmp_path: Path, strict: Hdf5WorkerPool
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
    make_parts: Callable[..., Parts], data: Path, strict: Hdf5WorkerPool
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


def test_missing_virtual_sources_are_reported(here: Parts, data: Path) -> None:
    values = files.made_up("<u2", (3, 4, 5))
    with h5py.File(data / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((3, 4, 5), "<u2")
        for n in range(3):
            layout[n] = h5py.VirtualSource(f"{n}.h5", "x", (4, 5))
        file.create_virtual_dataset("x", layout, fillvalue=7)

    def reason(browsable: bool = True) -> str:
        (listed,) = here.library.datasets("data/v.h5")
        (alone,) = here.library.one("data/v.h5", "x").datasets
        assert listed == alone
        assert listed["browsable"] == browsable
        return str(listed["reason"])

    def plane(n: int) -> Any:
        body = here.frame("data/v.h5", "x", f"{n},:,:").frame.body
        return np.frombuffer(body, "<u2").reshape(4, 5)

    assert "'0.h5' is missing" in reason(browsable=False)
    with pytest.raises(errors.CannotShow, match=r"virtual source '0\.h5' is missing"):
        here.library.volume("data/v.h5", "x")
    files.write(data / "0.h5", x=values[0])
    assert "2 of its 3 virtual sources are missing: '1.h5', '2.h5'; these voxels" in reason()
    assert (plane(0) == values[0]).all()
    assert (plane(1) == 7).all()
    files.write(data / "1.h5", y=values[1])  # the file is there, its dataset is not
    assert "are missing: '1.h5:x', '2.h5'" in reason()
    assert (plane(1) == 7).all()
    files.write(data / "1.h5", x=values[1])
    assert "source '2.h5' is missing" in reason()
    assert (plane(1) == values[1]).all()
    files.write(data / "2.h5", x=values[2])
    assert reason() == ""
    assert (plane(2) == values[2]).all()
    # The values of a source are values of this dataset: a new state of it is a new volume.
    files.write(data / "1.h5", x=values[1] + 1)
    assert (plane(1) == values[1] + 1).all()
    (data / "0.h5").unlink()
    assert "'0.h5' is missing" in reason()
    assert (plane(0) == 7).all()


def test_what_was_named_elsewhere_is_found_beside(
    make_parts: Callable[..., Parts], data: Path, tmp_path: Path, strict: Hdf5WorkerPool
) -> None:
    """Absolute names of the machine that wrote the file; one source lies outside the roots as well."""
    values = files.made_up("<u2", (3, 4, 5))
    outside(tmp_path)
    secret = tmp_path / "secret"
    files.write(secret / "2.h5", x=values[2])
    files.write(data / "0.h5", x=values[0])
    files.write(data / "1.h5", x=values[1])
    with h5py.File(data / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((3, 4, 5), "<u2")
        for n in range(3):
            layout[n] = h5py.VirtualSource(str(secret / f"{n}.h5"), "x", (4, 5))
        file.create_virtual_dataset("x", layout, fillvalue=7)
        file["near"] = h5py.ExternalLink("/not/here/any/more/0.h5", "/x")
        file["far"] = h5py.ExternalLink(str(secret / "2.h5"), "/x")
    here = make_parts(children=strict)
    listed = {record["dataset"]: record for record in here.library.datasets("data/v.h5")}
    assert "virtual source '2.h5' is missing, or outside the data roots" in listed["/x"]["reason"]
    assert "outside the data roots" in listed["/far"]["reason"]
    assert [record["browsable"] for record in listed.values()] == [False, True, True]
    for n, expected in enumerate((values[0], values[1], np.full((4, 5), 7))):
        body = here.frame("data/v.h5", "x", f"{n},:,:").frame.body
        assert (np.frombuffer(body, "<u2").reshape(4, 5) == expected).all()
    assert here.frame("data/v.h5", "near", ":,:").frame.body == values[0].tobytes()


def test_a_missing_source_in_another_folder_is_a_gap(here: Parts, data: Path) -> None:
    files.write(data / "raw" / "0.h5", x=np.ones((4, 5), "u1"))
    (data / "scan").mkdir()
    with h5py.File(data / "scan" / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((2, 4, 5), "u1")
        for n in range(2):
            layout[n] = h5py.VirtualSource(f"../raw/{n}.h5", "x", (4, 5))
        file.create_virtual_dataset("x", layout, fillvalue=7)
    (record,) = here.library.datasets("data/scan/v.h5")
    assert "'1.h5' is missing" in record["reason"]
    for n, value in enumerate((1, 7)):
        assert set(here.frame("data/scan/v.h5", "x", f"{n},:,:").frame.body) == {value}


@pytest.mark.parametrize("pattern", [("%b.h5", "x"), ("all.h5", "part%b"), ("a%%b%b.h5", "x")])
def test_numbered_sources_end_with_the_first_that_is_missing(
    here: Parts, data: Path, pattern: tuple[str, str]
) -> None:
    values = files.made_up("<u2", (12, 5))

    def write_part(n: int) -> None:
        if pattern[0] == "all.h5":
            with h5py.File(data / "all.h5", "a") as file:
                file[f"part{n}"] = values[4 * n : 4 * n + 4]
        else:
            name = pattern[0].replace("%%", "\0").replace("%b", str(n)).replace("\0", "%")
            files.write(data / name, x=values[4 * n : 4 * n + 4])

    with h5py.File(data / "v.h5", "w") as file:
        _write_pattern(file, "x", *pattern)
    assert not here.library.datasets("data/v.h5")[0]["browsable"]
    write_part(0)
    write_part(1)
    (record,) = here.library.datasets("data/v.h5")
    assert (record["shape"], record["browsable"], record["reason"]) == ([8, 5], True, "")
    assert here.frame("data/v.h5", "x", ":,:").frame.body == values[:8].tobytes()
    write_part(2)
    assert here.library.datasets("data/v.h5")[0]["shape"] == [12, 5]
    assert here.frame("data/v.h5", "x", ":,:").frame.body == values.tobytes()


def test_a_source_that_vanishes_while_it_is_resolved(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = files.write(data / "0.h5", x=np.ones((4, 5), "u1"))
    with h5py.File(data / "v.h5", "w") as file:
        layout = h5py.VirtualLayout((4, 5), "u1")
        layout[...] = h5py.VirtualSource("0.h5", "x", (4, 5))
        file.create_virtual_dataset("x", layout)
    ask = here.library.hdf5.call

    def meddling(op: str, *arguments: Any, **more: Any) -> Any:
        found = ask(op, *arguments, **more)
        source.unlink()
        return found

    monkeypatch.setattr(here.library.hdf5, "call", meddling)
    with pytest.raises(errors.Changed):
        here.library.volume("data/v.h5", "x")


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
    assert len(listed) < 8
    for name in ("/self", "/one", "/outer"):
        with pytest.raises(errors.LamellaError) as caught:
            here.library.volume("data/a.h5", name)
        assert caught.value.status in (404, 422)
    deep = "/g/up" * 100 + "/g/x"
    assert here.library.volume("data/a.h5", deep).shape == (2, 2)
