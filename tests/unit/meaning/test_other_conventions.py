"""What openPMD, DREAM.3D, ODIM, NWB and AnnData say."""

from __future__ import annotations

import numpy as np

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
