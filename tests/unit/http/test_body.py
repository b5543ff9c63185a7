"""Chunked request bodies: the same bytes for any fragmentation, and refusals."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.http.body import ChunkedBody, SizedBody
from dashboard.http.refusal import BODY_LIMIT, Malformed


def encode(chunks: list[bytes], ending: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks) + ending


def feed(body: ChunkedBody | SizedBody, data: bytes, cuts: list[int]) -> tuple[bool, bytes]:
    """Whether `data` completes the body when it arrives cut at these places, and what is left of it."""
    buffer = bytearray()
    complete = False
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        buffer += data[start:end]
        complete = complete or body.feed(buffer)
    return complete, bytes(buffer)


CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@given(chunks=st.lists(st.binary(min_size=1, max_size=60), max_size=8), cuts=CUTS, rest=st.binary())
def test_chunks_are_put_together(chunks: list[bytes], cuts: list[int], rest: bytes) -> None:
    body = ChunkedBody()
    complete, left = feed(body, encode(chunks), cuts)
    assert complete
    assert not left
    assert bytes(body.data) == b"".join(chunks)
    body = ChunkedBody()
    buffer = bytearray(encode(chunks) + rest)
    assert body.feed(buffer)
    assert bytes(buffer) == rest


@given(content=st.binary(max_size=300), cuts=CUTS, rest=st.binary(max_size=20))
def test_a_sized_body_takes_what_is_its_own(content: bytes, cuts: list[int], rest: bytes) -> None:
    body = SizedBody(len(content))
    complete, left = feed(body, content + rest, cuts)
    assert complete
    assert (bytes(body.data), left) == (content, rest)


@pytest.mark.parametrize("cuts", [[], list(range(100))], ids=["at once", "byte by byte"])
def test_extensions_and_trailers_are_skipped(cuts: list[int]) -> None:
    body = ChunkedBody()
    data = b'3;name="value"\r\nabc\r\n2 ; x\r\nde\r\n00\r\nA: b\r\nC: d\r\n\r\n'
    assert feed(body, data, cuts) == (True, b"")
    assert body.data == b"abcde"


@pytest.mark.parametrize("cuts", [[], list(range(100))], ids=["at once", "byte by byte"])
@pytest.mark.parametrize(
    "data",
    [
        b"x\r\n",
        b"\r\n",
        b"\n",
        b"-1\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b"1_0\r\n",
        b" 1\r\na\r\n",
        b"123456789\r\n",
        b"1\na\n",
        b"1\r\nab\r\n",
        b"1\r\na\n\r",
        b"1;\x00\r\na\r\n",
        b"1\r\na\r\n0\r\nA: b\n\n",
        b"f" * 300,
    ],
)
def test_what_is_no_chunk_is_malformed(data: bytes, cuts: list[int]) -> None:
    with pytest.raises(Malformed) as raised:
        feed(ChunkedBody(), data, cuts)
    assert raised.value.status == 400


@pytest.mark.parametrize("data", [b"ffffffff\r\n", b"100001\r\n", b"1\r\na\r\n100000\r\n"])
def test_a_body_that_would_be_too_large_is_refused_before_it_comes(data: bytes) -> None:
    with pytest.raises(Malformed) as raised:
        ChunkedBody().feed(bytearray(data))
    assert raised.value.status == 413
    with pytest.raises(Malformed) as raised:
        SizedBody(BODY_LIMIT + 1)
    assert raised.value.status == 413


def test_trailers_are_bounded() -> None:
    buffer = bytearray(b"0\r\n" + b"A: bcd\r\n" * 5000)
    with pytest.raises(Malformed) as raised:
        ChunkedBody().feed(buffer)
    assert raised.value.status == 431
