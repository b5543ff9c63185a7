"""Start of the helper of `rights = "filesystem"`, before this process and its children drop what it needs."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from dashboard.errors import SetupError
from dashboard.people import file_rights_helper
from dashboard.people.file_rights import DESCRIPTOR
from dashboard.runtime.served_roots import served_roots
from dashboard.settings import Settings

CAP_SETGID: Final = 6
CAP_SETUID: Final = 7
NEEDED: Final = 1 << CAP_SETGID | 1 << CAP_SETUID

# Kept until this process ends; the helper ends when nobody can ask it any more.
_helpers: list[subprocess.Popen[bytes]] = []

_CAPABILITY_VERSION = 0x20080522
_PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _AMBIENT_LOWER = 24, 47, 3


def start_helper(settings: Settings) -> tuple[int, ...]:
    """The descriptors that web processes need to ask the helper, which is started unless a parent did that.

    None of them without `rights = "filesystem"`. This process gives up the capabilities to change ids in any case;
    raises `SetupError` where it lacks them and needs the helper.
    """
    if DESCRIPTOR in os.environ:
        return (int(os.environ[DESCRIPTOR]),)
    if not served_roots(settings).by_accounts:
        drop(CAP_SETGID, CAP_SETUID)
        return ()
    if effective_capabilities() & NEEDED != NEEDED:
        raise SetupError(
            'rights = "filesystem" needs the capabilities CAP_SETUID and CAP_SETGID: let systemd give them to the'
            " server with AmbientCapabilities=CAP_SETUID CAP_SETGID."
        )
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        helper = subprocess.Popen(
            [sys.executable, "-I", file_rights_helper.__file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            cwd="/",
            env={},
            start_new_session=True,
        )
    _helpers.append(helper)
    drop(CAP_SETGID, CAP_SETUID)
    number = ours.detach()
    os.set_inheritable(number, True)
    os.environ[DESCRIPTOR] = str(number)
    return (number,)


def effective_capabilities() -> int:
    """The capabilities of this process, as bits; 0 where the kernel does not say."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0


def drop(*capabilities: int) -> None:
    """Give up capabilities for good, for the programs that are started from here as well; raises `SetupError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in capabilities:
        libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_LOWER, capability, 0, 0)
        # Programs that root starts would have it again; others need no permission to do without.
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    sets = ctypes.create_string_buffer(24)
    kept = ~sum(1 << capability for capability in capabilities) & 0xFFFFFFFF
    if libc.capget(header, sets) == 0:
        low = [value & kept for value in struct.unpack("6I", sets.raw)[:3]]
        changed = struct.pack("6I", *low, *struct.unpack("6I", sets.raw)[3:])
        if libc.capset(header, changed) == 0:
            return
    raise SetupError("The capabilities to change ids cannot be dropped; see the kernel's log.")
