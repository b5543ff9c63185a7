"""Browser reports with arbitrary content: each row is counted or refused, and none causes reads or decodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.telemetry.row_limit import RowLimit
from tests import files
from tests.clock import Clock
from tests.examples import examples
from tests.web import HOST, App, running

SHAPE = (6, 20, 30)
REASONS = ("accepted", "malformed", "unknown", "contradictory", "too_frequent")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application that knows two volumes, and fails the test when a report asks for more."""
    home = tmp_path_factory.mktemp("reports")
    values = np.zeros(SHAPE, "u2")
    how = {"chunks": (2, 10, 10), "compression": "gzip"}
    path = files.write(home / "a.h5", x=(values, how), plane=(values[0], {"chunks": (10, 10)}))
    with running(home, path) as app:
        for text, dataset in (("1,:,:", "x"), (":,:", "plane")):
            assert app.slice("a.h5", dataset, text).status_code == 200

        def fail(*_: Any, **__: Any) -> Any:
            raise AssertionError("a report asked for work")

        for owner, name in (
            (app.services.hdf5, "call"),
            (app.services.readers.decoder, "decode"),
            (app.services.metadata, "volume"),
            (app.services.catalog, "fingerprint"),
        ):
            setattr(owner, name, fail)
        yield app


ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
)
SELECTIONS = st.one_of(
    st.sampled_from(["1,:,:", "-1,:,:", ":,1,:", ":,:", "1,::2,3:9", "6,:,:", "1,:", ":,:,:"]),
    st.lists(
        st.sampled_from(["0", "5", "-7", "9" * 30, ":", "::2", "1:0", "x", ""]), max_size=9
    ).map(",".join),
    st.text(max_size=30),
)
INDICES = st.one_of(st.none(), st.integers(-2, 8), ANY)
DURATIONS = st.one_of(st.none(), st.floats(0, 60_000), st.sampled_from([60_000.5, 1e300]), ANY)
ROWS = st.fixed_dictionaries(
    {
        "file": st.one_of(st.sampled_from(["a.h5", "b.h5", "../a.h5", "a.h5/x"]), ANY),
        "dataset": st.one_of(st.sampled_from(["x", "/x", "//x", "plane", "y", "\0"]), ANY),
        "selection": st.one_of(SELECTIONS, ANY),
        "source": st.one_of(st.sampled_from(["ring", "bricks", "miss", "moon"]), ANY),
    },
    optional={
        "index": INDICES,
        "axis": INDICES,
        "version": st.one_of(st.sampled_from(["0123456789abcdef"]), ANY),
        "transfer_ms": DURATIONS,
        "convert_ms": DURATIONS,
        "draw_ms": DURATIONS,
        "display_ms": DURATIONS,
    },
)


@pytest.fixture(scope="module")
def clock(known: App) -> Clock:
    """The clock of the limit of rows."""
    clock = Clock()
    known.services.activity.row_limit = RowLimit(clock)
    return clock


@given(
    viewer=st.sampled_from(["ann", "bob"]),
    rows=st.lists(st.one_of(ROWS, ROWS, ROWS, ANY), max_size=20),
    repeat=st.sampled_from([1, 1, 1, 40]),
    pause_s=st.sampled_from([0.1, 1.0, 2.0]),
)
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_row_is_counted_or_refused(
    known: App, clock: Clock, viewer: str, rows: list[Any], repeat: int, pause_s: float
) -> None:
    clock.now += pause_s
    before = known.stats()
    sent = rows * repeat
    response = known.client.post(
        "/api/v1/telemetry",
        data=json.dumps({"viewer": viewer, "slices": sent}),
        base_url=HOST,
    )
    assert response.status_code in (204, 400, 429), response.get_data(as_text=True)
    after = known.stats()
    changed = {name: after["reports"][name] - before["reports"][name] for name in REASONS}
    if response.status_code == 204 or changed["malformed"] != 1:
        assert sum(changed.values()) == len(sent)
    assert changed["accepted"] <= 120
    if response.status_code != 204:
        assert changed["accepted"] == 0
        assert response.get_json()["error"]["message"].endswith(".")
    assert (response.status_code == 429) == (
        changed["too_frequent"] > 0 and changed["too_frequent"] + changed["malformed"] == len(sent)
    )
    ring = after["demand"]["ring"] - before["demand"]["ring"]
    assert 0 <= ring <= changed["accepted"]
    for stage in ("transfer", "convert", "draw", "display"):
        figures = after["stages"].get(stage)
        assert figures is None or 0 <= figures["total_s"] <= 60.0 * after["reports"]["accepted"]


@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.recursive(ANY, st.lists, max_leaves=9).map(lambda value: json.dumps(value).encode()),
    )
)
@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_no_report_is_a_400(known: App, body: bytes) -> None:
    response = known.client.post("/api/v1/telemetry", data=body, base_url=HOST)
    assert response.status_code == 400
    assert response.get_json()["error"]["code"] == "bad_request"
