"""Rights with the real server, commands and reload: from a token to the files, and a helper that dies."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dashboard.cli.file_rights import NEEDED
from tests.accounts import needs_root
from tests.conftest import Server
from tests.stress.test_accounts import PASSWORD, WITHIN_S, Accounts
from tests.stress.test_reload import reload
from tests.stress.test_serve import descendants

pytestmark = pytest.mark.stress

CONFIG = """
[roots.one]
path = "one"
people = ["ann"]
[roots.two]
path = "two"
people = ["bob"]
"""


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    made = Accounts(tmp_path / "people" / "people.sqlite")
    for name in ("ann", "bob"):
        made.run("user", "add", name, password=PASSWORD)
    return made


def token(accounts: Accounts, name: str) -> str:
    arguments = ("token", "add", f"of-{name}", "--user", name, "--scope", "read")
    return accounts.run(*arguments).splitlines()[-1]


def configuration(folder: Path, text: str) -> Path:
    path = folder / "lamella.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def files(server: Server, secret: str) -> tuple[int, set[str]]:
    """Status of the list of files, and the names in it."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=WITHIN_S)
    try:
        connection.request("GET", "/api/v1/files", headers={"Authorization": f"Bearer {secret}"})
        response = connection.getresponse()
        listed = json.loads(response.read()).get("files", [])
        return response.status, {entry["file"] for entry in listed}
    finally:
        connection.close()


@pytest.mark.timeout(600)
def test_a_right_that_is_given_holds_after_a_reload(
    serve: Callable[..., Server], volume: Path, accounts: Accounts, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(volume, tmp_path / name / "v.h5")
    config = configuration(tmp_path, CONFIG)
    ann, bob = (token(accounts, name) for name in ("ann", "bob"))
    server = serve("--config", str(config), "--people", str(accounts.path))
    assert files(server, ann) == (200, {"one/v.h5"})
    assert files(server, bob) == (200, {"two/v.h5"})
    config.write_text(CONFIG.replace('["ann"]', '["ann", "bob"]'))
    reload(server)
    assert files(server, ann) == (200, {"one/v.h5"})
    assert files(server, bob) == (200, {"one/v.h5", "two/v.h5"})


@needs_root
@pytest.mark.timeout(600)
def test_a_helper_that_dies_closes_the_door(
    serve: Callable[..., Server], volume: Path, accounts: Accounts, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy(volume, tmp_path / "one" / "v.h5")
    config = configuration(tmp_path, "rights = 'filesystem'\n[roots.one]\npath = 'one'")
    secret = "correct-horse-battery-staple"
    ann, bob = (token(accounts, name) for name in ("ann", "bob"))
    server = serve("--config", str(config), "--people", str(accounts.path), LAMELLA_TOKEN=secret)
    assert files(server, secret) == (200, {"one/v.h5"})
    # There is no account of that name on this machine.
    assert files(server, ann) == (200, set())
    below = descendants(server.process.pid)
    helpers = [pid for pid, line in below.items() if "file_rights_helper" in line]
    for pid, line in below.items():
        with suppress(OSError):  # It has ended since.
            if line:  # Not a child of the helper that has ended before.
                assert bool(capabilities(pid) & NEEDED) is (pid in helpers), line
    assert not capabilities(server.process.pid) & NEEDED
    for pid in helpers:
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + WITHIN_S
    while files(server, bob)[0] != 503:
        assert time.monotonic() < end
    assert files(server, secret) == (200, {"one/v.h5"})


def capabilities(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("CapEff:")[2].split()[0], 16)
