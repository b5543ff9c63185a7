"""The Procfile under honcho: both processes, on the port that it gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

import dashboard
from tests.conftest import unused_port

pytestmark = pytest.mark.stress

PROCFILE = Path(dashboard.__file__).parent.parent / "Procfile"
WITHIN_S = 60.0


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as response:
            return bool(json.loads(response.read())["ready"])
    except (urllib.error.URLError, OSError):
        return False


def test_both_processes_run_on_the_given_port(volume: Path, tmp_path: Path) -> None:
    port = unused_port()
    commands = tmp_path / "bin"
    commands.mkdir()
    command = commands / "lamella"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m dashboard "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "PORT": str(port),
        "LAMELLA_DATA": str(volume),
        "LAMELLA_CACHE_DIR": str(tmp_path / "cache"),
        "LAMELLA_BRICK_CACHE_BYTES": "64MiB",
    }
    honcho = subprocess.Popen(
        [sys.executable, "-m", "honcho", "start", "-f", str(PROCFILE), "-d", str(tmp_path)],
        env=environment,
        process_group=0,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + WITHIN_S
        while not ready(url):
            assert honcho.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
        with urllib.request.urlopen(f"{url}/api/v1/files", timeout=WITHIN_S) as response:
            assert json.loads(response.read())["files"][0]["file"] == "v.h5"
        honcho.terminate()
        honcho.wait(WITHIN_S)
        assert not ready(url)
    finally:
        if honcho.poll() is None:
            os.killpg(honcho.pid, signal.SIGKILL)
            honcho.wait()


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"PORT": "5123"}, "lamella web --port 5123"),
        ({}, "lamella web"),
        ({"PORT": ""}, "lamella web"),
    ],
)
def test_without_a_port_the_settings_count(environment: Mapping[str, str], line: str) -> None:
    (web,) = (
        text.removeprefix("web: ")
        for text in PROCFILE.read_text().splitlines()
        if text.startswith("web: ")
    )
    shown = subprocess.run(
        ["/bin/sh", "-c", f"echo {web}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == line
