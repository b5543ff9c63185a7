"""What openPMD, DREAM.3D, ODIM, NWB, AnnData, ITK, VTK and MINC say, and coordinates that nothing refers to."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.meaning.reading import meaning_of
from dashboard.meaning.telling import coordinates_at
from tests.nodes import MadeNode, dataset


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


def test_images_of_itk_and_vtk_have_a_shape_of_voxels_without_a_unit() -> None:
    spacing = np.array([0.5, 1.0, 3.0])
    itk = dataset((20, 50, 60))
    MadeNode(
        children={
            "VoxelData": itk,
            "Spacing": MadeNode(values=spacing),
            "Origin": MadeNode(values=np.array([1.0, 2.0, 3.0])),
        }
    )
    cells = dataset((20, 50, 60, 3))
    vtk = {"Spacing": spacing, "Origin": np.zeros(3)}
    MadeNode(
        children={
            "VTKHDF": MadeNode(
                attrs=vtk, children={"CellData": MadeNode(children={"velocity": cells})}
            )
        }
    )
    found = meaning_of(itk)
    assert [axis["coordinates"] for axis in found["axes"]] == [
        {"start": 3.0, "step": 3.0},
        {"start": 2.0, "step": 1.0},
        {"start": 1.0, "step": 0.5},
    ]
    assert found["aspect"] == 2.0
    found = meaning_of(cells)
    assert (found["rows"], found["columns"], found["index"][3]) == (1, 2, 0)
    assert found["axes"][2]["coordinates"] == {"start": 0.25, "step": 0.5}


@pytest.mark.parametrize(("high", "scale"), [([100.0] * 20, 0.025), ([*range(1, 21)], 1.0)])
def test_minc_has_steps_directions_and_one_scale(high: list[float], scale: float) -> None:
    node = dataset(
        (20, 50, 60), "i2", dimorder="zspace,yspace,xspace", valid_range=np.array([0.0, 4000.0])
    )
    ends = {"image-min": np.zeros(20), "image-max": np.array(high)}
    image = MadeNode(
        children={"image": node, **{name: MadeNode(values=one) for name, one in ends.items()}}
    )
    axes = {
        name: MadeNode(
            attrs={"start": np.float64(-9), "step": np.float64(step), "units": "mm"},
            values=np.array(0),
        )
        for name, step in (("zspace", 3.0), ("yspace", 1.0), ("xspace", 0.5))
    }
    root = {"image": MadeNode(children={"0": image}), "dimensions": MadeNode(children=axes)}
    MadeNode(children={"minc-2.0": MadeNode(children=root)})
    found = meaning_of(node)
    assert [axis["name"] for axis in found["axes"]] == ["zspace", "yspace", "xspace"]
    assert (found["up"], found["aspect"]) == (True, 2.0)
    assert found["value"]["scale"] == pytest.approx(scale)
    assert bool(found["notes"]) == (scale == 1)


def test_coordinates_beside_the_data_are_found_by_name_and_length() -> None:
    cube, scan, square = dataset((120, 100, 200)), dataset((20, 60, 80)), dataset((50, 50, 60))
    photos = dataset((5, 60, 80, 3), "u1")
    named = ((cube, "wavelength", 200), (scan, "theta", 20), (square, "x", 50), (photos, "time", 3))
    for one, name, length in named:
        values = MadeNode(attrs={"units": "nm"}, values=np.linspace(400, 900, length))
        MadeNode(children={"data": one, name: values, "unrelated": MadeNode(values=np.zeros(100))})
    found = meaning_of(cube)
    assert (found["rows"], found["columns"]) == (0, 1)
    assert (found["axes"][2]["name"], found["axes"][2]["unit"]) == ("wavelength", "nm")
    assert meaning_of(scan)["axes"][0]["name"] == "theta"
    assert [axis["name"] for axis in meaning_of(square)["axes"]] == ["", "", ""]
    assert meaning_of(photos)["kind"] == "color"
