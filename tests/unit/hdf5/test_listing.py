"""Lists of files and datasets: order, truncation, and links to groups and to many files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.files import catalog
from dashboard.hdf5.messages import FileListing, ListDatasets
from dashboard.hdf5.worker import describe, links, listing
from dashboard.hdf5.worker.job import Job
from tests import files
from tests.parts import Parts

PLANE = np.arange(12, dtype="u2").reshape(3, 4)


def names(here: Parts, file: str = "data/a.h5") -> list[str]:
    return [str(record["dataset"]) for record in here.library.datasets(file)]


def listed(path: Path, seconds: float = 60.0) -> FileListing:
    """What a child lists."""
    return describe.list_datasets(ListDatasets(), Job(path, (str(path.parent),), seconds))[0]


def test_files_and_datasets_are_in_natural_order(here: Parts, data: Path) -> None:
    files.write(data / "a.h5", **{f"scan_{n}__image": PLANE for n in range(1, 13)})
    for n in (10, 9, 1):
        files.write(data / f"run{n}" / "x2.h5", x=PLANE)
        files.write(data / f"run{n}" / "x10.h5", x=PLANE)
    assert names(here) == [f"/scan_{n}/image" for n in range(1, 13)]
    found = [entry.file for entry in here.library.catalog.listed()[0]]
    runs = [f"data/run{n}/x{k}.h5" for n in (1, 9, 10) for k in (2, 10)]
    assert found == ["data/a.h5", *runs]


def test_groups_are_listed_by_each_of_their_names(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file["entry/instrument/detector/data"] = PLANE
        file["entry/measurement"] = file["entry/instrument/detector"]
        file["entry/shortcut"] = h5py.SoftLink("/entry/instrument/detector")
        file["entry/loop"] = h5py.SoftLink("/entry")
        file["entry/instrument/back"] = file["entry"]
    found = names(here)
    every = ["instrument/detector", "measurement", "shortcut"]
    assert [f"/entry/{name}/data" for name in every] == [n for n in found if "back" not in n]
    assert all(here.library.volume("data/a.h5", name).shape == (3, 4) for name in found)
    looped = "/entry/loop/instrument/back/measurement/data"
    (record,) = here.library.one("data/a.h5", looped).datasets
    assert record["dataset"] == looped
    assert record["browsable"]


def test_names_that_multiply_end(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        for n in range(40):
            file.create_group(f"g{n}")
        for n in range(39):
            file[f"g{n}/a"] = file[f"g{n + 1}"]
            file[f"g{n}/b"] = file[f"g{n + 1}"]
        file["g39/x"] = PLANE
        file["z"] = PLANE
    monkeypatch.setattr(listing, "MAX_ALIASES", 200)
    found = listed(data / "a.h5")
    assert found.complete, "each object is there by one name at least"
    assert "/z" in [record.dataset for record in found.datasets]
    assert len(found.datasets) < 500


def test_a_list_is_encoded_once_while_its_file_stays(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(data / "a.h5", x=PLANE)
    body, version = here.library.listed_json("data/a.h5")
    assert json.loads(body) == here.library.listed("data/a.h5").public()
    with monkeypatch.context() as patched:
        patched.setattr(here.library, "_public", lambda _: pytest.fail("it was listed again"))
        assert here.library.listed_json("data/a.h5") == (body, version)
    files.write(path, x=PLANE, y=PLANE)
    assert len(json.loads(here.library.listed_json("data/a.h5")[0])["datasets"]) == 2


def test_a_list_that_depends_on_other_files_is_made_anew(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file["x"] = h5py.ExternalLink("b.h5", "/x")
    (before,) = json.loads(here.library.listed_json("data/a.h5")[0])["datasets"]
    files.write(data / "b.h5", x=PLANE)
    (after,) = json.loads(here.library.listed_json("data/a.h5")[0])["datasets"]
    assert (before["browsable"], after["browsable"]) == (False, True)


def test_a_list_that_is_cut_says_so(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(data / "a.h5", **{f"x{n}": PLANE for n in range(20)})
    assert here.library.listed("data/a.h5").complete
    monkeypatch.setattr(describe, "MAX_OBJECTS", 20)
    assert listed(path).complete
    monkeypatch.setattr(describe, "MAX_OBJECTS", 19)
    found = listed(path)
    assert [record.dataset for record in found.datasets] == [f"/x{n}" for n in range(19)]
    assert not found.complete
    assert not found.hurried


def test_a_list_ends_in_time_and_is_made_again(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(data / "a.h5", x=PLANE)
    found = listed(path, seconds=-1.0)
    assert found.datasets == ()
    assert not found.complete
    assert found.hurried
    kept: list[Any] = []
    store = here.metadata_rows.set

    def noted(key: str, value: Any, expire: float | None = None) -> bool:
        kept.append(expire)
        return bool(store(key, value, expire))

    monkeypatch.setattr(here.metadata_rows, "set", noted)
    monkeypatch.setattr(here.library.hdf5, "call", lambda *_, **__: (found, b""))
    assert not here.library.listed("data/a.h5").complete
    assert kept == [60.0]


def test_a_list_of_files_that_is_cut_says_so(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        files.write(data / f"{n}.h5", x=PLANE)
    monkeypatch.setattr(catalog, "MAX_LISTED", 5)
    assert here.library.catalog.listed()[1]
    monkeypatch.setattr(catalog, "MAX_LISTED", 4)
    entries, complete = here.library.catalog.listed()
    assert [entry.file for entry in entries] == [f"data/{n}.h5" for n in range(4)]
    assert not complete


def test_a_file_may_link_to_any_number_of_others(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 5 * links.MAX_OPEN
    for n in range(count):
        path = files.write(data / "parts" / f"{n}.h5", spot__image=PLANE + n, spot__deep__x=PLANE)
        with h5py.File(path, "a") as file:
            # On to the next one, so that the files open each other.
            file["spot/next"] = h5py.ExternalLink(f"{(n + 1) % count}.h5", "/spot/deep")
    with h5py.File(data / "a.h5", "w") as file:
        for n in range(count):
            file[f"group{n}"] = h5py.ExternalLink(f"parts/{n}.h5", "/spot")
            file[f"image{n}"] = h5py.ExternalLink(f"parts/{n}.h5", "/spot/image")
        file["lost"] = h5py.ExternalLink("parts/lost.h5", "/spot")
    most = 0
    opened = links.open_file

    def counted(path: Path) -> h5py.File:
        nonlocal most
        made = opened(path)
        most = max(most, len(h5py.h5f.get_obj_ids(types=h5py.h5f.OBJ_FILE)))
        return made

    monkeypatch.setattr(links, "open_file", counted)
    found = {r.dataset: r for r in listed(data / "a.h5").datasets}
    assert most <= links.MAX_OPEN + 2
    lost = found.pop("/lost")
    assert lost.reason.endswith("in the file 'lost.h5', which is missing.")
    assert all(record.browsable for record in found.values())
    for n in range(count):
        assert {f"/image{n}", f"/group{n}/image", f"/group{n}/deep/x"} <= found.keys()
    values = here.frame("data/a.h5", f"/group{count - 1}/image", ":,:").frame.body
    assert values == (PLANE + count - 1).tobytes()


def test_a_file_on_the_way_is_part_of_the_state(here: Parts, data: Path) -> None:
    files.write(data / "one.h5", x=PLANE)
    files.write(data / "two.h5", x=PLANE + 1)
    with h5py.File(data / "way.h5", "w") as file:
        file["x"] = h5py.ExternalLink("one.h5", "/x")
    with h5py.File(data / "a.h5", "w") as file:
        file["x"] = h5py.ExternalLink("way.h5", "/x")
    assert here.frame("data/a.h5", "x", ":,:").frame.body == PLANE.tobytes()
    with h5py.File(data / "way.h5", "w") as file:
        file["x"] = h5py.ExternalLink("two.h5", "/x")
    assert here.frame("data/a.h5", "x", ":,:").frame.body == (PLANE + 1).tobytes()


def test_broken_links_say_where_they_lead(here: Parts, data: Path) -> None:
    files.write(data / "below" / "b.h5", y=PLANE)
    with h5py.File(data / "a.h5", "w") as file:
        file["soft"] = h5py.SoftLink("/nowhere/at/all")
        file["soft2"] = h5py.SoftLink("/soft")
        file["file"] = h5py.ExternalLink(str(data / "below" / "gone.h5"), "/x")
        file["object"] = h5py.ExternalLink("below/b.h5", "/x")
        file["one"] = h5py.SoftLink("/two")
        file["two"] = h5py.SoftLink("/one")
    found = {r["dataset"]: r["reason"] for r in here.library.datasets("data/a.h5")}
    nowhere = "It is a link that leads to '/nowhere/at/all', which does not exist."
    assert found["/soft"] == found["/soft2"] == nowhere
    assert (
        found["/file"] == "It is a link that leads to '/x' in the file 'gone.h5', which is missing."
    )
    assert (
        found["/object"] == "It is a link that leads to '/x' in 'b.h5', which does not exist there."
    )
    assert "one to the next" in found["/one"]
    for name, reason in found.items():
        assert here.library.one("data/a.h5", name).datasets[0]["reason"] == reason
        assert str(data) not in reason


def test_many_levels_of_groups(here: Parts, data: Path) -> None:
    deep = "/".join(f"g{n}" for n in range(200)) + "/d"
    files.write(data / "a.h5", **{deep: PLANE})
    endless = data / "b.h5"
    with h5py.File(endless, "w") as file:
        group = file.create_group("g" * 500)
        for _ in range(5):
            group = group.create_group("g" * 500)
        group["x"] = PLANE
    assert names(here) == [f"/{deep}"]
    assert here.library.volume("data/a.h5", deep).shape == (3, 4)
    assert not here.library.listed("data/b.h5").complete, "no request can have so long a path"


def test_damage_in_one_group_spares_the_others(here: Parts, data: Path) -> None:
    path = files.write(data / "a.h5", **{f"g{n}__x": PLANE for n in range(3)})
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file["g1"].id).addr
    with path.open("r+b") as stream:
        # Its symbol table message: the addresses of the tree and of the names.
        stream.seek(header + 16 + 8)
        stream.write(b"\xff" * 16)
    found = {r["dataset"]: r for r in here.library.datasets("data/a.h5")}
    assert found["/g0/x"]["browsable"]
    assert found["/g2/x"]["browsable"]
    assert "damaged" in found["/g1"]["reason"]


def test_what_can_be_extended_is_growable(data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file["fixed"] = PLANE
        file.create_dataset("chunked", data=PLANE, chunks=True)
        file.create_dataset("bounded", data=PLANE, maxshape=(10, 4))
        file.create_dataset("endless", data=PLANE, maxshape=(None, 4))
        file["empty"] = h5py.Empty("f4")
    found = {record.dataset: record.growable for record in listed(data / "a.h5").datasets}
    assert found == {
        "/bounded": True,
        "/chunked": False,
        "/empty": False,
        "/endless": True,
        "/fixed": False,
    }
