"""What the accounts of people may read, by the kernel's word; and a closed door where there is no answer."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.errors import Busy
from dashboard.people import file_rights_helper
from dashboard.people.file_rights import KEPT_S, PAUSE_S, REFUSED_S, FileRights
from tests.accounts import IDS, give, helper, needs_root, open_folder
from tests.clock import Clock


@pytest.fixture
def running() -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    with helper() as made:
        yield made


@pytest.fixture
def rights(running: tuple[socket.socket, subprocess.Popen[bytes]]) -> FileRights:
    return FileRights(running[0], 30.0, Clock())


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


def seen(rights: FileRights, name: str, *paths: Path) -> list[bool]:
    found = rights.inodes(name, paths)
    for path, inode in zip(paths, found, strict=True):
        assert inode in (0, path.stat().st_ino if path.exists() else 0)
    return [bool(inode) for inode in found]


@needs_root
def test_owner_group_others_and_folders(rights: FileRights, folder: Path) -> None:
    own = folder / "own.h5"
    own.touch()
    give(own, "ann", 0o600)
    shared = folder / "shared.h5"
    shared.touch()
    os.chown(shared, 0, 41_100)
    shared.chmod(0o640)
    free = folder / "free.h5"
    free.touch(0o644)
    closed = folder / "closed"
    closed.mkdir()
    (closed / "inside.h5").touch(0o644)
    give(closed, "bob", 0o700)
    passage = folder / "passage"
    passage.mkdir()
    (passage / "inside.h5").touch(0o644)
    passage.chmod(0o711)
    paths = (own, shared, free, closed, closed / "inside.h5", passage, passage / "inside.h5")
    assert seen(rights, "ann", *paths) == [True, True, True, False, False, False, True]
    assert seen(rights, "bob", *paths) == [False, False, True, True, True, False, True]
    assert seen(rights, "daemon", *paths) == [False] * 7
    assert seen(rights, "nobody by this name", *paths) == [False] * 7


@needs_root
def test_links_are_followed_as_the_account_would(rights: FileRights, folder: Path) -> None:
    (folder / "secret.h5").touch(0o600)
    (folder / "free.h5").touch(0o644)
    (folder / "to_secret.h5").symlink_to("secret.h5")
    (folder / "to_free.h5").symlink_to("free.h5")
    (folder / "loop.h5").symlink_to("loop.h5")
    names = ("to_secret.h5", "to_free.h5", "loop.h5", "absent.h5")
    assert [bool(inode) for inode in rights.inodes("ann", [folder / name for name in names])] == [
        False,
        True,
        False,
        False,
    ]


@needs_root
def test_what_is_no_file_is_not_opened(rights: FileRights, folder: Path) -> None:
    os.mkfifo(folder / "pipe.h5")
    (folder / "pipe.h5").chmod(0o666)
    assert rights.inodes("ann", [folder / "pipe.h5", Path("/dev/zero"), Path("a\0b")]) == [0, 0, 0]


@needs_root
def test_answers_are_kept_for_a_minute(
    running: tuple[socket.socket, subprocess.Popen[bytes]], folder: Path
) -> None:
    clock = Clock()
    rights = FileRights(running[0], 30.0, clock)
    path = folder / "a.h5"
    path.touch(0o644)
    assert seen(rights, "ann", path) == [True]
    path.chmod(0o600)
    clock.pass_(KEPT_S - 1)
    assert seen(rights, "ann", path) == [True]
    assert seen(rights, "bob", path) == [False]
    clock.pass_(2)
    assert seen(rights, "ann", path) == [False]
    path.chmod(0o644)
    clock.pass_(REFUSED_S - 1)
    assert seen(rights, "ann", path) == [False]
    # A new file is not refused for a minute because it was asked for too early.
    clock.pass_(2)
    assert seen(rights, "ann", path) == [True]


@needs_root
def test_many_paths_at_once(rights: FileRights, folder: Path) -> None:
    paths = [folder / f"{number}.h5" for number in range(4_100)]
    for path in paths[::2]:
        path.touch(0o644)
    assert rights.inodes("ann", paths) == [
        path.stat().st_ino if number % 2 == 0 else 0 for number, path in enumerate(paths)
    ]


def test_a_helper_that_is_dead_or_stopped_closes_the_door(
    running: tuple[socket.socket, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    control, process = running
    clock = Clock()
    rights = FileRights(control, 0.2, clock)
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(Busy, match="may read"):
        rights.inodes("ann", [tmp_path])
    process.send_signal(signal.SIGCONT)
    # For a moment nothing is asked, so that no thread waits.
    with pytest.raises(Busy):
        rights.inodes("ann", [tmp_path])
    process.kill()
    process.wait()
    clock.pass_(PAUSE_S)
    with pytest.raises(Busy):
        rights.inodes("ann", [tmp_path])


@needs_root
def test_a_child_that_ends_without_an_answer_closes_the_door(folder: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        rights = FileRights(ours, 30.0, Clock())
        path = folder / "a.h5"
        path.touch()

        def refuse() -> None:
            _, (connection,), _, _ = socket.recv_fds(theirs, 1, 1)
            os.close(connection)

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(Busy):
            rights.inodes("ann", [path])
        thread.join()


@needs_root
def test_a_child_has_the_ids_of_the_account_and_no_capability() -> None:
    """In a process of its own, since it cannot be undone."""
    script = (
        "from dashboard.people import file_rights_helper as helper\n"
        f"helper.become(helper.Account(*{IDS['ann']!r}))\n"
        "print(open('/proc/self/status').read())\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    lines = dict(line.split(":", 1) for line in shown.splitlines() if ":" in line)
    assert lines["Uid"].split() == ["41001"] * 4
    assert lines["Gid"].split() == ["41001"] * 4
    assert lines["Groups"].split() == ["41001", "41100"]
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(lines[name], 16) == 0


def test_accounts_of_the_system_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(uid: int) -> pwd.struct_passwd:
        return pwd.struct_passwd(("x", "", uid, 500, "", "/", ""))

    for uid in (0, 1, 999, 65_534, 65_535):
        monkeypatch.setattr(pwd, "getpwnam", lambda _, uid=uid: entry(uid))
        assert file_rights_helper.account_of("x") is None
    monkeypatch.setattr(pwd, "getpwnam", lambda _: entry(1000))
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [gid, 7])
    assert file_rights_helper.account_of("x") == file_rights_helper.Account(1000, 500, (500, 7))
    monkeypatch.undo()
    assert file_rights_helper.account_of("root") is None
    assert file_rights_helper.account_of("there is no such account") is None
    assert file_rights_helper.account_of("a\0b") is None
