"""The account at the other end of a connection."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dashboard.http.peer_account import peer_account
from tests.peers import knows_accounts

OTHER = 54_321

CONNECT = (
    "import os, socket, sys\n"
    "os.setuid(int(sys.argv[1]))\n"
    "peer = socket.socket()\n"
    "peer.connect((sys.argv[2], int(sys.argv[3])))\n"
    "sys.stdin.read()\n"
)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def accepted(stack: ExitStack, listener: socket.socket) -> socket.socket:
    listener.settimeout(60.0)
    return stack.enter_context(listener.accept()[0])


@pytest.fixture
def listener(stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_server(("127.0.0.1", 0)))


asks = pytest.mark.skipif(
    not knows_accounts(), reason="the kernel does not say whose a connection is"
)


@asks
def test_a_connection_of_the_same_account(stack: ExitStack, listener: socket.socket) -> None:
    stack.enter_context(socket.create_connection(listener.getsockname()))
    assert peer_account(accepted(stack, listener)) == os.getuid()


@asks
@pytest.mark.skipif(os.getuid() != 0, reason="takes another account")
def test_a_connection_of_another_account(stack: ExitStack, listener: socket.socket) -> None:
    host, port = listener.getsockname()
    line = [sys.executable, "-c", CONNECT, str(OTHER), host, str(port)]
    process = stack.enter_context(subprocess.Popen(line, stdin=subprocess.PIPE))
    stack.callback(process.kill)
    mine = stack.enter_context(socket.create_connection((host, port)))
    found = {}
    for _ in range(2):
        connection = accepted(stack, listener)
        found[connection.getpeername() == mine.getsockname()] = peer_account(connection)
    assert found == {True: 0, False: OTHER}


@asks
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="takes IPv6")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_families(stack: ExitStack, host: str) -> None:
    listener = stack.enter_context(
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    )
    try:
        peer = socket.create_connection((host, listener.getsockname()[1]))
    except OSError:
        pytest.skip(f"there is no {host}")
    stack.enter_context(peer)
    assert peer_account(accepted(stack, listener)) == os.getuid()


def test_a_connection_that_its_process_has_closed(
    stack: ExitStack, listener: socket.socket
) -> None:
    socket.create_connection(listener.getsockname()).close()
    assert peer_account(accepted(stack, listener)) is None


def test_what_is_no_tcp_connection() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_account(one) is None
    assert peer_account(one) is None
    with socket.socket() as unconnected:
        assert peer_account(unconnected) is None


def test_a_machine_that_does_not_let_processes_ask(
    stack: ExitStack, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.enter_context(socket.create_connection(listener.getsockname()))
    connection = accepted(stack, listener)
    monkeypatch.setattr("socket.AF_NETLINK", 12_345)
    assert peer_account(connection) is None
