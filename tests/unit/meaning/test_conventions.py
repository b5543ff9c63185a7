"""What each convention says, of objects in memory; files of other programs are in `test_written_by.py`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dashboard.meaning.model import Meaning
from dashboard.meaning.reading import meaning_of
from dashboard.meaning.telling import coordinates_at, name_of_value
from tests.nodes import MadeNode


def dataset(shape: tuple[int, ...], dtype: str = "f4", **attrs: Any) -> MadeNode:
    """A dataset without values."""
    return MadeNode(attrs=attrs, declared=(shape, np.dtype(dtype)))


def tree(path: str, node: MadeNode, **others: MadeNode) -> Meaning:
    """The meaning of an object at a path of a file, with others in its group."""
    *groups, name = path.split("/")
    made = MadeNode(children={name: node, **others})
    for group in reversed(groups):
        made = MadeNode(children={group: made})
    return meaning_of(node)


def nexus(node: MadeNode, fields: dict[str, MadeNode], **attrs: Any) -> Meaning:
    """The meaning of the signal of an NXdata group."""
    MadeNode(attrs={"NX_class": "NXdata", "signal": "d", **attrs}, children={"d": node, **fields})
    return meaning_of(node)


ENERGY = MadeNode(attrs={"units": "meV"}, values=np.geomspace(1, 100, 61))
ANGLE = MadeNode(attrs={"units": "deg"}, values=np.linspace(-30, 30, 90))


@pytest.mark.parametrize(
    ("group", "signal"),
    [
        ({"axes": ("energy", "angle")}, {}),
        ({"axes": "[energy,angle]"}, {}),
        ({}, {"axes": "energy:angle"}),
        (
            {
                "axes": ("angle", "energy"),
                "angle_indices": np.int64(1),
                "energy_indices": np.int64(0),
            },
            {},
        ),
    ],
)
def test_nexus_axes(group: dict[str, Any], signal: dict[str, Any]) -> None:
    node = dataset((60, 90), long_name="counts per second", **signal)
    found = nexus(node, {"energy": ENERGY, "angle": ANGLE}, **group)
    energy, angle = found["axes"]
    assert (energy["name"], energy["unit"], energy["edges"]) == ("energy", "meV", True)
    assert energy["coordinates"] is not None
    assert len(energy["coordinates"]["values"]) == 61  # type: ignore[typeddict-item]
    assert (angle["name"], angle["unit"]) == ("angle", "deg")
    assert angle["coordinates"] == {"start": -30.0, "step": pytest.approx(60 / 89)}
    assert found["value"]["name"] == "counts per second"
    assert found["conventions"] == ["NeXus"]


def test_nexus_interpretation_and_slice() -> None:
    found = nexus(
        dataset((5, 30, 40, 3), "f4", interpretation="rgb-image"),
        {},
        default_slice=("2", ".", ".", "."),
    )
    assert (found["kind"], found["channels"], found["rows"], found["columns"]) == ("color", 3, 1, 2)
    assert found["index"] == [2, None, None, 0]
    spectra = nexus(dataset((30, 40, 2000), interpretation="spectrum"), {})
    assert (spectra["rows"], spectra["columns"]) == (0, 1)


def test_nexus_detector_has_pixel_sizes() -> None:
    def size(value: float) -> MadeNode:
        return MadeNode(attrs={"units": "um"}, values=np.array([value]))

    node = dataset((5, 30, 40))
    MadeNode(
        attrs={"NX_class": "NXdetector"},
        children={"data": node, "x_pixel_size": size(75), "y_pixel_size": size(150)},
    )
    found = meaning_of(node)
    assert found["axes"][1]["coordinates"] == {"start": 0.0, "step": 150.0}
    assert found["axes"][2]["unit"] == "um"
    assert found["aspect"] == 2.0


def test_cf_maps_go_up_where_latitudes_ascend() -> None:
    def map_(latitudes: Any) -> Meaning:
        lat = MadeNode(attrs={"units": "degrees_north"}, values=latitudes)
        lon = MadeNode(attrs={"units": "degrees_east"}, values=np.arange(0.0, 360, 5))
        node = dataset((36, 72))
        node.scaled_by = [[lat], [lon]]
        return meaning_of(node)

    assert map_(np.linspace(-87.5, 87.5, 36))["up"]
    assert not map_(np.linspace(87.5, -87.5, 36))["up"]
    assert map_(np.linspace(-87.5, 87.5, 36))["aspect"] == pytest.approx(1)


def test_cf_times_are_dates() -> None:
    time = MadeNode(
        attrs={"units": "days since 2001-01-01", "calendar": "noleap"},
        values=np.array([0, 0.25, 58, 59]),
    )
    node = dataset((4, 36, 72))
    node.scaled_by = [[time], [], []]
    axis = meaning_of(node)["axes"][0]
    assert axis["dates"]
    assert axis["coordinates"] == {
        "text": ["2001-01-01", "2001-01-01T06:00", "2001-02-28", "2001-03-01"]
    }


def bounded(latitudes: Any, edges: Any, **attrs: Any) -> Any:
    """The first axis of a dataset whose coordinates name their cells' edges."""
    lat = MadeNode(attrs={"bounds": "lat_bnds", **attrs}, values=np.array(latitudes))
    node = dataset((len(latitudes), 30))
    node.scaled_by = [[lat], []]
    bounds = MadeNode(values=np.array(edges))
    MadeNode(children={"lat": lat, "d": node, "lat_bnds": bounds})
    return meaning_of(node)["axes"][0]


