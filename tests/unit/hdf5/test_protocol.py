"""Messages between a process and its child arrive whole, or raise an error."""

from __future__ import annotations

import io
import struct

import pytest

from dashboard.hdf5 import protocol


def packed(head: dict[str, object], body: bytes = b"") -> bytes:
    stream = io.BytesIO()
    protocol.send(stream, head, body)
    return stream.getvalue()


@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)) * 1000], ids=len)
def test_a_message_arrives(body: bytes) -> None:
    head = {"op": "list", "name": "ü\udcff\n", "n": [1, 2.5, None, True]}
    assert protocol.receive(io.BytesIO(packed(head, body))) == (head, body)


def test_messages_follow_one_another() -> None:
    stream = io.BytesIO(packed({"a": 1}, b"one") + packed({"b": 2}, b"two"))
    assert protocol.receive(stream) == ({"a": 1}, b"one")
    assert protocol.receive(stream) == ({"b": 2}, b"two")
    with pytest.raises(EOFError):
        protocol.receive(stream)


@pytest.mark.parametrize("length", range(len(packed({"a": 1}, b"body"))))
def test_a_message_cut_short_is_the_end(length: int) -> None:
    with pytest.raises(EOFError):
        protocol.receive(io.BytesIO(packed({"a": 1}, b"body")[:length]))


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<IQ", protocol.MAX_HEAD + 1, 0),
        struct.pack("<IQ", 2, 0) + b"[]",
        struct.pack("<IQ", 4, 0) + b"{{{{",
        struct.pack("<IQ", 2, 0) + b"\xff\xfe",
        struct.pack("<IQ", 0, 0),
    ],
    ids=["too long", "a list", "no JSON", "no UTF-8", "nothing"],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        protocol.receive(io.BytesIO(data))
