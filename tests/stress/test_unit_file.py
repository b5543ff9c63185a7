"""The systemd unit of the documentation: valid, hardened, and enough for everything that the server does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import dashboard
from tests import hardened
from tests.accounts import needs_root
from tests.conftest import Server, serving, unused_port
from tests.programs import needed
from tests.stress.test_serve import descendants
from tests.waits import WITHIN_S

pytestmark = pytest.mark.stress

UNIT = Path(dashboard.__file__).parent.parent / "docs" / "how-to" / "hosting" / "lamella.service"
EXECUTABLE = "/opt/lamella/current/bin/lamella"


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=WITHIN_S) as response:
        body: bytes = response.read()
        return body


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    text = UNIT.read_text()
    assert text.count(EXECUTABLE) == 1
    path = tmp_path / "lamella.service"
    path.write_text(text.replace(EXECUTABLE, shutil.which("true") or ""))
    shutil.copy(UNIT.with_suffix(".socket"), tmp_path)
    return path


def analyzed(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [needed("systemd-analyze"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )


def test_systemd_finds_nothing_wrong(unit: Path) -> None:
    found = analyzed("verify", "--man=no", str(unit), str(unit.with_suffix(".socket")))
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_systemd_finds_nothing_wrong_with_rights_of_the_file_system(unit: Path) -> None:
    folder = unit.with_name("lamella.service.d")
    folder.mkdir()
    shutil.copy(UNIT.with_name("filesystem-rights.conf"), folder / "rights.conf")
    found = analyzed("verify", "--man=no", str(unit))
    assert (found.returncode, found.stdout + found.stderr) == (0, "")
    changed = hardened.directives((folder / "rights.conf").read_text())
    assert changed["AmbientCapabilities"] == changed["CapabilityBoundingSet"]


def test_systemd_finds_it_hardened(unit: Path) -> None:
    found = analyzed("security", "--offline=true", "--threshold=20", "--no-pager", str(unit))
    assert found.returncode == 0, found.stdout


def test_a_wrong_setting_is_not_tried_again() -> None:
    found = hardened.directives(UNIT.read_text())
    assert found["RestartPreventExitStatus"] == ["2"]
    assert found["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    # `lamella serve` gives its processes 40 s, with the default of `wait_seconds`.
    assert int(found["TimeoutStopSec"][0]) > 45


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A volume, and another one whose values are in the first."""
    folder = tmp_path / "data"
    folder.mkdir()
    values = np.arange(12 * 40 * 40, dtype="u2").reshape(12, 40, 40)
    with h5py.File(folder / "v.h5", "w") as file:
        file.create_dataset("scan", data=values, chunks=(4, 16, 16), compression="gzip")
        file.create_dataset("lzf", data=values, chunks=(4, 16, 16), compression="lzf")
    layout = h5py.VirtualLayout(shape=(24, 40, 40), dtype="u2")
    layout[:12] = layout[12:] = h5py.VirtualSource("v.h5", "scan", shape=(12, 40, 40))
    with h5py.File(folder / "virtual.h5", "w") as file:
        file.create_virtual_dataset("scan", layout)
    return folder


@contextmanager
def restricted(unit: Path, folder: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """`lamella serve ARGUMENTS` under the restrictions of a unit."""
    needed("systemd-analyze")
    launcher = folder / "python"
    script = (
        f'#!/bin/sh\nexec {sys.executable} -P {hardened.__file__} {unit} {sys.executable} "$@"\n'
    )
    launcher.write_text(script)
    launcher.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(launcher))
        started = serving(folder / "server", unused_port(), "serve", *arguments, **environment)
        with started as made:
            yield made


@pytest.fixture
def server(data: Path, tmp_path: Path) -> Iterator[Server]:
    """A server under the restrictions of the unit."""
    with restricted(UNIT, tmp_path, str(data)) as made:
        yield made


@needs_root
def test_the_helper_alone_has_capabilities(data: Path, tmp_path: Path) -> None:
    unit = tmp_path / "both"
    unit.write_text(UNIT.read_text() + UNIT.with_name("filesystem-rights.conf").read_text())
    config = tmp_path / "lamella.toml"
    config.write_text(f'rights = "filesystem"\n[roots.data]\npath = "{data}"\n')
    config.chmod(0o600)
    token = "correct-horse-battery"
    with restricted(unit, tmp_path, "--config", str(config), LAMELLA_TOKEN=token) as server:
        request = urllib.request.Request(f"{server.url}/api/v1/files")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=WITHIN_S) as response:
            assert len(json.loads(response.read())["files"]) == 2
        lines = descendants(server.process.pid) | {server.process.pid: ""}
        effective = {
            pid: int(re.findall(r"CapEff:\t(\w+)", Path(f"/proc/{pid}/status").read_text())[0], 16)
            for pid in lines
        }
        privileged = [lines[pid] for pid, capabilities in effective.items() if capabilities]
        assert len(privileged) == 1
        assert "file_rights_helper" in privileged[0]
        assert set(effective.values()) == {0, 1 << 6 | 1 << 7}
        assert server.stop() == 0


def test_the_server_works_under_its_restrictions(server: Server) -> None:
    pid = server.process.pid
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1\n" in status
    assert "Seccomp:\t2\n" in status
    assert "CapEff:\t0000000000000000\n" in status
    api = f"{server.url}/api/v1"
    for file, count in (("data/v.h5", 12), ("data/virtual.h5", 24)):
        found: dict[str, Any] = json.loads(get(f"{api}/datasets?file={file}"))
        assert [one["shape"][0] for one in found["datasets"] if one["browsable"]][:1] == [count]
        for name in ("scan", "lzf") if count == 12 else ("scan",):
            for axis in (":,:,3", "11,:,:", f"{count - 1},:,:"):
                body = get(f"{api}/slice?file={file}&dataset={name}&selection={axis}")
                assert len(body) in (count * 40 * 2, 40 * 40 * 2)
    # Readers of files confine themselves, so that values in other files are shown.
    ready = json.loads(get(f"{server.url}/readyz"))
    assert ready["degraded"] == []
    log = server.log.read_text()
    assert "Landlock is unavailable" not in log
    assert "ERROR" not in log
    assert server.stop() == 0


def test_the_restrictions_hold() -> None:
    """A call that the unit does not allow is refused, and one that it allows is not."""
    needed("systemd-analyze")
    script = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mount(None, b"/", None, 0, None) == -1
assert ctypes.get_errno() == errno.EPERM
assert libc.getpid() > 0
"""
    done = subprocess.run(
        [sys.executable, hardened.__file__, str(UNIT), sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    calls = hardened.allowed_calls(UNIT.read_text())
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= calls
    assert not {"mount", "reboot", "init_module", "bpf", "ptrace"} & calls
