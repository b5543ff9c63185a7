"""The people file: who may write to it, its versions, several processes, and damage."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import Busy, SetupError
from dashboard.people import store as store_module
from dashboard.people.schema import STEPS
from dashboard.people.store import PeopleStore, open_people

MORE = (*STEPS, ("CREATE TABLE more (id TEXT PRIMARY KEY)",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "people.sqlite"


def names(store: PeopleStore) -> set[str]:
    with store.reading() as database:
        rows = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {name for (name,) in rows}


def add(store: PeopleStore, name: str) -> None:
    with store.writing() as database:
        database.execute("INSERT INTO person VALUES (?, '', '[]', 0, 0, 0)", (name,))


def people(store: PeopleStore) -> list[str]:
    with store.reading() as database:
        return [n for (n,) in database.execute("SELECT name FROM person ORDER BY name").fetchall()]


def test_a_new_file_is_private(path: Path) -> None:
    store = open_people(path)
    assert names(store) == {"person", "session", "token", "share", "bookmark"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    add(store, "ann")
    assert {one.name for one in path.parent.iterdir()} <= {
        path.name, f"{path.name}-wal", f"{path.name}-shm"
    }  # fmt: skip
    for one in path.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600
    store.close()
    # So that a copy of the file is a copy of everything.
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    again = open_people(path)
    assert people(again) == ["ann"]
    again.close()


def test_a_file_that_others_can_read_becomes_private(path: Path) -> None:
    open_people(path)
    path.chmod(0o644)
    open_people(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write(path: Path, mode: int) -> None:
    open_people(path)
    path.chmod(mode)
    with pytest.raises(
        SetupError, match=r"Others can write .* chmod it to 600 and look at `lamella user"
    ):
        open_people(path)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_can_write(path: Path, mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)
    with pytest.raises(SetupError, match="Others can write to the folder"):
        open_people(path)


def test_a_file_of_another_account(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_people(path)
    mine = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: mine + 1)
    with pytest.raises(SetupError):
        open_people(path)


def test_a_network_file_system(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "filesystem_type", lambda _: "nfs4")
    with pytest.raises(SetupError, match=r"network file system \(nfs4\)"):
        open_people(path)


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir(parents=True)
    path.parent.chmod(0o700)
    with pytest.raises(SetupError, match="is not a file"):
        open_people(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot be made"):
        open_people(tmp_path / "file" / "people.sqlite")


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"", b"SQLite format 3\0"])
def test_what_is_no_people_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SetupError, match=r"is damaged|is not a people file"):
        open_people(path)
    assert path.read_bytes() == content


def test_another_database(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE person (name)")
    database.close()
    path.chmod(0o600)
    with pytest.raises(SetupError, match="is not a people file"):
        open_people(path)


def test_a_damaged_file_is_kept(path: Path) -> None:
    store = open_people(path)
    add(store, "ann")
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"is damaged .* restore a copy"):
        open_people(path)
    assert path.read_bytes() == content


def test_a_link_into_a_folder_that_others_can_write(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    away, middle = path.parent / "away", path.parent / "middle"
    for folder in (away, middle):
        folder.mkdir(mode=0o700)
    open_people(away / "people.sqlite")
    (middle / "link").symlink_to("../away/people.sqlite")
    path.symlink_to("middle/link")
    open_people(path).close()
    for folder in (away, middle):
        folder.chmod(0o777)
        with pytest.raises(
            SetupError, match=f"Others can write to the folder .* chmod .*{folder.name}"
        ):
            open_people(path)
        folder.chmod(0o700)
    open_people(path).close()


def test_links_that_lead_nowhere(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.symlink_to(path.name)
    with pytest.raises(SetupError):
        open_people(path)


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("fault", ["mode", "link", "owner"])
def test_files_beside_that_others_may_have_written(
    path: Path, end: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_people(path).close()
    beside = path.with_name(path.name + end)
    beside.touch(mode=0o600)
    if fault == "mode":
        beside.chmod(0o620)
    if fault == "link":
        beside.rename(path.with_name("other"))
        beside.symlink_to("other")
    if fault == "owner":
        real = os.lstat

        def lstat(one: Path, **more: Any) -> os.stat_result:
            info = real(one, **more)
            if not os.fspath(one).endswith(end):
                return info
            return os.stat_result((*info[:4], info.st_uid + 1, *info[5:]))

        monkeypatch.setattr("os.lstat", lstat)
    # By a link too: SQLite looks beside the file itself.
    link = path.with_name("link")
    link.symlink_to(path)
    for one in (path, link):
        with pytest.raises(SetupError, match=f"Others may have written .*{end}, from which"):
            open_people(one)


@pytest.mark.parametrize("change", ["mode", "owner", "folder", "beside"])
def test_a_running_server_looks_again(
    path: Path, change: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_people(path)
    add(store, "ann")
    folder, beside = path.parent, path.with_name(path.name + "-journal")
    with monkeypatch.context() as patch:
        if change == "mode":
            path.chmod(0o666)
        if change == "owner":
            store.close()
            shutil.copy(path, path.with_name("copy"))
            path.with_name("copy").rename(path)
            mine = os.geteuid()
            patch.setattr("os.geteuid", lambda: mine + 1)
        if change in ("folder", "beside"):
            patch.setattr(store_module, "SEEN_FOR_S", float("inf"))
            folder.chmod(0o777 if change == "folder" else 0o700)
            if change == "beside":
                beside.touch()
                beside.chmod(0o666)
            assert people(store) == ["ann"]
            patch.setattr(store_module, "SEEN_FOR_S", 0.0)
        for _ in range(2):
            with pytest.raises(Busy, match="cannot use its list of people"):
                people(store)
    assert "thers " in caplog.text or "another account" in caplog.text
    path.chmod(0o600)
    folder.chmod(0o700)
    beside.unlink(missing_ok=True)
    assert people(store) == ["ann"]
    store.close()


def test_damage_under_a_running_server_closes_the_door(path: Path) -> None:
    store = open_people(path)
    store.close()
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(Busy):
        people(store)
    path.unlink()
    with pytest.raises(Busy):
        people(store)
    assert not path.exists()


def test_a_copy_that_is_restored_under_a_running_server(path: Path) -> None:
    store = open_people(path)
    add(store, "ann")
    store.close()
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    add(store, "eve")
    assert people(store) == ["ann", "eve"]
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink()
    copy.rename(path)
    assert people(store) == ["ann"]
    store.close()


def test_steps_are_taken_once(path: Path) -> None:
    old = open_people(path)
    add(old, "ann")
    new = open_people(path, MORE)
    assert "more" in names(new)
    assert people(new) == ["ann"]
    again = open_people(path, MORE)
    assert people(again) == ["ann"]
    again.close()
    with pytest.raises(SetupError, match="newer version"):
        open_people(path)
    old.close()
    new.close()


def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    open_people(path)
    with pytest.raises(SetupError):
        open_people(path, (*MORE, ("CREATE TABLE more (id)",)))
    store = open_people(path, MORE)
    assert "more" in names(store)
    store.close()


def test_a_block_that_raises_is_undone(path: Path) -> None:
    store = open_people(path)
    with suppress(KeyError), store.writing() as database:
        database.execute("INSERT INTO person VALUES ('ann', '', '[]', 0, 0, 0)")
        raise KeyError
    assert people(store) == []
    add(store, "bob")
    store.close()


def test_a_writer_that_waits_in_vain(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "BUSY_S", 0.01)
    store = open_people(path)
    with store.writing(), pytest.raises(Busy):
        add(store, "ann")
    add(store, "ann")
    assert people(store) == ["ann"]
    store.close()


def test_threads_do_not_meet(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each write waits for the disk, which may be slow.
    monkeypatch.setattr(store_module, "BUSY_S", 100.0)
    store = open_people(path)
    threads = [
        threading.Thread(target=lambda k=k: [add(store, f"{k}.{n}") for n in range(5)])
        for k in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(people(store)) == 30
    store.close()


def _add_many(path: Path, first: int) -> None:
    store_module.BUSY_S = 100.0  # type: ignore[misc]  # in a process of its own
    store = open_people(path)
    for number in range(5):
        add(store, f"{first}.{number}")
    store.close()


def test_processes_that_make_the_file_at_the_same_time(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add_many, args=(path, number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    store = open_people(path)
    assert len(people(store)) == 10
    store.close()
