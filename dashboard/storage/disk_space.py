"""Ownership and file system of the cache directory, and the free space on its disk.

Write access to the cache would allow others to change the voxels shown, so the directory is private to one user.
SQLite's locks and write-ahead log need a local file system (https://sqlite.org/wal.html). A full disk must not
stop the server: below a floor of free space nothing is written, and slices are served uncached.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dashboard.errors import SetupError

# Types as /proc/self/mountinfo names them. 9p and virtiofs are left out: containers and virtual
# machines have their local disks on these.
NETWORK_FILE_SYSTEMS = frozenset(
    "afs beegfs ceph cifs fuse.beegfs fuse.ceph fuse.cephfs fuse.curlftpfs fuse.davfs2 fuse.glusterfs"
    " fuse.gcsfuse fuse.juicefs fuse.rclone fuse.s3fs fuse.sshfs glusterfs gpfs lustre ncpfs nfs nfs4"
    " orangefs pvfs2 smb3 smbfs".split()
)
MOUNTS = Path("/proc/self/mountinfo")

PROBE_INTERVAL_S = 0.5
REST_AFTER_FULL_S = 10.0


def ensure_private_directory(path: Path) -> Path:
    """Make `path` a private directory (mode 0700) and return its resolved path.

    Raises `SetupError` where it cannot be created or written, belongs to another user, is writable by others, or
    is on a network file system.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = path.resolve(strict=True)
        info = path.stat()
    except FileExistsError:
        raise SetupError(f"The cache directory {path} is a file; choose another.") from None
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SetupError(
            f"The cache directory {path} cannot be made: {reason.lower()}; choose another."
        ) from None
    if info.st_uid != os.geteuid():
        raise SetupError(f"The cache directory {path} belongs to another user; choose another.")
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SetupError(
            f"Others can write to the cache directory {path}; empty it and chmod it to 700, or"
            " choose another."
        )
    kind = filesystem_type(path)
    if kind in NETWORK_FILE_SYSTEMS:
        raise SetupError(
            f"The cache directory {path} lies on a network file system ({kind}), where SQLite's locks"
            " do not hold; choose one on a local disk."
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise SetupError(f"The cache directory {path} is not writable; choose another.")
    if stat.S_IMODE(info.st_mode) != 0o700:
        path.chmod(0o700)
    return path


def make_private(folder: Path) -> None:
    """Make a private directory (mode 0700) and its missing parents.

    Raises `OSError`, also where it belongs to another user or is writable by others.
    """
    if not folder.parent.is_dir():
        make_private(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    info = os.stat(folder)
    if info.st_uid != os.geteuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EACCES, "others can write to a folder of the cache")


def filesystem_type(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the file system of the resolved `path`; None where the mount table does not have it."""
    try:
        text = mounts.read_text(errors="surrogateescape")
    except OSError:
        return None
    found: tuple[int, str] | None = None
    for line in text.splitlines():
        # "36 35 98:0 /root /mount\040point options [tags…] - type source options", see proc(5)
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(_unescaped(fields[4]))
        # Later mounts hide earlier ones at the same path.
        if path.is_relative_to(point) and (found is None or len(point.parts) >= found[0]):
            found = len(point.parts), after.split(" ", 1)[0]
    return found[1] if found else None


def _unescaped(text: str) -> str:
    r"""`text` with the kernel's `\040` (space, tab, newline, backslash) taken back."""
    for code in ("040", "011", "012", "134"):
        text = text.replace(f"\\{code}", chr(int(code, 8)))
    return text


def free_bytes(path: Path) -> int:
    """Bytes that this user can still write to the disk of `path`, which need not exist; 0 if unknown."""
    try:
        info = os.statvfs(path)
    except FileNotFoundError:
        # It is recreated by the next write.
        return free_bytes(path.parent)
    except OSError:
        return 0
    return info.f_bavail * info.f_frsize


class DiskSpace:
    """Free space on the disk of the cache, probed at most twice a second; thread-safe."""

    def __init__(
        self,
        path: Path,
        floor_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        probe: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._path = path
        self._floor = floor_bytes
        self._clock = clock
        self._probe = probe
        self._lock = threading.Lock()
        self._free = 0
        self._probed_at: float | None = None
        self._rests_until: float | None = None

    def free(self) -> int:
        """Free bytes, less what has been reserved since the last probe."""
        with self._lock:
            return self._seen()

    def reserve(self, nbytes: int) -> bool:
        """Reserve `nbytes`; whether they can be written without going below the floor."""
        with self._lock:
            if self._resting() or self._seen() - nbytes < self._floor:
                return False
            self._free -= nbytes
            return True

    def report_full(self) -> None:
        """Record a write that failed for lack of space or by quota, which statvfs does not show."""
        with self._lock:
            self._rests_until = self._clock() + REST_AFTER_FULL_S
            self._probed_at = None

    @property
    def degraded_message(self) -> str | None:
        """One sentence for the page while nothing can be written, else None."""
        with self._lock:
            if not self._resting() and self._seen() >= self._floor:
                return None
            free = self._seen() / 2**20
            return (
                f"The disk of the cache is full ({free:.0f} MiB free, {self._floor / 2**20:.0f} MiB are"
                " to stay free): slices are shown, but no longer kept."
            )

    def _resting(self) -> bool:
        return self._rests_until is not None and self._clock() < self._rests_until

    def _seen(self) -> int:
        now = self._clock()
        if self._probed_at is None or now - self._probed_at >= PROBE_INTERVAL_S:
            self._free = self._probe(self._path)
            self._probed_at = now
        return self._free
