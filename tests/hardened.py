"""`python tests/hardened.py UNIT COMMAND...`: runs a command under what a systemd unit forbids.

Without systemd as process 1 no unit can be started, so its system call filter is loaded by libseccomp, as systemd
does; memory that is writable and executable, new privileges and capabilities are refused by the kernel too.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

_ALLOW, _ERRNO, _UNKNOWN = 0x7FFF0000, 0x00050000, -1
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE = 24, 38, 65
_CAPABILITIES = 64
_NUMBERS = {"CAP_SETGID": 6, "CAP_SETUID": 7}


def directives(unit: str) -> dict[str, list[str]]:
    """The values of each directive, in order."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def allowed_calls(unit: str) -> set[str]:
    """The names of the system calls that the unit allows, its groups expanded by systemd."""
    calls: set[str] = set()
    # systemd always allows these.
    ahead = ["@default"]
    for value in directives(unit)["SystemCallFilter"]:
        assert not value.startswith("~")
        ahead += value.split()
    while ahead:
        name = ahead.pop()
        if not name.startswith("@"):
            calls.add(name)
            continue
        shown = subprocess.run(
            ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
        ).stdout
        lines = [line.strip() for line in shown.splitlines()[1:]]
        ahead += [line for line in lines if line and not line.startswith("#")]
    return calls


def restrict(unit: str) -> None:
    """Apply the unit's restrictions to this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    # An empty value takes all away, others add to those before.
    first, *added = directives(unit)["CapabilityBoundingSet"]
    assert first == ""
    kept = {_NUMBERS[name] for value in added for name in value.split()}
    for capability in set(range(_CAPABILITIES)) - kept:
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    assert directives(unit)["MemoryDenyWriteExecute"] == ["yes"]
    # Since Linux 6.3; older ones go without.
    libc.prctl(_PR_SET_MDWE, 1, 0, 0, 0)
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_ERRNO | errno.EPERM))
    for name in sorted(allowed_calls(unit)):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != _UNKNOWN:
            seccomp.seccomp_rule_add(context, _ALLOW, number, 0)
    assert libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert seccomp.seccomp_load(context) == 0


if __name__ == "__main__":
    restrict(Path(sys.argv[1]).read_text())
    os.execvp(sys.argv[2], sys.argv[2:])
