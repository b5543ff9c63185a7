"""What is said at the terminal: one sentence and status 2 for what can be mended; the supervisor."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.cli import commands, main
from dashboard.cli import process as process_module
from dashboard.cli import sample as sample_command
from dashboard.cli.process import listen
from dashboard.cli.serve import (
    MAX_DEATHS,
    Child,
    GaveUp,
    address,
    command,
    end,
    supervise,
)
from dashboard.errors import SetupError
from dashboard.settings import Settings

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


def run(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """(exit status, standard output, standard error)."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out, printed.err


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence that a command is refused with."""
    status, out, err = run(arguments, capsys)
    assert (status, out) == (2, "")
    assert err.startswith("lamella: ")
    assert err.count("\n") == 1
    return err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(["--help"], capsys)
    assert status == 0
    for name in commands.lamella.commands:
        assert name in out
        assert run([name, "--help"], capsys)[0] == 0
    assert run(["--version"], capsys)[1].startswith("lamella, version ")


def test_alone_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run([], capsys)
    assert status == 2
    assert "serve" in err


@pytest.mark.parametrize("name", ["serve", "web", "worker"])
class TestRefusals:
    """What a person can mend is found before anything is started."""

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


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("dashboard.cli.serve.run", seen.append)
    monkeypatch.setenv("LAMELLA_WEB_THREADS", "3")
    arguments = ["serve", "a.h5", "b=c", "--host", "0.0.0.0", "--port", "81", "--public"]
    arguments += ["--cache-dir", str(tmp_path), "--url-prefix", "x"]
    arguments += ["--allowed-host", "A", "--allowed-host", "b"]
    with pytest.raises(SystemExit):
        main(arguments)
    settings = seen[0]
    assert settings.data == ("a.h5", "b=c")
    assert (settings.host, settings.port, settings.public) == ("0.0.0.0", 81, True)
    assert (settings.cache_dir, settings.url_prefix) == (tmp_path, "/x")
    assert settings.allowed_hosts == ("a", "b")
    assert settings.web_threads == 3


def test_without_arguments_the_environment_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("dashboard.cli.serve.run", seen.append)
    monkeypatch.setenv("LAMELLA_DATA", "/from/environment")
    monkeypatch.setenv("LAMELLA_PUBLIC", "1")
    monkeypatch.setenv("LAMELLA_ALLOWED_HOSTS", "c")
    with pytest.raises(SystemExit):
        main(["serve"])
    assert seen[0].data == ("/from/environment",)
    assert seen[0].public
    assert seen[0].allowed_hosts == ("c",)


def test_children_are_told_what_was_given(make_settings: MakeSettings) -> None:
    settings = make_settings(
        host="::1", port=81, url_prefix="x", allowed_hosts=("a", "b"), data=("-odd.h5", "n=p")
    )
    line = command(settings, "web", "--parent", "1")
    assert line[:4] == [sys.executable, "-m", "dashboard", "web"]
    assert line[-3:] == ["--", "-odd.h5", "n=p"]
    assert "--public" not in line
    with commands.web.make_context("web", line[4:]) as context:
        assert context.params["host"] == "::1"
        assert context.params["port"] == "81"
        assert context.params["allowed_hosts"] == ("a", "b")
        assert context.params["paths"] == ("-odd.h5", "n=p")
        assert context.params["parent"] == 1


@pytest.mark.parametrize(
    ("host", "prefix", "url"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:8050"),
        ("::1", "/x", "http://[::1]:8050/x"),
        ("[::1]", "", "http://[::1]:8050"),
    ],
)
def test_the_address(make_settings: MakeSettings, host: str, prefix: str, url: str) -> None:
    assert address(make_settings(host=host, url_prefix=prefix)) == url


def test_a_host_that_is_not_known() -> None:
    with pytest.raises(SetupError, match="is not known"):
        listen("no.such.host.invalid", 8050)
    with pytest.raises(SetupError, match="Cannot listen"):
        listen("192.0.2.1", 8050)  # an address for documentation, nobody's


def test_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "s.h5"
    arguments = ["sample", str(out), "--shape", "9x20,30", "--dtype", "uint8", "--chunks", "4,5,6"]
    assert run(arguments, capsys)[0] == 0
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
        (["--dtype", "words"], "no type"),
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

    monkeypatch.setattr(sample_command.sample, "write_sample", write)
    settings = make_settings()
    assert sample_command.demo_volume(settings) == sample_command.demo_volume(settings)
    assert made == [settings.cache_dir.resolve() / "demo" / "demo.h5"]


def test_inspect(volume: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(["inspect", str(volume), "--json"], capsys)
    assert status == 0
    found = json.loads(out)
    assert found["file"] == "v.h5"
    scan = next(d for d in found["datasets"] if d["dataset"] == "/scan")
    assert scan["shape"] == [64, 96, 96]
    assert scan["chunks"] == [64, 8, 8]
    assert scan["filters"] == ["gzip"]
    assert scan["browsable"] is True
    assert scan["decode_bytes_per_s"] > 0
    first, second, _ = scan["axes"]
    assert (first["axis"], first["chunks"], first["decoded_bytes"]) == (0, 144, 64 * 96 * 96 * 2)
    assert (first["amplification"], second["amplification"]) == (64.0, 8.0)
    assert first["expected_ms"] > 0
    assert scan["advice"].endswith(".")
    words = next(d for d in found["datasets"] if d["dataset"] == "/words")
    assert words["browsable"] is False
    assert "string" in words["reason"]


def test_inspect_in_tables(volume: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(["inspect", str(volume)], capsys)
    assert status == 0
    for text in ("/scan", "64×96×96", "64.0×", "across axis 2", "Values of type string"):
        assert text in out


def test_inspect_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "does not exist" in refused(["inspect", str(tmp_path / "none.h5")], capsys)
    assert "is a folder" in refused(["inspect", str(tmp_path)], capsys)
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 100)
    refused(["inspect", str(tmp_path / "cut.h5")], capsys)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def child(clock: Clock, script: str = "input()") -> Child:
    return Child("test", [sys.executable, "-c", script], clock=clock)


def test_a_child_that_dies_is_started_again() -> None:
    clock = Clock()
    tended = child(clock, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    tended.tend()
    assert tended.process is not None
    first = tended.process
    first.wait()
    tended.tend()
    assert tended.process is None
    tended.tend()
    assert tended.process is None, "not before the pause is over"
    clock.now = tended.starts_at
    tended.tend()
    assert tended.process is not None
    assert tended.process.pid != first.pid
    tended.process.wait()


def test_the_pauses_grow_and_it_gives_up() -> None:
    clock = Clock()
    tended = child(clock)
    pauses = []
    for _ in range(MAX_DEATHS - 1):
        tended.note_death(-9)
        pauses.append(round(tended.starts_at - clock.now, 3))
        clock.now = tended.starts_at
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    with pytest.raises(GaveUp, match="died 5 times within 10 s") as caught:
        tended.note_death(-9)
    assert caught.value.status == 1


def test_deaths_that_lie_apart_are_forgiven() -> None:
    clock = Clock()
    tended = child(clock)
    for _ in range(50):
        tended.note_death(-9)
        clock.now += 3.0
    assert tended.starts_at - clock.now < 2.0


@pytest.mark.parametrize(("status", "leaves_with"), [(2, 2), (3, 1), (4, 1)])
def test_what_cannot_start_is_not_tried_again(status: int, leaves_with: int) -> None:
    with pytest.raises(GaveUp, match="could not start") as caught:
        child(Clock()).note_death(status)
    assert caught.value.status == leaves_with
    proven = child(Clock())
    proven.proven = True
    proven.note_death(status)


def test_ending_is_polite_and_then_firm() -> None:
    """One child ends when asked, one does not listen until it is killed, with its own child."""
    deaf = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
below = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(below.pid, flush=True)
signal.pause()
"""
    clock = Clock()
    polite = child(clock, "import signal; signal.pause()")
    polite.start()
    process = subprocess.Popen(
        [sys.executable, "-c", deaf], stdout=subprocess.PIPE, process_group=0
    )
    assert process.stdout is not None
    below = int(process.stdout.readline())
    stubborn = child(clock)
    stubborn.process = process
    signals: SimpleQueue[int] = SimpleQueue()
    signals.put(signal.SIGINT)
    end([polite, stubborn], signals, patience_s=30.0)
    process.stdout.close()
    assert polite.process is not None
    assert polite.process.returncode == -signal.SIGTERM
    assert process.returncode == -signal.SIGKILL
    assert has_ended(below)


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or goes within a few seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10.0)[0])
    finally:
        os.close(descriptor)


def test_an_ending_signal_ends_the_supervision(make_settings: MakeSettings) -> None:
    clock = Clock()
    children = child(clock), child(clock)
    signals: SimpleQueue[int] = SimpleQueue()
    signals.put(signal.SIGCHLD)
    signals.put(signal.SIGTERM)
    try:
        supervise(make_settings(), children, signals)
    finally:
        end(children, signals, patience_s=30.0)


def test_a_child_ends_with_its_parent() -> None:
    script = """
import os, signal, sys
from dashboard.cli.process import end_with
end_with(int(sys.argv[1]))
print("still here")
"""
    fine = subprocess.run(
        [sys.executable, "-c", script, str(os.getpid())], capture_output=True, check=False
    )
    assert fine.stdout == b"still here\n"
    orphan = subprocess.run(
        [sys.executable, "-c", script, "999999999"], capture_output=True, check=False
    )
    assert orphan.returncode == -signal.SIGTERM


def test_signals_are_queued() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    signals: SimpleQueue[int] = SimpleQueue()
    try:
        process_module.queue_signals(signals, (signal.SIGUSR1,))
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signals.get(timeout=10) == signal.SIGUSR1
    finally:
        signal.signal(signal.SIGUSR1, before)
