"""Parts of volumes as files: what h5py reads, in every type and format, bounded, and gone when cancelled."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from urllib3.exceptions import HTTPError

from dashboard.client import Client, ServerError
from dashboard.export.export import AT_ONCE
from tests import files
from tests.contract.conftest import VOLUME
from tests.services import add_up
from tests.web import App, listening, running

SHAPE = (5, 9, 11)
PARTS = (np.s_[1:4, :, :], np.s_[2, 1:8:3, ::2], np.s_[:, 4, 3:], np.s_[1:5:2, 2:, 5])


PHOTOS = np.random.default_rng(5).integers(0, 256, (4, 9, 11, 4)).astype("u1")


def texts(part: Any) -> str:
    return ",".join(
        f"{p.start if p.start is not None else ''}:{p.stop if p.stop is not None else ''}:{p.step or 1}"
        if isinstance(p, slice)
        else str(p)
        for p in part
    )


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Path]]:
    """An application over a file with a dataset of each type, and the file."""
    folder = tmp_path_factory.mktemp("export")
    path = folder / "types.h5"
    with h5py.File(path, "w") as file:
        for number, dtype in enumerate(files.DTYPES):
            for name, how in (("chunked", {"chunks": (2, 4, 8)}), ("plain", {})):
                values = files.made_up(dtype, SHAPE, seed=number)
                made = file.create_dataset(f"{name}/{dtype}", data=values, **how)
                made.attrs["units"] = "counts"
        labels = h5py.enum_dtype({"no": 0, "yes": 1}, ">u2")
        made = file.create_dataset("enum", SHAPE, labels, chunks=(2, 4, 8))
        made[...] = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 2
        made.attrs["element_size_um"] = np.array([2.0, 1.0, 0.5], ">f4")
        made.attrs["of"] = file["plain"].ref
        made.attrs["names"] = ["a", "µ"]
        made = file.create_dataset(
            "packed", data=np.arange(-1, np.prod(SHAPE) - 1).reshape(SHAPE).astype(">i2")
        )
        made[2, 3, 4] = -1
        file["interlaced"], file["planar"] = PHOTOS, np.moveaxis(PHOTOS, -1, 1)
        made.attrs["scale_factor"], made.attrs["add_offset"] = np.float32(0.5), np.float32(100)
        made.attrs["_FillValue"], made.attrs["units"] = np.int16(-1), "K"
    with running(folder, path, export_bytes=100_000) as app:
        yield app, path


def exported(app: App, file: str, dataset: str, selection: str, suffix: str, **more: Any) -> bytes:
    asked = {"file": file, "dataset": dataset, "selection": selection, "format": suffix, **more}
    response = app.get("/api/v1/export", **asked)
    body = response.get_data()
    response.close()
    assert response.status_code == 200, body
    if suffix != "csv":
        assert response.content_length == len(body)
    assert response.headers["Content-Disposition"].endswith(f'.{suffix}"')
    return body


def equal(found: NDArray[Any], expected: NDArray[Any]) -> None:
    assert found.dtype == expected.dtype.newbyteorder(found.dtype.byteorder)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", files.DTYPES)
def test_values_are_those_of_h5py(types: tuple[App, Path], dtype: str) -> None:
    app, path = types
    for storage in ("chunked", "plain"):
        name = f"{storage}/{dtype}"
        for part in PARTS:
            with h5py.File(path) as file:
                expected = file[name][part]
            selection = texts(part)
            equal(np.load(io.BytesIO(exported(app, "types.h5", name, selection, "npy"))), expected)
            as_tiff = tifffile.imread(
                io.BytesIO(exported(app, "types.h5", name, selection, "tiff"))
            )
            equal(as_tiff, expected.astype("u1") if expected.dtype.kind == "b" else expected)
            made = io.BytesIO(exported(app, "types.h5", name, selection, "h5"))
            with h5py.File(made) as file:
                assert file[name].dtype == expected.dtype
                equal(file[name][...], expected)
                assert file[name].attrs["units"] == "counts"
                assert file[name].attrs["lamella_dataset"] == f"/{name}"
            if expected.ndim == 2:
                text = exported(app, "types.h5", name, selection, "csv").decode()
                rows = [line.split(",") for line in text.splitlines()]
                kind = np.dtype("u1") if expected.dtype.kind == "b" else expected.dtype
                equal(np.array(rows).astype(kind.newbyteorder("=")), expected.astype(kind))


def test_a_cut_out_keeps_type_and_attributes(types: tuple[App, Path]) -> None:
    app, _ = types
    with h5py.File(io.BytesIO(exported(app, "types.h5", "enum", "1:3,:,:", "h5"))) as file:
        found = file["enum"]
        assert h5py.check_enum_dtype(found.dtype) == {"no": 0, "yes": 1}
        assert found.dtype == np.dtype(">u2")
        np.testing.assert_array_equal(found.attrs["element_size_um"], [2.0, 1.0, 0.5])
        assert list(found.attrs["names"]) == ["a", "µ"]
        # A reference would lead nowhere.
        assert "of" not in found.attrs
        assert found.attrs["lamella_selection"] == "1:3:1,0:9:1,0:11:1"


def test_a_tiff_says_how_large_voxels_are(types: tuple[App, Path]) -> None:
    app, _ = types
    body = exported(app, "types.h5", "enum", "1:3,::2,:", "tiff")
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        tags = file.pages[0].tags
        assert tags["ResolutionUnit"].value == 3
        # Voxels in a centimetre: 0.5 µm along the rows, every second of 1 µm across them.
        assert tags["XResolution"].value[0] / tags["XResolution"].value[1] == pytest.approx(20_000)
        assert tags["YResolution"].value[0] / tags["YResolution"].value[1] == pytest.approx(5_000)
        described = file.shaped_metadata
        assert described is not None
        assert (described[0]["spacing"], described[0]["unit"]) == (2.0, "um")


@pytest.mark.parametrize("suffix", ["npy", "tiff", "csv", "h5"])
def test_packed_values_are_unpacked(types: tuple[App, Path], suffix: str) -> None:
    app, path = types
    with h5py.File(path) as file:
        stored = file["packed"][2, :, 1:]
        expected = stored.astype("f4") * np.float32(0.5) + np.float32(100)
        expected[stored == -1] = np.nan
    body = exported(app, "types.h5", "packed", "2,:,1:", suffix, decode="1")
    if suffix == "npy":
        found = np.load(io.BytesIO(body))
    elif suffix == "tiff":
        found = tifffile.imread(io.BytesIO(body))
    elif suffix == "csv":
        found = np.array([line.split(",") for line in body.decode().splitlines()]).astype("f4")
    else:
        with h5py.File(io.BytesIO(body)) as file:
            found = file["packed"][...]
            assert set(file["packed"].attrs) & {"scale_factor", "_FillValue", "units"} == {"units"}
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_pages_are_slices_across_the_axis(app: App) -> None:
    body = exported(app, "data/volume.h5", "volume", "2:20,:,10:14", "tiff", axis=2)
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        assert len(file.pages) == 4
        np.testing.assert_array_equal(file.asarray(), VOLUME[2:20, :, 10:14].transpose(2, 0, 1))
    body = exported(app, "data/volume.h5", "volume", "2:20,:,10:14", "npy", axis=1)
    np.testing.assert_array_equal(
        np.load(io.BytesIO(body)), VOLUME[2:20, :, 10:14].transpose(1, 0, 2)
    )
    body = exported(app, "data/volume.h5", "many", ":,2:4,:,7:9", "tiff")
    four = VOLUME.reshape(4, 6, 40, 50)[:, 2:4, :, 7:9]
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(body)), four)


def test_every_storage_is_exported(app: App, data: Path) -> None:
    name = "data/below/storages.h5"
    with h5py.File(data / "below" / "storages.h5") as file:
        for dataset in file:
            if file[dataset].ndim < 2:
                continue
            body = exported(app, name, dataset, ",".join([":"] * file[dataset].ndim), "npy")
            equal(np.load(io.BytesIO(body)), file[dataset][...])


@pytest.mark.parametrize(
    ("asked", "status", "text"),
    [
        ({"selection": "1,2,:"}, 400, "at least two slices"),
        ({"selection": "1,:,:", "axis": "0"}, 400, "axis"),
        ({"selection": "0:2,:,:", "axis": "x"}, 400, "axis"),
        ({"selection": "0:2,:,:", "axis": "2", "format": "h5"}, 400, "order"),
        ({"selection": "0:99,:,:"}, 400, "out of range"),
        ({"selection": "0:2,:,:", "format": "csv"}, 422, "rows and columns"),
        ({"selection": "0:2,:,:", "format": "bmp"}, 400, "one of npy, tiff, csv, h5"),
    ],
)
def test_what_is_refused(app: App, asked: dict[str, str], status: int, text: str) -> None:
    response = app.get("/api/v1/export", file="data/volume.h5", dataset="volume", **asked)
    assert response.status_code == status
    assert text in response.get_json()["error"]["message"]


def test_an_export_is_bounded(types: tuple[App, Path], tmp_path: Path) -> None:
    with running(tmp_path, types[1], export_bytes=1000) as app:
        asked = {"file": "types.h5", "dataset": "plain/f8", "format": "npy"}
        response = app.get("/api/v1/export", selection="0:2,:,:", **asked)
        assert response.status_code == 413
        assert "LAMELLA_EXPORT_BYTES" in response.get_json()["error"]["message"]
        assert app.get("/api/v1/export", selection="0,:,:", **asked).status_code == 200


@pytest.fixture(scope="module")
def address(app: App) -> Iterator[str]:
    with listening(app.client.application) as found:
        yield found


def test_the_client_writes_files(address: str, tmp_path: Path) -> None:
    volume = Client(address).volume("data/volume.h5", "volume")
    seen: list[tuple[int, int | None]] = []
    np.testing.assert_array_equal(volume.cutout(np.s_[3:9, ::2]), VOLUME[3:9, ::2])
    path = volume.export(np.s_[3:9], tmp_path / "a.tif", on_progress=lambda *now: seen.append(now))
    np.testing.assert_array_equal(tifffile.imread(path), VOLUME[3:9])
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    np.testing.assert_array_equal(
        np.loadtxt(volume.export(3, tmp_path / "a.csv"), delimiter=","), VOLUME[3]
    )
    with h5py.File(volume.export(np.s_[3:9], tmp_path / "a.h5")) as file:
        np.testing.assert_array_equal(file["volume"][...], VOLUME[3:9])
    with pytest.raises(ValueError, match="say the format"):
        volume.export(3, tmp_path / "a.bmp")
    with pytest.raises(ServerError, match="at least two slices"):
        volume.export((3, 4), tmp_path / "b.npy")
    assert {one.name for one in tmp_path.iterdir()} == {"a.tif", "a.csv", "a.h5"}


def test_the_client_has_values_unpacked(types: tuple[App, Path], tmp_path: Path) -> None:
    with listening(types[0].client.application) as at, Client(at) as client:
        of = ("types.h5", "packed", "2,:,1:")
        unpacked = client.slice(*of, decode=True)
        assert np.isnan(unpacked[3, 3])
        assert unpacked[0, 0] == 100 + 0.5 * client.slice(*of)[0, 0]
        np.testing.assert_array_equal(client.cutout(*of, decode=True), unpacked)
        path = client.export(*of, tmp_path / "a.npy", decode=True)
        np.testing.assert_array_equal(np.load(path), unpacked)


def test_a_cancelled_export_leaves_nothing(address: str, app: App, tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(written: int, size: int | None) -> None:
        raise Cancelled

    client = Client(address)
    # As often as would use up all exports at the same time, if one were kept.
    for _ in range(AT_ONCE + 1):
        with pytest.raises(Cancelled):
            client.export(
                "data/volume.h5", "volume", ":,:,:", tmp_path / "a.npy", on_progress=cancel
            )
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(client.cutout("data/volume.h5", "volume", ":,:,:"), VOLUME)


def test_exports_at_once_are_limited(app: App) -> None:
    asked = {"file": "data/volume.h5", "dataset": "volume", "selection": ":,:,:"}
    begun = [app.get("/api/v1/export", **asked) for _ in range(AT_ONCE)]
    refused = app.get("/api/v1/export", **asked)
    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    begun[0].close()
    assert app.get("/api/v1/export", **asked).status_code == 200
    for one in begun[1:]:
        one.close()


def test_one_that_cannot_be_read_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = tmp_path / "damaged.h5"
    values = np.random.default_rng(1).integers(0, 9, (64, 256, 256)).astype("u1")
    with h5py.File(path, "w") as file:
        made = file.create_dataset("v", data=values, chunks=(8, 256, 256), compression="gzip")
        where = made.id.get_chunk_info(7)
    with path.open("r+b") as file:
        file.seek(where.byte_offset)
        file.write(b"\0" * where.size)
    with running(tmp_path, path) as app, listening(app.client.application) as address:
        with pytest.raises(HTTPError), Client(address, retries=0) as client:
            client.export("damaged.h5", "v", ":,:,:", tmp_path / "v.npy")
        assert not (tmp_path / "v.npy").exists()
        add_up(app.services)
        metrics = app.get("/metrics").get_data(as_text=True)
        assert "lamella_exports_given_up_total 1.0" in metrics
        assert "lamella_exports_complete_total 0.0" in metrics


def test_bricks_of_an_export_are_decoded_once(tmp_path: Path) -> None:
    path = files.write(
        tmp_path / "scan.h5",
        volume=(VOLUME, {"chunks": (8, 16, 16), "compression": "gzip"}),
    )
    with running(tmp_path, path) as app:
        exported(app, "scan.h5", "volume", "0:16,:,:", "npy")
        first = app.stats()["caches"]["bricks"]["entries"]
        assert first == 2
        exported(app, "scan.h5", "volume", "0:16,5:9,:", "tiff")
        assert app.stats()["caches"]["bricks"]["entries"] == first
        assert sum(app.stats()["demand"].values()) == 0


def test_exports_of_several_threads(address: str) -> None:
    found: list[NDArray[Any]] = []
    client = Client(address)

    def read() -> None:
        found.append(client.cutout("data/volume.h5", "volume", ":,:,:"))

    threads = [threading.Thread(target=read) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == AT_ONCE
    for one in found:
        np.testing.assert_array_equal(one, VOLUME)


@pytest.mark.parametrize(
    ("name", "selection", "channels", "expected"),
    [
        ("interlaced", "1:3,:,2:,:", 3, PHOTOS[1:3, :, 2:]),
        ("interlaced", "2,:,:,:", 3, PHOTOS[2]),
        ("planar", "2,:,:,:", 1, np.moveaxis(PHOTOS[2], -1, 0)),
        ("planar", "1:3,:,:,:", 1, np.moveaxis(PHOTOS[1:3], -1, 1)),
    ],
)
def test_a_tiff_has_colors(
    types: tuple[App, Path], name: str, selection: str, channels: int, expected: NDArray[Any]
) -> None:
    body = exported(types[0], "types.h5", name, selection, "tiff", channels=channels)
    with tifffile.TiffFile(io.BytesIO(body)) as found:
        page = found.pages[0]
        assert page.photometric.name == "RGB"
        assert page.samplesperpixel == 4
        assert len(found.pages) == (2 if ":3" in selection else 1)
        equal(found.asarray(), expected)


def test_colors_are_a_dimension_that_is_whole(types: tuple[App, Path]) -> None:
    for selection, channels in (("2,:,:,:2", 3), ("2,:,:,1", 3), (":,:,:,2", 1)):
        asked = {"file": "types.h5", "dataset": "interlaced", "format": "tiff"}
        response = types[0].get("/api/v1/export", **asked, selection=selection, channels=channels)
        assert response.status_code == 400
