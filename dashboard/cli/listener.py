"""What a server listens on: an address and a port, or a socket file."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.errors import SetupError
from dashboard.settings import Settings

BACKLOG = 512
# Owner and group may connect: it takes the right to write.
SOCKET_UMASK = 0o117
OTHERS = 0o007
PROBE_S = 2.0

# How systemd passes sockets (sd_listen_fds(3)).
LISTEN_PID, LISTEN_FDS, FIRST_PASSED = "LISTEN_PID", "LISTEN_FDS", 3


@dataclass
class Listener:
    """A listening socket; the process that made it removes the socket file when it is closed."""

    socket: socket.socket
    path: Path | None = None
    _identity: tuple[int, int] | None = None
    _process: int = field(default_factory=os.getpid)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket, and remove its file unless another server has replaced it."""
        self.socket.close()
        # A process that was forked from the one with the listener leaves by the same way.
        if self.path is not None and os.getpid() == self._process:
            with suppress(OSError):
                if identity(self.path) == self._identity:
                    self.path.unlink()


def open_listener(settings: Settings) -> Listener:
    """Listen as the settings say, or take the socket that systemd listens on; raises `SetupError`."""
    path = settings.socket_path
    if os.environ.get(LISTEN_PID) == str(os.getpid()):
        return _passed(path)
    return _at_address(settings.host, settings.port) if path is None else _at_path(path)


def _passed(path: Path | None) -> Listener:
    """The socket file of systemd, which stays while this service is restarted: connections wait there."""
    count = os.environ.pop(LISTEN_FDS, "")
    del os.environ[LISTEN_PID]
    if count != "1":
        raise SetupError(f"systemd passes {count or 'no'} sockets, where it is to be one.")
    listener = socket.socket(fileno=FIRST_PASSED)
    listener.set_inheritable(False)
    # What is right for the settings may be wrong for another socket, such as one that a network can reach.
    if listener.family != socket.AF_UNIX or path is None or listener.getsockname() != str(path):
        raise SetupError(
            "systemd passes another socket than the file in --bind (LAMELLA_BIND): name the same one."
        )
    if path.stat().st_mode & OTHERS:
        raise SetupError(f"All accounts of this machine can use {path}: set SocketMode=0660.")
    return Listener(listener)


def _at_address(host: str, port: int) -> Listener:
    bare = host.strip("[]")
    try:
        family, _, _, _, address = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise SetupError(f"The host {host} is not known.") from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connections are still being closed counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SetupError(
                f"Port {port} of {host} is in use; choose another with --port."
            ) from None
        raise SetupError(f"Cannot listen on {host}, port {port}: {_reason(error)}.") from None
    return Listener(listener)


def _at_path(path: Path) -> Listener:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _alone_in(path.parent):
            _remove_stale(path)
            # The mode of a socket file is that of its creation: there is no moment at which others may connect.
            before = os.umask(SOCKET_UMASK)
            try:
                listener.bind(os.fspath(path))
            finally:
                os.umask(before)
            listener.listen(BACKLOG)
            return Listener(listener, path, identity(path))
    except OSError as error:
        listener.close()
        raise SetupError(f"Cannot listen on {path}: {_reason(error)}.") from None
    except SetupError:
        listener.close()
        raise


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep two servers that start at the same time from taking each other's socket for a stale one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    """Remove the socket file of a server that has ended; raises `SetupError` for anything else."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SetupError(f"There is something else than a socket at {path}: choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise SetupError(f"Cannot tell whether {path} is in use: {_reason(error)}.") from None
    raise SetupError(f"Another server listens on {path}; choose another path with --bind.")


def identity(path: Path) -> tuple[int, int]:
    """What tells a file from one that replaces it; raises `OSError`."""
    found = path.lstat()
    return found.st_dev, found.st_ino


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