def test_cf_bounds_are_the_edges_of_bins() -> None:
    uneven = bounded([10, 20, 40], [[5, 15], [15, 25], [25, 55]], units="m")
    assert uneven["edges"]
    assert uneven["unit"] == "m"
    assert uneven["coordinates"] == {"values": [5, 15, 25, 55]}
    falling = bounded([40, 20, 10], [[25, 55], [15, 25], [5, 15]])
    assert falling["coordinates"] == {"values": [55, 25, 15, 5]}
    even = bounded([10.1, 20.6, 29.9], [[5, 15], [15, 25], [25, 35]])
    assert (even["edges"], even["coordinates"]) == (False, {"start": 10, "step": 10})
    regular = bounded([0, 10, 20], [[0, 10], [10, 20], [20, 30]])
    assert regular["coordinates"] == {"start": 0, "step": 10}


@pytest.mark.parametrize(
    "edges",
    [
        [[5, 15], [16, 25], [25, 55]],  # apart
        [[5, 9], [9, 25], [25, 55]],  # not around their coordinates
        [[5, 15, 15], [15, 25, 25], [25, 55, 55]],
        [[5, np.nan], [15, 25], [25, 55]],
    ],
)
def test_cells_that_are_no_bins_are_left_aside(edges: Any) -> None:
    found = bounded([10, 20, 40], edges)
    assert (found["edges"], found["coordinates"]) == (False, {"values": [10, 20, 40]})


def test_values_that_are_dates_have_their_names() -> None:
    def named(value: Any, **attrs: Any) -> str | None:
        return name_of_value(meaning_of(dataset((9, 9), value.dtype.str, **attrs)), value)

    assert named(np.float32(0.5), units="days since 2001-02-28") == "2001-02-28T12:00"
    noleap = {"units": "days since 2004-02-28", "calendar": "NoLeap"}
    assert named(np.int16(1), **noleap) == "2004-03-01"
    nano = {"units": "nanoseconds since 1970-01-01"}
    assert named(np.int64(1_000_000_001), **nano) == "1970-01-01T00:00:01.000000001"
    assert named(np.int64(86_400 * 10**9), **nano) == "1970-01-02"
    missing = np.int64(np.iinfo(np.int64).min)
    assert named(missing, **nano) is None
    assert named(np.int64(86_400), CLASS="ARRAY", value_type="datetime64[s]") == "1970-01-02"
    assert named(np.int64(86_400), CLASS="ARRAY", value_type="int64") is None


def masked(shape: tuple[int, ...], mask: MadeNode, name: str = "pixel_mask") -> Meaning:
    """The meaning of the data of a detector with a mask."""
    detector = MadeNode(attrs={"NX_class": "NXdetector"})
    node = dataset(shape, "u2")
    MadeNode(children={"detector": detector})
    detector.children |= {"data": node, name: mask}
    detector.__post_init__()
    return meaning_of(node)


