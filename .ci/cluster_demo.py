"""Three machines on this one, with a Redis and an HAProxy, over the sample volume: `make cluster-demo`.

Everything is on loopback, below a temporary folder, and ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

import click

from dashboard.cli.sample import demo_volume
from dashboard.settings import load_settings

CONFIGURATION: Final = Path(__file__).resolve().parents[1] / "deploy/haproxy.cfg"
MACHINES: Final = ("a", "b", "c")
PROGRAMS: Final = ("redis-server", "haproxy")
# Where Debian has what is for root.
PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
WITHIN_S: Final = 60.0


def configuration(port: int, machines: Mapping[str, int], host: str = "127.0.0.1") -> str:
    """The documented configuration of HAProxy before ports of this machine, without encryption.

    `host` gives the address of a machine by its number, all being of this one.
    """
    servers = "".join(
        f"    server {name} {host.format(number)}:{at}\n"
        for number, (name, at) in enumerate(machines.items(), 1)
    )
    changes = {
        # What only root can do, and nobody needs here.
        r"    log /dev/log .*\n    chroot .*\n    user .*\n    group .*\n": "",
        r"    bind :443 ssl .*\n": f"    bind 127.0.0.1:{port}\n",
        r"(    server .*\n)+": servers,
        r"set-header X-Forwarded-Proto https": "set-header X-Forwarded-Proto http",
    }
    text = CONFIGURATION.read_text()
    for pattern, replacement in changes.items():
        text, count = re.subn(pattern, replacement, text)
        assert count == 1, pattern
    return text


def main(arguments: Sequence[str]) -> None:
    """Start everything, say where it is, and end it with Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make cluster-demo")
    parser.add_argument("--port", type=int, default=8050, help="of the load balancer")
    port = parser.parse_args(arguments).port
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if missing:
        sys.exit(
            f"make cluster-demo needs {' and '.join(missing)}: install what is missing"
            f" (Debian: apt-get install {' '.join(missing)})."
        )
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            sys.exit(
                f"Port {port} is in use; choose another one: make cluster-demo DEMO_ARGS='--port PORT'."
            )
    signal.signal(signal.SIGTERM, _interrupt)
    volume = demo_volume(load_settings())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lamella-cluster-")))
        running: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, running)
        try:
            store = _start(folder, volume, port, running)
        except KeyboardInterrupt:
            return
        click.echo(
            f"Lamella is ready at http://127.0.0.1:{port} on three machines (Ctrl-C ends them)"
        )
        command = os.path.relpath(Path(sys.executable).with_name("lamella"))
        click.echo(f"  {command} cluster status --cluster {store}")
        try:
            while _goes_on(*running):
                time.sleep(0.5)
        except KeyboardInterrupt:
            return
        sys.exit("One of the programs has ended; its lines are above.")


def _start(folder: Path, volume: Path, port: int, running: list[subprocess.Popen[bytes]]) -> str:
    """Start all programs and wait until they are ready; returns the address of the store."""

    def begin(*command: str, **environment: str) -> None:
        running.append(
            subprocess.Popen(
                command, env=os.environ | environment, cwd=folder, stdout=subprocess.DEVNULL
            )
        )

    ports = [_free_port() for _ in range(len(MACHINES) + 1)]
    store = f"redis://127.0.0.1:{ports[-1]}"
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning")
    begin(_program("redis-server"), "--port", str(ports[-1]), *options)
    _wait(lambda: socket.create_connection(("127.0.0.1", ports[-1]), 1.0).close(), running)
    token = secrets.token_urlsafe()
    machines = dict(zip(MACHINES, ports, strict=False))
    for name, at in machines.items():
        begin(
            *(sys.executable, "-m", "dashboard", "serve", "--port", str(at), "--public"),
            *("--cache-dir", str(folder / name), "--node", name),
            *("--balancer", f"http://127.0.0.1:{port}", str(volume)),
            LAMELLA_CLUSTER=store,
            LAMELLA_NODE_TOKEN=token,
        )
    for at in ports[:-1]:
        _wait(partial(_ready, at), running)
    file = folder / "haproxy.cfg"
    file.write_text(configuration(port, machines))
    begin(_program("haproxy"), "-db", "-q", "-f", str(file))
    _wait(partial(_ready, port), running)
    return store


def _goes_on(store: subprocess.Popen[bytes], *others: subprocess.Popen[bytes]) -> bool:
    """Whether there is all that a demonstration needs; a machine that has ended well was asked to leave."""
    *machines, balancer = others
    return (
        store.poll() is None
        and balancer.poll() is None
        and not any(machine.poll() for machine in machines)
        and any(machine.poll() is None for machine in machines)
    )


def _ready(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2.0).close()


def _wait(attempt: Callable[[], object], running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Repeat an attempt until it raises nothing."""
    end = time.monotonic() + WITHIN_S
    while True:
        try:
            attempt()
        except (OSError, urllib.error.URLError) as error:
            if time.monotonic() > end or any(process.poll() is not None for process in running):
                sys.exit(f"The programs could not be started; their lines are above ({error}).")
            time.sleep(0.2)
        else:
            return


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    # The load balancer first, the store last.
    for process in reversed(running):
        process.terminate()
        try:
            process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    assert found is not None
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(sys.argv[1:])
