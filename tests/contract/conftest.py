"""One application per module, over a directory of various files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests import files
from tests.web import App, running

VOLUME = np.random.default_rng(5).integers(0, 4000, (24, 40, 50)).astype("u2")
FLOATS = np.random.default_rng(6).normal(scale=50, size=(6, 30, 41)).astype("f4")
FLOATS[:, 3:9, 5:20] = np.nan
FILL = np.random.default_rng(7).integers(-5, 50, (5, 20, 30)).astype("i2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve as `data`."""
    folder = tmp_path_factory.mktemp("contract") / "data"
    (folder / "below").mkdir(parents=True)
    how = {"chunks": (8, 16, 16), "compression": "gzip"}
    with h5py.File(folder / "volume.h5", "w") as file:
        volume = file.create_dataset("volume", data=VOLUME, **how)
        volume.attrs["units"] = "µm"
        file.create_dataset("group/floats", data=FLOATS, chunks=(2, 16, 16))
        filled = file.create_dataset("filled", data=FILL, chunks=(2, 8, 8), fillvalue=-3)
        filled[1, :8, :8] = -3
        file.create_dataset("zeros", data=np.zeros((3, 20, 20), "u1"), chunks=(1, 20, 20))
        file.create_dataset("complex", data=files.made_up("c8", (3, 20, 20)), chunks=(1, 20, 20))
        file.create_dataset("flat", data=VOLUME[0], chunks=(16, 16))
        file.create_dataset("many", data=VOLUME.reshape(4, 6, 40, 50), chunks=(2, 3, 16, 16))
    files.write_storages(folder / "below" / "storages.h5")
    files.write_types(folder / "types.h5")
    files.write_unshowable(folder / "unshowable.h5")
    return folder


@pytest.fixture(scope="module")
def app(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The application over `data`."""
    with running(tmp_path_factory.mktemp("home"), data) as made:
        yield made