def test_the_mask_of_a_detector_lies_beside_its_pixels() -> None:
    found = masked((5, 20, 30), dataset((20, 30), "u4"))
    assert found["value"]["mask"] == "/detector/pixel_mask"
    assert found["value"]["decoded_dtype"] == "float32"
    assert found["conventions"] == ["NeXus", "detector masks"]
    for other in (dataset((30, 20), "u4"), dataset((20, 30), "f4")):
        assert masked((5, 20, 30), other)["value"]["mask"] is None
    assert masked((5, 20, 30), dataset((20, 30), "u4"), "mask")["value"]["mask"] is None


def test_masks_are_found_from_where_links_and_masters_have_the_pixels() -> None:
    mask = dataset((20, 30), "u4")
    linked = dataset((5, 20, 30), "u2", target="/entry/detector/data")
    MadeNode(
        children={
            "entry": MadeNode(
                children={
                    "plot": MadeNode(children={"data": linked}),
                    "detector": MadeNode(children={"pixel_mask": mask}),
                }
            )
        }
    )
    assert meaning_of(linked)["value"]["mask"] == "/entry/detector/pixel_mask"
    frames = dataset((5, 20, 30), "u4")
    special = MadeNode(children={"pixel_mask": dataset((20, 30), "u4")})
    detector = MadeNode(children={"detectorSpecific": special})
    MadeNode(
        children={
            "entry": MadeNode(
                children={
                    "data": MadeNode(children={"data_000001": frames}),
                    "instrument": MadeNode(children={"detector": detector}),
                }
            )
        }
    )
    path = "/entry/instrument/detector/detectorSpecific/pixel_mask"
    assert meaning_of(frames)["value"]["mask"] == path


def test_cf_flags_have_names() -> None:
    states = meaning_of(
        dataset((9, 9), "u1", flag_values=np.array([0, 1, 2], "u1"), flag_meanings="air water bone")
    )
    assert name_of_value(states, np.uint8(1)) == "water"
    assert name_of_value(states, np.uint8(7)) is None
    bits = meaning_of(
        dataset((9, 9), "u1", flag_masks=np.array([1, 2, 4], "u1"), flag_meanings="a b c")
    )
    assert name_of_value(bits, np.uint8(5)) == "a, c"
    wrong = meaning_of(
        dataset((9, 9), "u1", flag_masks=np.array([1, 2, 4], "u1"), flag_meanings="a b")
    )
    assert wrong["notes"] == ["The names of the flags are not as many as their values."]


@pytest.mark.parametrize(
    ("dtype", "attrs", "expected"),
    [
        ("i2", {"_FillValue": np.int16(-999)}, ([-999], None, False, "float32")),
        ("i4", {"missing_value": np.array([-1], "i4")}, ([-1], None, False, "float64")),
        (
            "f4",
            {"_FillValue": np.float64(-9999.9)},
            ([float(np.float32(-9999.9))], None, False, "float32"),
        ),
        (
            "f4",
            {"CodeMissingValue": "-9999.9"},
            ([float(np.float32(-9999.9))], None, False, "float32"),
        ),
        ("f4", {"_FillValue": np.float32("nan")}, (["nan"], None, False, None)),
        ("f4", {"_FillValue": np.float64("-inf")}, (["-inf"], None, False, "float32")),
        (
            "f8",
            {"missing_value": np.array([np.inf, np.nan, 7])},
            (["inf", "nan", 7.0], None, False, "float64"),
        ),
        ("i2", {"_FillValue": np.float32("inf")}, ([], None, False, None)),
        ("i1", {"_Unsigned": "true", "_FillValue": np.int8(-1)}, ([255], None, True, "float32")),
        ("u1", {"_Unsigned": "true"}, ([], None, False, None)),
        ("i2", {"valid_range": np.array([0, 99], "i2")}, ([], [0, 99], False, "float32")),
        ("i2", {"valid_min": np.int16(3)}, ([], [3, None], False, "float32")),
        ("u1", {"_FillValue": np.int16(300)}, ([], None, False, None)),
    ],
)
def test_cf_missing_values(dtype: str, attrs: dict[str, Any], expected: tuple[Any, ...]) -> None:
    value = meaning_of(dataset((9, 9), dtype, **attrs))["value"]
    assert (value["fills"], value["valid"], value["unsigned"], value["decoded_dtype"]) == expected


def test_what_is_malformed_is_noted() -> None:
    found = meaning_of(
        dataset((9, 9), "i2", scale_factor="ten", _FillValue="none", flag_values=np.array([1, 2]))
    )
    assert found["value"]["decoded_dtype"] is None
    assert len(found["notes"]) == 3


