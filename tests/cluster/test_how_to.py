"""The how-to for several machines, followed as far as loopback has what it names: an address for each machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import urllib3

from dashboard.addressing.slabs import slab_of
from tests import files, haproxy, redis_server
from tests.cluster.conftest import TOKEN
from tests.conftest import unused_port
from tests.nginx import REPOSITORY

pytestmark = pytest.mark.cluster

PAGE = (REPOSITORY / "docs" / "how-to" / "run-on-several-machines.md").read_text()
NAMES = ("a", "b", "c")
PASSWORD = "a long password of ann"
SHAPE, CHUNKS = (96, 32, 32), (8, 32, 32)
WITHIN_S = 60.0


def commands(section: str) -> str:
    """The first commands of a section."""
    (text,) = re.findall(rf"## {re.escape(section)}\n.*?```sh\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


class Followed:
    """The commands of the page, with addresses of loopback for those of machines."""

    def __init__(self, folder: Path, redis: str) -> None:
        self.folder = folder
        self.port, self.balancer = unused_port(), unused_port()
        self.url = f"http://127.0.0.1:{self.balancer}"
        self._redis = redis

    def changed(self, text: str) -> str:
        changes = {
            "rediss://lamella:PASSWORD@redis.example:6379": self._redis,
            "SECRET-OF-ALL-MACHINES": TOKEN,
            "https://scans.example": self.url,
            "10.0.0.10": "127.0.0.1",
            "10.0.0.1": "127.0.0.11",
            ":8050": f":{self.port}",
            "/srv/scans": str(self.folder / "scans"),
        }
        for old, new in changes.items():
            assert old in text or old.startswith("/srv"), old
            text = text.replace(old, new)
        return text

    def start(self, command: str, name: str, **more: str) -> subprocess.Popen[str]:
        """Begin the variables of the page and a command, at the machine of this name."""
        text = self.changed(commands("Start the machines"))
        variables, _, serve = text.partition("lamella serve")
        number = NAMES.index(name) + 1
        serve = serve.replace("--node a", f"--node {name}")
        serve = serve.replace("--host 127.0.0.11", f"--host 127.0.0.1{number}")
        given = {
            "LAMELLA_PORT": str(self.port),
            "LAMELLA_CACHE_DIR": str(self.folder / name),
            "LAMELLA_WEB_PROCESSES": "1",
            "LAMELLA_CHILDREN": "1",
            # What a machine has in its home.
            "XDG_DATA_HOME": str(self.folder / f"home-{name}"),
        }
        known = {k: v for k, v in os.environ.items() if not k.startswith("LAMELLA_")}
        run = f'lamella() {{ exec {sys.executable} -m dashboard "$@"; }}\n'
        with (self.folder / f"{name}.log").open("a") as log:
            return subprocess.Popen(
                ["/bin/bash", "-euc", run + variables + (command or f"lamella serve{serve}")],
                env=known | given | more,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def said(self, command: str, typed: str = "") -> str:
        """What a command says at the first machine."""
        with self.start(command, "a", LAMELLA_NODE="a") as done:
            found, _ = done.communicate(typed, timeout=WITHIN_S)
        assert done.returncode == 0, (self.folder / "a.log").read_text()
        return found


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    values = np.arange(np.prod(SHAPE), dtype="<u4").reshape(SHAPE)
    (tmp_path / "scans").mkdir()
    files.write(tmp_path / "scans" / "v.h5", x=(values, {"chunks": CHUNKS}))
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server.running(tmp_path / "redis"))
        made = Followed(tmp_path, redis.url)
        assert made.said("lamella user add ann", f"{PASSWORD}\n") == "Added ann.\n"
        for name in NAMES:
            server = stack.enter_context(made.start("", name))
            stack.callback(server.wait, WITHIN_S)
            stack.callback(server.terminate)
            assert server.stdout is not None
            line = server.stdout.readline()
            assert "ready" in line, (tmp_path / f"{name}.log").read_text()
        ports = dict.fromkeys(NAMES, made.port)
        stack.enter_context(
            haproxy.running(tmp_path / "haproxy", made.balancer, ports, "127.0.0.1{}")
        )
        yield made


def test_the_commands_lead_to_machines_that_are_one_service(followed: Followed) -> None:
    form = {"name": "ann", "password": PASSWORD}
    answer = urllib3.request(
        "POST",
        f"{followed.url}/sign-in",
        body=urlencode(form),
        headers={
            "Origin": followed.url,
            "Content-Type": "application/x-www-form-urlencoded",
        },
        redirect=False,
    )
    assert answer.status == 303, answer.data
    cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}

    def slice_(index: int) -> urllib3.BaseHTTPResponse:
        query = {"file": "scans/v.h5", "dataset": "/x", "selection": f"{index},:,:"}
        query["slab"] = slab_of("scans/v.h5", "/x", {0: index}, CHUNKS)
        return urllib3.request(
            "GET", f"{followed.url}/api/v1/slice", fields=query, headers=cookie, timeout=WITHIN_S
        )

    end = time.monotonic() + WITHIN_S
    served: set[str] = set()
    while served != set(NAMES):
        assert time.monotonic() < end, served
        for index in range(0, SHAPE[0], CHUNKS[0]):
            found = slice_(index)
            assert (found.status, len(found.data)) == (200, 4 * SHAPE[1] * SHAPE[2])
            served.add(found.headers["X-Served-By"])
    # Nobody else, and nobody from outside at what machines ask each other.
    for path in ("/api/v1/files", "/api/v1/people"):
        assert urllib3.request("GET", followed.url + path).status in (401, 403)
    asked = urllib3.request(
        "POST", f"{followed.url}/api/v1/people", headers={"X-Node-Token": TOKEN}, body=b"{}"
    )
    assert asked.status == 403
    status, check = commands("See how they are").splitlines()
    assert [line.split()[0] for line in followed.said(status).splitlines()] == ["node", *NAMES]
    assert followed.said(check) == "a, b, c: 3 agree, 1 file compared.\n"
    assert "`lamella cluster drain a`" in PAGE
    assert followed.said("lamella cluster drain c") == "c has left.\n"
    assert {slice_(index).headers["X-Served-By"] for index in range(0, 96, 8)} == {"a", "b"}
