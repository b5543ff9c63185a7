"""The helper's start: what the server gives up, and what the helper's children do not keep."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.cli import file_rights
from dashboard.errors import SetupError
from dashboard.people.file_rights import DESCRIPTOR
from dashboard.settings import Settings
from tests.accounts import IDS, needs_root, open_folder

needs_setpriv = pytest.mark.skipif(
    shutil.which("setpriv") is None, reason="setpriv, of util-linux, is missing"
)
# As systemd starts a service that may read all files, with AmbientCapabilities.
CAPABILITIES = "+setuid,+setgid,+dac_read_search"
AS_SERVICE = (
    *("setpriv", "--reuid", "41009", "--regid", "41009", "--clear-groups", "--no-new-privs"),
    *("--inh-caps", CAPABILITIES, "--ambient-caps", CAPABILITIES),
    *("--bounding-set", f"-all,{CAPABILITIES}"),
)

SERVER = """
import socket, sys
from pathlib import Path
from dashboard.cli.file_rights import start_helper
from dashboard.people.file_rights import FileRights
from dashboard.settings import Settings
(number,) = start_helper(Settings(config=sys.argv[1]))
assert start_helper(Settings(config=sys.argv[1])) == (number,)
print(Path('/proc/self/status').read_text())
with socket.socket(fileno=number) as control:
    print('answer:', FileRights(control, 30.0).inodes('no such account', [Path('/')]))
"""

CHILD = f"""
import sys
from dashboard.people import file_rights_helper as helper
print('before:', helper.inode_of(sys.argv[1]) > 0)
helper.become(helper.Account(*{IDS["ann"]!r}))
print('after:', helper.inode_of(sys.argv[1]))
print(open('/proc/self/status').read())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


def run(script: str, *arguments: str | Path) -> dict[str, str]:
    """What a script prints in a process like a service's, as name: value."""
    shown = subprocess.run(
        [*AS_SERVICE, sys.executable, "-c", script, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(file_rights.__file__).parents[2])},
    ).stdout
    return {
        name: value.strip()
        for name, _, value in (line.partition(":") for line in shown.splitlines())
    }


@needs_root
@needs_setpriv
def test_the_server_gives_up_what_the_helper_needs(folder: Path) -> None:
    config = folder / "lamella.toml"
    config.write_text(f"rights = 'filesystem'\n[roots.data]\npath = '{folder}'")
    for path in (config, folder):
        os.chown(path, 41_009, 41_009)
    lines = run(SERVER, config)
    for name in ("CapEff", "CapPrm", "CapAmb"):
        assert int(lines[name], 16) & file_rights.NEEDED == 0
    assert lines["answer"] == "[0]"


@needs_root
@needs_setpriv
def test_a_child_keeps_no_capability_of_a_server_that_is_not_root(folder: Path) -> None:
    secret = folder / "secret.h5"
    secret.touch(0o600)
    lines = run(CHILD, secret)
    # The server may read all files; the account may not.
    assert lines["before"] == "True"
    assert lines["after"] == "0"
    assert lines["Uid"].split() == ["41001"] * 4
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(lines[name], 16) == 0


def test_without_the_capabilities_the_server_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DESCRIPTOR, raising=False)
    monkeypatch.setattr(file_rights, "effective_capabilities", lambda: 1 << file_rights.CAP_SETUID)
    config = tmp_path / "lamella.toml"
    config.write_text("rights = 'filesystem'")
    config.chmod(0o600)
    with pytest.raises(SetupError, match="AmbientCapabilities=CAP_SETUID CAP_SETGID"):
        file_rights.start_helper(Settings(config=config))


def test_no_helper_without_rights_of_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DESCRIPTOR, raising=False)
    given_up: list[int] = []
    monkeypatch.setattr(file_rights, "drop", lambda *which: given_up.extend(which))
    assert file_rights.start_helper(Settings()) == ()
    assert set(given_up) == {file_rights.CAP_SETGID, file_rights.CAP_SETUID}


@needs_root
@needs_setpriv
def test_a_server_that_needs_no_helper_keeps_none_of_its_capabilities() -> None:
    script = """
import subprocess
from dashboard.cli.file_rights import start_helper
from dashboard.settings import Settings
assert start_helper(Settings()) == ()
subprocess.run(["cat", "/proc/self/status"], check=True)
"""
    lines = run(script)
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(lines[name], 16) & file_rights.NEEDED == 0
