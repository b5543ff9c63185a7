"""A network of a test's own, in which packets to an address can be dropped without a word. Needs root."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.programs import needed

_NEWNET = 0x40000000
# Offsets of the addresses in a packet of IPv4 behind the header of Ethernet, which loopback has as well.
_SOURCE, _DESTINATION = 26, 30
_DROP, _GO_ON = 2, 2**32 - 1


@contextmanager
def own_network() -> Iterator[None]:
    """The calling thread, and what it starts, are in a network with nothing but loopback."""
    ip, _ = needed("ip"), needed("tc")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_NEWNET) != 0:
            pytest.skip(f"no network of its own: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run([ip, "link", "set", "lo", "up"], check=True)
            yield
        finally:
            assert libc.setns(before, _NEWNET) == 0
    finally:
        os.close(before)


@contextmanager
def cut_off(address: str) -> Iterator[None]:
    """Drop what is sent to an address of loopback, and what it sends."""
    tc, at = needed("tc"), int(ipaddress.ip_address(address))
    program = [
        *(f"32 0 0 {_SOURCE}", f"21 2 0 {at}", f"32 0 0 {_DESTINATION}", f"21 0 1 {at}"),
        *(f"6 0 0 {_DROP}", f"6 0 0 {_GO_ON}"),
    ]
    code = ",".join([str(len(program)), *program])
    subprocess.run([tc, "qdisc", "add", "dev", "lo", "clsact"], check=True)
    try:
        added = ("bpf", "da", "bytecode", code)
        subprocess.run([tc, "filter", "add", "dev", "lo", "egress", *added], check=True)
        yield
    finally:
        subprocess.run([tc, "qdisc", "del", "dev", "lo", "clsact"], check=True)