@pytest.mark.parametrize(
    ("mode", "shape", "channels", "picture"),
    [
        ("INTERLACE_PIXEL", (20, 30, 3), 2, (0, 1)),
        ("INTERLACE_LINE", (20, 3, 30), 1, (0, 2)),
        ("INTERLACE_PLANE", (3, 20, 30), 0, (1, 2)),
    ],
)
def test_images_in_true_color(
    mode: str, shape: tuple[int, ...], channels: int, picture: tuple[int, int]
) -> None:
    found = meaning_of(
        dataset(shape, "u1", CLASS="IMAGE", IMAGE_SUBCLASS="IMAGE_TRUECOLOR", INTERLACE_MODE=mode)
    )
    assert (found["kind"], found["channels"]) == ("color", channels)
    assert (found["rows"], found["columns"]) == picture


def test_images_with_a_palette() -> None:
    node = dataset(
        (20, 30),
        "u1",
        CLASS="IMAGE",
        IMAGE_SUBCLASS="IMAGE_INDEXED",
        DISPLAY_ORIGIN="LL",
        IMAGE_MINMAXRANGE=np.array([0, 200], "u1"),
    )
    node.references = {"PALETTE": [MadeNode(values=np.array([[0, 0, 0], [255, 128, 0]], "u1"))]}
    found = meaning_of(node)
    assert found["palette"] == [[0, 0, 0], [255, 128, 0]]
    assert (found["kind"], found["up"]) == ("color", True)
    assert found["suggested"]["window"] == [0.0, 200.0]


@pytest.mark.parametrize(
    ("shape", "attrs", "steps", "unit"),
    [
        ((20, 30, 40), {"element_size_um": np.array([2, 0.5, 0.5])}, [2, 0.5, 0.5], "µm"),
        ((1, 20, 30, 40), {"element_size_um": np.array([2, 0.5, 0.5])}, [None, 2, 0.5, 0.5], "µm"),
        ((20, 30, 40, 2), {"element_size_um": np.array([2, 0.5, 0.5])}, [2, 0.5, 0.5, None], "µm"),
        ((20, 30, 40), {"resolution": np.array([40.0, 4, 4])}, [40, 4, 4], "nm"),
        ((20, 30), {"voxel_size": np.array([4, 4]), "voxel_size_unit": "mm"}, [4, 4], "mm"),
        ((20, 30), {"element_size_um": np.array([4, 0])}, [None, None], ""),
    ],
)
def test_voxel_sizes(
    shape: tuple[int, ...], attrs: dict[str, Any], steps: list[float | None], unit: str
) -> None:
    axes = meaning_of(dataset(shape, "u1", **attrs))["axes"]
    found = [axis["coordinates"] and axis["coordinates"]["step"] for axis in axes]  # type: ignore[typeddict-item]
    assert found == steps
    assert axes[-1 if steps[-1] else 0]["unit"] == unit


def test_matlab_is_transposed() -> None:
    found = meaning_of(dataset((7, 30, 20), "f8", MATLAB_class="double"))
    assert (found["rows"], found["columns"], found["index"]) == (2, 1, [3, None, None])
    colors = meaning_of(dataset((3, 30, 20), "u1", MATLAB_class="uint8"))
    assert (colors["kind"], colors["channels"]) == ("color", 0)
    assert meaning_of(dataset((30, 20), "u1", MATLAB_class="logical"))["kind"] == "mask"


def test_imaris_has_extents() -> None:
    def letters(text: str) -> tuple[str, ...]:
        return tuple(text)

    sizes = {
        f"ImageSize{axis}": letters(n) for axis, n in zip("XYZ", ("100", "50", "10"), strict=True)
    }
    ends = {f"ExtMin{k}": letters("0") for k in range(3)} | {
        f"ExtMax{k}": letters("50") for k in range(3)
    }
    node = dataset((16, 64, 128), "u1")
    channel = MadeNode(attrs=sizes, children={"Data": node})
    point = MadeNode(children={"Channel 0": channel})
    level = MadeNode(children={"TimePoint 0": point})
    info = MadeNode(
        children={
            "Image": MadeNode(attrs={**ends, "Unit": letters("um")}),
            "Channel 0": MadeNode(attrs={"Name": letters("DAPI")}),
        }
    )
    MadeNode(
        children={"DataSet": MadeNode(children={"ResolutionLevel 0": level}), "DataSetInfo": info}
    )
    found = meaning_of(node)
    assert [axis["coordinates"] for axis in found["axes"]] == [
        {"start": 2.5, "step": 5.0},
        {"start": 0.5, "step": 1.0},
        {"start": 0.25, "step": 0.5},
    ]
    assert (found["aspect"], found["value"]["name"]) == (2.0, "DAPI")


