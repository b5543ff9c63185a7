"""The cache directory is private and on a local disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dashboard.errors import SetupError
from dashboard.storage import private_directory
from dashboard.storage.private_directory import ensure_private_directory, filesystem_type


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    made = ensure_private_directory(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_readers_are_shut_out_of_one_that_exists(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert ensure_private_directory(tmp_path) == tmp_path.resolve()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_one_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(SetupError, match="Others can write"):
        ensure_private_directory(tmp_path)


def test_one_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(SetupError, match="another user"):
        ensure_private_directory(tmp_path)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("")
    with pytest.raises(SetupError, match="is a file"):
        ensure_private_directory(tmp_path / "c")
    with pytest.raises(SetupError, match="cannot be made"):
        ensure_private_directory(tmp_path / "c" / "below")


def test_one_that_is_not_writable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SetupError, match="not writable"):
        ensure_private_directory(tmp_path)


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert ensure_private_directory(tmp_path / "link") == (tmp_path / "real").resolve()


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_directory, "filesystem_type", lambda path: "nfs4")
    with pytest.raises(SetupError, match=r"network file system \(nfs4\).*SQLite"):
        ensure_private_directory(tmp_path)


MOUNTS = r"""
22 1 0:21 / / rw,relatime - ext4 /dev/vda rw
30 22 0:30 / /home rw,relatime shared:1 - nfs4 server:/home rw
31 30 0:31 / /home/me/My\040Cache rw - xfs /dev/vdb rw
32 22 0:32 / /data rw - ext4 /dev/vdc rw
33 22 0:33 / /data rw master:2 propagate_from:1 - cifs //server/data rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/cache", "ext4"),
        ("/home/me", "nfs4"),
        ("/home/me/My Cache/lamella", "xfs"),
        ("/home/me/My", "nfs4"),
        ("/data", "cifs"),
        ("/database", "ext4"),
    ],
)
def test_the_longest_and_last_mount_counts(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert filesystem_type(Path(path), mounts) == kind


def test_without_mountinfo_nothing_is_known(tmp_path: Path) -> None:
    assert filesystem_type(tmp_path, tmp_path / "missing") is None
