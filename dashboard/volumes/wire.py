"""Messages between a process and its HDF5 child: a JSON head and a body of bytes, each with its length."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<IQ")
MAX_HEAD = 64 * 1024 * 1024


def send(stream: BinaryIO, head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Write one message and flush it."""
    text = json.dumps(head, separators=(",", ":")).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)))
    stream.write(text)
    if len(body):
        stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read one message; `EOFError` when the other side is gone, `ValueError` when it talks nonsense."""
    lengths = _exactly(stream, _LENGTHS.size)
    head, body = _LENGTHS.unpack(lengths)
    if head > MAX_HEAD:
        raise ValueError("message head too long")
    parsed = json.loads(_exactly(stream, head))
    if not isinstance(parsed, dict):
        raise ValueError("message head is no object")
    return parsed, _exactly(stream, body)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count) if count else b""
    if len(data) != count:
        raise EOFError("the other side closed the pipe")
    return data