def test_bigdataviewer_is_unsigned() -> None:
    node = dataset((10, 50, 50), "i2")
    cells = MadeNode(
        children={
            "t00000": MadeNode(
                children={"s00": MadeNode(children={"1": MadeNode(children={"cells": node})})}
            ),
            "s00": MadeNode(
                children={"resolutions": MadeNode(values=np.array([[1, 1, 1], [2, 2, 4.0]]))}
            ),
        }
    )
    assert cells.child("/t00000/s00/1/cells") is node
    found = meaning_of(node)
    assert found["value"]["unsigned"]
    assert [axis["name"] for axis in found["axes"]] == ["z", "y", "x"]
    assert found["axes"][0]["coordinates"] == {"start": 1.5, "step": 4.0}


def test_ilastik_names_its_axes() -> None:
    tags = json.dumps(
        {"axes": [{"key": k, "resolution": 0.5 if k in "yx" else 0} for k in "tzyxc"]}
    )
    found = meaning_of(
        dataset((3, 20, 150, 180, 2), "u1", axistags=tags, drange=np.array([0.0, 1.0]))
    )
    assert [axis["name"] for axis in found["axes"]] == list("tzyxc")
    assert found["index"] == [1, 10, None, None, 0]
    assert found["axes"][2]["coordinates"] == {"start": 0.0, "step": 0.5}
    assert found["suggested"]["window"] == [0.0, 1.0]
    assert meaning_of(dataset((3, 4), "u1", axistags="{"))["notes"]


def test_emd_has_axes_beside_the_data() -> None:
    node = dataset((60, 90), "f4")
    dims = {
        "dim1": MadeNode(attrs={"name": "y", "units": "[n_m]"}, values=np.arange(60) * 0.5),
        "dim2": MadeNode(attrs={"name": "x", "units": "[n_m]"}, values=np.array([0, 0.25])),
    }
    MadeNode(attrs={"emd_group_type": np.int64(1)}, children={"data": node, **dims})
    found = meaning_of(node)
    assert [axis["coordinates"] for axis in found["axes"]] == [
        {"start": 0.0, "step": 0.5},
        {"start": 0.0, "step": 0.25},
    ]
    assert (found["axes"][1]["unit"], found["aspect"]) == ("nm", 2.0)


def test_hyperspy_shows_where_spectra_are() -> None:
    def axis(name: str, *, navigate: bool, step: float) -> MadeNode:
        return MadeNode(
            attrs={
                "name": name,
                "units": "nm",
                "scale": np.float64(step),
                "offset": np.float64(1),
                "navigate": np.bool_(navigate),
            }
        )

    node = dataset((30, 40, 2000), "f4")
    MadeNode(
        children={
            "data": node,
            "axis-0": axis("y", navigate=True, step=2),
            "axis-1": axis("x", navigate=True, step=2),
            "axis-2": axis("Energy", navigate=False, step=0.1),
        }
    )
    found = meaning_of(node)
    assert (found["rows"], found["columns"]) == (0, 1)
    assert found["axes"][2]["coordinates"] == {"start": 1.0, "step": 0.1}


def test_openpmd_is_in_si_units() -> None:
    node = dataset((30, 40), "f8", unitSI=np.float64(2.0), position=np.array([0.5, 0]))
    MadeNode(
        attrs={
            "axisLabels": ("z", "x"),
            "gridSpacing": np.array([1.0, 2]),
            "gridGlobalOffset": np.array([0.0, 4]),
            "gridUnitSI": np.float64(1e-6),
            "unitDimension": np.array([1.0, 1, -3, -1, 0, 0, 0]),
        },
        children={"x": node},
        path="/E",
    )
    found = meaning_of(node)
    assert found["axes"][0]["coordinates"] == {"start": 0.5e-6, "step": 1e-6}
    assert found["axes"][1]["coordinates"] == {"start": 4e-6, "step": 2e-6}
    assert found["value"]["unit"] == "m kg s^-3 A^-1"
    assert (found["value"]["scale"], found["value"]["decoded_dtype"]) == (2.0, "float64")


