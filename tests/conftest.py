"""Fixtures of all tests: settings, ports, a real server, a Chromium."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from dashboard.settings import PREFIX, Settings

START_WITHIN_S = 60.0
END_WITHIN_S = 60.0

# Each new SQLite database waits for the disk several times.
MEMORY, MEMORY_FREE_BYTES = Path("/dev/shm"), 8 * 2**30

# On a busy machine, time says nothing about an example; `timeout` of pytest ends one that hangs.
settings.register_profile("lamella", deadline=None)
settings.load_profile("lamella")

# Programs that tests start inherit ignored signals: those of `nohup` and of a shell's background jobs.
for ignored in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)

# Folders of tests that are one unit of work each.
LONG = ("tests/browser/", "tests/stress/")

# Before the last attempt: slow spells of a machine are longer than the two attempts before it.
ATTEMPTS, PAUSE_S = 3, 20.0

# Folders of tests without threads, processes or times: what fails there fails again.
ONE_ATTEMPT = ("tests/property/",)

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure() -> None:
    """Put temporary files into memory where there is plenty of it, unless TMPDIR names a directory."""
    in_memory = "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK)
    if in_memory and shutil.disk_usage(MEMORY).free >= MEMORY_FREE_BYTES:
        tempfile.tempdir = str(MEMORY)
    # Otherwise each of the servers that are started compiles the product, which takes a quarter of its start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # The people file of the account that runs the tests is not touched.
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="lamella-data-")


def pytest_unconfigure() -> None:
    """Remove what `pytest_configure` made."""
    shutil.rmtree(os.environ["XDG_DATA_HOME"], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute the tests of `pytest -n 2` by file, for the sake of fixtures that a module shares.

    Those with a browser are one unit of work, which shares a server and a Chromium, and those that load
    the machine by themselves are another: no two of a kind run at the same time.
    """
    from xdist.scheduler import LoadScopeScheduling

    class FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((folder for folder in LONG if file.startswith(folder)), file)

    # In the order of the tests, not the units with the most tests first.
    config.option.loadscopereorder = False
    return FileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest units of work are first, so that both processes have something to do until the end.

    A test has two further attempts, since waits may run out on a busy machine; the summary has their errors.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    for item in items:
        if not item.nodeid.startswith(ONE_ATTEMPT):
            item.add_marker(pytest.mark.flaky(reruns=ATTEMPTS - 1))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The last attempt comes after a pause."""
    if getattr(item, "execution_count", 1) == ATTEMPTS:
        time.sleep(PAUSE_S)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the errors of attempts that had another one after them."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"attempt {report.rerun + 1} of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the settings of the environment."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """No command that a test runs in this process limits the log lines of the tests after it."""
    before = [(handler, list(handler.filters)) for handler in logging.getLogger().handlers]
    yield
    for handler, filters in before:
        handler.filters[:] = filters


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings with a cache of the test's own."""

    def make(**given: Any) -> Settings:
        return Settings(**({"cache_dir": tmp_path / "cache"} | given))

    return make


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that no process listens on."""
    return unused_port()


def unused_port() -> int:
    """A port of 127.0.0.1 that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A real `lamella serve`; `log` is the file of its log, `line` what it says when it is ready."""

    url: str
    process: subprocess.Popen[str]
    log: Path
    line: str

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(END_WITHIN_S)


@contextmanager
def serving(folder: Path, port: int, *arguments: str, **environment: str) -> Iterator[Server]:
    """`lamella ARGUMENTS --port PORT` with a cache below `folder`, ready to answer, ended afterwards.

    Its log is printed when the test fails or the server does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    # The limits of a test run: a full cache must not fill the disk of the machine.
    small = {"LAMELLA_BRICK_CACHE_BYTES": "512MiB", "LAMELLA_FRAME_CACHE_BYTES": "64MiB"}
    common = ["--port", str(port), "--cache-dir", str(folder / "cache")]
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard", arguments[0], *common, *arguments[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env={k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
            | small
            | environment,
        )
    assert process.stdout is not None
    try:
        ready = wait([process.stdout], START_WITHIN_S)
        line = process.stdout.readline() if ready else ""
        assert "ready" in line, f"the server did not start: {line!r}"
        yield Server(f"http://127.0.0.1:{port}", process, log, line)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()
        # pytest shows this with a test that failed, and keeps it to itself otherwise.
        print(log.read_text())


@pytest.fixture
def serve(tmp_path: Path, free_port: int) -> Iterator[Callable[..., Server]]:
    """Start `lamella serve ARGUMENTS` for one test."""
    with ExitStack() as stack:
        yield lambda *arguments, **environment: stack.enter_context(
            serving(tmp_path / "server", free_port, "serve", *arguments, **environment)
        )


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that runs; browser tests fail without one, they are never skipped."""
    for name in (os.environ.get("CHROMIUM", ""), *CHROMIUMS):
        path = shutil.which(name) if name else None
        if path is not None:
            return path
    pytest.fail("There is no Chromium: `make test` installs one, or set CHROMIUM to its path.")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep what was collected from the garbage collector, which took a tenth of the time to go through it.

    A process of `pytest -n 2` asks about attempts at each test over a socket, in two pieces: without `TCP_NODELAY`
    the second one waits 40 ms for the first one's acknowledgement.
    """
    gc.freeze()
    attempts = getattr(getattr(session.config, "failures_db", None), "sock", None)
    if isinstance(attempts, socket.socket):
        attempts.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
