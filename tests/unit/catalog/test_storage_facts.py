"""How datasets are stored, as the page shows it: the figures of the volume, and those of `lamella inspect`."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from dashboard.catalog.advice import advise, axis_costs
from dashboard.catalog.storage_facts import StorageFacts, storage_facts
from tests import files
from tests.parts import Parts

SHAPE = (90, 64, 64)


def facts(here: Parts, name: str) -> StorageFacts:
    (dataset,) = here.library.one("data/a.h5", name).datasets
    volume = here.library.volume("data/a.h5", name) if dataset["browsable"] else None
    return storage_facts(dataset, volume, lambda _, nbytes: nbytes / 1e9)


def test_what_a_slice_costs_is_what_inspect_says(here: Parts, data: Path) -> None:
    values = files.made_up("<u2", SHAPE)
    path = files.write(data / "a.h5", x=(values, {"chunks": (16, 64, 64), "compression": "gzip"}))
    found = facts(here, "/x")
    with h5py.File(path) as file:
        stored = file["x"].id.get_storage_size()
    volume = here.library.volume("data/a.h5", "/x")
    costs = axis_costs(volume)
    assert found == {
        "chunks": [16, 64, 64],
        "filters": ["gzip"],
        "stored_bytes": stored,
        "decoded_bytes": values.nbytes,
        "ratio": round(values.nbytes / stored, 2),
        "allocated": True,
        "cost": [
            {"axis": 0, "chunks": 1, "bytes": 16 * 64 * 64 * 2, "seconds": 16 * 64 * 64 * 2 / 1e9},
            {"axis": 1, "chunks": 6, "bytes": 96 * 64 * 64 * 2, "seconds": 96 * 64 * 64 * 2 / 1e9},
            {"axis": 2, "chunks": 6, "bytes": 96 * 64 * 64 * 2, "seconds": 96 * 64 * 64 * 2 / 1e9},
        ],
        "advice": [advise(volume, "a.h5", costs).sentence],
    }
    assert [cost["bytes"] for cost in found["cost"]] == [cost.decoded_bytes for cost in costs]


def test_what_has_no_slices_and_what_has_no_values_yet(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file["curve"] = np.arange(10.0)
        file.create_dataset("empty", SHAPE, "u1", chunks=(9, 8, 8))
        file.create_dataset("plane", (64, 64), "u1", chunks=(8, 8))
    curve, empty, plane = (facts(here, name) for name in ("/curve", "/empty", "/plane"))
    assert (curve["stored_bytes"], curve["decoded_bytes"], curve["cost"]) == (80, None, [])
    assert (empty["allocated"], empty["ratio"]) == (False, None)
    assert [cost["axis"] for cost in plane["cost"]] == [None]