def test_dream3d_has_components_last() -> None:
    node = dataset(
        (10, 20, 30, 3),
        "u1",
        TupleDimensions=np.array([30, 20, 10], "u8"),
        ComponentDimensions=np.array([3], "u8"),
    )
    geometry = MadeNode(
        children={
            "SPACING": MadeNode(values=np.array([0.5, 0.5, 1], "f4")),
            "ORIGIN": MadeNode(values=np.zeros(3, "f4")),
        }
    )
    MadeNode(
        children={"CellData": MadeNode(children={"IPFColor": node}), "_SIMPL_GEOMETRY": geometry}
    )
    found = meaning_of(node)
    assert (found["kind"], found["channels"], found["rows"]) == ("color", 3, 1)
    assert found["axes"][0]["coordinates"] == {"start": 0.5, "step": 1.0}


def test_odim_is_unpacked() -> None:
    node = dataset((360, 500), "u1")
    what = MadeNode(
        attrs={
            "quantity": "DBZH",
            "gain": np.float64(0.5),
            "offset": np.float64(-32),
            "nodata": np.float64(255),
        }
    )
    where = MadeNode(attrs={"rscale": np.float64(250), "rstart": np.float64(1)})
    data = MadeNode(children={"data": node, "what": what})
    scan = MadeNode(children={"data1": data, "where": where})
    MadeNode(attrs={"Conventions": "ODIM_H5/V2_3"}, children={"dataset1": scan})
    found = meaning_of(node)
    assert [axis["coordinates"] for axis in found["axes"]] == [
        {"start": 0.5, "step": 1.0},
        {"start": 1125.0, "step": 250.0},
    ]
    value = found["value"]
    assert (value["name"], value["scale"], value["offset"], value["fills"]) == (
        "DBZH",
        0.5,
        -32.0,
        [255],
    )


def test_nwb_has_a_sampling_rate() -> None:
    node = dataset(
        (1000, 40, 30), "u2", conversion=np.float64(1e-6), resolution=np.float64(-1), unit="volts"
    )
    start = MadeNode(attrs={"rate": np.float64(20)}, values=np.array(5.0))
    series = MadeNode(
        attrs={"neurodata_type": "TwoPhotonSeries"}, children={"data": node, "starting_time": start}
    )
    MadeNode(children={"acquisition": MadeNode(children={"movie": series})})
    found = meaning_of(node)
    assert (found["rows"], found["columns"]) == (2, 1)
    assert found["axes"][0]["coordinates"] == {"start": 5.0, "step": 0.05}
    assert (found["value"]["unit"], found["value"]["scale"], found["notes"]) == ("volts", 1e-6, [])


def test_anndata_has_names_of_genes() -> None:
    node = dataset((3, 2), "f4")
    MadeNode(
        attrs={"encoding-type": "anndata"},
        children={
            "X": node,
            "obs": MadeNode(
                attrs={"_index": "cell"},
                children={"cell": MadeNode(values=np.array(["a", "b", "c"], object))},
            ),
            "var": MadeNode(
                attrs={"_index": "gene"},
                children={"gene": MadeNode(values=np.array(["p", "q"], object))},
            ),
        },
    )
    found = meaning_of(node)
    assert found["axes"][1]["coordinates"] == {"text": ["p", "q"]}
    assert coordinates_at(found, (2, 1)) == [
        {"name": "obs", "text": "c", "unit": None},
        {"name": "var", "text": "q", "unit": None},
    ]


@pytest.mark.parametrize(
    ("path", "dtype", "kind"),
    [
        ("volumes/labels/neuron_ids", "u8", "labels"),
        ("segmentation", "u4", "labels"),
        ("segmentation", "f4", "values"),
        ("closed", "?", "mask"),
        ("entry/pixel_mask", "u4", "mask"),
        ("unlabelled", "u4", "values"),
    ],
)
def test_labels_and_masks_by_type_and_name(path: str, dtype: str, kind: str) -> None:
    assert tree(path, dataset((50, 60), dtype))["kind"] == kind
