"""Files with arbitrary damage: listed and shown, or refused with a message; no crash, no hang."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.errors import LamellaError
from dashboard.frames.encode import Format
from tests import files
from tests.examples import examples
from tests.parts import Parts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("hostile") / "data"
    made.mkdir()
    files.write_storages(made / "storages.h5", shape=(5, 9, 10))
    files.write_types(made / "types.h5")
    files.write_unshowable(made / "unshowable.h5")
    with h5py.File(made / "latest.h5", "w", libver="latest") as file:
        values = np.arange(500).reshape(5, 10, 10)
        growing = {"chunks": (2, 5, 5), "maxshape": (None, 10, 10), "compression": "gzip"}
        file.create_dataset("growing", data=values, **growing)
        file.create_dataset("fixed", data=values, chunks=(2, 5, 5))
        file["a/b/flat"] = values
        file["soft"] = h5py.SoftLink("/a/b/flat")
        file["link"] = h5py.ExternalLink("storages.h5", "/gzip")
    return made


NUMBERS = [0, 1, 2**16, 2**31, 2**32 - 1, 2**32, 2**63 - 10, 2**63, 2**64 - 1]


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[float, bytes]]:
    """(where, as a share of the file's length; the new bytes)."""
    one = st.one_of(
        st.binary(min_size=1, max_size=2),
        st.sampled_from(NUMBERS).map(lambda n: n.to_bytes(8, "little")),
        st.sampled_from(NUMBERS).map(lambda n: n.to_bytes(8, "little")[:4]),
    )
    return draw(st.lists(st.tuples(st.floats(0, 1), one), min_size=1, max_size=8))


@given(
    name=st.sampled_from(["storages", "types", "unshowable", "latest"]),
    changed=changes(),
    length=st.sampled_from([1.0, 1.0, 1.0, 0.999, 0.7, 0.2]),
    number=st.integers(0, 10**9),
)
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_are_shown_or_refused(
    here: Parts,
    folder: Path,
    name: str,
    changed: list[tuple[float, bytes]],
    length: float,
    number: int,
) -> None:
    content = bytearray((folder / f"{name}.h5").read_bytes())
    for share, new in changed:
        at = int(share * (len(content) - len(new)))
        content[at : at + len(new)] = new
    path = folder / "changed.h5"
    path.write_bytes(content[: int(len(content) * length)])
    listed, refused = [], None
    try:
        listed = here.library.datasets("data/changed.h5")
    except LamellaError as error:
        refused = error
    assert refused is None or str(folder) not in refused.message
    for record in listed:
        if not record["browsable"]:
            assert record["reason"]
            continue
        rank = len(record["shape"])
        ends = [f"0:{min(n, 30)}" for n in record["shape"][-2:]]
        text = ",".join([*(str(number % n) for n in record["shape"][: rank - 2]), *ends])
        refused = None
        try:
            here.frame("data/changed.h5", record["dataset"], text, Format.U8)
            here.nodes.node("data/changed.h5", record["dataset"])
        except LamellaError as error:
            refused = error
        if refused is not None:
            assert refused.status in (404, 409, 413, 422), refused
            assert str(folder) not in refused.message


def test_the_reader_still_works_after_all_that(here: Parts, folder: Path) -> None:
    values = files.made_up("<u2", (5, 9, 10))
    answer = here.frame("data/storages.h5", "blosc2", "3,:,:")
    assert answer.frame.body == values[3].tobytes()
