"""TLS by way of memory: the event loop reads and sends the same socket as without it, and waits for nothing else.

An `ssl.SSLSocket` would write records that the loop cannot count, so that a client that reads slowly looks like
one that does not read, and its handshake occupies a thread in gunicorn's own worker.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dashboard.errors import SetupError

# Plain text that is encrypted at once: memory of this size is used again and again.
PIECE_BYTES = 256 * 2**10
# The largest record.
RECORD_BYTES = 16 * 2**10


def server_context(certfile: Path, keyfile: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 and later with this certificate chain; the key may be in the same file. Raises `SetupError`."""

    def refuse() -> str:
        raise SetupError(
            f"The key in {keyfile or certfile} is encrypted: store it without a passphrase."
        )

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certfile, keyfile, refuse)
    except ssl.SSLError as error:
        files = f"{certfile} and {keyfile}" if keyfile else f"{certfile}"
        raise SetupError(
            f"There is no certificate with its key in {files}, as PEM: {_reason(error)}."
        ) from None
    except OSError as error:
        # `load_cert_chain` does not say which of the files it is.
        unreadable = next(
            (path for path in (certfile, keyfile) if path and not _readable(path)), certfile
        )
        reason = (error.strerror or str(error)).lower()
        raise SetupError(f"The file {unreadable} cannot be read: {reason}.") from None
    return context


class TlsStream:
    """One connection's TLS: received bytes in, plain text out, and the reverse.

    It is not thread-safe, as OpenSSL's connections are not: one thread at a time reads or writes.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        # Whether the handshake is complete, and whether the client has said that it sends no more.
        self.established = False
        self.closed = False

    def receive(self, data: bytes) -> bytes:
        """The plain text in received bytes, nothing before the handshake is complete; raises `ssl.SSLError`.

        `take` then has what is to be sent, also after an error.
        """
        self._incoming.write(data)
        plain = bytearray()
        with suppress(ssl.SSLWantReadError):
            if not self.established:
                self._object.do_handshake()
                self.established = True
            while piece := self._object.read(RECORD_BYTES):
                plain += piece
            self.closed = True
        return bytes(plain)

    def take(self) -> bytes:
        """Bytes to be sent that no plain text stands for: handshake, tickets, alerts."""
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> Iterator[bytes]:
        """Records of `data`, piece by piece."""
        rest = memoryview(data)
        while rest:
            written = self._object.write(rest[:PIECE_BYTES])
            rest = rest[written:]
            yield self._outgoing.read()

    def close(self) -> bytes:
        """The record that says that nothing follows: the end of a stream without it may be an attacker's cut."""
        with suppress(ssl.SSLError):
            self._object.unwrap()
        return self._outgoing.read()


def is_plain_http(error: OSError) -> bool:
    """Whether a handshake failed because the client sent an HTTP request instead."""
    return isinstance(error, ssl.SSLError) and error.reason == "HTTP_REQUEST"


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "malformed").replace("_", " ").lower()


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False
