"""Files whose filters have arbitrary parameters: shown correctly or refused with a message; nothing hangs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.errors import LamellaError
from tests import files
from tests.examples import examples
from tests.parts import Parts

COUNT = itertools.count()
SHAPE, CHUNKS = (4, 24, 30), (2, 12, 16)
VALUES = (np.arange(np.prod(SHAPE)) // 3 % 1000).astype("<u2").reshape(SHAPE)
HOWS: dict[str, dict[str, Any]] = {
    **{name: how for name, how in files.CHUNKED.items() if name not in ("plain", "checksum")},
    "szip": {"compression": "szip"},
    "scaleoffset": {"scaleoffset": 0},
}
# Filters by whose parameters a chunk is decoded: the file may say that it means something else.
MEANT = {4, 5, 6, 32008}
NUMBERS = st.one_of(
    st.integers(0, 64),
    st.integers(10**5, 2**32 - 1),
    st.sampled_from([2**31, 2**31 | 169, 2**32 - 1, 2**16, 768, 384]),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("parameters") / "data"
    for name, how in HOWS.items():
        files.write(made / f"{name}.h5", x=(VALUES, {"chunks": CHUNKS, **how}))
    return made


def _filters() -> list[tuple[str, int, int]]:
    """(way of storing, filter that it has, how many parameters that has), for all that have any."""
    found = []
    with h5py.File.in_memory() as file:
        for name, how in HOWS.items():
            plist = file.create_dataset(
                name, SHAPE, "<u2", chunks=CHUNKS, **how
            ).id.get_create_plist()
            entries = [plist.get_filter(number) for number in range(plist.get_nfilters())]
            found += [(name, entry[0], len(entry[2])) for entry in entries if entry[2]]
    return found


@given(
    which=st.sampled_from(_filters()),
    changes=st.dictionaries(st.integers(0, 100), NUMBERS, min_size=1, max_size=3),
    index=st.integers(0, SHAPE[0] - 1),
)
@settings(
    max_examples=examples(80),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_parameters_are_shown_or_refused(
    here: Parts, folder: Path, which: tuple[str, int, int], changes: dict[int, int], index: int
) -> None:
    name, number, count = which
    # Each time another file: written at the same moment, one would not differ from the last by its times.
    path = folder / f"changed-{next(COUNT)}.h5"
    path.write_bytes((folder / f"{name}.h5").read_bytes())
    files.change_client_data(path, "x", number, {at % count: n for at, n in changes.items()})
    (listed,) = here.library.datasets(f"data/{path.name}")
    refused, found = None, b""
    try:
        found = here.frame(f"data/{path.name}", "/x", f"{index},:,:").frame.body
    except LamellaError as error:
        refused = error
    if refused is None:
        assert listed["browsable"]
        assert found == VALUES[index].tobytes() or number in MEANT
    else:
        assert refused.status == 422
        assert str(folder) not in refused.message
        assert listed["browsable"] or listed["reason"] in refused.message
