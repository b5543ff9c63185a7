"""Messages between a process and its child arrive whole, or raise an error."""

from __future__ import annotations

import io
import json
import socket
import struct
from dataclasses import replace
from functools import partial

import pytest
from pydantic import TypeAdapter

from dashboard.hdf5 import protocol
from dashboard.hdf5.answers import parse_answer, parse_ready
from dashboard.hdf5.messages import ChunkCount, Envelope, pack, unpack


def packed(head: dict[str, object], body: bytes = b"") -> bytes:
    stream = io.BytesIO()
    protocol.send(stream, head, body)
    return stream.getvalue()


@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)) * 1000], ids=len)
def test_a_message_arrives(body: bytes) -> None:
    head = {"op": "list", "name": "ü\n", "n": [1, 2.5, None, True]}
    text, received = protocol.receive(io.BytesIO(packed(head, body)))
    assert (json.loads(text), received) == (head, body)


def test_what_is_no_text_does_not_get_into_a_message() -> None:
    text, _ = protocol.receive(io.BytesIO(packed({"name": "a\udcffb"})))
    assert json.loads(text) == {"name": "a?b"}


@pytest.mark.parametrize("name", ["plain", "ü", "日本", "\udcff", "a\udcc3b"])
def test_paths_and_names_of_any_bytes_arrive(name: str) -> None:
    text, _ = protocol.receive(io.BytesIO(packed({"name": pack(name)})))
    assert unpack(json.loads(text)["name"]) == name
    assert TypeAdapter(str).validate_python(pack(name)) == pack(name)


def test_what_was_not_packed_is_unpacked_without_an_error() -> None:
    assert unpack("日") == "?"


def test_a_request_arrives_as_it_was() -> None:
    ours, theirs = socket.socketpair()
    sent = Envelope("boxes", {"boxes": [[[0], [1]]]}, "/data/\udcff.h5", ["/data"], 2.5)
    with ours, theirs:
        protocol.send_request(ours, sent)
        assert protocol.receive_request(theirs) == (replace(sent, skip=[]), [])


def test_messages_follow_one_another() -> None:
    stream = io.BytesIO(packed({"a": 1}, b"one") + packed({"b": 2}, b"two"))
    assert protocol.receive(stream) == (b'{"a":1}', b"one")
    assert protocol.receive(stream) == (b'{"b":2}', b"two")
    with pytest.raises(EOFError):
        protocol.receive(stream)


@pytest.mark.parametrize("length", range(len(packed({"a": 1}, b"body"))))
def test_a_message_cut_short_is_the_end(length: int) -> None:
    with pytest.raises(EOFError):
        protocol.receive(io.BytesIO(packed({"a": 1}, b"body")[:length]))


def test_a_message_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        protocol.receive(io.BytesIO(struct.pack("<IQ", protocol.MAX_HEAD + 1, 0)))


@pytest.mark.parametrize("head", [b"", b"[]", b"{{{{", b"\xff\xfe", b"{}", b'{"confined":1}'])
def test_a_head_that_is_no_message_is_refused(head: bytes) -> None:
    for parse in (parse_ready, partial(parse_answer, kind=ChunkCount)):
        with pytest.raises(ValueError, match="validation error"):
            parse(head)
