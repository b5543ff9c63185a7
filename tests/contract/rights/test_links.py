"""Links and sources from one root into another: followed only where everybody who follows sees the target."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path

import h5py
import pytest

from dashboard.files.roots import OUTSIDE
from tests import files
from tests.contract.rights.conftest import CHUNKED, VALUES, Guarded, serving
from tests.web import array, running

LINKS = "garnet/links.h5"


def listed(guarded: Guarded, who: str) -> dict[str, dict[str, object]]:
    found = guarded.ask(who, "/api/v1/datasets", query={"file": LINKS}).get_json()
    return {one["dataset"]: one for one in found["datasets"]}


@pytest.mark.parametrize("who", ["ann", "root"])
@pytest.mark.parametrize("kind", ["to", "virtual", "external"])
def test_a_root_with_other_rights_is_outside(guarded: Guarded, who: str, kind: str) -> None:
    # Also for an admin, since bricks are shared by all.
    entry = listed(guarded, who)[f"/{kind}_cobalt"]
    assert entry["browsable"] is False
    assert OUTSIDE in str(entry["reason"])
    assert (entry["shape"], entry["dtype"]) in ((None, None), (list(VALUES.shape), "uint16"))
    if kind == "to":
        assert entry["shape"] is None
    query = {"file": LINKS, "dataset": f"{kind}_cobalt", "selection": "3,:,:"}
    refused = guarded.ask(who, "/api/v1/slice", query=query)
    assert refused.status_code == 422
    assert OUTSIDE in refused.get_data(as_text=True)


@pytest.mark.parametrize("kind", ["to", "virtual", "external"])
def test_a_root_that_everybody_sees_is_followed(guarded: Guarded, kind: str) -> None:
    query = {"file": LINKS, "dataset": f"{kind}_common", "selection": "3,:,:"}
    response = guarded.ask("ann", "/api/v1/slice", query=query)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert (array(response) == VALUES[3]).all()


def test_symbolic_links(guarded: Guarded) -> None:
    files = guarded.ask("ann", "/api/v1/files").get_json()["files"]
    names = {entry["file"] for entry in files}
    assert "garnet/fine.h5" in names
    assert "garnet/link.h5" not in names
    for who in ("ann", "root"):
        refused = guarded.ask(who, "/api/v1/datasets", query={"file": "garnet/link.h5"})
        assert refused.status_code == 404
    fine = guarded.ask("ann", "/api/v1/datasets", query={"file": "garnet/fine.h5"})
    assert fine.status_code == 200


def test_what_was_described_under_other_rights_is_described_again(
    folders: Path, tmp_path: Path
) -> None:
    """The metadata cache outlives a change of the configuration."""
    roots = [folders / name for name in ("garnet", "cobalt", "common")]
    names = [f"{kind}_cobalt" for kind in ("to", "virtual", "external")]
    with running(tmp_path, *roots) as free:
        for name in names:
            assert free.slice(LINKS, name, "3,:,:").status_code == 200
        [note] = free.services.nodes.node(LINKS, "/to_cobalt").record.attributes
        assert (note.name, note.text) == ("note", "of cobalt")
        assert free.get("/api/v1/datasets", file=LINKS).status_code == 200
    with serving(folders, tmp_path) as guarded:
        for name in names:
            query = {"file": LINKS, "dataset": name, "selection": "3,:,:"}
            refused = guarded.ask("ann", "/api/v1/slice", query=query)
            assert refused.status_code == 422, name
        assert OUTSIDE in str(listed(guarded, "ann")["/to_cobalt"]["reason"])
        with pytest.raises(Exception, match=OUTSIDE):
            guarded.app.services.nodes.node(LINKS, "/to_cobalt")


def test_workers_are_confined_to_what_links_may_lead_to(guarded: Guarded) -> None:
    """By the kernel, so that a source which is exchanged between the check and the read is not read either."""
    services = guarded.app.services
    for file in ("garnet/volume.h5", "cobalt/volume.h5", "common/volume.h5"):
        services.metadata.datasets(file)
        path, _ = services.catalog.fingerprint(file)
        with services.catalog.source(file) as source:
            reach = services.catalog.beneath.linked_from(source.path)
        assert {p.name for p in reach.paths} == {path.parent.name, "common"}
    kinds = services.catalog.beneath.reaches
    assert len(kinds) == 3
    assert len(services.hdf5.idle()) <= max(services.settings.children, 2 + len(kinds))
    for process in services.hdf5.idle():
        with open(f"/proc/{process.pid}/cmdline", "rb") as stream:
            arguments = stream.read().decode().split("\0")
        served = {os.path.basename(one) for one in arguments if "/rights" in one}
        assert not {"garnet", "cobalt"} <= served


def test_a_source_that_is_exchanged_all_the_time_is_never_a_hidden_one(tmp_path: Path) -> None:
    for name, offset in (("garnet", 0), ("cobalt", 5000), ("common", 0)):
        (tmp_path / name).mkdir()
        made = (VALUES + offset).astype("u2")
        files.write(tmp_path / name / "volume.h5", values=(made, CHUNKED))
    source = tmp_path / "garnet" / "source.h5"
    targets = [tmp_path / name / "volume.h5" for name in ("common", "cobalt")]
    source.symlink_to(targets[0])
    with h5py.File(tmp_path / "garnet" / "v.h5", "w") as file:
        layout = h5py.VirtualLayout(VALUES.shape, VALUES.dtype)
        layout[:] = h5py.VirtualSource("source.h5", "values", VALUES.shape)
        file.create_virtual_dataset("x", layout)
    done = threading.Event()

    def exchange() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            other = source.with_suffix(".new")
            other.symlink_to(targets[number % 2])
            other.replace(source)

    thread = threading.Thread(target=exchange)
    with serving(tmp_path, tmp_path / "home") as guarded:
        thread.start()
        try:
            statuses = set()
            for index in (*range(24), *range(24)):
                query = {"file": "garnet/v.h5", "dataset": "x", "selection": f"{index},:,:"}
                response = guarded.ask("ann", "/api/v1/slice", query=query)
                statuses.add(response.status_code)
                if response.status_code == 200:
                    assert array(response).max() < 5000
            assert statuses <= {200, 404, 409, 422, 503}
        finally:
            done.set()
            thread.join()
        source.unlink()
        source.symlink_to(targets[0])
        for _ in range(50):
            response = guarded.ask("ann", "/api/v1/slice", query=query)
            if response.status_code == 200:
                break
        assert (array(response) == VALUES[23]).all()
