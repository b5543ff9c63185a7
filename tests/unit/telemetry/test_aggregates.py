"""Histograms are exact within their bounds, and rows survive encoding."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.storage.bytes_cache import INLINE_BYTES
from dashboard.telemetry.aggregates import (
    BOUNDS,
    MAX_GROUPS,
    OTHER,
    Dimension,
    Group,
    Histogram,
    LedgerRow,
    Totals,
    decode_row,
    encode_row,
    exact,
)
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES

times = st.floats(0.0, 1e4, allow_nan=False)


def histogram(values: list[float]) -> Histogram:
    made = Histogram()
    for value in values:
        made.add(value)
    return made


def test_boundaries_are_close_and_hold_the_coarse_ones() -> None:
    ratios = [high / low for low, high in pairwise(BOUNDS)]
    assert all(1.09 < ratio < 1.11 for ratio in ratios)
    assert {0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.25, 0.5, 1.0, 2.5, 10.0} <= set(BOUNDS)


def test_a_time_on_a_boundary_is_at_most_that() -> None:
    assert histogram([0.0025]).at_most(0.0025) == 1
    assert histogram([0.00250001]).at_most(0.0025) == 0


@given(st.lists(times), st.sampled_from(BOUNDS))
def test_cumulative_counts_are_exact(values: list[float], bound: float) -> None:
    assert histogram(values).at_most(bound) == sum(value <= bound for value in values)


@given(st.lists(st.floats(1e-6, 1e3), min_size=1), st.sampled_from([0.01, 0.5, 0.95, 0.99]))
def test_percentiles_are_close(values: list[float], share: float) -> None:
    (found,) = histogram(values).quantiles(share)
    rank = min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))
    exact = sorted(values)[rank]
    assert found is not None
    assert exact / 1.12 <= found <= exact * 1.12


def test_percentiles_at_the_ends() -> None:
    assert Histogram().quantiles(0.5, 0.9) == [None, None]
    assert histogram([0.0]).quantiles(0.5) == [1e-6]
    assert histogram([1e6]).quantiles(0.5) == [1e3]
    low, high = histogram([0.001] * 99 + [1.0]).quantiles(0.5, 0.995)
    assert low is not None
    assert high is not None
    assert low <= 0.001 < 0.9 < high <= 1.0


@given(st.lists(times), st.lists(times))
def test_merging_is_adding(left: list[float], right: list[float]) -> None:
    merged = histogram(left)
    merged.merge(histogram(right))
    assert merged.counts == histogram(left + right).counts
    assert merged.total_s == pytest.approx(
        sum(left) + sum(right), abs=1e-8 * (len(left) + len(right))
    )


slices = st.dictionaries(
    st.sampled_from(OUTCOMES), st.lists(times, min_size=1, max_size=5).map(histogram)
)
totals = st.builds(
    Totals,
    demand=st.dictionaries(st.sampled_from(OUTCOMES), st.integers(0, 2**40)),
    stages=st.dictionaries(
        st.sampled_from(STAGE_NAMES), st.lists(times, min_size=1, max_size=5).map(histogram)
    ),
    counts=st.dictionaries(
        st.sampled_from(["bricks.decoded", "prefetch.used", "requests.ahead_200"]),
        st.floats(0, 1e15).map(exact),
    ),
    server=slices,
    perceived=slices,
    times=st.dictionaries(st.just("queue"), st.lists(times, min_size=1).map(histogram)),
    groups=st.dictionaries(
        st.sampled_from(Dimension),
        st.dictionaries(
            st.text(st.characters(codec="utf-8"), max_size=20),
            st.builds(
                Group,
                st.dictionaries(st.sampled_from(OUTCOMES), st.integers(0, 2**40)),
                st.floats(0, 1e6).map(exact),
                st.integers(0, 2**60),
            ),
            max_size=4,
        ),
    ),
)


@given(totals)
def test_a_row_reads_back_as_it_was(sums: Totals) -> None:
    row = LedgerRow(1234.5, "12:ab", sums, {"bricks.bytes": 5.0}, ("viewer-1",))
    (value,) = encode_row(row)
    assert decode_row(value) == row


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 1e4)), max_size=30))
def test_sums_do_not_depend_on_the_order(amounts: list[tuple[str, float]]) -> None:
    """A sum that differed by a rounding error would make a counter go back between two scrapes."""

    def summed(parts: list[tuple[str, float]]) -> Totals:
        whole = Totals()
        for _, amount in parts:
            one = Totals(stages={STAGE_NAMES[0]: histogram([amount])})
            whole.merge(decode_row(encode_row(LedgerRow(1.0, "1:2", one))[0]).totals)
        return whole

    assert summed(amounts) == summed(sorted(amounts)) == summed(amounts[::-1])


@given(st.floats(0, 1e15))
def test_an_exact_amount_is_close_and_stays(amount: float) -> None:
    assert exact(amount) == pytest.approx(amount, abs=2**-26)
    assert exact(exact(amount)) == exact(amount)
    assert exact(float(round(amount))) == round(amount)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=120))
def test_groups_are_bounded_and_lose_nothing(demands: list[tuple[int, int]]) -> None:
    whole = Totals()
    for number, count in demands:
        group = Group({OUTCOMES[0]: count}, 0.5, 3)
        whole.merge(Totals(groups={Dimension.VOLUME: {f"v{number}": group}}))
    groups = whole.groups.get(Dimension.VOLUME, {})
    most = MAX_GROUPS[Dimension.VOLUME]
    assert len(groups) <= most + 1
    assert (OTHER in groups) or len(groups) == len({number for number, _ in demands})
    assert sum(g.count for g in groups.values()) == sum(count for _, count in demands)
    assert sum(g.sent_bytes for g in groups.values()) == 3 * len(demands)


def test_a_large_row_goes_in_pieces_that_add_up() -> None:
    large = Totals({"hit": 3}, {}, {"bricks.decoded": 7.0})
    for stage in STAGE_NAMES:
        large.stages[stage] = Histogram(1.5, {i: 10**12 + i for i in range(len(BOUNDS) + 1)})
    for outcome in OUTCOMES:
        large.server[outcome] = Histogram(2.5, {i: 10**12 + i for i in range(len(BOUNDS) + 1)})
        large.perceived[outcome] = Histogram(3.5, {i: 10**12 + i for i in range(len(BOUNDS) + 1)})
    large.groups = {
        dimension: {
            f"{i:03d}" + "\N{EURO SIGN}" * 253: Group(
                dict.fromkeys(OUTCOMES, 10**9), 1e9 / 3, 10**15
            )
            for i in range(most)
        }
        for dimension, most in MAX_GROUPS.items()
    }
    viewers = tuple(f"{i:064d}" for i in range(256))
    pieces = encode_row(LedgerRow(5.0, "1:2", large, {"bricks.bytes": 5.0}, viewers))
    assert len(pieces) > 1
    assert all(len(piece) < INLINE_BYTES for piece in pieces)
    again = Totals()
    seen: list[str] = []
    for piece in pieces:
        row = decode_row(piece)
        again.merge(row.totals)
        seen.extend(row.viewers)
    assert again == large
    assert tuple(seen) == viewers


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"17",
        b"\xff\xfe",
        b"{}",
        b'{"t":1}',
        b'{"t":NaN,"p":"1"}',
        b'{"t":true,"p":"1"}',
        b'{"t":1,"p":"1","d":{"stolen":1}}',
        b'{"t":1,"p":"1","d":{"hit":-1}}',
        b'{"t":1,"p":"1","d":{"hit":1.5}}',
        b'{"t":1,"p":"1","d":[1]}',
        b'{"t":1,"p":"1","s":{"decode":[1,{"9999":1}]}}',
        b'{"t":1,"p":"1","s":{"decode":[1,{"-1":1}]}}',
        b'{"t":1,"p":"1","s":{"decode":[1]}}',
        b'{"t":1,"p":"1","c":{"a b":1}}',
        b'{"t":1,"p":"1","c":{"a":1e999}}',
        b'{"t":1,"p":"1","c":{"a":' + b"9" * 400 + b"}}",
        b'{"t":1,"p":"1","c":{"a":' + b"9" * 5000 + b"}}",
        b'{"t":1,"p":"1","v":["<img>"]}',
        b'{"t":1,"p":"1","v":[3]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_row_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"^no row of the ledger"):
        decode_row(value)


def test_rows_are_plain_json() -> None:
    (value,) = encode_row(LedgerRow(1.0, "1:2", Totals(demand={"hit": 1})))
    assert json.loads(value) == {"t": 1.0, "p": "1:2", "d": {"hit": 1}}
