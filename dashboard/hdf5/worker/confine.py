"""Sandbox of an HDF5 worker: read access to the data roots and the interpreter's libraries only.

Landlock (Linux 5.13) restricts every file that libhdf5 opens by a name stored in a file: virtual sources,
external raw data. A seccomp filter denies sockets and the start of programs. Both apply to what is opened from
then on, not to descriptors that the process was given.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
import sysconfig
import threading
from collections.abc import Iterable
from pathlib import Path

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2

# The same numbers on all Linux architectures that CPython supports.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# File access rights by Landlock version (linux/landlock.h); all that are not granted are denied.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_TCP = 0b11  # bind and connect, from version 4 on
_SCOPES = 0b11  # abstract UNIX sockets and signals, from version 6 on

# socket, execve, execveat, ptrace, process_vm_readv, process_vm_writev, io_uring_setup
_DENIED = {
    ("x86_64", 0xC000003E): (41, 59, 322, 101, 310, 311, 425),
    ("aarch64", 0xC00000B7): (198, 221, 281, 117, 270, 271, 425),
}
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
# Set once Landlock holds.
_confined = threading.Event()


def active() -> bool:
    """Whether the files that this process opens are confined."""
    return _confined.is_set()


def confine(roots: Iterable[Path]) -> bool:
    """Confine this process, which has one thread; whether files are confined to `roots` as well.

    False where the kernel lacks Landlock or its system calls are forbidden.
    """
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if _restrict_files([*roots, *libraries()]):
        _confined.set()
    deny_calls(_calls(), errno.EACCES)
    return active()


def libraries() -> list[Path]:
    """Directories and files that the interpreter and its packages read at run time."""
    paths = {*sys.path, *sysconfig.get_paths().values(), os.path.join(sys.base_prefix, "lib")}
    paths |= {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"}
    # `/proc/self` is this process's own directory from here on; BLAS and compressors count processors.
    paths |= {"/proc/self", "/sys/devices/system/cpu", "/dev/null", "/dev/urandom"}
    return [Path(path) for path in sorted(paths) if os.path.isabs(path)]


def deny_calls(numbers: Iterable[int], error: int) -> None:
    """Make these system calls fail with `error` from now on, on architectures with known numbers."""
    known = [audit for machine, audit in _DENIED if machine == platform.machine()]
    if not known:
        return
    fail = struct.pack("HBBI", _RETURN, 0, 0, _FAIL | error)
    program = [
        struct.pack("HBBI", _LOAD, 0, 0, 4),  # the processor that the call is meant for
        struct.pack("HBBI", _EQUAL, 1, 0, known[0]),
        fail,
        struct.pack("HBBI", _LOAD, 0, 0, 0),  # the call's number
        # The same calls under other numbers (x32).
        struct.pack("HBBI", _AT_LEAST, 0, 1, _X32),
        fail,
    ]
    for number in numbers:
        program += [struct.pack("HBBI", _EQUAL, 0, 1, number), fail]
    program.append(struct.pack("HBBI", _RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0))


def _calls() -> tuple[int, ...]:
    return next((found for (name, _), found in _DENIED.items() if name == platform.machine()), ())


def _restrict_files(paths: Iterable[Path]) -> bool:
    version = _libc.syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    if version < 1:
        return False
    rights = (1 << _FILE_RIGHTS.get(version, max(_FILE_RIGHTS.values()))) - 1
    attributes = struct.pack("Q", rights)
    if version >= 4:
        attributes += struct.pack("Q", _TCP)
    if version >= 6:
        attributes += struct.pack("Q", _SCOPES)
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for path in paths:
            _allow(ruleset, path)
        return bool(_libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path) -> None:
    """Grant read access at and below `path`, if it exists."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _READ_FILE | (_READ_DIR if os.path.isdir(f"/proc/self/fd/{fd}") else 0)
        rule = struct.pack("=Qi", rights, fd)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(fd)


def _checked(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
