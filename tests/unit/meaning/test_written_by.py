"""What files mean that other people's programs write, read in an HDF5 worker."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.meaning.model import Meaning
from dashboard.meaning.telling import name_of_value
from tests.parts import Parts


def meaning(here: Parts, dataset: str) -> Meaning:
    """The meaning of a dataset of the file `data/a.h5`, which is also the main one."""
    assert here.library.listed("data/a.h5").default == dataset
    found = here.nodes.node("data/a.h5", dataset).record.meaning
    assert found is not None
    assert found["notes"] == []
    return found


@pytest.fixture
def path(data: Path) -> Path:
    """Where a program writes."""
    return data / "a.h5"


def test_netcdf4(here: Parts, path: Path) -> None:
    netCDF4 = import_module("netCDF4")  # noqa: N806  # its own name
    with netCDF4.Dataset(path, "w") as file:
        for name, length in (("time", None), ("lat", 36), ("lon", 72), ("bnds", 2)):
            file.createDimension(name, length)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time.calendar, time.bounds = "days since 1850-01-01", "360_day", "time_bnds"
        file.createVariable("time_bnds", "f8", ("time", "bnds"))
        lat, lon = (file.createVariable(name, "f4", (name,)) for name in ("lat", "lon"))
        lat.units, lon.units = "degrees_north", "degrees_east"
        lat[:], lon[:] = np.linspace(87.5, -87.5, 36), np.arange(0, 360, 5)
        tas = file.createVariable("tas", "i2", ("time", "lat", "lon"), fill_value=-999, zlib=True)
        tas.units, tas.long_name, tas.scale_factor, tas.add_offset = (
            "K",
            "air temperature",
            0.01,
            280.0,
        )
        tas[:] = np.zeros((3, 36, 72)) + 280
        time[:] = [15, 45, 75]
    found = meaning(here, "/tas")
    assert (found["rows"], found["columns"], found["up"]) == (1, 2, False)
    assert found["axes"][0]["coordinates"] == {"text": ["1850-01-16", "1850-02-16", "1850-03-16"]}
    assert found["axes"][1]["coordinates"] == {"start": 87.5, "step": -5.0}
    value = found["value"]
    assert (value["name"], value["unit"]) == ("air temperature", "K")
    assert (value["scale"], value["offset"], value["fills"]) == (0.01, 280.0, [-999])
    assert value["decoded_dtype"] == "float64"


def test_xarray_over_h5netcdf(here: Parts, path: Path) -> None:
    xarray = import_module("xarray")
    made = xarray.Dataset(
        {"depth": (("y", "x"), np.arange(600.0).reshape(20, 30), {"units": "m"})},
        coords={
            "y": ("y", np.arange(20.0) * 2, {"units": "km"}),
            "x": ("x", np.arange(30.0), {"units": "km"}),
        },
    )
    made.to_netcdf(path, engine="h5netcdf", encoding={"depth": {"dtype": "i2", "_FillValue": -1}})
    found = meaning(here, "/depth")
    assert (found["rows"], found["columns"], found["aspect"]) == (0, 1, 2.0)
    assert [axis["unit"] for axis in found["axes"]] == ["km", "km"]
    assert found["value"]["fills"] == [-1]


def test_hdf5storage_writes_matlab_files(here: Parts, path: Path) -> None:
    hdf5storage = import_module("hdf5storage")
    values: dict[str, Any] = {
        "volume": np.arange(20 * 30 * 7.0).reshape(20, 30, 7),
        "field": np.full((5, 6), 3 + 4j),
        "text": "words",
    }
    hdf5storage.savemat(
        str(path), values, format="7.3", appendmat=False, store_python_metadata=False
    )
    found = meaning(here, "/volume")
    assert here.library.volume("data/a.h5", "/volume").shape == (7, 30, 20)
    assert (found["rows"], found["columns"], found["index"]) == (2, 1, [3, None, None])
    volume = here.library.volume("data/a.h5", "/field")
    assert volume.dtype == "c16"
    body = here.frame("data/a.h5", "/field", ":,:").frame.body
    assert np.array_equal(np.frombuffer(body, "f8"), np.full(30, 5.0))


def test_pytables(here: Parts, path: Path) -> None:
    tables = import_module("tables")
    with tables.open_file(path, "w") as file:
        file.create_carray("/", "counts", obj=np.zeros((20, 30), "i4"), title="Counts of a run")
        file.create_table("/", "events", np.zeros(5, "i4,f4"))
    found = meaning(here, "/counts")
    assert found["value"]["name"] == "Counts of a run"
    assert found["conventions"] == ["PyTables"]


def test_times_of_pandas_are_dates(here: Parts, path: Path) -> None:
    pandas = import_module("pandas")
    days = pandas.date_range("2001-01-30", periods=20).astype("datetime64[ns]")
    pandas.DataFrame({"a": days, "b": days}).to_hdf(path, key="runs")
    found = here.nodes.node("data/a.h5", "/runs/block0_values").record.meaning
    assert found is not None
    value = np.int64(np.datetime64("2001-01-31", "ns").astype("i8"))
    assert name_of_value(found, value) == "2001-01-31"


@pytest.mark.parametrize("program", ["nexusformat", "silx"])
def test_nexus_plots(here: Parts, path: Path, program: str) -> None:
    counts = np.arange(2 * 20 * 30.0).reshape(2, 20, 30)
    time, down, across = np.array([1.0, 3.0]), np.arange(21) * 0.5, np.geomspace(1, 100, 30)
    if program == "nexusformat":
        nexus = import_module("nexusformat.nexus")
        axes = [
            nexus.NXfield(values, name=name, units=unit)
            for values, name, unit in ((time, "t", "s"), (down, "y", "mm"), (across, "x", "keV"))
        ]
        signal = nexus.NXfield(counts, name="img", units="counts", long_name="intensity")
        nexus.NXroot(nexus.NXentry(nexus.NXdata(signal, axes), name="e")).save(str(path), "w")
        found = meaning(here, "/e/data/img")
        assert [axis["unit"] for axis in found["axes"]] == ["s", "mm", "keV"]
        assert found["value"]["unit"] == "counts"
    else:
        written = import_module("silx.io.nxdata").save_NXdata(
            str(path),
            counts,
            axes=[time, down, across],
            axes_names=["t", "y", "x"],
            signal_name="img",
            signal_long_name="intensity",
            interpretation="image",
            nxentry_name="e",
            nxdata_name="data",
        )
        assert written
        found = meaning(here, "/e/data/img")
    assert (found["rows"], found["columns"], found["value"]["name"]) == (1, 2, "intensity")
    assert [axis["name"] for axis in found["axes"]] == ["t", "y", "x"]
    # As many coordinates as voxels and one more are edges of bins: of regular ones, the centres.
    assert found["axes"][1]["coordinates"] == {"start": 0.25, "step": 0.5}
    assert found["axes"][2]["coordinates"] == {"values": pytest.approx(across)}
    assert "NeXus" in found["conventions"]


@pytest.mark.parametrize("kind", ["hspy", "emd"])
def test_signals_of_rosettasciio(here: Parts, path: Path, kind: str) -> None:
    axes = [
        {
            "_type": "UniformDataAxis",
            "name": name,
            "size": size,
            "units": "nm",
            "scale": scale,
            "offset": 1.0,
            "navigate": name == "z",
            "index_in_array": None,
            "is_binned": False,
        }
        for name, size, scale in (("z", 6, 2.0), ("y", 20, 0.5), ("x", 30, 0.25))
    ]
    signal = {
        "data": np.arange(6 * 20 * 30, dtype="f4").reshape(6, 20, 30),
        "axes": axes,
        "metadata": {"General": {"title": "t"}, "Signal": {"quantity": "Intensity"}},
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "package_info": {"package": "hyperspy", "package_version": "2"},
        "learning_results": {},
        "models": {},
        "tmp_parameters": {},
    }
    import_module(f"rsciio.{kind}").file_writer(str(path.with_suffix(f".{kind}")), signal)
    path.with_suffix(f".{kind}").rename(path)
    if kind == "hspy":
        found, order = meaning(here, "/Experiments/t/data"), "zyx"
    else:
        # Written in the reverse order.
        found, order = meaning(here, "/signals/t/data"), "xyz"
    assert [axis["name"] for axis in found["axes"]] == list(order)
    assert (found["rows"], found["columns"]) == (order.index("y"), order.index("x"))
    steps = {"z": 2.0, "y": 0.5, "x": 0.25}
    assert [axis["coordinates"] for axis in found["axes"]] == [
        {"start": 1.0, "step": steps[name]} for name in order
    ]
    assert {axis["unit"] for axis in found["axes"]} == {"nm"}
    assert (found["aspect"], found["value"]["name"]) == (2.0, "Intensity")


@pytest.mark.nightly
def test_anndata(here: Parts, path: Path) -> None:
    anndata, pandas = import_module("anndata"), import_module("pandas")
    cells, genes = pandas.Index(list("abc")), pandas.Index(list("pq"))
    frames = [pandas.DataFrame(index=names) for names in (cells, genes)]
    made = anndata.AnnData(np.arange(6, dtype="f4").reshape(3, 2), obs=frames[0], var=frames[1])
    made.obsm["pca"] = np.zeros((3, 40))
    made.write_h5ad(path)
    found = meaning(here, "/X")
    assert [axis["coordinates"] for axis in found["axes"]] == [
        {"text": ["a", "b", "c"]},
        {"text": ["p", "q"]},
    ]
    reduced = here.nodes.node("data/a.h5", "/obsm/pca").record.meaning
    assert reduced is not None
    assert reduced["axes"][0]["coordinates"] == {"text": ["a", "b", "c"]}


def test_h5py_scales_and_images(here: Parts, path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("picture", data=np.zeros((20, 30), "u1"))
        for dimension, (name, length) in enumerate((("down", 20), ("across", 30))):
            scale = file.create_dataset(name, data=np.arange(length) * 0.5)
            scale.attrs["units"] = "mm"
            scale.make_scale(name)
            made.dims[dimension].attach_scale(scale)
            made.dims[dimension].label = f"{name} label"
        made.attrs["CLASS"], made.attrs["IMAGE_SUBCLASS"] = (
            np.bytes_(b"IMAGE"),
            np.bytes_(b"IMAGE_INDEXED"),
        )
        colors = file.create_dataset(
            "colors", data=np.arange(768, dtype="u2").reshape(256, 3) % 256
        )
        colors.attrs["CLASS"] = np.bytes_(b"PALETTE")
        made.attrs["PALETTE"] = colors.ref
    found = meaning(here, "/picture")
    assert found["palette"] is not None
    assert len(found["palette"]) == 256
    assert [axis["name"] for axis in found["axes"]] == ["down label", "across label"]
    assert found["axes"][0]["coordinates"] == {"start": 0.0, "step": 0.5}


def test_axes_of_a_linked_file(here: Parts, path: Path, data: Path) -> None:
    with h5py.File(data / "far.h5", "w") as file:
        file["counts"] = np.zeros((20, 30), "i4")
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", "plot"
        plot = entry.create_group("plot")
        plot.attrs["NX_class"], plot.attrs["signal"], plot.attrs["axes"] = "NXdata", "d", ["y", "x"]
        plot["d"] = h5py.ExternalLink("far.h5", "/counts")
        plot["y"], plot["x"] = np.arange(21) * 2.0, np.geomspace(1, 100, 30)
    found = meaning(here, "/entry/plot/d")
    assert found["axes"][0]["coordinates"] == {"start": 1.0, "step": 2.0}
    assert not found["axes"][0]["edges"]
    assert found["axes"][1]["coordinates"] is not None
    assert "values" in found["axes"][1]["coordinates"]


def wide(precision: int) -> Any:
    """A type of 16 bytes, of Intel's 80 bits or IEEE's 128."""
    made = h5py.h5t.IEEE_F64LE.copy()
    made.set_size(16)
    exponent, mantissa = 15, 64 if precision == 80 else 112
    made.set_precision(precision)
    made.set_fields(precision - 1, precision - 1 - exponent, exponent, 0, mantissa)
    made.set_ebias(16383)
    if precision == 80:
        made.set_norm(h5py.h5t.NORM_NONE)
    return made


@pytest.mark.parametrize("precision", [80, 128])
def test_wide_numbers_are_the_nearest_doubles(here: Parts, path: Path, precision: int) -> None:
    values = np.arange(600.0).reshape(20, 30) / 3
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple(values.shape)
        made = h5py.h5d.create(file.id, b"wide", wide(precision), space)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    (listed,) = here.library.datasets("data/a.h5")
    assert listed["browsable"]
    assert "nearest numbers of 64 bits" in listed["reason"]
    body = here.frame("data/a.h5", "/wide", ":,:").frame.body
    assert np.array_equal(np.frombuffer(body, "f8").reshape(20, 30), values)


def test_what_is_deep_or_linked_is_found(here: Parts, path: Path, data: Path) -> None:
    deep = "/".join(f"g{level}" for level in range(150))
    with h5py.File(data / "far.h5", "w") as file:
        file["plot/d"], file["plot/y"] = np.zeros((20, 30), "i4"), np.arange(20) * 0.5
        file["plot"].attrs["NX_class"], file["plot"].attrs["signal"] = "NXdata", "d"
        file["plot"].attrs["axes"] = ["y", "."]
    with h5py.File(path, "w") as file:
        file[f"{deep}/plot"] = h5py.ExternalLink("far.h5", "/plot")
        file["short"] = h5py.SoftLink(f"/{deep}")
    for name in (f"/{deep}/plot/d", "/short/plot/d"):
        found = here.nodes.node("data/a.h5", name).record.meaning
        assert found is not None
        assert found["axes"][0]["coordinates"] == {"start": 0.0, "step": 0.5}
