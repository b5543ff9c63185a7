"""The objects of files: attributes as text, and what they depend on."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard import errors
from tests import files
from tests.parts import Parts


def test_attributes_are_text(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        attributes = file.create_dataset("x", data=np.zeros((2, 3))).attrs
        attributes["text"] = "µm"
        attributes["bytes"] = np.bytes_(b"raw\xff")
        attributes["long"] = "x" * 5000
        attributes["numbers"] = [1.5, np.nan, np.inf]
        attributes["integer"] = np.int64(-3)
        attributes["flag"] = True
        attributes["complex"] = 1 + 2j
        attributes["many"] = np.arange(5000)
        attributes["nothing"] = h5py.Empty("f4")
        attributes["pair"] = np.array((1, 2.5), "i4,f4")
        attributes["reference"] = file["x"].ref
    found = here.nodes.node("data/a.h5", "x").record
    shown = {one.name: one.text for one in found.attributes}
    assert {k: shown[k] for k in ("text", "integer", "flag", "nothing", "numbers", "complex")} == {
        "text": "µm",
        "integer": "-3",
        "flag": "true",
        "nothing": "null",
        "numbers": '[1.5, "nan", "inf"]',
        "complex": "(1+2j)",
    }
    assert shown["long"].endswith("…")
    assert len(shown["long"]) < 5000
    assert "5000 values" in shown["many"]
    types = {one.name: one.type for one in found.attributes}
    assert (types["text"], types["numbers"], types["pair"]) == ("string", "float64", "compound")
    assert (found.kind, found.type, found.shape) == ("dataset", "float64", (2, 3))
    root = here.nodes.node("data/a.h5", "/").record
    assert (root.kind, root.type, root.attributes, root.meaning) == ("group", None, (), None)


def test_what_a_node_says_depends_on_the_files_that_it_is_in(here: Parts, data: Path) -> None:
    with h5py.File(data / "b.h5", "w") as file:
        file.create_dataset("x", data=np.zeros((20, 30))).attrs["mark"] = "first"
    with h5py.File(data / "a.h5", "w") as file:
        file["far"] = h5py.ExternalLink("b.h5", "/x")
    assert [one.text for one in here.nodes.node("data/a.h5", "/far").record.attributes] == ["first"]
    with h5py.File(data / "b.h5", "a") as file:
        file["x"].attrs["mark"] = "second"
    assert [one.text for one in here.nodes.node("data/a.h5", "/far").record.attributes] == [
        "second"
    ]
    (data / "b.h5").unlink()
    with pytest.raises(errors.CannotShow, match="missing"):
        here.nodes.node("data/a.h5", "/far")


def test_a_node_that_does_not_exist(here: Parts, data: Path) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 3)))
    with pytest.raises(errors.NotFound):
        here.nodes.node("data/a.h5", "/y")
