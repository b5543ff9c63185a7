"""Incremental parsing of request bodies, with a Content-Length or chunked."""

from __future__ import annotations

import re

from dashboard.http.refusal import BODY_LIMIT, Malformed

# RFC 9112 section 7.1: a size in hexadecimal digits, and chunk extensions, which are ignored.
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
LINE_LIMIT = 256
TRAILER_LIMIT = 8 * 2**10


class SizedBody:
    """A body of `length` bytes; raises `Malformed` when that is too many."""

    def __init__(self, length: int) -> None:
        if length > BODY_LIMIT:
            raise Malformed(413)
        self._length = length
        self.data = bytearray()

    def feed(self, buffer: bytearray) -> bool:
        """Consume the body's bytes from the front of `buffer`; returns whether it is complete."""
        missing = self._length - len(self.data)
        self.data += buffer[:missing]
        del buffer[:missing]
        return len(self.data) == self._length


class ChunkedBody:
    """A body in chunks (RFC 9112 section 7.1); trailers are skipped.

    gunicorn's own chunk reader blocks on the socket, which occupies a thread for as long as the client wants.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self._left = 0  # Of the current chunk, including the line break after it.
        self._trailer_bytes = -1  # not yet in the trailers

    def feed(self, buffer: bytearray) -> bool:
        """Consume the body's bytes from the front of `buffer`; returns whether it is complete.

        Raises `Malformed` for an invalid sequence of chunks, and for more than 1 MiB.
        """
        at = 0
        try:
            while True:
                if self._left > 0:
                    at = self._take(buffer, at)
                    if self._left > 0:
                        return False
                line, after = _line(buffer, at)
                if line is None:
                    return False
                at = after
                if self._trailer_bytes >= 0:
                    if not line:
                        return True
                    self._trailer_bytes += len(line)
                    if self._trailer_bytes > TRAILER_LIMIT:
                        raise Malformed(431)
                else:
                    self._begin(line)
        finally:
            del buffer[:at]

    def _begin(self, line: bytes) -> None:
        found = CHUNK_SIZE.fullmatch(line)
        if found is None:
            raise Malformed
        size = int(found[1], 16)
        if len(self.data) + size > BODY_LIMIT:
            raise Malformed(413)
        if size:
            self._left = size + 2
        else:
            self._trailer_bytes = 0

    def _take(self, buffer: bytearray, at: int) -> int:
        """Consume a piece of the current chunk from `at` on; returns its end."""
        count = min(max(self._left - 2, 0), len(buffer) - at)
        self.data += memoryview(buffer)[at : at + count]
        at += count
        self._left -= count
        if self._left <= 2 and len(buffer) - at >= self._left:
            end = bytes(buffer[at : at + self._left])
            if end != b"\r\n":
                raise Malformed
            at += self._left
            self._left = 0
        return at


def _line(buffer: bytearray, at: int) -> tuple[bytes | None, int]:
    """The line that begins at `at` and where the next one does; None when its end has not arrived."""
    end = buffer.find(b"\n", at, at + LINE_LIMIT)
    if end < 0:
        if len(buffer) - at >= LINE_LIMIT:
            raise Malformed
        return None, at
    if buffer[end - 1 : end] != b"\r" or end == at:
        raise Malformed
    return bytes(buffer[at : end - 1]), end + 1
