"""The helper of `rights = "filesystem"`: tries, with the ids of a person's account, whether files can be opened.

It is started with CAP_SETUID and CAP_SETGID before the server drops them, and needs the standard library alone.

    control socket (SOCK_SEQPACKET, shared by all web processes) ── one byte and a descriptor ──▶ a child for it
    the child ── reads the request there, becomes the account, drops all capabilities, tries, answers ──▶ ends

A request is `{"name", "paths"}` as JSON up to the end of the stream, a response `{"inodes"}`: for each path the
inode of the file or folder that the person may read, or 0. Without a response the server refuses. A child does not
live longer than `LIMIT_S`, even if a process of the person, which may send it signals, stops it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pwd
import select
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

# User ids from here on are people's, those below are the system's; the last ones of 16 bits are no accounts.
FIRST_UID: Final = 1000
NO_ACCOUNTS: Final = (65_534, 65_535)

LIMIT_S: Final = 5
MAX_CHILDREN: Final = 32
MAX_REQUEST: Final = 16 * 2**20

# What the person may not open, or what is not there, as opposed to a machine that cannot answer.
NO: Final = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EINVAL,
        errno.ENXIO,
        errno.EACCES,
        errno.EPERM,
    }
)

_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _CLEAR_ALL = 38, 47, 4
_CAPABILITY_VERSION = 0x20080522


@dataclass(frozen=True, slots=True)
class Account:
    """The ids of an account."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def account_of(name: str) -> Account | None:
    """The account of a person; None where there is none, and for root and accounts of the system."""
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError):
        return None
    if found.pw_uid < FIRST_UID or found.pw_uid in NO_ACCOUNTS:
        return None
    return Account(found.pw_uid, found.pw_gid, tuple(os.getgrouplist(found.pw_name, found.pw_gid)))


def serve(control: socket.socket, find: Callable[[str], Account | None] = account_of) -> None:
    """Answer until all who could ask have ended."""
    children: dict[int, float] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        ready = poll.poll(200 if children else None)
        _reap(children)
        if not ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        for descriptor in descriptors:
            if len(children) < MAX_CHILDREN:
                # Without memory or processes, the caller gets no response, and the next one may.
                with suppress(OSError):
                    child = os.fork()
                    if child == 0:
                        _answer(control, descriptor, find)
                    children[child] = time.monotonic() + LIMIT_S
            os.close(descriptor)


def _reap(children: dict[int, float]) -> None:
    """Forget the children that have ended, and kill those whose time is over."""
    now = time.monotonic()
    for child, deadline in list(children.items()):
        if os.waitpid(child, os.WNOHANG)[0]:
            del children[child]
        elif now >= deadline:
            os.kill(child, signal.SIGKILL)


def _answer(control: socket.socket, descriptor: int, find: Callable[[str], Account | None]) -> None:
    """Answer one request, in a child; never returns."""
    try:
        control.close()
        signal.alarm(LIMIT_S)
        with socket.socket(fileno=descriptor) as connection:
            request = json.loads(_read(connection))
            account = find(request["name"])
            if account is None:
                inodes = [0] * len(request["paths"])
            else:
                become(account)
                inodes = [inode_of(path) for path in request["paths"]]
            connection.sendall(json.dumps({"inodes": inodes}).encode())
    except BaseException as error:  # noqa: BLE001  # the parent's code must not go on in the child
        sys.stderr.write(f"rights to files: {error!r}\n")
        os._exit(1)
    os._exit(0)


def _read(connection: socket.socket) -> bytes:
    parts = bytearray()
    while part := connection.recv(2**16):
        parts += part
        if len(parts) > MAX_REQUEST:
            raise ValueError("the request is too long")
    return bytes(parts)


def become(account: Account) -> None:
    """Take on the ids of an account for good, without any capability; raises `OSError`."""
    os.setgroups(account.groups)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    # A change of ids by another account than root keeps the capabilities, which may be to read all files.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    if libc.capset(header, bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capabilities could not be dropped")
    try:
        os.setresuid(0, 0, 0)
    except PermissionError:
        return
    raise OSError(errno.EPERM, "the account still has privileges")


def inode_of(path: str) -> int:
    """The inode of a regular file or folder that this process may read, else 0; `OSError` if that is unknown."""
    try:
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return 0
        # O_NONBLOCK: by now it may be a FIFO.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            info = os.fstat(opened)
        finally:
            os.close(opened)
    except ValueError:
        return 0
    except OSError as error:
        if error.errno in NO:
            return 0
        raise
    return info.st_ino if stat.S_IFMT(info.st_mode) == stat.S_IFMT(mode) else 0


def main() -> None:
    """Serve on the descriptor that is the argument."""
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.chdir("/")
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control)


if __name__ == "__main__":
    main()
