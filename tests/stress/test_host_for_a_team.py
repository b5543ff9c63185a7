"""The how-to for a team, followed to the letter."""

from __future__ import annotations

import http.client
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dashboard
from tests import certificates, files
from tests.certificates import Certificate
from tests.machine import Machine

pytestmark = [pytest.mark.stress, pytest.mark.timeout(600)]

DOCS = Path(dashboard.__file__).parent.parent / "docs"
PAGE = (DOCS / "how-to" / "host-for-a-team.md").read_text()
NAME = "scans.example"
PASSWORDS = {"ada": "correct horse battery", "grace": "staple of another kind"}
WITHIN_S = 60.0


def blocks() -> dict[str, list[str]]:
    """The commands of each section, in order; a block of comments alone is not for everybody."""
    found: dict[str, list[str]] = {}
    for section in PAGE.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        commands = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        found[title] = [block for block in commands if not block.startswith("# ")]
    return found


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return certificates.make(tmp_path)


@pytest.fixture
def machine(tmp_path: Path, certificate: Certificate) -> Iterator[Machine]:
    made = Machine(tmp_path, DOCS, certificate)
    values = np.arange(8 * 30 * 20, dtype="u2").reshape(8, 30, 20)
    for name in ("scans", "beamline"):
        (made.root / "srv" / name).mkdir()
        files.write(made.root / "srv" / name / f"{name}.h5", scan=(values, {"chunks": (4, 10, 10)}))
    for name, password in PASSWORDS.items():
        made.type(name, password)
    yield made
    made.close()


@contextmanager
def asking(browser: Browser) -> Iterator[None]:
    """Ask for the list of files all the time; each request is answered."""
    stopped = threading.Event()
    failed: list[BaseException] = []

    def ask() -> None:
        while not stopped.wait(0.02):
            try:
                browser.files()
            except BaseException as error:  # noqa: BLE001  # raised again below
                failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
    assert failed == []


class Browser:
    """Somebody who signs in through nginx."""

    def __init__(self, machine: Machine, certificate: Certificate) -> None:
        self._machine = machine
        self._context = certificate.client_context()
        self._cookie: dict[str, str] = {}

    def ask(self, method: str, path: str, **form: str) -> tuple[http.client.HTTPResponse, bytes]:
        assert self._machine.site is not None
        connection = http.client.HTTPSConnection(
            "localhost", self._machine.site.https, timeout=WITHIN_S, context=self._context
        )
        headers = {"Host": NAME, "Origin": f"https://{NAME}"} | self._cookie
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, urllib.parse.urlencode(form) if form else None, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def sign_in(self, name: str) -> None:
        response, body = self.ask(
            "POST", "/lamella/sign-in", name=name, password=PASSWORDS[name], next="/lamella/"
        )
        assert response.status == 303, body
        self._cookie = {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}

    def files(self) -> list[str]:
        response, body = self.ask("GET", "/lamella/api/v1/files")
        assert response.status == 200, body
        found: dict[str, Any] = json.loads(body)
        return sorted(one["file"] for one in found["files"])


def test_the_commands_lead_to_a_server_with_two_accounts_and_two_roots(
    machine: Machine, certificate: Certificate
) -> None:
    sections = blocks()
    said = ""
    for title in ("Install", "Say what is shown to which people", "Start it", "Put nginx in front"):
        for block in sections.pop(title):
            said += machine.run(block)
    assert re.search(r"ada does not see beamline", said)
    ada, grace, nobody = (Browser(machine, certificate) for _ in range(3))
    ada.sign_in("ada")
    grace.sign_in("grace")
    assert nobody.ask("GET", "/lamella/api/v1/files")[0].status == 401
    assert ada.files() == ["scans/scans.h5"]
    assert grace.files() == ["beamline/beamline.h5", "scans/scans.h5"]
    path = "/lamella/api/v1/slice?file=beamline/beamline.h5&dataset=scan&selection=1,:,:"
    assert ada.ask("GET", path)[0].status == 404
    response, body = grace.ask("GET", path)
    assert (response.status, len(body)) == (200, 30 * 20 * 2)
    ready = json.loads(nobody.ask("GET", "/lamella/readyz")[1])
    assert (ready["ready"], ready["degraded"]) == (True, [])
    # The rest of the page, with the server running: nothing is lost, nobody has to sign in again.
    for title, commands in sections.items():
        for block in commands:
            with nullcontext() if title == "Restore" else asking(grace):
                machine.run(block)
        if title not in ("See that it works", "Logs"):
            assert grace.files() == ["beamline/beamline.h5", "scans/scans.h5"], title
    kept = machine.root / "var" / "backups" / "lamella"
    assert b"grace" in (kept / "people.sqlite").read_bytes()
    assert (kept / "lamella" / "lamella.toml").is_file()
    assert (kept / "people.audit.jsonl").is_file()
    lines = [json.loads(line) for line in machine.journal().splitlines() if line[0] == "{"]
    assert {"time", "level"} <= set(lines[0])
    assert not any(line["level"] == "ERROR" for line in lines)


def test_each_file_of_the_pages_is_there() -> None:
    several = (DOCS / "how-to" / "run-on-several-machines.md").read_text()
    named = set(re.findall(r"hosting/([\w.-]+)", PAGE + several))
    there = {path.name for path in (DOCS / "how-to" / "hosting").iterdir()}
    assert named == there
