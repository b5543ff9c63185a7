"""The real `lamella bench` on a small volume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from multiprocessing.connection import wait
from pathlib import Path

import pytest

pytestmark = pytest.mark.stress

WITHIN_S = 100.0


def command(tmp_path: Path, *arguments: str) -> list[str]:
    cache = ["--cache-dir", str(tmp_path / "cache")]
    return [sys.executable, "-m", "dashboard", "bench", *cache, *arguments]


def children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_it_plays_traces_and_leaves_nothing_behind(volume: Path, tmp_path: Path) -> None:
    arguments = ["--json", "--seconds", "1", "--trace", "scroll-20", "--trace", "play"]
    done = subprocess.run(
        command(tmp_path, str(volume), *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
        # Such a setting is meant for the server that people use.
        env=os.environ | {"LAMELLA_PORT": "1", "LAMELLA_URL_PREFIX": "/x", "LAMELLA_DATA": "/y"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["volume"]["dataset"] == "/scan"
    assert found["machine"]["cores"] == os.cpu_count()
    first, second = found["traces"]
    assert (first["trace"], second["trace"]) == ("scroll-20", "play")
    assert first["answered"] == first["slices"] == 20
    assert sum(first["outcomes"].values()) == pytest.approx(1.0)
    assert first["h5py_default_ms"]["count"] >= 1
    assert first["h5py_chosen_ms"]["count"] >= 1
    assert first["client_ms"]["max"] >= first["client_ms"]["p50"] > 0
    assert first["memory_bytes"] > 10 * 2**20
    assert first["times_faster"] > 0
    assert not list((tmp_path / "cache").glob("bench-*"))


def test_ctrl_c_ends_it_with_its_server(volume: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(tmp_path, str(volume), "--seconds", "600", "--trace", "scroll-5"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (below := children(process.pid)) or len(children(below[0])) < 2:
        assert process.poll() is None
    server = os.pidfd_open(below[0])
    try:
        process.send_signal(signal.SIGINT)
        assert process.wait(WITHIN_S) == 130
        assert wait([server], WITHIN_S), "the server has ended"
    finally:
        os.close(server)
    assert not list((tmp_path / "cache").glob("bench-*"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--trace", "sideways"], "scroll-5, scroll-10"),
        (["--dataset", "/other"], "There is no dataset '/other'"),
        (["--seconds", "0"], "--seconds"),
    ],
)
def test_what_can_be_mended(
    volume: Path, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    done = subprocess.run(
        command(tmp_path, str(volume), *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
