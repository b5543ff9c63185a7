"""Messages between a process and its HDF5 workers.

A request is a JSON head with a few descriptors, sent over a socket; a response is a JSON head and a body of
bytes, each with its length.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<IQ")
_LENGTH = struct.Struct("<I")
MAX_HEAD = 64 * 1024 * 1024
MAX_DESCRIPTORS = 3


def send(stream: BinaryIO, head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Write one message and flush it."""
    text = json.dumps(head, separators=(",", ":")).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)))
    stream.write(text)
    if len(body):
        stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read one message; `EOFError` when the other side has exited, `ValueError` for a protocol violation."""
    lengths = _exactly(stream, _LENGTHS.size)
    head, body = _LENGTHS.unpack(lengths)
    if head > MAX_HEAD:
        raise ValueError("message head too long")
    parsed = json.loads(_exactly(stream, head))
    if not isinstance(parsed, dict):
        raise ValueError("message head is no object")
    return parsed, _exactly(stream, body)


def send_request(
    connection: socket.socket, head: dict[str, Any], descriptors: Sequence[int] = ()
) -> None:
    """Send one request; the descriptors stay open on this side."""
    text = json.dumps(head, separators=(",", ":")).encode()
    length = _LENGTH.pack(len(text))
    # Descriptors travel with the first byte.
    sent = socket.send_fds(connection, [length], descriptors)
    connection.sendall(length[sent:] + text)


def receive_request(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """(head, descriptors that the caller has to close); `EOFError` when the other side has exited."""
    data, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, MAX_DESCRIPTORS)
    try:
        (count,) = _LENGTH.unpack(data + _received(connection, _LENGTH.size - len(data)))
        return dict(json.loads(_received(connection, count))), descriptors
    except BaseException:
        for fd in descriptors:
            os.close(fd)
        raise


def _received(connection: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = connection.recv(min(count, 2**20))
        if not part:
            raise EOFError("the other side closed the connection")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count) if count else b""
    if len(data) != count:
        raise EOFError("the other side closed the pipe")
    return data
