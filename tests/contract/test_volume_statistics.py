"""Statistics of whole volumes by a job: those of NumPy on the file, also after the worker has ended in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.analysis import volume_slabs
from dashboard.jobs.runner import Runner
from dashboard.runtime.container import Services, build_services
from tests import files
from tests.contract.test_analysis import SHAPE, STORED
from tests.contract.test_histogram import (
    CHUNKS,
    KINDS,
    MASK,
    equals,
    gaps,
    stored,
    volume,
    write_detector,
)
from tests.contract.test_jobs import jobs, post
from tests.web import App, running

DETECTORS = ("chunked_i2", "chunked_i4", "plain_i2", "plain_i4")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application over a file with datasets of each type, chunked, plain, packed, masked and damaged."""
    folder = tmp_path_factory.mktemp("statistics")
    path = folder / "types.h5"
    with h5py.File(path, "w") as file:
        for name in KINDS:
            values = stored(name)
            fill = {"fillvalue": values[0, 0, 0]} if name.startswith("filled") else {}
            file.create_dataset(
                f"chunked/{name}", data=values, chunks=CHUNKS, compression=4, **fill
            )
            file.create_dataset(f"plain/{name}", data=values, **fill)
        packed = file.create_dataset("packed", data=STORED.astype("i4"), chunks=CHUNKS)
        packed.attrs["scale_factor"] = np.float32(0.5)
        packed.attrs["_FillValue"] = packed.dtype.type(-1)
        for name in DETECTORS:
            how = {"chunks": CHUNKS, "compression": 4} if name.startswith("chunked") else {}
            write_detector(file, name, name[-2:], how)
        long = np.arange(3 * 2**21, dtype="u4").reshape(3, 2048, 1024)
        file.create_dataset("long", data=long, chunks=(1, 512, 512))
        damaged = file.create_dataset("damaged", data=STORED, chunks=CHUNKS, compression=4)
        file.create_dataset("waited", data=STORED, chunks=CHUNKS, compression=4)
        broken = damaged.id.get_chunk_info_by_coord((0, 0, 0))
    with path.open("r+b") as raw:
        raw.seek(broken.byte_offset)
        raw.write(b"\xff" * min(broken.size, 64))
    with running(folder, path) as app:
        yield app


@pytest.fixture
def services(made: App) -> Iterator[Services]:
    """Those of a worker over the same caches."""
    found = build_services(made.services.settings, role="worker")
    yield found
    found.close()


def work(runner: Runner) -> None:
    """Turns until there is nothing to do."""
    for _ in range(200):
        if not runner.step():
            return
    raise AssertionError("the jobs do not end")


def ask(made: App, dataset: str, **how: Any) -> str:
    response = post(made, kind="statistics", file="types.h5", dataset=dataset, **how)
    assert response.status_code == 202, response.get_data(as_text=True)
    return str(response.get_json()["id"])


def counted(made: App, services: Services, dataset: str, **how: Any) -> dict[str, Any]:
    """The result of a job that is done now."""
    id_ = ask(made, dataset, **how)
    work(services.runner())
    found = made.get(f"/api/v1/jobs/{id_}").get_json()
    assert (found["state"], found["done"]) == ("done", found["of"]), found["message"]
    result: dict[str, Any] = found["result"]
    assert result["seen"] == 1
    return result


def agrees(found: dict[str, Any], values: NDArray[Any], missing: NDArray[Any]) -> None:
    """Statistics and histogram are those of NumPy on the valid values."""
    equals(found, values, missing)
    kept = values[np.isfinite(values) & ~missing]
    if kept.dtype.kind in "iu":
        # Exact, where 64 bits are too few as well.
        assert found["sum"] == sum(map(int, kept))
        assert found["mean"] == found["sum"] / kept.size
    wide = kept.astype(np.longdouble)
    assert found["sum"] == pytest.approx(float(wide.sum()), rel=1e-12, abs=1e-9)
    assert found["mean"] == pytest.approx(float(wide.mean()), rel=1e-12, abs=1e-12)
    assert found["sd"] == pytest.approx(float(wide.std()), rel=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_the_statistics_of_a_volume_are_those_of_numpy(
    made: App, services: Services, name: str
) -> None:
    values = stored(name)
    shown, missing = files.shown(values), gaps(name, values)
    for storage in ("chunked", "plain"):
        found = counted(made, services, f"{storage}/{name}")
        agrees(found, shown, missing)
        kept = shown[np.isfinite(shown) & ~missing]
        if values.itemsize <= 2:
            assert found["median"] == np.median(kept.astype("f8"))
            assert found["below"] == found["above"] == 0
        else:
            assert found["median"] is None
        # From now on the histogram of the volume is exact.
        assert volume(made, f"{storage}/{name}")["seen"] == 1


@pytest.mark.parametrize("name", DETECTORS)
def test_masked_pixels_are_missing(made: App, services: Services, name: str) -> None:
    masked = np.broadcast_to(MASK != 0, SHAPE)
    decoded = counted(made, services, f"{name}/data", decode=True)
    agrees(decoded, np.where(masked, np.nan, STORED.astype("f8")), masked)
    agrees(counted(made, services, f"{name}/data"), STORED, np.zeros(SHAPE, bool))


def test_values_are_unpacked_and_fills_left_out(made: App, services: Services) -> None:
    gone = STORED == -1
    found = counted(made, services, "packed", decode=True)
    agrees(found, np.where(gone, np.nan, STORED * np.float32(0.5)), gone)


def test_a_part_of_complex_values(made: App, services: Services) -> None:
    values = files.shown(stored("c16"), "imag")
    found = counted(made, services, "chunked/c16", part="imag")
    agrees(found, values, np.zeros(SHAPE, bool))


def test_a_job_goes_on_after_the_worker_has_ended(
    made: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_slabs, "BLOCK_BYTES", 2**20)
    monkeypatch.setattr(volume_slabs, "BLOCKS", 1)
    id_ = ask(made, "long")
    first = services.runner()
    first.store_s = 0.0
    for _ in range(5):
        assert first.step()
    assert (made.get(f"/api/v1/jobs/{id_}").get_json()["done"], jobs(made)[-1]["of"]) == (5, 24)
    # As a worker that is killed: what it had in memory is gone.
    again = build_services(made.services.settings, role="worker")
    try:
        work(again.runner())
    finally:
        again.close()
    found = made.get(f"/api/v1/jobs/{id_}").get_json()
    assert (found["state"], found["done"], found["decoded"]) == ("done", 24, 19)
    assert found["result"]["n"] == 3 * 2**21
    assert found["result"]["sum"] == 3 * 2**20 * (3 * 2**21 - 1)


def test_damaged_chunks_are_said_and_left_out(made: App, services: Services) -> None:
    id_ = ask(made, "damaged")
    work(services.runner())
    found = made.get(f"/api/v1/jobs/{id_}").get_json()
    assert (found["state"], found["done"], found["failed"]) == ("done", 0, 1)
    assert "1 chunks of a part are damaged" in found["message"]
    # The first chunk is a whole one.
    chunk = int(np.prod(CHUNKS))
    assert found["result"]["n"] == STORED.size - chunk
    assert found["result"]["seen"] == 1 - chunk / STORED.size


def test_a_demand_is_let_through_between_blocks(
    made: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    with ExitStack() as demand:
        demand.enter_context(made.services.demand_signal.demand())

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                demand.close()

        monkeypatch.setattr(services.loader, "sleep", sleep)
        assert counted(made, services, "waited")["n"] == STORED.size
    assert len(waits) == 3
