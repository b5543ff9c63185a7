"""The account of the machine at the other end of a TCP connection, which the kernel knows where it is local.

Linux alone; see sock_diag(7) and `inet_diag_req_v2` in linux/inet_diag.h.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
import struct
from contextlib import suppress
from typing import Final

# linux/netlink.h, linux/sock_diag.h, linux/tcp_states.h
_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_LISTEN: Final = 10
_ALL_STATES: Final = 0xFFFF_FFFF
_NO_COOKIE: Final = 0xFFFF_FFFF

# nlmsghdr: length, type, flags, sequence number, port.
_HEADER: Final = struct.Struct("=IHHII")
# inet_diag_req_v2: family, protocol, extensions, padding, states; ports and addresses; interface, cookie.
_REQUEST: Final = struct.Struct("=BBBxI2s2s16s16sIII")
# inet_diag_msg: family, state, timer, retransmissions; the same id; expiry, queues, account, inode.
_ANSWER: Final = struct.Struct("=BBBB48xIIIII")

_WITHIN_S: Final = 0.2


def peer_account(connection: socket.socket) -> int | None:
    """The user id of the process that has the other end; None where it is on another machine, or not known."""
    with suppress(OSError, ValueError, struct.error):
        peer, local = connection.getpeername(), connection.getsockname()
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        there, here = _address(peer[0]), _address(local[0])
        # From here, the other end of a connection to this machine has an address of this machine.
        if there.version == here.version and (there.is_loopback or there == here):
            return _account((there.packed, peer[1]), (here.packed, local[1]))
    return None


def _account(there: tuple[bytes, int], here: tuple[bytes, int]) -> int | None:
    """The owner of the socket that is bound to `there` and connected to `here`; raises `OSError`."""
    family = socket.AF_INET if len(there[0]) == 4 else socket.AF_INET6
    request = _REQUEST.pack(
        family,
        socket.IPPROTO_TCP,
        0,
        _ALL_STATES,
        there[1].to_bytes(2, "big"),
        here[1].to_bytes(2, "big"),
        there[0],
        here[0],
        0,
        _NO_COOKIE,
        _NO_COOKIE,
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as diag:
        diag.settimeout(_WITHIN_S)
        length = _HEADER.size + len(request)
        diag.send(_HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + request)
        answer = diag.recv(4096)
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None  # an error: there is no such socket
    _, state, _, _, _, _, _, account, inode = _ANSWER.unpack_from(answer, _HEADER.size)
    # A socket that its process has closed has no inode, and nobody's account.
    return int(account) if state != _LISTEN and inode else None


@functools.lru_cache(maxsize=1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(text.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
