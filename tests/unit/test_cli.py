"""Messages at the terminal: one sentence and status 2 for usage errors; the supervisor."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import wsgi
from dashboard.cli import commands
from dashboard.cli import sample as sample_command
from dashboard.cli.listener import open_listener
from dashboard.errors import SetupError
from dashboard.settings import Settings
from tests.terminal import refused, run

MakeSettings = Callable[..., Settings]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "scan",
            data=np.arange(64 * 96 * 96, dtype="u2").reshape(64, 96, 96),
            chunks=(64, 8, 8),
            compression="gzip",
        )
        file["plain"] = np.zeros((4, 5), "f4")
        file["words"] = "no volume"
    return path


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    for name in commands.lamella.commands:
        assert name in out
        assert run(capsys, name, "--help")[0] == 0
    assert run(capsys, "--version")[1].startswith("lamella, version ")


def test_alone_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys)
    assert status == 2
    assert "serve" in err


@pytest.mark.parametrize("name", ["serve", "web", "worker"])
class TestRefusals:
    """Usage errors are found before anything is started."""

    def test_nothing_to_show(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert "LAMELLA_DATA" in refused([name], capsys)

    def test_a_path_that_is_missing(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert "does not exist" in refused([name, "/no/such/thing"], capsys)

    def test_a_file_that_is_no_hdf5(
        self, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "x.h5").write_bytes(b"no HDF5" * 1000)
        assert "not an HDF5 file" in refused([name, str(tmp_path / "x.h5")], capsys)

    def test_two_roots_of_one_name(
        self, name: str, volume: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        message = refused([name, f"a={volume}", f"a={volume.parent}"], capsys)
        assert "NAME=PATH" in message

    def test_an_open_bind(
        self, name: str, volume: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "--public" in refused([name, "--host", "0.0.0.0", str(volume)], capsys)

    def test_a_bad_number(
        self, name: str, volume: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "LAMELLA_PORT" in refused([name, "--port", "many", str(volume)], capsys)

    def test_a_cache_that_others_can_write_to(
        self, name: str, volume: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "c").mkdir()
        (tmp_path / "c").chmod(0o777)
        arguments = [name, "--cache-dir", str(tmp_path / "c"), str(volume)]
        assert "Others can write" in refused(arguments, capsys)


@pytest.mark.parametrize("name", ["serve", "web"])
def test_a_port_in_use(
    name: str, volume: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = [name, "--port", port, "--cache-dir", str(tmp_path / "c"), str(volume)]
        assert f"Port {port}" in refused(arguments, capsys)


def test_an_unknown_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--prot" in refused(["serve", "--prot", "1"], capsys)


def test_a_host_that_is_not_known() -> None:
    with pytest.raises(SetupError, match="is not known"):
        open_listener(Settings(host="no.such.host.invalid"))
    with pytest.raises(SetupError, match="Cannot listen"):
        open_listener(Settings(host="192.0.2.1"))  # an address reserved for documentation


def test_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "s.h5"
    arguments = ["sample", str(out), "--shape", "9x20,30", "--dtype", "uint8", "--chunks", "4,5,6"]
    assert run(capsys, *arguments)[0] == 0
    with h5py.File(out) as file:
        dataset = file["volume"]
        assert (dataset.shape, dataset.dtype, dataset.chunks) == ((9, 20, 30), "uint8", (4, 5, 6))
    assert "exists already" in refused(arguments, capsys)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--shape", "10,ten"], "--shape takes numbers"),
        (["--shape", "10,-1"], "--shape takes numbers"),
        (["--shape", "10"], "2 to 8 dimensions"),
        (["--shape", "9,9", "--chunks", "9"], "as many dimensions"),
        (["--dtype", "words"], "is not a type"),
        (["--like", "mine"], "--like"),
    ],
)
def test_samples_that_cannot_be(
    tmp_path: Path, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refused(["sample", str(tmp_path / "s.h5"), *arguments], capsys)


def test_the_demo_is_made_once(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def write(path: Path, **_: Any) -> None:
        made.append(path)
        path.parent.mkdir()
        path.write_bytes(b"\x89HDF\r\n\x1a\n")

    monkeypatch.setattr(sample_command.generator, "write_sample", write)
    settings = make_settings()
    assert sample_command.demo_volume(settings) == sample_command.demo_volume(settings)
    assert made == [settings.cache_dir.resolve() / "demo" / "demo.h5"]


def test_another_server_asks_for_the_application(
    monkeypatch: pytest.MonkeyPatch, volume: Path, tmp_path: Path
) -> None:
    made: list[Settings] = []

    def create_app(settings: Settings) -> SimpleNamespace:
        made.append(settings)
        return SimpleNamespace(server=object())

    monkeypatch.setattr("dashboard.app.create_app", create_app)
    monkeypatch.setenv("LAMELLA_DATA", str(volume))
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path / "c"))
    wsgi.make_application.cache_clear()
    try:
        assert wsgi.application is wsgi.application
        assert [settings.data for settings in made] == [(str(volume),)]
    finally:
        wsgi.make_application.cache_clear()
    with pytest.raises(AttributeError, match="applicant"):
        _ = wsgi.applicant


def test_memory_that_was_freed_is_used_again() -> None:
    """Page faults of making blocks of 2 MB again, once as it is and once after the call."""
    script = (
        "import resource, sys\n"
        "from dashboard.cli.process import tune_malloc\n"
        "if sys.argv[1] == 'kept':\n"
        "    tune_malloc()\n"
        "def make():\n"
        "    return [bytes([n]) * 2_000_000 for n in range(8)]\n"
        "make(), make()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "make()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    faults = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", script, how], capture_output=True, check=True, text=True
            ).stdout
        )
        for how in ("kept", "given back")
    }
    assert faults["kept"] < 100
    assert faults["given back"] > 2000


def test_the_collector_passes_over_frozen_objects() -> None:
    script = (
        "import gc\n"
        "from dashboard.cli.process import freeze_gc\n"
        "kept = [[] for _ in range(1000)]\n"
        "freeze_gc()\n"
        "print(any(one is kept for one in gc.get_objects()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout == "False\n"
