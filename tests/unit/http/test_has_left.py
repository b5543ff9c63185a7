"""A client that leaves while its request is being answered is noticed."""

from __future__ import annotations

import socket

from dashboard.disconnects import client, has_left
from dashboard.http.connection import Connection


def test_a_connection_tells_that_its_client_has_left() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = Connection(ours, ("", 0), ("", 0), 0.0)
        theirs.send(b"another request")
        assert not connection.has_left()
        theirs.close()
        assert connection.has_left()
        ours.close()
        assert connection.has_left()


def test_outside_of_requests_nobody_leaves() -> None:
    assert not has_left()
    with client(None):
        assert not has_left()
    with client(lambda: True):
        assert has_left()
    assert not has_left()
