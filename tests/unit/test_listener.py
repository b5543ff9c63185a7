"""What a server listens on: addresses, and socket files with their mode and their end."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.cli.listener import Listener, open_listener
from dashboard.errors import SetupError
from dashboard.settings import Settings, load_settings

MakeSettings = Callable[..., Settings]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lamella.sock"


@pytest.fixture
def listen(make_settings: MakeSettings, path: Path) -> Callable[[], Listener]:
    return lambda: open_listener(make_settings(bind=f"unix:{path}"))


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def test_owner_and_group_may_connect(listen: Callable[[], Listener], path: Path) -> None:
    before = os.umask(0)
    try:
        with listen():
            mode = path.stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o660
            assert connects(path)
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert not path.exists()


def test_what_a_killed_server_left_is_replaced(listen: Callable[[], Listener], path: Path) -> None:
    stale = listen()
    stale.socket.close()
    assert path.exists()
    with listen():
        assert connects(path)


def test_another_server_is_not_replaced(listen: Callable[[], Listener], path: Path) -> None:
    with listen():
        with pytest.raises(SetupError, match="Another server listens on"):
            listen()
        assert connects(path)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_something_else_is_not_replaced(
    listen: Callable[[], Listener], path: Path, kind: str
) -> None:
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("elsewhere")
    with pytest.raises(SetupError, match="something else than a socket"):
        listen()
    assert os.path.lexists(path)


def test_a_folder_that_is_missing(make_settings: MakeSettings, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no such file or directory"):
        open_listener(make_settings(bind=f"unix:{tmp_path}/none/x.sock"))


def test_the_file_of_another_server_stays(listen: Callable[[], Listener], path: Path) -> None:
    first = listen()
    path.unlink()
    with listen():
        first.close()
        assert connects(path)


def test_a_forked_process_leaves_the_file(listen: Callable[[], Listener], path: Path) -> None:
    listener = listen()
    child = os.fork()
    if child == 0:
        listener.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert connects(path)
    listener.close()


@pytest.mark.parametrize(
    ("bind", "reason"),
    [
        ("127.0.0.1:8050", "--host and --port"),
        ("unix:", "unix:PATH"),
        ("/run/x.sock", "unix:PATH"),
        ("unix:/" + "x" * 120, "at most 107 bytes"),
    ],
)
def test_what_is_no_socket_file(bind: str, reason: str) -> None:
    with pytest.raises(SetupError, match=reason):
        load_settings({"bind": bind})


def test_a_socket_file_is_of_this_machine() -> None:
    settings = load_settings({"bind": "unix:x.sock", "host": "0.0.0.0"})
    assert settings.loopback
    assert settings.socket_path == Path.cwd() / "x.sock"
    assert not settings.any_host
    assert load_settings({"bind": "unix:x.sock", "sign_in": True}).any_host


PASSED = """
import os, sys
from dashboard.cli.listener import open_listener
from dashboard.errors import SetupError
from dashboard.settings import Settings
os.environ["LISTEN_PID"] = str(os.getpid())
try:
    listener = open_listener(Settings(bind=sys.argv[1] or None))
    assert not any(name.startswith("LISTEN_") for name in os.environ)
    listener.close()
    print("taken", listener.socket.fileno())
except SetupError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("mode", "bind", "count", "said"),
    [
        (0o660, "unix:{path}", 1, "taken -1"),
        (0o666, "unix:{path}", 1, "set SocketMode=0660"),
        (0o660, "unix:/elsewhere", 1, "another socket than the file in --bind"),
        (0o660, "", 1, "another socket than the file in --bind"),
        (0o660, "unix:{path}", 2, "systemd passes 2 sockets"),
    ],
)
def test_the_socket_of_systemd_is_taken_and_left(
    path: Path, mode: int, bind: str, count: int, said: str
) -> None:
    with socket.socket(socket.AF_UNIX) as owned:
        owned.bind(str(path))
        owned.listen()
        path.chmod(mode)
        done = subprocess.run(
            [
                *("/bin/bash", "-c", f'exec "$@" 3<&{owned.fileno()}', "bash"),
                *(sys.executable, "-c", PASSED, bind.format(path=path)),
            ],
            env=os.environ | {"LISTEN_FDS": str(count)},
            pass_fds=(owned.fileno(),),
            capture_output=True,
            text=True,
            check=False,
        )
        assert said in done.stdout, done.stderr
        assert connects(path)
