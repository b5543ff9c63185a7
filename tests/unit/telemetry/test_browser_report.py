"""Reports of browsers are validated."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.addressing.outcomes import Stage
from dashboard.errors import BadRequest
from dashboard.telemetry.browser_report import MalformedReport, Report, parse_report

SLICE = {
    "file": "a.h5",
    "dataset": "/x",
    "selection": "7,:,:",
    "index": 7,
    "axis": 0,
    "source": "ring",
    "transfer_ms": 1.5,
    "convert_ms": 2,
    "draw_ms": 0,
    "display_ms": None,
}


def parse(data: bytes) -> Report:
    return parse_report(data, lambda _viewer, rows: rows)


def body(**changes: Any) -> bytes:
    """A report of one slice with some fields changed."""
    return json.dumps({"viewer": "v-1", "slices": [SLICE | changes]}).encode()


def test_a_report_is_read() -> None:
    report = parse(body())
    assert report.viewer == "v-1"
    (painted,) = report.slices
    assert (painted.file, painted.dataset, painted.selection) == ("a.h5", "/x", "7,:,:")
    assert (painted.index, painted.axis, painted.source) == (7, 0, "ring")
    assert painted.seconds == {"transfer": 0.0015, "convert": 0.002, "draw": 0.0}


def test_only_what_names_a_slice_is_required() -> None:
    slices = [{key: SLICE[key] for key in ("file", "dataset", "selection", "source")}]
    report = parse(json.dumps({"viewer": "v", "slices": slices, "later": "fields"}).encode())
    assert report.slices[0].seconds == {}
    assert report.slices[0].index is None
    assert parse(b'{"viewer": "v", "slices": []}').slices == ()


@pytest.mark.parametrize("source", ["ring", "frames", "bricks", "coalesced", "miss"])
def test_every_source(source: str) -> None:
    assert parse(body(source=source)).slices[0].source == source


@pytest.mark.parametrize(
    "changes",
    [
        {"file": None},
        {"file": 3},
        {"file": "x" * 1025},
        {"dataset": ["x"]},
        {"selection": "9" * 401},
        {"index": -1},
        {"index": 1.5},
        {"index": "7"},
        {"index": True},
        {"axis": 8},
        {"axis": -1},
        {"source": "hit"},
        {"source": None},
        {"transfer_ms": -0.1},
        {"transfer_ms": "1"},
        {"convert_ms": 60_001},
        {"version": "0" * 65},
        {"version": 3},
        {"draw_ms": 1e308},
        {"display_ms": True},
        {"display_ms": [1]},
    ],
    ids=str,
)
def test_what_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(body(**changes))
    (name,) = changes
    assert f"slices.0.{name}" in caught.value.message
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("missing", ["file", "dataset", "selection", "source"])
def test_what_may_not_be_missing(missing: str) -> None:
    slices = [{key: value for key, value in SLICE.items() if key != missing}]
    with pytest.raises(BadRequest, match=missing):
        parse(json.dumps({"viewer": "v", "slices": slices}).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"3",
        b'"x"',
        b"{}",
        b'{"viewer": "v"}',
        b'{"slices": []}',
        b'{"viewer": "v", "slices": {}}',
        b'{"viewer": "v", "slices": "ring"}',
        b'{"viewer": "v", "slices": [3]}',
        b'{"viewer": "", "slices": []}',
        b'{"viewer": "a b", "slices": []}',
        b'{"viewer": "v\\n", "slices": []}',
        b'{"viewer": "<img>", "slices": []}',
        b'{"viewer": 3, "slices": []}',
        b'{"viewer": "' + b"v" * 65 + b'", "slices": []}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"viewer": "v", "slices": [{"transfer_ms": NaN}]}',
        b'{"viewer": "v", "slices": [{"transfer_ms": Infinity}]}',
    ],
    ids=lambda data: repr(data[:50]),
)
def test_what_is_no_report(data: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(data)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_times_are_numbers(number: str) -> None:
    with pytest.raises(BadRequest):
        parse(body().replace(b"1.5", number.encode()))


def test_a_batch_has_an_end() -> None:
    full = json.dumps({"viewer": "v", "slices": [SLICE] * 1000}).encode()
    assert len(parse(full).slices) == 1000
    with pytest.raises(BadRequest, match="slices"):
        parse(json.dumps({"viewer": "v", "slices": [SLICE] * 1001}).encode())


def test_malformed_rows_are_left_out_and_counted() -> None:
    rows = [SLICE, 3, SLICE | {"draw_ms": 60_001}, {}, SLICE | {"selection": "8,:,:"}, None]
    report = parse(json.dumps({"viewer": "v", "slices": rows}).encode())
    assert [painted.selection for painted in report.slices] == ["7,:,:", "8,:,:"]
    assert report.malformed == 4


def test_malformed_rows_alone_are_no_report() -> None:
    with pytest.raises(MalformedReport, match=r"slices\.0: ") as caught:
        parse(json.dumps({"viewer": "v", "slices": [3, {}]}).encode())
    assert caught.value.rows == 2


def test_a_row_may_tell_the_version_of_its_slice() -> None:
    assert parse(body(version="0123456789abcdef")).slices[0].version == "0123456789abcdef"
    assert parse(body()).slices[0].version is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


# A loaded machine draws slowly.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.dictionaries(st.sampled_from(sorted(SLICE)), JSON))
def test_any_fields_are_read_or_refused(changes: dict[str, Any]) -> None:
    with suppress(BadRequest):
        (painted,) = parse(body(**changes)).slices
        assert all(0 <= seconds <= 60 for seconds in painted.seconds.values())


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        outcome = parse(data).viewer
    except BadRequest as error:
        outcome = error.message
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}|The report is malformed at .+: .+\.", outcome)


def test_rows_that_are_not_admitted_are_not_validated() -> None:
    asked = []

    def admit(viewer: str, rows: int) -> int:
        asked.append((viewer, rows))
        return 2

    data = json.dumps({"viewer": "v", "slices": [SLICE, 3, "no row", SLICE]}).encode()
    report = parse_report(data, admit)
    assert asked == [("v", 4)]
    assert (len(report.slices), report.malformed, report.not_admitted) == (1, 1, 2)
    nothing = parse_report(data, lambda _viewer, _rows: 0)
    assert (nothing.slices, nothing.malformed, nothing.not_admitted) == ((), 0, 4)


def test_rows_beyond_the_limit_are_counted_when_those_within_it_are_malformed() -> None:
    data = json.dumps({"viewer": "v", "slices": [None] * 40}).encode()
    report = parse_report(data, lambda _viewer, _rows: 3)
    assert (report.slices, report.malformed, report.not_admitted) == ((), 3, 37)


@pytest.mark.parametrize(
    ("source", "prefetched", "outcome"),
    [
        ("ring", False, "ring"),
        ("frames", False, "hit"),
        ("bricks", True, "prefetched"),
        ("coalesced", False, "coalesced"),
        ("miss", True, "miss"),
    ],
)
def test_the_outcome_of_a_painted_slice(source: str, prefetched: bool, outcome: str) -> None:
    (painted,) = parse(body(source=source, prefetched=prefetched)).slices
    assert painted.outcome == outcome


def test_what_the_page_waited_is_a_stage_and_the_whole_is_none() -> None:
    (painted,) = parse(body(perceived_ms=120.0, waited_ms=40.0)).slices
    assert painted.perceived_ms == 120.0
    assert painted.seconds[Stage.WAITED] == 0.04


def test_what_was_skipped_and_fetched_ahead_is_counted_by_report() -> None:
    ahead = {"count": 3, "bytes": 700, "transfer_ms": 12.5}
    report = parse(json.dumps({"viewer": "v", "slices": [], "skipped": 2, "ahead": ahead}).encode())
    assert (report.skipped, report.ahead.count, report.ahead.bytes) == (2, 3, 700)


@pytest.mark.parametrize(
    "more", [{"skipped": -1}, {"skipped": 1e9}, {"ahead": {"count": -1}}, {"ahead": {"bytes": "x"}}]
)
def test_impossible_counts_are_malformed(more: dict[str, Any]) -> None:
    with pytest.raises(MalformedReport):
        parse(json.dumps({"viewer": "v", "slices": [], **more}).encode())
