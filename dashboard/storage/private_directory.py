"""Ownership and file system of the cache directory.

Write access to the cache would allow others to change the voxels shown, so the directory is private to one user.
SQLite's locks and write-ahead log need a local file system (https://sqlite.org/wal.html).
"""

from __future__ import annotations

import errno
import os
import stat
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
