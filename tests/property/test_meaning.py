"""Whatever a file has, its meaning is complete, consistent and JSON; nothing raises."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as made
from pydantic import TypeAdapter

from dashboard.meaning.main import Candidate, choose_main
from dashboard.meaning.model import Meaning
from dashboard.meaning.reading import DEFAULTS, meaning_of
from dashboard.meaning.telling import coordinates_at, name_of_value
from tests.nodes import MadeNode

MEANING = TypeAdapter(Meaning)

NAMES = st.sampled_from(
    [
        "ResolutionLevel 0",
        "TimePoint 0",
        "Channel 0",
        *(
            "data signal axes default x y z lat lon time dim0 dim1 dim2 axis-0 axis-1 entry cells "
            "resolutions s00 0 t00000 DataSet Data DataSetInfo Image X obs var _index instrument detector "
            "y_pixel_size x_pixel_size _SIMPL_GEOMETRY SPACING ORIGIN Metadata axis metadata Signal labels "
            "mask pixel_mask lat_bnds detectorSpecific Experiments what where starting_time timestamps VTKHDF "
            "VoxelData Spacing Origin CellData minc-2.0 dimensions xspace image image-min image-max image_key "
            "theta wavelength"
        ).split(),
    ]
)
ATTRIBUTES = st.sampled_from(
    (
        "NX_class default signal axes x_indices y_indices interpretation default_slice long_name units "
        "scale_factor add_offset _FillValue missing_value CodeMissingValue valid_range valid_min "
        "valid_max _Unsigned flag_values flag_masks flag_meanings coordinates standard_name calendar "
        "axis positive CLASS NAME DIMENSION_LABELS IMAGE_SUBCLASS INTERLACE_MODE IMAGE_MINMAXRANGE "
        "IMAGE_WHITE_IS_ZERO DISPLAY_ORIGIN PALETTE element_size_um voxel_size resolution offset spacing "
        "MATLAB_class axistags drange emd_group_type name scale size navigate axisLabels gridSpacing "
        "gridGlobalOffset gridUnitSI unitSI unitDimension dataOrder position TupleDimensions "
        "ComponentDimensions encoding-type TITLE ExtMin0 ExtMax0 ExtMin1 ExtMax1 ExtMin2 ExtMax2 Unit "
        "ImageSizeX ImageSizeY ImageSizeZ primary Conventions quantity gain nodata rscale rstart "
        "xscale neurodata_type conversion rate unit bounds target value_type kind cxi_version "
        "dimorder start step Spacing Origin ancillary_variables cell_measures"
    ).split()
)
WORDS = st.one_of(
    st.sampled_from(
        [
            *(
                "NXdata",
                "NXentry",
                "NXdetector",
                "data",
                "x",
                "y",
                "z",
                ".",
                "rgb-image",
                "image",
                "spectrum",
                "true",
                "1",
            ),
            *(
                "days since 2001-01-01",
                "hours since 1-1-1",
                "months since 2000-01-01",
                "noleap",
                "IMAGE",
                "up",
                "Y",
                "T",
            ),
            *(
                "IMAGE_TRUECOLOR",
                "IMAGE_INDEXED",
                "INTERLACE_PLANE",
                "LL",
                "uint8",
                "anndata",
                "ODIM_H5/V2",
                "-9999.9",
                "degrees_north",
            ),
            *(
                '{"axes":[{"key":"z","resolution":2},{"key":"y"},{"key":"c"}]}',
                '{"axes":3}',
                "[" * 2000,
                "x:y",
                "m",
                "µm",
            ),
        ]
    ),
    st.text(max_size=12),
)
DTYPES = st.sampled_from(
    [
        np.dtype(name)
        for name in ("u1", "i1", "i2", ">u2", "i4", "u8", "i8", "f2", "f4", ">f8", "c8", "?")
    ]
)
SIDES = made.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=40)
ARRAYS = DTYPES.flatmap(
    lambda kind: made.arrays(
        kind, made.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=6)
    )
)
VALUES = st.one_of(
    WORDS,
    st.lists(WORDS, max_size=4).map(tuple),
    ARRAYS,
    ARRAYS.filter(lambda array: array.size > 0).map(lambda array: array.ravel()[0]),
)
ATTRS = st.dictionaries(ATTRIBUTES, VALUES, max_size=8)
LEAVES = st.builds(
    MadeNode,
    attrs=ATTRS,
    values=ARRAYS | st.lists(WORDS, max_size=4).map(lambda words: np.array(words, object)),
) | st.builds(MadeNode, attrs=ATTRS, declared=st.tuples(SIDES, DTYPES | st.none()))
TREES = st.recursive(
    LEAVES,
    lambda below: st.builds(
        MadeNode, attrs=ATTRS, children=st.dictionaries(NAMES, below, max_size=5)
    ),
    max_leaves=12,
)
ROOTS = st.builds(
    MadeNode, attrs=ATTRS, children=st.dictionaries(NAMES, TREES, min_size=1, max_size=5)
)


def everything(node: MadeNode) -> list[MadeNode]:
    """An object and all below."""
    return [node, *(one for child in node.children.values() for one in everything(child))]


def check(meaning: Meaning, shape: tuple[int, ...]) -> None:
    """A meaning is of its type, and its dimensions and indexes are within the shape."""
    text = json.dumps(meaning, allow_nan=False)
    MEANING.validate_json(text, strict=True)
    assert len(meaning["axes"]) == len(meaning["index"]) == len(shape)
    picture = meaning["rows"], meaning["columns"]
    if len(shape) < 2:
        assert picture == (None, None)
    else:
        taken = [*picture, *([] if meaning["channels"] is None else [meaning["channels"]])]
        assert len(set(taken)) == len(taken)
        assert all(d is not None and 0 <= d < len(shape) for d in taken)
        for dimension, (at, length) in enumerate(zip(meaning["index"], shape, strict=True)):
            assert (at is None) == (dimension in picture)
            assert at is None or 0 <= at < max(length, 1)
    if meaning["channels"] is not None:
        assert shape[meaning["channels"]] in (3, 4)
    for axis, length in zip(meaning["axes"], shape, strict=True):
        coordinates = axis["coordinates"]
        if coordinates is not None and "step" in coordinates:
            assert coordinates["step"] != 0
        elif coordinates is not None:
            found = coordinates["text"] if "text" in coordinates else coordinates["values"]
            assert len(found) == length + axis["edges"]


@given(root=ROOTS, data=st.data())
def test_everything_has_a_meaning(root: MadeNode, data: Any) -> None:
    nodes = everything(root)
    datasets = [one for one in nodes if not one.is_group]
    for node in datasets:
        if datasets and data.draw(st.booleans()):
            node.scaled_by = [
                data.draw(st.lists(st.sampled_from(datasets), max_size=2)) for _ in node.shape
            ]
            node.references = {"PALETTE": data.draw(st.lists(st.sampled_from(nodes), max_size=2))}
    for node in nodes:
        meaning = meaning_of(node)
        check(meaning, node.shape)
        if not node.is_group and 0 not in node.shape:
            coordinates_at(meaning, [n - 1 for n in node.shape])
    for value in (np.uint8(255), np.float64("nan"), np.complex64(1j), np.int64(-1), np.bool_(True)):
        name_of_value(meaning, value)
    listed = [Candidate(one.path, one.shape, str(one.dtype), bool(one.shape)) for one in datasets]
    main = choose_main(root, listed, DEFAULTS)
    assert (main is None) == (not listed)
    assert main is None or main in {one.path for one in listed}
