"""Transport of the messages between a process and its HDF5 workers.

A request is a JSON head with a few descriptors, sent over a socket; a response is a JSON head and a body of
bytes, each with its length. Heads are made of the dataclasses of `messages.py`.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import BinaryIO

from dashboard.hdf5.messages import Envelope

_LENGTHS = struct.Struct("<IQ")
_LENGTH = struct.Struct("<I")
MAX_HEAD = 64 * 1024 * 1024
MAX_DESCRIPTORS = 3


def send(stream: BinaryIO, head: object, body: bytes | memoryview = b"") -> None:
    """Write one message and flush it."""
    text = _encoded(head)
    stream.write(_LENGTHS.pack(len(text), len(body)))
    stream.write(text)
    if len(body):
        stream.write(body)
    stream.flush()


def _encoded(head: object) -> bytes:
    # Surrogates are no JSON text: names that have them are shown with question marks.
    text = json.dumps(head, separators=(",", ":"), default=vars, ensure_ascii=False)
    return text.encode(errors="replace")


def receive(stream: BinaryIO) -> tuple[bytes, bytes]:
    """Read one message as (JSON head, body).

    Raises `EOFError` when the other side has exited, `ValueError` for a protocol violation.
    """
    lengths = _exactly(stream, _LENGTHS.size)
    head, body = _LENGTHS.unpack(lengths)
    if head > MAX_HEAD:
        raise ValueError("message head too long")
    return _exactly(stream, head), _exactly(stream, body)


def send_request(
    connection: socket.socket, head: Envelope, descriptors: Sequence[int] = ()
) -> None:
    """Send one request; the descriptors stay open on this side."""
    text = json.dumps(vars(head), separators=(",", ":")).encode()
    length = _LENGTH.pack(len(text))
    # Descriptors travel with the first byte.
    sent = socket.send_fds(connection, [length], descriptors)
    connection.sendall(length[sent:] + text)


def receive_request(connection: socket.socket) -> tuple[Envelope, list[int]]:
    """(head, descriptors that the caller has to close); `EOFError` when the other side has exited."""
    data, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, MAX_DESCRIPTORS)
    try:
        (count,) = _LENGTH.unpack(data + _received(connection, _LENGTH.size - len(data)))
        return Envelope(**json.loads(_received(connection, count))), descriptors
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
